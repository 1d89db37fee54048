"""Section 4.2 of the note: Lp pooling η_p, its gradient (33), and its derivative with respect to p."""

from collections.abc import Callable
from functools import partial
from numbers import Integral
from typing import Any, TypeAlias

import numpy as np

from chainbp.function import Family, Forward, Function, Step
from chainbp.lp import Pooled, norms
from chainbp.wanted import Array, as_array, number, sent

try:
    from chainbp.images import pool
except ImportError:  # the fast road is optional
    from chainbp.lp import pool


Shape: TypeAlias = tuple[int, ...]


@Family
def eta(p: Any, n: Any = None) -> Function:
    """Lp pooling ``z = η_p(y) = (Σ|y_i|^p)^(1/p)``, eq. (32); ``eta[p, n]`` pools groups of n neighbors.

    Parameters
    ----------
    p : float, or array_like of shape (G,) for G groups
        The order, p > 0; inf is max pooling. With n it may also be one order for each group. It is a parameter: it
        has a gradient and can be learned. Use ``eta[p].fixed()`` to hold it.
    n : int, optional
        The size of a group. Without it the whole vector is one group.

    Returns
    -------
    Function
        ``eta[p]`` takes y of shape (M,) and gives one number, or (M, K) and gives (K,).
        ``eta[p, n]`` takes (M,) or (M, K), M a multiple of n, and gives (M/n,) or (M/n, K).
        With ``r_i = |y_i|/z`` and ``w_i = r_i^p``, the derivatives are ∂z/∂y_i = sign(y_i) r_i^(p−1), which is
        (33) with its sign, and ∂z/∂p = −(z/p²) H(w), H being the Shannon entropy of w.

    Raises
    ------
    TypeError
        If p, n or y is not numeric.
    ValueError
        If an order is not greater than 0, if there is neither one order nor one per group, if y is empty, has more
        than two dimensions, or does not split into groups of n.

    Notes
    -----
    Wherever powers might overflow or vanish, they are taken of y divided by a power of two near the largest ``|y_i|``.
    Below p = 0.3 results lose digits as 1/p grows, because the root magnifies what a sum has lost. float32 is
    computed in float64 inside. An error of 0 sends nothing back, even from a NaN. Where (33) has no value the
    derivative is defined as follows: 0 in a group of zeros; 0 at y_i = 0 for every p ≤ 1; at p = inf the largest
    entries share it equally, and ∂z/∂p = 0. A group with an infinite entry gives inf, its error goes to the infinite
    entries (at p = 1 to all, as ever), and ∂z/∂p = 0. NaN gives NaN. For p < 1, η_p is still differentiable away from
    0 but no longer a norm; a derivative beyond the largest float, beside a tiny entry, becomes the largest float.

    Examples
    --------
    >>> import numpy as np
    >>> from chainbp import eta
    >>> z, pull = eta[2.0].vjp([3.0, -4.0])
    >>> print(z)
    5.0
    >>> pull.x(1.0)
    array([ 0.6, -0.8])
    >>> print(eta[1.0] @ [3.0, -4.0], eta[np.inf] @ [3.0, -4.0])
    7.0 4.0
    >>> eta[np.inf, 2] @ [3.0, -4.0, 1.0, 0.0]
    array([4., 1.])
    >>> eta[[1.0, 2.0], 2] @ [3.0, -4.0, 3.0, -4.0]
    array([7., 5.])
    """
    p = _orders(p, "η_p", "group of n", several=n is not None)
    n = None if n is None else number(n, "η_p: the group size n", Integral)

    def forward(y: Array) -> Step:
        if y.ndim not in (1, 2) or y.size == 0:
            raise ValueError("it pools (M,) or (M, K) with at least one entry")
        rows = len(y) if n is None else n
        if len(y) % rows or (p.ndim and len(y) != len(p) * rows):
            raise ValueError(f"it needs {f'{len(p)} groups' if p.ndim else 'groups'} of {rows} rows")
        return _pooled(y, (p.size, -1, rows, *y.shape[1:]), p, 0, _groups, () if n is None else (-1,))

    return _named(forward, p)


def _groups(y: Array, p: float) -> Pooled:
    """The columns of groups, y of shape (groups, n) or (groups, n, K)."""
    z, pull, slope = norms(y.swapaxes(0, 1), p)
    return Pooled(z, lambda delta: pull(delta).swapaxes(0, 1), slope)


@Family
def lp_pool2d(p: Any, size: Any, stride: Any = None) -> Function:
    """Lp pooling (32) over windows of the last two axes.

    Parameters
    ----------
    p : float, or array_like of shape (C,)
        The order, p > 0; inf is max pooling (of sizes). One for all, or one for each channel, the third axis from the
        end. It is a parameter, as in :data:`eta`.
    size : int or pair of int
        Height and width of a window.
    stride : int or pair of int, optional
        The step from a window to the next, down and across. Default: `size`. A smaller step makes windows overlap;
        with a larger one some entries are in no window, and their derivative is 0.

    Returns
    -------
    Function
        Takes y of shape (..., H, W), such as (N, C, H, W); gives (..., h, w) with h = ⌊(H − height)/stride⌋ + 1, and
        w likewise: windows that would reach over the edge are left out, as in PyTorch. Nothing is padded.

    Raises
    ------
    TypeError
        If an argument is not numeric.
    ValueError
        If an order is not greater than 0, size or stride is not positive, a window does not fit into y, or there is
        neither one order nor one per channel.

    Notes
    -----
    At 0, at ±inf and at NaN it does what :data:`eta` does, window by window; an entry in several windows gets the sum
    of its errors. float32 images are pooled in float32 where that is safe.

    Examples
    --------
    >>> import numpy as np
    >>> from chainbp import lp_pool2d
    >>> y = np.array([[3.0, -4.0, 0.0, 0.0], [0.0, 0.0, 0.0, 2.0]])
    >>> lp_pool2d[2.0, 2] @ y
    array([[5., 2.]])
    >>> z, pull = lp_pool2d[2.0, 2].vjp(y)
    >>> pull.x([[10.0, 1.0]])
    array([[ 6., -8.,  0.,  0.],
           [ 0.,  0.,  0.,  1.]])
    >>> (lp_pool2d[np.inf, (2, 3), 1] @ y).tolist()
    [[4.0, 4.0]]
    """
    p = _orders(p, "lp_pool2d", "channel")
    size = _pair(size, "lp_pool2d: size")
    stride = size if stride is None else _pair(stride, "lp_pool2d: stride")

    def forward(y: Array) -> Step:
        if y.ndim < 2 or y.size == 0 or y.shape[-2] < size[0] or y.shape[-1] < size[1]:
            raise ValueError(f"it pools images (..., H ≥ {size[0]}, W ≥ {size[1]}), at least one")
        if p.ndim and (y.ndim < 3 or y.shape[-3] != len(p)):
            raise ValueError(f"{len(p)} orders need shape (..., {len(p)}, H, W), one channel each")
        windows = partial(pool, size=size, stride=stride)
        return _pooled(y, (-1, p.size, *y.shape[-2:]), p, 1, windows, y.shape[:-2])

    text = "×".join(map(str, size)) + ("" if stride == size else f", stride {'×'.join(map(str, stride))}")
    return _named(forward, p, f"({text})", rf"^{{{size[0]} \times {size[1]}}}")


def _named(forward: Forward, p: Array, text: str = "", latex: str = "") -> Function:
    """A pooling, whose name shows its order to four digits, or p where there are several."""
    order = "p" if p.ndim else "∞" if np.isinf(p) else f"{float(p):.4g}"
    in_latex = rf"\eta_{{{order}}}".replace("∞", r"\infty") + latex
    return Function(forward, (p,), name=f"η_{order}{text}", latex=in_latex, symbols=("p",), brackets=False)


def _pooled(y: Array, shape: Shape, p: Array, axis: int, pool: Callable[[Array, float], Pooled], places: Shape) -> Step:
    """What a pooling's forward gives of y: in the shape given, each order has a part of its own along an axis.

    In place of the first two axes of that shape, z has `places`.
    """
    orders = p.astype(float).ravel().tolist()
    parts = [pool(part, order) for part, order in zip(np.moveaxis(y.reshape(shape), axis, 0), orders)]

    def joined(arrays: list[Array]) -> Array:
        return np.stack(arrays, axis) if len(arrays) > 1 else np.expand_dims(arrays[0], axis)

    def split(delta: Array) -> Array:
        return np.moveaxis(delta.reshape(z.shape), axis, 0)

    def pull_y(delta: Array) -> Array:
        errors = joined([part.pull(d) for part, d in zip(parts, split(delta))])
        return errors.reshape(y.shape).astype(y.dtype, copy=False)

    def pull_p(delta: Array) -> tuple[Array, ...]:
        slopes = [sent(d, part.slope()).sum() for part, d in zip(parts, split(delta))]
        return (np.array(slopes, p.dtype).reshape(p.shape),)

    z = joined([part.z for part in parts]).astype(y.dtype, copy=False)
    return z.reshape(places + z.shape[2:])[()], pull_y, pull_p


def _orders(p: Any, name: str, each: str, several: bool = True) -> Array:
    """p as an array: one order, or several."""
    orders = as_array(p, "p", name)
    if orders.ndim > several or orders.size == 0 or not np.all(orders > 0):
        raise ValueError(f"{name}: p must be one number greater than 0, or inf, or one for each {each}; got {orders}")
    return orders


def _pair(value: Any, what: str) -> tuple[int, int]:
    """A pair of integers from one or two."""
    values = tuple(value) if getattr(value, "ndim", isinstance(value, (list, tuple))) else (value, value)
    if len(values) != 2:
        raise ValueError(f"{what} must be an integer or a pair of them; got {value!r}")
    return number(values[0], what, Integral), number(values[1], what, Integral)
