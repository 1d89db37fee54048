"""What the tests of the book read from its notebooks."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
HTML = ROOT / "_build" / "html"
sys.path[:0] = [str(BOOK / "_tools"), str(BOOK / "_ext")]

import prose  # noqa: E402
from execution import notebooks  # noqa: E402

NOTEBOOKS = notebooks()
CHAPTERS = [path for path in NOTEBOOKS if re.match(r"[0-9]+(-|$)", path.stem)]


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def text(path: Path) -> str:
    """All the prose of a notebook."""
    return "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def folded(cell: nbformat.NotebookNode) -> bool:
    """Whether a page does not show its code, or only when asked."""
    return bool({"hide-input", "remove-input"} & {*cell.metadata.get("tags", [])})


def formulas(path: Path) -> list[str]:
    """The labels of a notebook's formulas: `prose` holds that each has one, and that it is its number."""
    return [name for name in prose.ANCHOR.findall(text(path)) if name.startswith("eq-")]


def all_formulas() -> list[str]:
    return [label for path in NOTEBOOKS for label in formulas(path)]


def toc() -> list[str]:
    """The pages in the order of the table of contents."""
    table = yaml.safe_load((BOOK / "_toc.yml").read_text(encoding="utf-8"))

    def files(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            yield from (str(value) for key, value in node.items() if key in ("file", "root"))
            for value in node.values():
                yield from files(value)
        elif isinstance(node, list):
            for value in node:
                yield from files(value)

    return list(files(table))
