"""What the tests of the book read from its notebooks."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
HTML = ROOT / "_build" / "html"
sys.path.insert(0, str(BOOK / "_tools"))

from execution import notebooks  # noqa: E402

NOTEBOOKS = notebooks()
CHAPTERS = [path for path in NOTEBOOKS if re.match(r"[0-9]+(-|$)", path.stem)]
DISPLAY = re.compile(r"\$\$(?P<latex>.+?)\$\$(?:[ \t]*\((?P<label>[^()\s]+)\))?", re.DOTALL)


@dataclass(frozen=True)
class Formula:
    """A displayed formula, where it stands, and its label (None if it has none)."""

    page: str
    label: str | None
    latex: str


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def text(path: Path) -> str:
    """All the prose of a notebook."""
    return "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def code_free(markdown: str) -> str:
    """The prose without inline code and without literal blocks; directives keep their content."""
    lines: list[str] = []
    fences: list[tuple[str, bool]] = []  # the open ones: the fence, and whether it holds literal text
    for line in markdown.splitlines():
        fence = re.match(r"(`{3,}|:{3,})(.*)", line)
        if fence and fences and line.strip() == fences[-1][0]:
            fences.pop()
        elif fence and not (fences and fences[-1][1]):
            fences.append((fence[1], not fence[2].startswith("{")))
        elif not (fences and fences[-1][1]):
            lines.append(line)
    return re.sub(r"(?<!`)`[^`\n]+`(?!`)", "", "\n".join(lines))


def formulas(path: Path) -> list[Formula]:
    return [Formula(path.stem, m["label"], m["latex"]) for m in DISPLAY.finditer(code_free(text(path)))]


def all_formulas() -> list[Formula]:
    return [formula for path in NOTEBOOKS for formula in formulas(path)]


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
