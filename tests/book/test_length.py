"""A chapter stays as short as it was made: what a reader sees without unfolding anything."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from notebooks import CHAPTERS, folded, read

WORDS, LINES = 1800, 130
chapter_ids = [path.stem for path in CHAPTERS]


def seen(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The cells that nothing folds: not the solutions, nor code behind "Show the code"."""
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## Solutions"):
            break
        if not folded(cell):
            cells.append(cell)
    return cells


def words(notebook: nbformat.NotebookNode) -> int:
    """The words of the prose. A formula in a line is one word, a displayed one none, and an address none."""
    prose = "\n".join(cell.source for cell in seen(notebook) if cell.cell_type == "markdown")
    prose = re.sub(r"\$\$.*?\$\$|<div.*?></div>", "", prose, flags=re.DOTALL)
    prose = re.sub(r"\]\([^)]*\)", "]", prose)
    return len(re.findall(r"\S*\w\S*", re.sub(r"\$[^$]*\$", "M", prose)))


def lines(notebook: nbformat.NotebookNode) -> int:
    return sum(len(cell.source.splitlines()) for cell in seen(notebook) if cell.cell_type == "code")


@pytest.mark.parametrize("path", CHAPTERS, ids=chapter_ids)
def test_the_chapter_is_short(path: Path):
    notebook = read(path)
    assert words(notebook) <= WORDS, "what is worth keeping becomes a page of its own, a side road"
    assert lines(notebook) <= LINES, "fold the code of figures; say the rest in fewer lines"


def test_what_is_folded_does_not_count():
    folded = new_code_cell("a = 1\nb = 2", metadata={"tags": ["hide-input"]})
    text = new_markdown_cell("One $x = y + z$ [three](four.ipynb).\n\n$$\nx\n$$")
    solutions = [new_markdown_cell("## Solutions"), new_markdown_cell("Many words."), new_code_cell("c = 3")]
    notebook = new_notebook(cells=[text, new_code_cell("a = 1\nb = 2"), folded, *solutions])
    assert (words(notebook), lines(notebook)) == (3, 2)
