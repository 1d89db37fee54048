"""Lp pooling over the windows of a feature map, and the errors that flow back through them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chainbp.function import Function
from chainbp.pooling import lp_pool2d
from chainbp.wanted import Array, as_array
from chainbp.widgets.base import SHARED, Figure, Numbers, Positive, Result, Whole

FEWEST, MOST, SIZES, STRIDES = (SHARED["pooling_map"][name] for name in ("fewest", "most", "sizes", "strides"))

# Where a handwritten seven is bright on one side of the diagonal and dark on the other: the first seven of
# scikit-learn's digits under the filter [[1, 1, 0], [1, 0, -1], [0, -1, -1]] / 3. tests/widgets says it in code.
SEVEN = (
    (0, 0, 0, 0, 0, 0.9),
    (0, 0, -0.4, -0.7, 0, 0.6),
    (-0.4, -0.6, -0.8, -0.4, 0.5, 0.6),
    (0, -0.4, 0, 0.6, 0.9, 0.5),
    (0, -0.6, 0, 0.9, 0.5, 0),
    (-0.5, -0.7, 0.4, 0.8, 0, 0),
)
ERRORS = (
    (0.6, 0.2, -0.3, 0.5, 0.9, 0.1),
    (0.3, 0.7, 0.4, -0.6, 0.2, 0.5),
    (-0.5, 0.4, 0.9, 0.3, -0.4, 0.6),
    (0.8, -0.2, 0.5, 0.7, 0.6, 0.3),
    (0.4, 0.6, 0.7, -0.3, 0.3, 0.8),
    (0.2, 0.5, 0.1, 0.4, 0.6, -0.2),
)


class PoolingMap(Figure):
    """Made by :func:`pooling_map`.

    Attributes
    ----------
    Y : tuple of tuple of float
        The map. Can be set, but keeps its shape.
    delta : tuple of tuple of float
        Errors of windows, in the shape of Y: ``delta[i][j]`` is that of the window whose upper left entry is
        ``Y[i][j]``, so it stays with its window when size and stride change. Can be set.
    p : float
        The order, greater than 0 or inf. Can be set; the figure's own slider goes from 0.2 to inf.
    size, stride : int
        Height and width of a window, 2 or 3, and the step to the next, 1 to 3. Can be set.
    cell, entry : tuple of int
        Row and column, from 0, of the framed window in Z, and of the chosen entry of Y. Can be set; beyond the last
        they mean the last.
    Z : tuple of tuple of float
        ``lp_pool2d[p, size, stride] @ Y``. Follows.
    delta_Z : tuple of tuple of float
        The errors of the windows that there are, in the shape of Z. Follows.
    delta_Y : tuple of tuple of float
        What flows back to Y. Follows.
    """

    Y = Numbers(2, sides=(FEWEST, MOST), keep_shape=True)
    delta = Numbers(2, sides=(FEWEST, MOST), keep_shape=True)
    p = Positive(infinite=True)
    size = Whole(0, SIZES[0], SIZES[-1])
    stride = Whole(0, STRIDES[0], STRIDES[-1])
    cell = Whole(1, 0, MOST - 1, sides=(2, 2))
    entry = Whole(1, 0, MOST - 1, sides=(2, 2))
    Z = Result()
    delta_Z = Result()
    delta_Y = Result()

    def network(self) -> Function:
        """``lp_pool2d[p, size, stride]`` at the present values: ``w.network() @ np.array(w.Y)`` is ``w.Z``."""
        return lp_pool2d[self.p, self.size, self.stride]

    def results(self) -> dict[str, Any]:
        Z, pull = self.network().vjp(self.Y)
        delta_Z = _of_windows(np.array(self.delta), self.size, self.stride)
        return {"Z": Z, "delta_Z": delta_Z, "delta_Y": pull.x(delta_Z)}


def _of_windows(delta: Array, size: int, stride: int) -> Array:
    """The errors of the windows that fit, each at its window's upper left entry."""
    rows, columns = (n - size + 1 for n in delta.shape)
    return delta[:rows:stride, :columns:stride]


def _errors(delta: npt.ArrayLike, shape: tuple[int, ...], size: int, stride: int) -> Array:
    """`delta` in the shape of Y. An error for each window goes to its upper left entry; elsewhere stands a 1."""
    given = as_array(delta, "delta", "pooling_map")
    full = np.ones(shape)
    places = full if given.shape in [(), shape] else _of_windows(full, size, stride)
    if given.shape not in [(), places.shape]:
        shapes = f"the shape of Z, {places.shape}, or of Y, {shape}"
        raise ValueError(f"pooling_map: delta must be one number, or have {shapes}; got shape {given.shape}")
    places[...] = given
    return full


def pooling_map(
    Y: npt.ArrayLike = SEVEN,
    delta: npt.ArrayLike | None = None,
    p: float = 2.0,
    size: int = 2,
    stride: int = 2,
    cell: npt.ArrayLike = (1, 1),
    entry: npt.ArrayLike | None = None,
    ask: str = "",
) -> PoolingMap:
    """Lp pooling over the windows of a map, forward and backward: drag p, pick windows, change entries and errors.

    The figure shows the map Y and Z, what the pooling makes of it, with the errors of both. Of the framed window it
    prints the numbers, with the derivatives (33). Where windows overlap, the errors that come back add.

    Parameters
    ----------
    Y : array_like of shape (H, W), optional
        The map, 3 to 6 rows and columns. Default: where a handwritten seven has a diagonal edge, small responses 0.
    delta : float or array_like, optional
        The errors of the windows: one for all, or in the shape of Z one for each window, or in the shape of Y, where
        each window finds its error at its upper left entry. Default: errors of either sign for a map of 6 × 6, else 1.
    p : float, optional
        The order, greater than 0, or inf.
    size : int, optional
        Height and width of a window, 2 or 3.
    stride : int, optional
        The step from a window to the next, 1 to 3.
    cell : array_like of int, optional
        Row and column of the window in the frame, from 0.
    entry : array_like of int, optional
        Row and column of the chosen entry of Y, from 0. Default: the last one in the frame.
    ask : str, optional
        The name of the question that the figure asks first: "winner".

    Returns
    -------
    PoolingMap
        An ipywidget. The inputs can be read and set; ``.Z``, ``.delta_Z`` and ``.delta_Y`` follow, and ``.network()``
        is the chainbp Function at the present p, size and stride.

    Raises
    ------
    TypeError, ValueError
        If an input is not numbers in its range, or delta does not fit.

    Examples
    --------
    >>> from chainbp.widgets import pooling_map
    >>> w = pooling_map(Y=[[3, -4, 0, 0], [0, 0, 0, 2], [0, 0, 0, 0]], delta=[[10, 1]])
    >>> w.Z
    ((5.0, 2.0),)
    >>> w.delta_Y
    ((6.0, -8.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), (0.0, 0.0, 0.0, 0.0))
    >>> w.p = float("inf")
    >>> w.delta_Y[0]
    (0.0, -10.0, 0.0, 0.0)
    >>> w.network()
    η_∞(2×2)
    """
    shape = np.shape(as_array(Y, "Y", "pooling_map"))
    if delta is None:
        delta = ERRORS if shape == np.shape(ERRORS) else 1.0
    place = as_array(cell, "cell", "pooling_map")
    sound = np.ndim(size) == np.ndim(stride) == 0 and size in SIZES and stride in STRIDES
    if sound and len(shape) == 2 and place.shape == (2,):
        delta = _errors(delta, shape, int(size), int(stride))
        if entry is None:
            last = (np.array(shape) - size) // stride
            entry = np.minimum(place, last) * stride + size - 1
    else:  # The traits will say what is wrong.
        delta, entry = Y, (0, 0)
    return PoolingMap("pooling_map", Y=Y, delta=delta, p=p, size=size, stride=stride, cell=cell, entry=entry, ask=ask)
