"""Beneath section 4.2: Lp norms of many windows at once, with the derivatives (33) and ∂z/∂p.

The formulas are the note's. Before powers are taken, each window is divided by a power of two near its largest entry,
which is exact: so no power overflows, and none vanishes that would be seen in the sum.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from chainbp.wanted import Array, sent, total

Pair = tuple[int, int]

# Up to this p, the p-th power of a number below 2, and a sum of a million of them, is a float64.
_LARGEST_P = 1000.0
_TINY, _MOST = float(np.finfo(float).tiny), float(np.finfo(float).max)
# Entries of windows that are copied at a time: a few arrays of them should fit into a processor's cache.
_BLOCK = 2**15


class Pooled(NamedTuple):
    """The norms z of windows, ``pull(delta)``, the error that goes back to y, and ``slope()``, ∂z/∂p."""

    z: Array
    pull: Callable[[Array], Array]
    slope: Callable[[], Array]


def norms(y: Array, p: float) -> Pooled:
    """(32), (33) and ∂z/∂p of windows that lie along the first axis of y, for one order, 0 < p ≤ ∞, in float64."""
    a = np.abs(y.astype(np.float64, copy=False))
    largest = a.max(axis=0)
    plain = (largest > 0) & (largest < np.inf)  # and not NaN
    mantissa, exponent = np.frexp(np.where(plain, largest, 0.5))
    with np.errstate(all="ignore"):
        # The largest r lies in [1, 2). Below p = 1, where a root would show what is lost of 1 + tiny, it is 1, and for
        # very large p. Among zeros, and beside an infinite entry, the largest get 1 and the others 0.
        unit = np.ldexp(0.5 if 1 <= p <= _LARGEST_P else mantissa, exponent)
        r = np.where(plain, a / unit, np.where(np.isnan(largest), np.nan, a == largest))
        # Below p = 1, p − 1 would be rounded. What (33) leaves open at a zero is 0.
        q = r ** (p - 1) if p >= 1 else np.divide(r**p, r, out=np.zeros_like(r), where=r != 0)
        powers = q * r
        # Below p = 2, the power of a ratio that is no normal float may be one; the ratio's fourth root always is.
        if p < 2 and (faint := plain & (a > 0) & (r < _TINY)).any():
            fourth = (np.sqrt(np.sqrt(a)) / np.sqrt(np.sqrt(unit)))[faint]
            q[faint], powers[faint] = np.square(np.square([fourth**p / fourth, fourth**p]))
        s = total(powers)
        # s^(1/p). Below p = 1 it would show that 1/p is rounded: so its whole part has a power of its own.
        whole, rest = divmod(1, p)
        root = s**whole * s ** (rest / p)
        z = np.where(plain, unit * root, largest)
        # A derivative beyond the largest float becomes the largest, so that no error of 0 times it is NaN.
        gradient = np.sign(y) * np.minimum(q * np.minimum(root / s, _MOST), _MOST)

    def slope() -> Array:
        with np.errstate(all="ignore"):
            # 0 among zeros and beside an infinite entry. The unit comes last: this may be a float where z is none.
            return -entropy(powers) * np.where(plain, root, 0) / p / p * unit

    return Pooled(z, lambda delta: sent(delta, gradient), slope)


def entropy(powers: Array) -> Array:
    """Shannon's H(w) of the shares w = powers/Σ powers along the first axis; NaN where there are none.

    As ln(1 + Σ u) − Σ u ln u / (1 + Σ u), with u = powers/largest and without the largest one: nothing cancels.
    """
    ordered = np.partition(powers, -1, axis=0)
    u = ordered[:-1] / ordered[-1]
    rest = total(u)
    return np.asarray(np.log1p(rest) - total(u * np.log(np.where(u > 0, u, 1.0))) / (1 + rest))


def pool(y: Array, p: float, size: Pair, stride: Pair) -> Pooled:
    """Lp norms of all windows of images y, (N, H, W) to (N, h, w), each by :func:`norms`."""
    every = np.ones((len(y), *((y.shape[i + 1] - size[i]) // stride[i] + 1 for i in (0, 1))), bool)

    def gather(of: Callable[[Pooled], Array]) -> Array:
        result = np.empty(every.size)
        for windows, _, found in some_norms(y, p, size, stride, every):
            result[windows] = of(found)
        return result.reshape(every.shape)

    def pull(delta: Array) -> Array:
        errors, delta = np.zeros(y.size), delta.ravel()
        for windows, entries, found in some_norms(y, p, size, stride, every):
            np.add.at(errors, entries, found.pull(delta[windows]).ravel())
        return errors.reshape(y.shape).astype(y.dtype, copy=False)

    z = gather(lambda found: found.z).astype(y.dtype, copy=False)
    return Pooled(z, pull, lambda: gather(lambda found: found.slope()))


def some_norms(y: Array, p: float, size: Pair, stride: Pair, which: Array) -> Iterator[tuple[Array, Array, Pooled]]:
    """The norms of some windows, with their places in z.ravel() and those of their entries in y.ravel().

    Where windows overlap, the copies of their entries are many times as large as the images: so there are never more of
    them at a time than a block.
    """
    flat, places = y.ravel(), np.flatnonzero(which)
    window = np.add.outer(y.shape[2] * np.arange(size[0]), np.arange(size[1])).reshape(-1, 1)
    step = max(1, _BLOCK // len(window))
    for start in range(0, len(places), step):
        windows = places[start : start + step]
        image, row, column = np.unravel_index(windows, which.shape)
        corners = np.ravel_multi_index((image, row * stride[0], column * stride[1]), y.shape)
        entries = window + corners
        yield windows, entries.ravel(), norms(flat[entries], p)
