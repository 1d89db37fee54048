"""How functions and results show themselves: the paper's formulas, names and tables. Nothing is computed with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from chainbp.backprop import Backprop
    from chainbp.function import Function

_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def texts(links: Sequence[Function]) -> list[str]:
    """The text of each link, in data order: ρ[W⁽¹⁾], σ, ρ[W⁽²⁾], σ."""
    return [
        f.name + (f"[{', '.join(symbol + layer for symbol in f.symbols)}]" if f.brackets else "")
        for f, layer in zip(links, _superscripts(links))
    ]


def text(links: Sequence[Function]) -> str:
    """The text of a chain, as the paper writes it: σ ∘ ρ[W⁽²⁾] ∘ σ ∘ ρ[W⁽¹⁾]."""
    return " ∘ ".join(reversed(texts(links)))


def latex(links: Sequence[Function]) -> str:
    """The formula of a chain in LaTeX."""
    formulas = []
    for f, layer in zip(links, _layers(links)):
        mark = f"^{{({layer})}}" if layer else ""
        inside = ", ".join(rf"\mathbf{{{symbol}}}{mark}" for symbol in f.symbols)
        formulas.append(f.latex + (rf"[\![{inside}]\!]" if f.brackets else ""))
    return r" \circ ".join(reversed(formulas))


def parameter_names(links: Sequence[Function]) -> tuple[str, ...]:
    """A symbol for each parameter of a chain, in data order: W⁽¹⁾, W⁽²⁾; θ where a function was given none."""
    return tuple(
        symbol + layer
        for f, layer in zip(links, _superscripts(links))
        for symbol in f.symbols or ("θ",) * len(f.parameters)
    )


def _layers(links: Sequence[Function]) -> list[int]:
    """The paper's layer number of each link, counted in data order; 0 where its symbol stands once."""
    keys = [(f.name, f.symbols[:1]) for f in links]
    total, seen = Counter(keys), Counter[Any]()
    layers = []
    for f, key in zip(links, keys):
        seen[key] += 1
        layers.append(seen[key] if f.symbols and total[key] > 1 else 0)
    return layers


def _superscripts(links: Sequence[Function]) -> list[str]:
    return [f"⁽{layer}⁾".translate(_SUPERSCRIPT) if layer else "" for layer in _layers(links)]


def variable_names(links: Sequence[Function]) -> list[str]:
    """Name the variables of a chain from x to the input of its last function, as the paper does.

    The output of a function with a matrix of weights, or filters, is primed (y′, z′), what an activation makes of it
    is not. The letters run backward from z at the end; chains too deep for the alphabet get numbered h.
    """
    # A letter begins at each weighted sum, and at each function that follows an unprimed variable.
    steps: list[tuple[int, str]] = []
    for f in links[:-1]:
        layer, prime = steps[-1] if steps else (0, "")
        if any(theta.ndim >= 2 for theta in f.parameters):
            steps.append((layer + 1, "′"))
        else:
            steps.append((layer, "") if prime else (layer + 1, ""))
    count = steps[-1][0] if steps else 0
    letters = "yz"[-count:] if 0 < count <= 2 else [f"h{i}" for i in range(1, count + 1)]
    return ["x"] + [f"{letters[layer - 1]}{prime}" for layer, prime in steps]


_HEAD = ("shape", "value", "error δ")


def _rows(bp: Backprop) -> list[tuple[str, ...]]:
    names = variable_names(bp.function.functions)
    return [(name, str(np.shape(h)), _brief(h), _brief(delta)) for name, h, delta in zip(names, bp.hidden, bp.deltas)]


def table(bp: Backprop) -> str:
    """The hidden variables and their errors, as text."""
    lines = [("", *_HEAD), *_rows(bp)]
    widths = [max(map(len, column)) for column in zip(*lines)]
    padded = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines]
    return "\n".join([f"L = {bp.loss:.6g}", *padded])


def html_table(bp: Backprop) -> str:
    """The same as HTML."""
    head = "".join(f'<th scope="col">{cell}</th>' for cell in ("variable", *_HEAD))
    body = "".join(
        f'<tr><th scope="row">{name}</th>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
        for name, *cells in _rows(bp)
    )
    return (
        f'<table class="backprop"><caption>L = {bp.loss:.6g}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _brief(value: Any) -> str:
    """A number, a short vector, or the range of anything longer."""
    array = np.asarray(value)
    if array.size <= 4 and array.ndim <= 1:
        numbers = " ".join(f"{v:.4g}" for v in array.flat)
        return f"[{numbers}]" if array.ndim else numbers
    return f"{array.min():.4g} … {array.max():.4g}"
