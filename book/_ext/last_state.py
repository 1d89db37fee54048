"""Progress bars on a page as they stand in the end.

A bar rewrites its line again and again, each time after a carriage return. A terminal and a notebook show the last
state; a browser, which takes a carriage return for a new line, would show all of them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from docutils import nodes

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_tools"))

from outputs import collapse


def keep_last_state(app, doctree) -> None:
    for block in doctree.findall(nodes.literal_block):
        if "\r" in (text := block.astext()):
            block.rawsource = collapse(text)
            block.children = [nodes.Text(block.rawsource)]


def setup(app):
    app.connect("doctree-read", keep_last_state)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
