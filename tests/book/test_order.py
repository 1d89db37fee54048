"""The road from chapter 1 to 4.2 is read in order: a term or a name is explained before it is used."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell
from notebooks import BOOK, formulas, read, text

ROAD = [
    "1-introduction",
    "2-notations",
    "3-chain-rule",
    "4-backpropagation",
    "4-1-sigmoid-activation",
    "4-2-lp-pooling",
]
# How a term looks where it is used, and the words that explain it.
TERMS = {
    r"\bcost\b": "the *cost* or *loss*",
    r"\berrors?\b(?! back)": "are called *errors*",
    r"\bgradients?\b": "are the *gradient*",
    r"gradient descent": "This is *gradient descent*",
    r"\\otimes": "product element by element",
    r"\\varepsilon": "a nudge",
    r"\\circ": "composition",
    r"\bJacobian": "called the *Jacobian*",
    r"central difference": "a *central difference*",
    r"\b(a|the|its|each|one) pull\b|\bpulls\b": "the **pull** of",
    r"outer product": "the *outer product*",
    r"\btensor\b": "a tensor of third order",
    r"hidden variable": "are the *hidden variables*",
    r"cross entropy": "the *cross entropy*",
    r"(?<!cross )entropy": "the *entropy* of the shares",
    r"\bthe shares\b": "is the *share* of",
    r"\bmomentum\b": "with *momentum*",
}
NAMES = {
    r"\bbackprop\(": "`backprop` runs",
    r"\brho\[": "the weighted sum `rho`",
    r"\.jacobian\(": "In code this is `f.jacobian(x)`",
    r"\.vjp\(": "the name `vjp`",
    r"\bcheck_gradient\(": "`check_gradient`",
    r"\bFamily\b": "`Family` gives a box its brackets",
    r"\.functions\b": "`loss.functions` is the chain",
    r"\btrain\(": "`train` repeats",
}


def cells_of_the_road() -> Iterator[tuple[str, object]]:
    """Its cells but for the first of each chapter, which says what the chapter will explain."""
    for name in ROAD:
        for index, cell in enumerate(read(BOOK / f"{name}.ipynb").cells[1:], start=1):
            yield f"{name}, cell {index}", cell


def too_early(cells, use: str, explanation: str, kind: str) -> str | None:
    """Where something is used before the cell that explains it, which for prose may be the same."""
    explained = False
    for place, cell in cells:
        if cell.cell_type == "markdown" and explanation in cell.source:
            explained = True
        source = cell.source
        if cell.cell_type == "markdown":
            # A box is read before its answer, and a link says where its explanation is.
            source = re.sub(r"\[[^]]*\]\([^)]*\)", "", source)
        else:
            source = "\n".join(line for line in source.splitlines() if not re.match(r"(from|import) ", line))
        if cell.cell_type == kind and re.search(use, source) and not explained:
            return place
    return None if explained else "it is explained nowhere"


@pytest.mark.parametrize("use", TERMS)
def test_a_term_is_explained_before_it_is_used(use):
    assert too_early(cells_of_the_road(), use, TERMS[use], "markdown") is None


@pytest.mark.parametrize("use", NAMES)
def test_a_name_of_the_code_is_explained_before_it_is_used(use):
    assert too_early(cells_of_the_road(), use, NAMES[use], "code") is None


@pytest.mark.parametrize("name", ROAD)
def test_a_chapter_says_in_one_line_at_most_what_slipped_in_print_and_no_walk_is_interrupted(name):
    prose = text(BOOK / f"{name}.ipynb").partition("## Solutions")[0]
    lines = [line for line in prose.splitlines() if "](errata.ipynb" in line]
    assert len(lines) <= 1
    walk = [label for label in formulas(BOOK / f"{name}.ipynb") if label[3:].isdigit()]
    if name.startswith("4-") and walk:
        last = max(prose.index(f'"{label}"') for label in walk)
        assert all(prose.index(line) > last for line in lines)


def test_what_comes_too_early_is_found():
    told, used = new_markdown_cell("This is a *pull*."), new_code_cell("from x import pull\npull()")
    assert too_early([("1", told), ("2", used)], r"pull\(", "a *pull*", "code") is None
    assert too_early([("2", used), ("1", told)], r"pull\(", "a *pull*", "code") == "2"
    assert too_early([("2", used)], r"push\(", "a *push*", "code") == "it is explained nowhere"
