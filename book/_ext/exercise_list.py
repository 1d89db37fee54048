"""The directive {exercise-list}: the exercises of every chapter without their solutions, read from the notebooks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import nbformat
import prose
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

EXERCISE = re.compile(rf"### Exercise ({prose.NUMBER})\n\n(.*)\n\n\[Solution\]\(#[^)]*\)", re.DOTALL)


class ExerciseList(SphinxDirective):
    """One section for each chapter, one paragraph or more for each exercise, with a link to its place, and its code."""

    def run(self) -> list[nodes.Node]:
        sections = []
        for path in sorted(Path(self.env.srcdir).glob("[0-9]*.ipynb"), key=number):
            self.env.note_dependency(path.name)
            cells = nbformat.read(path, as_version=4).cells
            found = [
                (*match.groups(), "".join(f"\n\n```python\n{code.source}\n```" for code in code_after(cells[k + 1 :])))
                for k, cell in enumerate(cells)
                if cell.cell_type == "markdown" and (match := EXERCISE.fullmatch(cell.source))
            ]
            if not found:
                continue
            title = cells[0].source if cells[0].source.startswith("# ") else cells[1].source
            title = title.partition("\n")[0].removeprefix("# ")
            section = nodes.section(ids=[nodes.make_id(f"exercises-{path.stem}")])
            section += nodes.title("", title)
            self.state.document.note_implicit_target(section, section)
            for name, text, code in found:
                link = f"**[Exercise {name}]({path.name}#Exercise-{name})**"
                exercise = f"{link} {elsewhere(text, path.name)}{code}"
                self.state.nested_parse(StringList(exercise.splitlines()), 0, section)
            sections.append(section)
        return sections


def code_after(cells: list[nbformat.NotebookNode]) -> Iterator[nbformat.NotebookNode]:
    """The code that an exercise is about, before the text goes on."""
    return takewhile(lambda cell: cell.cell_type == "code", cells)


def number(path: Path) -> list[int]:
    """The order of the chapters: 4 before 4-1."""
    return [int(part) for part in re.match(r"\d+(?:-\d+(?=-))*", path.stem)[0].split("-")]


def elsewhere(text: str, page: str) -> str:
    """The text of a page as another page may hold it: links to the page itself, no formula with a number of its own."""
    text = prose.ANCHOR.sub("", text)
    text = re.sub(r"\s*\\tag\{[^}]*\}", "", text)
    return re.sub(r"\]\(#", f"]({page}#", text)


def setup(app):
    app.add_directive("exercise-list", ExerciseList)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
