"""The sigmoid and its tangent."""

from __future__ import annotations

from typing import Any

import chainbp
from chainbp.function import Function
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


def sigmoid(x: float = 2.0, ask: str = "") -> Sigmoid:
    """The sigmoid to play with: drag a point along the curve, and see its tangent and slope follow.

    The slope is ``y (1 − y)``, (27).

    Parameters
    ----------
    x : float, optional
        Where the point is at first.
    ask : str, optional
        The name of the question that the figure asks first: "slope".

    Returns
    -------
    Sigmoid
        An ipywidget. ``.x`` can be read and set, ``.y`` and ``.gradient`` follow.

    Raises
    ------
    TypeError, ValueError
        If x is not one number of at most 1e200 in size.

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
