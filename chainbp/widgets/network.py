"""What the figures of whole networks share on the Python side: checks, results, and the still picture of a chain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainbp.backprop import backprop
from chainbp.costs import squared_error
from chainbp.wanted import Array
from chainbp.widgets import still
from chainbp.widgets.base import Figure, Result

MOST = 4


def check_sizes(figure: str, weights: Sequence[Array], x: Array, t: Array | None = None) -> None:
    """Raise an error unless matrices, data and target fit each other and a phone."""
    names = ["W"] if len(weights) == 1 else [f"W{i}" for i in range(1, len(weights) + 1)]
    expected = {**dict.fromkeys(names, 2), "x": 1} | ({} if t is None else {"t": 1})
    arrays = [*weights, x] + ([] if t is None else [t])
    for (name, ndim), array in zip(expected.items(), arrays):
        kind = "matrix" if ndim == 2 else "vector"
        if array.ndim != ndim or array.size == 0:
            raise ValueError(f"{figure}: {name} must be a {kind}; got shape {array.shape}")
        if max(array.shape) > MOST:
            raise ValueError(f"{figure}: {name} must have at most {MOST} rows and columns; got shape {array.shape}")
    given, source = x.shape[0], "x"
    for name, W in zip(names, weights):
        if W.shape[1] != given:
            raise ValueError(f"{figure}: {name} needs a column for each entry of {source}, {given}; got {W.shape}")
        given, source = W.shape[0], f"what {name} gives"
    if t is not None and t.shape[0] != given:
        raise ValueError(f"{figure}: t must have an entry for each output, {given}; got {t.shape[0]}")


class NetworkFigure(Figure):
    """The base of the figures of a network with the cost (18), whose inputs x and t a subclass has among its own."""

    x: Any
    t: Any
    hidden = Result()
    loss = Result()
    deltas = Result()
    gradients = Result()

    def results(self) -> dict[str, Any]:
        bp = backprop(squared_error[np.asarray(self.t)] @ self.network(), self.x)
        lists = {"hidden": bp.hidden, "deltas": bp.deltas, "gradients": bp.gradients}
        plain = {name: [np.asarray(v).tolist() for v in values] for name, values in lists.items()}
        return {"loss": bp.loss, **plain}


class Row(NamedTuple):
    """A hidden variable of a chain, its value and its error, and the box that takes it."""

    name: str
    value: Any
    delta: Any
    box: str


def draw_chain(
    rows: Sequence[Row], loss: float, weights: Sequence[tuple[str, Any, Any]], notes: Sequence[str], alt: str
) -> str:
    """The chain from x down to L with values and errors, and the matrices with their gradients beside it."""
    pitch, wire = 66, 70
    parts: list[str] = []
    for i, (name, value, delta, box) in enumerate(rows):
        y = 24 + i * pitch
        parts += [
            still.line(wire - 6, y - 4, wire - 6, y + 36, "value"),
            still.line(wire + 6, y - 4, wire + 6, y + 36, "error", dash="4 3"),
            still.mark(wire + 6, y - 1, "error", 4),
            still.text(wire + 22, y + 12, f"{name} = {_numbers(value, 2)}", "value", "start"),
            still.text(wire + 22, y + 31, f"δ = {_numbers(delta, 3)}", "error", "start", 13),
            still.frame(wire, y + 50, 110, 27, box),
        ]
    bottom = 24 + len(rows) * pitch
    parts.append(still.text(wire, bottom + 24, f"L = {still.number(loss, 3)}", "value"))
    y = 30
    for symbol, W, gradient in weights:
        for title, kind, matrix, digits in [(symbol, "weight", W, 2), (f"∂L/∂{symbol}", "gradient", gradient, 3)]:
            parts.append(still.text(400, y, title, kind, "start"))
            parts += [
                still.text(400, y + 20 * (i + 1), _numbers(row, digits), kind, "start", 13)
                for i, row in enumerate(matrix)
            ]
            y += 20 * len(matrix) + 26
    parts += [still.text(400, y + 22 * i, note, "gradient", "start") for i, note in enumerate(notes)]
    return still.picture(max(bottom + 40, y + 22 * len(notes)), alt, parts)


def _numbers(values: Any, digits: int) -> str:
    if np.ndim(values) == 0:
        return still.number(float(values), digits)
    return f"({', '.join(still.number(v, digits) for v in values)})"
