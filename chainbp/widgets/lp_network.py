"""The network with Lp pooling (34), its errors (38)–(40), its gradient (41), and ∂L/∂p."""

from __future__ import annotations

import numpy.typing as npt

import chainbp
from chainbp.function import Function
from chainbp.wanted import as_array
from chainbp.widgets import still
from chainbp.widgets.base import Numbers, Order, Whole
from chainbp.widgets.network import NetworkFigure, Row, check_sizes, draw_chain

LAST_STEP = 4


class LpNetwork(NetworkFigure):
    """Made by :func:`lp_network`.

    Attributes
    ----------
    W : tuple of tuple of float
        The weights, of shape (N, M). Can be set, and keep their shape.
    x : tuple of float
        The data, M numbers. Can be set.
    t : float
        What z should be. Can be set.
    p : float
        The order of the pooling, greater than 0 or inf. Can be set.
    step : int
        How far the walk back is shown: 0 forward only, 1 to 3 up to (38) to (40), 4 the gradients too. Can be set.
    hidden : tuple
        The variables x, y', y, z. Follow from the inputs, as what is below.
    loss : float
        ``L = (t − z)²``.
    deltas : tuple
        The errors of the hidden variables.
    gradients : tuple
        ∂L/∂W and ∂L/∂p.
    """

    W = Numbers(2, keep_shape=True)
    x = Numbers(1, keep_shape=True)
    t = Numbers(0)
    p = Order()
    step = Whole(0, 0, LAST_STEP)

    def network(self) -> Function:
        """``lp_network(W, p)`` at the present weights and p."""
        return chainbp.lp_network(self.W, self.p)

    def still(self) -> str:
        names = ["x", "y′", "y", "z"]
        boxes = ["ρ⟦W⟧", "σ", f"η, p = {still.number(self.p)}", "(t − z)²"]
        rows = [Row(*row) for row in zip(names, self.hidden, self.deltas, boxes)]
        weights = [("W", self.W, self.gradients[0])]
        slope = still.number(self.gradients[1], 4)
        alt = (
            f"A network with Lp pooling, p = {still.number(self.p)}, gives z = {still.number(self.hidden[-1])}; "
            f"the loss is {still.number(self.loss, 3)} and its derivative with respect to p is {slope}"
        )
        return draw_chain(rows, self.loss, weights, [f"∂L/∂p = {slope}"], alt)


def lp_network(
    W: npt.ArrayLike = ((0.8, -1.2), (1.5, 0.4), (-0.6, 0.9)),
    x: npt.ArrayLike = (1.0, 0.5),
    t: float = 0.2,
    p: float = 3.0,
    step: int = LAST_STEP,
) -> LpNetwork:
    """The network with Lp pooling (34) to play with: drag weights, data, target and p; walk the errors back.

    Parameters
    ----------
    W : array_like, shape (N, M), optional
        The weights. M and N are at most 4.
    x : array_like, shape (M,), optional
        The data.
    t : float, optional
        The target.
    p : float, optional
        The order of the pooling, greater than 0, or inf.
    step : int, optional
        How far the walk back is shown, 0 to 4.

    Returns
    -------
    LpNetwork
        An ipywidget. ``.W``, ``.x``, ``.t``, ``.p`` and ``.step`` can be read and set; ``.hidden``, ``.loss``,
        ``.deltas`` and ``.gradients`` follow; ``.network()`` is the chainbp Function at the present W and p.

    Raises
    ------
    TypeError, ValueError
        If an input is not finite numbers of its shape, if W and x do not fit, are too large to draw, or p is not
        greater than 0.

    Examples
    --------
    >>> from chainbp.widgets import lp_network
    >>> w = lp_network(W=[[1, -1], [0, 2]], x=[1, 1], t=1, p=2)
    >>> w
    lp_network(W=[[1, -1], [0, 2]], x=[1, 1], t=1, p=2, step=4)
    >>> w.p = float("inf")
    >>> round(w.loss, 4)
    0.0142
    >>> w.network()
    η_∞ ∘ σ ∘ ρ[W]
    """
    arrays = {"W": as_array(W, "lp_network: W"), "x": as_array(x, "lp_network: x")}
    check_sizes("lp_network", [arrays["W"]], arrays["x"])
    return LpNetwork("lp_network", **arrays, t=t, p=p, step=step)
