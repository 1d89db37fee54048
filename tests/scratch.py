"""Notebooks that a test writes, and the environment to run them in."""

from __future__ import annotations

import os
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
