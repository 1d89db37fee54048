"""What pip gets: a wheel and a source distribution that need NumPy alone, on every Python that is claimed."""

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
pytestmark = pytest.mark.soak

# Each Python of the classifiers, with the NumPy of constraints.txt, the oldest of pyproject.toml, and the newest.
FLOOR = PROJECT["dependencies"][0].partition(">=")[2]
PAIRS = {"3.11": "-cconstraints.txt", "3.12": f"numpy=={FLOOR}.*", "3.13": "numpy"}
# The tests have just run on this Python, under constraints.txt.
OTHERS = [version for version in PAIRS if PAIRS[version][0] != "-" or version != "{}.{}".format(*sys.version_info)]

HELLO = """
import sys, numpy as np, chainbp
from chainbp import backprop, check_gradient, eta, rho, sigma, squared_error
loss = squared_error[0.2] @ eta[3.0] @ sigma @ rho[[[0.8, -1.2], [1.5, 0.4]]]
assert check_gradient(loss, [1.0, 0.5]).ok
assert not {"matplotlib", "anywidget", "ipywidgets", "tqdm"} & set(sys.modules)
assert "site-packages" in chainbp.__file__
"""


def run(*command, **options):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def interpreter(version):
    """The Python of a version: on the path, or one of pyenv's."""
    name = f"python{version}"
    roots = [Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))]
    found = [path for root in roots for path in sorted(root.glob(f"versions/{version}*/bin/{name}"))]
    candidates = [sys.executable] if sys.version_info[:2] == tuple(map(int, version.split("."))) else []
    candidates += [*found, *filter(None, [shutil.which(name)])]
    for candidate in candidates:
        if subprocess.run([candidate, "-c", "import venv"], capture_output=True).returncode == 0:
            return candidate
    pytest.skip(f"no Python {version} here")


def environment(python, folder, *packages, **options):
    """A new environment with some packages, and its Python."""
    run(python, "-m", "venv", folder)
    inside = Path(folder, "bin", "python")
    run(inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages, **options)
    return inside


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    python = environment(sys.executable, folder / "tools", "build", "twine")
    run(python, "-m", "build", "--outdir", folder / "files", ROOT)
    files = {path.suffix: path for path in (folder / "files").iterdir()}
    assert set(files) == {".whl", ".gz"}
    run(python, "-m", "twine", "check", "--strict", *files.values())
    return files


def test_the_wheel_holds_the_bundles_but_no_javascript_sources(files):
    names = zipfile.ZipFile(files[".whl"]).namelist()
    assert "chainbp/widgets/static/widgets.js" in names
    assert not [name for name in names if "/js/" in name or name.startswith(("tests", "book", "benchmarks"))]


def test_the_source_distribution_is_enough_to_build_and_to_test(files):
    with tarfile.open(files[".gz"]) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    for name in ("pyproject.toml", "LICENSE", "chainbp/function.py", "tests/judges.py", "benchmarks/reference.py"):
        assert name in names


@pytest.mark.parametrize("suffix", [".whl", ".gz"])
def test_numpy_alone_is_enough(files, suffix, tmp_path):
    python = environment(sys.executable, tmp_path / "empty", files[suffix])
    run(python, "-c", HELLO, cwd=tmp_path)
    installed = run(python, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check")
    assert {line.partition("==")[0] for line in installed.split()} <= {"chainbp", "numpy", "pip", "setuptools"}


def test_every_python_that_is_claimed_is_run():
    prefix = "Programming Language :: Python :: 3."
    assert [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if c.startswith(prefix)] == list(PAIRS)


@pytest.mark.parametrize("version", OTHERS)
def test_the_package_passes_its_tests(version, tmp_path):
    tools = [PAIRS[version], "numpy", "pytest", "pytest-xdist", "hypothesis", "mpmath", "tqdm"]
    python = environment(interpreter(version), tmp_path / "env", *tools, cwd=ROOT)
    options = ["-q", "-m", "not soak", "-p", "no:cacheprovider", "-n", "2", "--dist=worksteal"]
    # This one is a run of its own, of the same tests, and says nothing about a Python.
    options.append("--deselect=tests/test_laws.py::test_the_package_works_without_the_fast_road")
    folders = [f"--ignore=tests/{name}" for name in ("book", "browser", "soak", "widgets", "test_benchmarks.py")]
    # Hypothesis would otherwise write beside the tests, while others run.
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path)}
    run(python, "-m", "pytest", *options, "tests", *folders, cwd=ROOT, env=settings)
    optional = ["--ignore=chainbp/widgets", "--ignore=chainbp/plotting.py"]
    run(python, "-m", "pytest", *options, "--doctest-modules", "chainbp", *optional, cwd=ROOT, env=settings)
