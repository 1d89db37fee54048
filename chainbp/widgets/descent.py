"""Gradient descent on the loss of the network with Lp pooling, over two of its parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import traitlets

import chainbp
from chainbp.function import Function
from chainbp.wanted import as_array
from chainbp.widgets.base import Figure, Numbers, Positive, Refused, Result, Whole

MOST, MOST_SAMPLES = 4, 20


class Descent(Figure):
    """Made by :func:`descent`.

    Attributes
    ----------
    W : tuple of tuple of float
        The weights, of shape (N, M). Can be set, and keep their shape.
    X : tuple of tuple of float
        The data, of shape (M, K), a sample in each column. Can be set, and keep their shape.
    T : tuple of float
        What the network should say, K numbers. Can be set.
    p : float
        The order of the pooling, greater than 0 and finite. Can be set.
    rate : float
        The learning rate. Can be set.
    axes : tuple of int
        The two parameters that the map shows, across and up, by their place among the weights, row by row, and p,
        which comes last. Can be set.
    loss : float
        ``L = Σ L_k``, (18). Follows from the inputs, as the gradient.
    gradient : tuple of float
        The derivatives of L with respect to the two parameters.
    """

    W = Numbers(2, keep_shape=True)
    X = Numbers(2, keep_shape=True)
    T = Numbers(1, keep_shape=True)
    p = Positive()
    rate = Positive()
    axes = Whole(1, 0, lambda figure: np.size(figure.W), sides=(2, 2))
    loss = Result()
    gradient = Result()

    @traitlets.validate("axes")
    def _differ(self, proposal: Any) -> Any:
        a, b = proposal["value"]
        if a == b:
            raise Refused(f"descent: axes must be two different numbers from 0 to {np.size(self.W)}; got [{a}, {b}]")
        return proposal["value"]

    def network(self) -> Function:
        """``lp_network(W, p)`` at the present weights and p."""
        return chainbp.lp_network(self.W, self.p)

    def results(self) -> dict[str, Any]:
        bp = chainbp.backprop(chainbp.squared_error[np.array(self.T)] @ self.network(), self.X)
        gradient = np.append(bp.gradients[0].ravel(), bp.gradients[1])
        return {"loss": bp.loss, "gradient": gradient[list(self.axes)]}


def descent(
    W: npt.ArrayLike = ((-2.5, -1.0), (-0.5, -2.0)),
    X: npt.ArrayLike = ((1.0, -1.5, 0.5, 2.0, -0.5, -2.0), (0.5, 1.0, -1.5, 1.5, -0.5, -1.0)),
    T: npt.ArrayLike = (0.96, 0.94, 0.91, 1.2, 0.54, 0.29),
    p: float = 2.0,
    rate: float = 1.0,
    axes: npt.ArrayLike | None = None,
    ask: str = "",
) -> Descent:
    """Gradient descent to play with: choose two parameters of the network (34), drag the point, step or play.

    The map shows the loss over these two parameters, the others being held. The arrow is the gradient, the dashed line
    the next step, and the trail the steps made.

    Parameters
    ----------
    W : array_like, shape (N, M), optional
        The weights at the start. M and N are at most 4.
    X : array_like, shape (M, K), optional
        The data, a sample in each column, at most 20.
    T : array_like, shape (K,), optional
        The targets.
    p : float, optional
        The order of the pooling at the start, greater than 0 and finite.
    rate : float, optional
        The learning rate; the figure's own slider goes from 0.01 to 100.
    axes : array_like, shape (2,), optional
        The parameters of the map, across and up: 0 is the first weight, W.size is p. Without them, the first weight and
        the last one; p, where there is one weight only.
    ask : str, optional
        The name of the question that the figure asks first: "rate".

    Returns
    -------
    Descent
        An ipywidget. ``.W``, ``.p``, ``.rate`` and ``.axes``, also ``.X`` and ``.T``, can be read and set; ``.loss``
        and ``.gradient`` follow; ``.network()`` is the chainbp Function at the present W and p.

    Raises
    ------
    TypeError, ValueError
        If an input is not finite numbers of its shape, if the shapes do not fit or are too large to draw, if p or the
        rate is not greater than 0, or if the axes are not two different parameters.

    Examples
    --------
    >>> from chainbp.widgets import descent
    >>> w = descent(W=[[1, -1]], X=[[1, 0], [0, 1]], T=[0.5, 0.5], p=2)
    >>> round(w.loss, 4), [round(g, 4) for g in w.gradient]
    (0.1068, [0.0909, -0.0909])
    >>> w.p = 3
    >>> w.network()
    η_3 ∘ σ ∘ ρ[W]
    """
    arrays = {name: as_array(value, name, "descent") for name, value in {"W": W, "X": X, "T": T}.items()}
    W, X, T = arrays.values()
    for name, ndim, most in [("W", 2, MOST), ("X", 2, MOST_SAMPLES), ("T", 1, MOST_SAMPLES)]:
        array = arrays[name]
        if array.ndim != ndim or array.size == 0 or max(array.shape) > most:
            kind = "a matrix" if ndim == 2 else "a vector"
            raise ValueError(f"descent: {name} must be {kind} of at most {most} a side; got shape {array.shape}")
    if X.shape != (W.shape[1], T.size):
        wanted = f"shape ({W.shape[1]}, {T.size}), a row for each column of W and a column for each target"
        raise ValueError(f"descent: X must have {wanted}; got {X.shape}")
    axes = (0, max(W.size - 1, 1)) if axes is None else axes
    return Descent("descent", **arrays, p=p, rate=rate, axes=axes, ask=ask)
