"""Lp pooling, its order from 0.2 to infinity, and its gradient (33)."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import traitlets

from chainbp.function import Function
from chainbp.pooling import eta
from chainbp.widgets.base import SHARED, Figure, Numbers, Positive, Refused, Result

SMALLEST_P = SHARED["smallest_p"]


class LpPooling(Figure):
    """Made by :func:`lp_pooling`.

    Attributes
    ----------
    y : tuple of float
        The inputs, the heights of the bars. Can be set.
    p : float
        The order, greater than 0 or inf. Can be set; the figure's own slider goes from 0.2 to inf.
    z : float
        ``z = η_p(y)``. Follows y and p.
    gradient : tuple of float
        ``∂z/∂y_i``, (33) with its sign. Follows y and p.
    """

    y = Numbers(1, sides=(1, 12))
    p = Positive(infinite=True)
    #: Where the figure's axis of p begins.
    p_from = traitlets.Float(SMALLEST_P).tag(sync=True)
    z = Result()
    gradient = Result()

    @traitlets.validate("p_from")
    def _check_p_from(self, proposal: Any) -> Any:
        if not SMALLEST_P <= proposal["value"] <= 1:
            raise Refused(f"lp_pooling: p_from must be from {SMALLEST_P} to 1; got {proposal['value']}")
        return proposal["value"]

    def _more(self) -> list[str]:
        return ([f"p_from={self.p_from:g}"] if self.p_from != SMALLEST_P else []) + super()._more()

    def network(self) -> Function:
        """``eta[p]`` at the present p: ``w.network() @ w.y`` is ``w.z``."""
        return eta[self.p]

    def results(self) -> dict[str, Any]:
        z, pull = self.network().vjp(self.y)
        return {"z": z, "gradient": pull.x(1.0)}


def lp_pooling(y: npt.ArrayLike = (3.0, -4.0), p: float = 2.0, p_from: float = SMALLEST_P, ask: str = "") -> LpPooling:
    """Lp pooling to play with: drag the bars y and the order p, and see z and the gradient (33) follow.

    With two inputs the figure also shows the ball of all y with the same z, and the gradient as its normal.

    Parameters
    ----------
    y : array_like, shape (M,), optional
        The inputs, 1 to 12 of them, of either sign.
    p : float, optional
        The order, greater than 0, or inf.
    p_from : float, optional
        Where the figure's axis of p begins, from 0.2 to 1.
    ask : str, optional
        The name of the question that the figure asks first: "fades" or "zero".

    Returns
    -------
    LpPooling
        An ipywidget. ``.y`` and ``.p`` can be read and set, ``.z`` and ``.gradient`` follow, and ``.network()`` is
        the chainbp Function at the present p.

    Raises
    ------
    TypeError, ValueError
        If y is not a vector of numbers of at most 1e200 in size, or p is not greater than 0.

    Examples
    --------
    >>> from chainbp.widgets import lp_pooling
    >>> w = lp_pooling(y=[3, -4], p=1)
    >>> w.z, w.gradient
    (7.0, (1.0, -1.0))
    >>> w.p = float("inf")
    >>> w
    lp_pooling(y=[3, -4], p=inf)
    >>> w.z
    4.0
    """
    return LpPooling("lp_pooling", y=y, p=p, p_from=p_from, ask=ask)
