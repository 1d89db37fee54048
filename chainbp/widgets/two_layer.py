"""The two-layer network (13), its values, its errors (23)–(26) and its gradients."""

from __future__ import annotations

import numpy.typing as npt

import chainbp
from chainbp.function import Function
from chainbp.wanted import as_array
from chainbp.widgets import still
from chainbp.widgets.base import Numbers, Whole
from chainbp.widgets.network import NetworkFigure, Row, check_sizes, draw_chain

LAST_STEP = 5


class TwoLayer(NetworkFigure):
    """Made by :func:`two_layer`.

    Attributes
    ----------
    W1, W2 : tuple of tuple of float
        The weights, W1 of shape (H, M) and W2 of shape (N, H). Can be set, and keep their shapes.
    x : tuple of float
        The data, M numbers. Can be set.
    t : tuple of float
        What the output should be, N numbers. Can be set.
    step : int
        How far the walk back is shown: 0 forward only, 1 to 4 up to (23) to (26), 5 the gradients too. Can be set.
    hidden : tuple
        The variables x, y', y, z', z. Follow from the inputs, as what is below.
    loss : float
        ``L = ‖t − z‖²``, (18).
    deltas : tuple
        The errors of the hidden variables.
    gradients : tuple
        ∂L/∂W1 and ∂L/∂W2.
    """

    W1 = Numbers(2, keep_shape=True)
    W2 = Numbers(2, keep_shape=True)
    x = Numbers(1, keep_shape=True)
    t = Numbers(1, keep_shape=True)
    step = Whole(0, 0, LAST_STEP)

    def network(self) -> Function:
        """``two_layer(W1, W2)`` at the present weights."""
        return chainbp.two_layer(self.W1, self.W2)

    def still(self) -> str:
        names = ["x", "y′", "y", "z′", "z"]
        boxes = ["ρ⟦W⁽¹⁾⟧", "σ", "ρ⟦W⁽²⁾⟧", "σ", "‖t − z‖²"]
        rows = [Row(*row) for row in zip(names, self.hidden, self.deltas, boxes)]
        weights = [
            ("W⁽¹⁾", self.W1, self.gradients[0]),
            ("W⁽²⁾", self.W2, self.gradients[1]),
        ]
        listed = ", ".join(still.number(v) for v in self.hidden[-1])
        alt = f"A two-layer network gives z = ({listed}); the loss is {still.number(self.loss, 3)}"
        return draw_chain(rows, self.loss, weights, [], alt)


def two_layer(
    W1: npt.ArrayLike = ((0.8, -1.2), (1.5, 0.4)),
    W2: npt.ArrayLike = ((1.0, -1.5), (-0.7, 1.2)),
    x: npt.ArrayLike = (1.0, 0.5),
    t: npt.ArrayLike = (0.9, 0.2),
    step: int = LAST_STEP,
) -> TwoLayer:
    """The two-layer network (13) to play with: drag weights, data and targets; walk the errors back step by step.

    The network stands there twice, as a graph of units and as a chain of boxes. On each edge an arrow shows the
    gradient, and beneath, each number of the gradient stands above the one that central differences give.

    Parameters
    ----------
    W1 : array_like, shape (H, M), optional
    W2 : array_like, shape (N, H), optional
        The weights. M, H and N are at most 4.
    x : array_like, shape (M,), optional
        The data.
    t : array_like, shape (N,), optional
        The target.
    step : int, optional
        How far the walk back is shown, 0 to 5.

    Returns
    -------
    TwoLayer
        An ipywidget. ``.W1``, ``.W2``, ``.x``, ``.t`` and ``.step`` can be read and set; ``.hidden``, ``.loss``,
        ``.deltas`` and ``.gradients`` follow; ``.network()`` is the chainbp Function at the present weights.

    Raises
    ------
    TypeError, ValueError
        If an input is not finite numbers of its shape, if the shapes do not fit each other, or are too large to draw.

    Examples
    --------
    >>> from chainbp.widgets import two_layer
    >>> w = two_layer(W1=[[1, -1]], W2=[[2]], x=[1, 1], t=[0.5])
    >>> w
    two_layer(W1=[[1, -1]], W2=[[2]], x=[1, 1], t=[0.5], step=5)
    >>> round(w.loss, 4), round(w.gradients[1][0][0], 4)
    (0.0534, 0.0454)
    >>> w.network()
    σ ∘ ρ[W⁽²⁾] ∘ σ ∘ ρ[W⁽¹⁾]
    """
    inputs = {"W1": W1, "W2": W2, "x": x, "t": t}
    arrays = {name: as_array(value, f"two_layer: {name}") for name, value in inputs.items()}
    check_sizes("two_layer", [arrays["W1"], arrays["W2"]], arrays["x"], arrays["t"])
    return TwoLayer("two_layer", **arrays, step=step)
