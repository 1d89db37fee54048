"""A site, served: its pictures, and a notebook of it in an empty folder, where chainbp is missing."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from chromium import serving
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_tools"))
pytestmark = pytest.mark.soak

KERNEL = Path(sys.prefix, "share", "jupyter", "kernels", "python3")
RUN = """
import nbformat
from nbclient import NotebookClient
NotebookClient(nbformat.read("how-exact.ipynb", as_version=4), timeout=120, kernel_name="python3").execute()
"""


def python(venv, program, folder):
    """What a program says in an environment that knows nothing of this one."""
    own = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"JUPYTER_PREFER_ENV_PATH": "1"}
    command = [venv / "bin" / "python", "-c", program]
    return subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, timeout=300)


def test_a_published_notebook_works_alone(tmp_path, monkeypatch):
    import publish

    places = {"SITE": "served/book", "PART": "served/part", "PDF": "none.pdf"}
    for name, place in places.items():
        monkeypatch.setattr(publish, name, tmp_path / place)
    (tmp_path / "served").mkdir()
    with serving(tmp_path / "served") as address:
        monkeypatch.setenv("SITE", f"{address}/book")
        assert publish.main() == 0
        for name, size in ("card", publish.CARD), ("touch-icon", (180, 180)):
            with Image.open(publish.SITE / f"{name}.png") as image:
                assert image.size == size
                assert len(image.convert("RGB").getcolors(1 << 20)) > 20, f"{name}.png shows next to nothing"

        venv, alone = tmp_path / "venv", tmp_path / "alone"
        alone.mkdir()
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
        shutil.copytree(KERNEL, venv / KERNEL.relative_to(sys.prefix))
        # As in Colab, what chainbp needs is there, and it itself is not: a path in a .pth file leads to packages, but
        # not on to other .pth files, and so not to the chainbp that is being developed.
        (packages,) = venv.glob("lib/python*/site-packages")
        (packages / "book.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
        assert "No module named 'chainbp'" in python(venv, "import chainbp", alone).stderr
        shutil.copy(publish.SITE / "notebooks" / "how-exact.ipynb", alone)
        done = python(venv, RUN, alone)
        assert done.returncode == 0, done.stderr[-3000:]
        assert (packages / "chainbp" / "__init__.py").is_file()
        data = "_data/accuracy.json"
        assert (alone / data).read_bytes() == (ROOT / "book" / data).read_bytes()
