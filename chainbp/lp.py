"""Beneath section 4.2: Lp norms of many windows at once, with the derivatives (33) and ∂z/∂p.

The formulas are the note's. Before powers are taken, each window is divided by a power of two near its largest entry,
which is exact: so no power overflows, and none vanishes that would be seen in the sum.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from chainbp.wanted import Array, sent, total

Pair = tuple[int, int]

# Up to this p, the p-th power of a number below 2, and a sum of a million of them, is a float64.
_LARGEST_P = 1000.0
# Entries of windows that are copied at a time: a few arrays of them should fit into a processor's cache.
_BLOCK = 2**16


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
    exponent = np.frexp(np.where(plain, largest, 1.0))[1] - 1
    with np.errstate(all="ignore"):
        # The largest lies in [1, 2). Below p = 1, where a root would show what is lost of 1 + tiny, it is 1, and for
        # very large p. Among zeros, and beside an infinite entry, the largest get 1 and the others 0.
        unit = 1.0 if 1 <= p <= _LARGEST_P else np.where(plain, np.ldexp(largest, -exponent), 1.0)
        r = np.where(plain, np.ldexp(a, -exponent) / unit, np.where(np.isnan(largest), np.nan, a == largest))
        # Below p = 1, p − 1 would be rounded. What (33) leaves open at a zero is 0.
        q = r ** (p - 1) if p >= 1 else np.divide(r**p, r, out=np.zeros_like(r), where=r != 0)
        powers = q * r
        # Below p = 2, the power of a ratio that is no normal float may be one; the ratio's fourth root always is.
        if p < 2 and (faint := plain & (a > 0) & (r < np.finfo(float).tiny)).any():
            fourth = (np.sqrt(np.sqrt(a)) / np.sqrt(np.sqrt(unit * np.ldexp(1.0, exponent))))[faint]
            q[faint], powers[faint] = np.square(np.square([fourth**p / fourth, fourth**p]))
        s = total(powers)
        scaled = unit * s ** (1 / p) * (1 + lost(p) * np.log(s))
        z = np.where(plain, np.ldexp(scaled, exponent), largest)
        # A derivative beyond the largest float becomes the largest, so that no error of 0 times it is NaN.
        shares = np.where(q == 0, 0, q * (scaled / unit / s))
        gradient = np.sign(y) * np.minimum(shares, np.finfo(float).max)

    def slope() -> Array:
        with np.errstate(all="ignore"):
            known = np.where(np.isnan(z), z, 0.0)
            # z still scaled: it may lie beyond the largest float where ∂z/∂p does not.
            return -np.where(plain & (p < np.inf), np.ldexp(entropy(powers) * scaled / p / p, exponent), known)

    return Pooled(z, lambda delta: sent(delta, gradient), slope)


def lost(p: float) -> float:
    """What is lost when 1/p is rounded, and a root of a large power would show; by whole numbers."""
    if 1 / p == np.inf or p == np.inf:
        return 0.0
    (a, b), (c, d) = p.as_integer_ratio(), (1 / p).as_integer_ratio()
    return (b * d - c * a) / (a * d)


def entropy(powers: Array) -> Array:
    """Shannon's H(w) of the shares w = powers/Σ powers along the first axis; NaN where there are none.

    As ln(1 + Σ u) − Σ u ln u / (1 + Σ u), with u = powers/largest and without the largest one: nothing cancels.
    """
    u = powers / powers.max(axis=0)
    np.put_along_axis(u, powers.argmax(axis=0)[None], 0.0, axis=0)
    rest = total(u)
    return np.asarray(np.log1p(rest) - total(u * np.log(np.where(u > 0, u, 1.0))) / (1 + rest))


def pool(y: Array, p: float, size: Pair, stride: Pair) -> Pooled:
    """Lp norms of all windows of images y, (N, H, W) to (N, h, w), each by :func:`norms`.

    Where windows overlap, the copies of their entries are many times as large as the images: so there are never more of
    them at a time than a block.
    """
    windows = _windows(y, size, stride)
    shape, entries = windows.shape[:3], size[0] * size[1]

    def blocks() -> Iterator[tuple[Any, Pooled]]:
        rows = max(1, _BLOCK // (shape[2] * entries))
        images = max(1, rows // shape[1])
        for image in range(0, shape[0], images):
            for row in range(0, shape[1], rows):
                block = np.s_[image : image + images, row : row + rows]
                places = np.moveaxis(windows[block], (3, 4), (0, 1))
                yield block, norms(places.reshape(entries, *places.shape[2:]), p)

    def gather(of: Callable[[Pooled], Array]) -> Array:
        result = np.empty(shape)
        for block, found in blocks():
            result[block] = of(found)
        return result

    def pull(delta: Array) -> Array:
        errors = np.zeros(y.shape)
        places = _windows(errors, size, stride)
        for block, found in blocks():
            for place, part in enumerate(found.pull(delta[block])):  # an entry stands once in each place
                places[block][..., place // size[1], place % size[1]] += part
        return errors.astype(y.dtype, copy=False)

    z = gather(lambda found: found.z).astype(y.dtype, copy=False)
    return Pooled(z, pull, lambda: gather(lambda found: found.slope()))


def _windows(y: Array, size: Pair, stride: Pair) -> Array:
    """The windows of images, (N, H, W), as a view of shape (N, h, w, height, width)."""
    return sliding_window_view(y, size, axis=(1, 2), writeable=True)[:, :: stride[0], :: stride[1]]
