"""Notebooks and small books that a test writes, and the environment to run them in."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]


def cells(*sources: str) -> nbformat.NotebookNode:
    """A notebook of code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    notebook.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return notebook


def environment() -> dict[str, str]:
    """For a program that shall run this environment's kernel and import this chainbp, and starts without delay."""
    paths = [str(ROOT), str(ROOT / "tests" / "plugins"), os.environ.get("PYTHONPATH", "")]
    programs = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PATH": os.pathsep.join(filter(None, programs)),
        "JUPYTER_PREFER_ENV_PATH": "1",
    }


def small_book(folder: Path, **descriptions: str) -> Path:
    """A folder for a book with the project's settings: index, and other pages that are described; none is there yet."""
    first, *others = (descriptions := {"index": "A page."} | descriptions)
    book = folder / "book"
    for part in ("_ext", "_static", "_extra", "_templates", "_tools"):
        shutil.copytree(ROOT / "book" / part, book / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "_config.yml", folder)
    toc = {"format": "jb-book", "root": first} | ({"chapters": [{"file": name} for name in others]} if others else {})
    # JSON is YAML.
    (book / "_toc.yml").write_text(json.dumps(toc), encoding="utf-8")
    (book / "descriptions.yml").write_text(json.dumps(descriptions), encoding="utf-8")
    return book
