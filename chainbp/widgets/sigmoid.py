"""The sigmoid and its tangent."""

from __future__ import annotations

from typing import Any

import numpy as np

import chainbp
from chainbp.function import Function
from chainbp.widgets import still
from chainbp.widgets.base import Figure, Numbers, Result


class Sigmoid(Figure):
    """Made by :func:`sigmoid`.

    Attributes
    ----------
    x : float
        The argument. Can be set.
    y : float
        ``y = σ(x)``. Follows x.
    gradient : float
        The slope ``dy/dx = y (1 − y)``, (27). Follows x.
    """

    x = Numbers(0)
    y = Result()
    gradient = Result()

    def network(self) -> Function:
        """The function itself, ``chainbp.sigma``."""
        return chainbp.sigma

    def results(self) -> dict[str, Any]:
        (y,), pull = self.network().vjp([self.x])
        return {"y": y, "gradient": pull.x([1.0])[0]}

    def still(self) -> str:
        limit = max(6.0, abs(self.x))

        def place(x: float, y: float) -> tuple[float, float]:
            return 320 + 290 * x / limit, 210 - 170 * y

        xs = np.linspace(-limit, limit, 97)
        x, y = place(self.x, self.y)
        across, up = 290 / limit, -170 * self.gradient
        reach = 80 / float(np.hypot(across, up))
        parts = [
            still.line(*place(-limit, 0), *place(limit, 0)),
            still.line(*place(-limit, 1), *place(limit, 1)),
            still.curve([place(float(u), float(v)) for u, v in zip(xs, chainbp.sigma(xs), strict=True)], "value"),
            still.line(x - reach * across, y - reach * up, x + reach * across, y + reach * up, "gradient", 3),
            still.mark(x, y, "value", 8),
            still.text(x, 232, f"x = {still.number(self.x)}", "value"),
            still.text(30, 262, f"y = {still.number(self.y, 3)}", "value", "start"),
            still.text(30, 284, f"y(1 − y) = {still.number(self.gradient, 3)}", "gradient", "start"),
        ]
        alt = (
            f"The sigmoid with its tangent at x = {still.number(self.x)}, where y = {still.number(self.y, 3)} "
            f"and the slope is {still.number(self.gradient, 3)}"
        )
        return still.picture(298, alt, parts)


def sigmoid(x: float = 2.0, ask: str = "") -> Sigmoid:
    """The sigmoid to play with: drag a point along the curve, and see its tangent and slope follow.

    The slope is ``y (1 − y)``, (27).

    Parameters
    ----------
    x : float, optional
        Where the point is at first.
    ask : str, optional
        A question that the figure puts to its reader before it shows: "slope".

    Returns
    -------
    Sigmoid
        An ipywidget. ``.x`` can be read and set, ``.y`` and ``.gradient`` follow.

    Raises
    ------
    TypeError, ValueError
        If x is not one finite number.

    Examples
    --------
    >>> from chainbp.widgets import sigmoid
    >>> w = sigmoid(x=0)
    >>> w.y, w.gradient
    (0.5, 0.25)
    >>> w.x = 2
    >>> round(w.gradient, 3)
    0.105
    """
    return Sigmoid("sigmoid", x=x, ask=ask)
