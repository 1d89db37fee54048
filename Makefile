# `make help` lists what can be made. Each target sets itself up from nothing: a Python 3.11 or newer is all it takes.
.POSIX:
.SUFFIXES:
# `make book pdf site` is one after the other; what can be done side by side does it by itself.
.NOTPARALLEL:
.PHONY: help book page pdf site address test soak frameworks lab serve bench outputs widgets clean

VENV = .venv
RUN = $(VENV)/bin/python
PAGES = _build/html
PORT = 8000
# The exact versions that the book is known to work with; in a new environment,
# `make test CONSTRAINTS=` takes the newest instead.
CONSTRAINTS = -c constraints.txt
INSTALL = $(RUN) book/_tools/environment.py
# The notebooks' kernel must be this environment's, even where the user has installed another "python3" kernel.
export JUPYTER_PREFER_ENV_PATH = 1
# A container may forbid Python to keep what it compiled: each kernel and build would compile 1,400 modules again.
export PYTHONDONTWRITEBYTECODE =

help:
	@echo 'make book     build the HTML book, executing every notebook'
	@echo 'make page NAME=4-2-lp-pooling   build again what changed, executing no other notebook'
	@echo 'make pdf      print the built book: one PDF, by Chromium'
	@echo 'make site SITE=https://...   the book as it is published at an address'
	@echo 'make test     run every test and print a summary'
	@echo 'make soak     the long tests: every page in every mode, long walks over the figures, three browsers'
	@echo 'make frameworks  the tests of the files for PyTorch and JAX, which it installs'
	@echo 'make lab      open the notebooks in JupyterLab'
	@echo 'make serve    serve the book at http://localhost:$(PORT)/, and build it again when a file is saved'
	@echo 'make bench    measure speed and accuracy beside PyTorch, JAX and autograd, and the live figures'
	@echo 'make outputs  execute the notebooks in place and normalize them (needs Chromium)'
	@echo 'make widgets  bundle the live figures (needs npm)'
	@echo 'make clean    remove the environment and everything that was built'
	@echo 'PYTHON=...    chooses the interpreter that the environment is made from'

book: $(VENV)/book.stamp
	@$(RUN) book/_tools/build.py
	@echo
	@echo 'The book is built. Open it from disk:'
	@echo "    $$PWD/$(PAGES)/index.html"
	@echo 'or run `make serve` and open http://localhost:$(PORT)/'

page: $(VENV)/book.stamp
	@$(RUN) book/_tools/build.py --again $(NAME)

pdf: $(VENV)/pdf.stamp $(PAGES)/index.html
	@$(RUN) book/_tools/pdf.py

# A workflow knows SITE from its host, and the repository from its own environment: book/_tools/publish.py.
site: address book
	@$(RUN) book/_tools/publish.py

# Asked for first: a build for no address would be in vain.
address: $(VENV)/book.stamp
	@$(RUN) book/_tools/publish.py --address

test: $(VENV)/test.stamp
	@$(RUN) tests/run.py

soak: $(VENV)/test.stamp
	@$(RUN) tests/run.py soak

frameworks: $(VENV)/bench.stamp
	@$(RUN) tests/run.py frameworks

lab: $(VENV)/lab.stamp
	@$(RUN) -m jupyterlab --ServerApp.root_dir=book --LabApp.default_url=/lab/tree/index.ipynb --LabApp.app_settings_dir=book/_tools/lab

$(PAGES)/index.html:
	@$(MAKE) book

serve: $(VENV)/book.stamp
	@$(RUN) book/_tools/build.py --serve $(PORT)

bench: $(VENV)/bench.stamp $(PAGES)/index.html
	$(RUN) -m benchmarks
	$(RUN) -m benchmarks.accuracy
	$(RUN) -m benchmarks.peers
	$(RUN) -m benchmarks.frameworks
	$(RUN) -m benchmarks.figures
	$(RUN) book/_tools/outputs.py book/how-fast.ipynb book/how-exact.ipynb book/coming-from-pytorch.ipynb \
		book/lp-pooling-gradient.ipynb

outputs: $(VENV)/pdf.stamp
	$(RUN) book/_tools/outputs.py

# --no-package-lock: a lock file would pin addresses of a registry; package.json pins the version.
widgets:
	cd chainbp/widgets/js && npm install --no-save --no-package-lock --silent && npm run --silent build

clean:
	rm -rf $(VENV) _build

NEEDS = $(VENV)/venv.stamp pyproject.toml constraints.txt

$(VENV)/book.stamp: $(NEEDS)
	@echo 'Installing what the book needs (a minute)'
	@$(INSTALL) $@ $(CONSTRAINTS)

$(VENV)/lab.stamp: $(VENV)/book.stamp
	@echo 'Installing JupyterLab'
	@$(INSTALL) $@ $(CONSTRAINTS)

$(VENV)/pdf.stamp: $(VENV)/book.stamp
	@echo 'Installing what prints the book'
	@$(INSTALL) $@ $(CONSTRAINTS)

$(VENV)/test.stamp: $(NEEDS)
	@echo 'Installing what the book and the tests need (two minutes)'
	@$(INSTALL) $@ $(CONSTRAINTS)
	@touch $(VENV)/book.stamp $(VENV)/lab.stamp $(VENV)/pdf.stamp

$(VENV)/bench.stamp: $(VENV)/test.stamp
	@echo 'Installing what the benchmarks need'
	@$(INSTALL) $@ $(CONSTRAINTS)

# A candidate must really run: a pyenv shim may exist for a version that is not installed.
$(VENV)/venv.stamp:
	@for python in $${PYTHON:-python3.13 python3.12 python3.11 python3}; do \
		if "$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			exec "$$python" book/_tools/environment.py $@; \
		fi; \
	done; \
	echo 'No Python 3.11 or newer with venv was found (Debian: apt install python3-venv).' >&2; \
	echo 'Give one by hand: make PYTHON=/path/to/python3 ...' >&2; \
	exit 1
