"""Section 4.2 of the paper: Lp pooling η_p, its gradient (33), and its derivative with respect to p."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainbp.function import Array, Family, Function, PullTheta, PullX, as_array

# Entries are scaled so that the largest lies in [1, 2): its p-th power, and a sum of a million like it, stays within
# float64 up to this p. Beyond, entries are divided by the largest itself, which rounds: p/2 eps in the derivatives.
_LARGEST_P_FOR_BINARY_SCALE = 1000.0


@Family
def eta(p: Any, n: Any = None) -> Function:
    """Lp pooling ``z = η_p(y) = (Σ|y_i|^p)^(1/p)``, eq. (32); ``eta[p, n]`` pools groups of n neighbors.

    Parameters
    ----------
    p : float
        The order, p > 0; inf is max pooling. It is a parameter: it has a gradient and can be learned. Use
        ``eta[p].fixed()`` to hold it.
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
        If p, n or y is not a number or not numbers.
    ValueError
        If p is not one positive number, if y is empty, has more than two dimensions, or does not split into
        groups of n.

    Notes
    -----
    Powers are taken of y divided by a power of two near the largest ``|y_i|``, so no finite y and no p lets them
    overflow, and float32 is computed in float64 inside. Where (33) has no value the derivative is defined as
    follows: 0 in a group of zeros; 0 at y_i = 0 for every p ≤ 1; at p = inf the largest entries share it
    equally, and ∂z/∂p = 0. A group with an infinite entry gives inf, its error goes to the infinite entries
    (at p = 1 to all, as ever), and ∂z/∂p = 0. NaN gives NaN. An entry less than 5e-324 times
    the largest of its group counts as 0. For p < 1, η_p is still differentiable away from
    0 but no longer a norm.

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
    """
    p = as_array(p, "η_p: p")
    if p.ndim or not p > 0:
        raise ValueError(f"η_p: p must be one number greater than 0, or inf; got {p}")
    order = float(p)
    if n is not None:
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)):
            raise TypeError(f"η_p: the group size n must be an integer; got {n!r}")
        if n < 1:
            raise ValueError(f"η_p: the group size n must be at least 1; got {n}")

    def forward(y: Array) -> tuple[Array, PullX, PullTheta]:
        if y.ndim not in (1, 2) or y.size == 0:
            raise ValueError(f"η_p pools y of shape (M,) or (M, K) with at least one entry; got shape {y.shape}")
        if n is not None and y.shape[0] % n:
            raise ValueError(f"η_p with groups of {n} needs a multiple of {n} rows; got shape {y.shape}")
        axis = 0 if n is None else 1
        groups = y if n is None else y.reshape(y.shape[0] // n, n, *y.shape[1:])
        z, gradient, w = _lp(groups.astype(np.float64, copy=False), order, axis)

        def pull_y(delta: Array) -> Array:
            return (np.expand_dims(delta, axis) * gradient).reshape(y.shape).astype(y.dtype, copy=False)

        def pull_p(delta: Array) -> tuple[Array]:
            return (np.asarray(np.sum(delta * _slope_in_p(z, w, order, axis)), dtype=p.dtype),)

        return z.astype(y.dtype, copy=False)[()], pull_y, pull_p

    return Function(
        forward,
        (p,),
        name="η_∞" if math.isinf(order) else f"η_{order:.4g}",
        latex=r"\eta_{\infty}" if math.isinf(order) else rf"\eta_{{{order:.4g}}}",
        symbols=("p",),
        brackets=False,
        rebind=lambda p: eta[p, n],
        gives=0 if n is None else lambda rows: rows // n,
    )


def _lp(y: Array, p: float, axis: int) -> tuple[Array, Array, Array]:
    """η_p along one axis: the value, its derivatives (33) and the weights w_i = |y_i|^p / Σ|y|^p."""
    a = np.abs(y)
    largest = a.max(axis=axis, keepdims=True)
    ordinary = (largest != 0) & (largest != np.inf)
    # The largest entry is mantissa · 2^exponent with a mantissa in [0.5, 1). A power of two scales exactly. And since
    # the largest scaled entry is at least 1, so is s: no term underflows whose derivative does not.
    mantissa, exponent = np.frexp(np.where(ordinary, largest, 1.0))
    scale = mantissa if p > _LARGEST_P_FOR_BINARY_SCALE else 0.5
    # In a group of zeros, and in one with an infinite entry, the largest entries get 1 and the others 0.
    r = (a == largest).astype(y.dtype)
    np.divide(np.ldexp(a, -exponent), scale, out=r, where=ordinary)
    # Below p = 1, 0^(p−1) is infinite, and is put right; an infinity beside a NaN becomes NaN, and is right.
    with np.errstate(divide="ignore", invalid="ignore"):
        q = r ** (p - 1)
        if p < 1:
            q[r == 0] = 0
        powers = q * r
    s = powers.sum(axis=axis, keepdims=True)
    root = s ** (1 / p)
    z = np.where(ordinary, np.ldexp(scale * root, exponent), largest)
    # root / s, not s^(1/p−1): rounding that exponent would cost ln(s) eps.
    return z.squeeze(axis), np.sign(y) * q * (root / s), powers / s


def _slope_in_p(z: Array, w: Array, p: float, axis: int) -> Any:
    """∂z/∂p = −(z/p²) H(w), one number for each group."""
    if math.isinf(p):
        return np.zeros_like(z)
    # The largest weight may lie so near 1 that its logarithm has lost its digits; 1 minus the others has not.
    top = np.expand_dims(w.argmax(axis=axis), axis)
    others = w.copy()
    np.put_along_axis(others, top, 0.0, axis=axis)
    rest = others.sum(axis=axis)
    entropy = -(others * np.log(others, out=np.zeros_like(w), where=others > 0)).sum(axis=axis)
    largest = np.take_along_axis(w, top, axis=axis).squeeze(axis)
    entropy -= largest * np.where(rest < 0.5, np.log1p(-np.minimum(rest, 0.5)), np.log(largest))
    return -np.where(np.isinf(z), 0.0, z) / p**2 * entropy
