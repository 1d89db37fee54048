"""What the notebooks show comes from executed copies, which `_tools/execution.py` keeps beside the pages.

MyST-NB would execute one notebook after the other, each time that a word of its text changes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sphinx.util import logging

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_tools"))

from execution import code, load, refresh

logger = logging.getLogger(__name__)


def copies(app) -> Path:
    return Path(app.outdir).parent / "executed"


def execute(app) -> None:
    for complaint in refresh(Path(app.srcdir), copies(app), app.config.executed_pages, logger.info):
        logger.warning("%s", complaint, type="execution")


def take(app, docname: str, source: list[str]) -> None:
    """Give the notebook, as its author saved it, what its code cells showed when they were executed."""
    copy = copies(app) / f"{docname}.ipynb"
    if not app.env.doc2path(docname).endswith(".ipynb"):
        return
    notebook, executed = json.loads(source[0]), load(copy)
    for cell, done in zip(code(notebook), code(executed), strict=True):
        cell["outputs"] = done["outputs"]
    notebook["metadata"] |= {k: v for k, v in executed["metadata"].items() if k in ("language_info", "widgets")}
    source[0] = json.dumps(notebook)
    app.env.note_dependency(str(copy))


def setup(app):
    app.add_config_value("executed_pages", None, "")
    app.connect("builder-inited", execute)
    app.connect("source-read", take, priority=100)  # before what reads the text
    return {"parallel_read_safe": True, "parallel_write_safe": True}
