"""How functions and results show themselves: the note's formulas, names and tables. Nothing is computed with them."""

import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import count
from typing import Any

import numpy as np

_SUPERSCRIPT = str.maketrans("(0123456789)", "⁽⁰¹²³⁴⁵⁶⁷⁸⁹⁾")


def printable(text: str) -> str:
    """The text as standard output can print it: where that is no Unicode, with the names of the symbols."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "namereplace").decode(encoding)


def texts(links: Sequence[Any]) -> list[str]:
    """The text of each link, in data order: ρ[W⁽¹⁾], σ, ρ[W⁽²⁾], σ."""
    return [f.name + (f"[{', '.join(names)}]" if f.brackets else "") for f, names in zip(links, symbols(links))]


def text(links: Sequence[Any]) -> str:
    """The text of a chain, as the note writes it: σ ∘ ρ[W⁽²⁾] ∘ σ ∘ ρ[W⁽¹⁾]."""
    return " ∘ ".join(reversed(texts(links)))


def latex(links: Sequence[Any]) -> str:
    """The formula of a chain in LaTeX."""
    formulas = []
    for f, layer in zip(links, _layers(links)):
        inside = ", ".join(rf"\mathbf{{{symbol}}}{layer and f'^{{{layer}}}'}" for symbol in f.symbols)
        formulas.append(f.latex + (rf"[\![{inside}]\!]" if f.brackets else ""))
    return r" \circ ".join(reversed(formulas))


def _layers(links: Sequence[Any]) -> list[str]:
    """The note's layer number of each link in parentheses, counted in data order; "" where it shares no symbol."""
    together: dict[str, frozenset[str]] = {}  # symbols that stand in one link, or in links that share others
    for f in links:
        group = frozenset(f.symbols).union(*(together.get(symbol, ()) for symbol in f.symbols))
        together |= dict.fromkeys(group, group)
    groups = [together[f.symbols[0]] if f.symbols else None for f in links]
    total, numbers = Counter(groups), defaultdict[Any, Any](lambda: count(1))
    return [f"({next(numbers[group])})" if group and total[group] > 1 else "" for group in groups]


def symbols(links: Sequence[Any]) -> list[list[str]]:
    """The symbols of each link's parameters, with their layer number: W⁽¹⁾."""
    return [[symbol + layer.translate(_SUPERSCRIPT) for symbol in f.symbols] for f, layer in zip(links, _layers(links))]


def variable_names(links: Sequence[Any]) -> list[str]:
    """Name the variables of a chain from x to the input of its last function, as the note does.

    The output of a function with a matrix of weights, or filters, is primed (y′, z′), what an activation makes of it
    is not. The letters run backward from z at the end; chains too deep for the alphabet get numbered h.
    """
    # A letter begins at each weighted sum, and at each function that follows an unprimed variable.
    layer, prime, steps = 0, "", []
    for f in links[:-1]:
        weights = any(theta.ndim >= 2 for theta in f.parameters)
        layer, prime = layer + (weights or not prime), "′" if weights else ""
        steps.append((layer, prime))
    letters = "yz"[-layer:] if 0 < layer <= 2 else [f"h{i}" for i in range(1, layer + 1)]
    return ["x"] + [f"{letters[layer - 1]}{prime}" for layer, prime in steps]


_HEAD = ("shape", "value", "error δ")


def _rows(bp: Any) -> list[tuple[str, ...]]:
    names = variable_names(bp.function.functions)
    return [(name, str(np.shape(h)), _brief(h), _brief(delta)) for name, h, delta in zip(names, bp.hidden, bp.deltas)]


def table(bp: Any) -> str:
    """The hidden variables and their errors, as text."""
    lines = [("", *_HEAD), *_rows(bp)]
    widths = [max(map(len, column)) for column in zip(*lines)]
    padded = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines]
    return printable("\n".join([f"L = {bp.loss:.6g}", *padded]))


def html_table(bp: Any) -> str:
    """The same as HTML."""
    head = "".join(f'<th scope="col">{cell}</th>' for cell in ("variable", *_HEAD))
    rows = [f'<th scope="row">{name}</th><td>{"</td><td>".join(cells)}</td>' for name, *cells in _rows(bp)]
    caption = f'<table class="backprop"><caption>L = {bp.loss:.6g}</caption>'
    return f"{caption}<thead><tr>{head}</tr></thead><tbody><tr>{'</tr><tr>'.join(rows)}</tr></tbody></table>"


def _brief(value: Any) -> str:
    """A number, a short vector, or the range of anything longer."""
    array = np.asarray(value)
    if array.size <= 4 and array.ndim <= 1:
        numbers = " ".join(f"{v:.4g}" for v in array.flat)
        return f"[{numbers}]" if array.ndim else numbers
    return f"{array.min():.4g} … {array.max():.4g}"
