"""The fast road of :func:`chainbp.lp_pool2d`: what :func:`chainbp.lp.pool` computes, where its scaling is not needed.

Most windows of most images hold numbers whose powers are far from the ends of the float range. There (32) and (33) can
be evaluated as they stand, for 1 ≤ p < ∞:

* q = sign(y)|y|^(p−1) serves forward, where z^p = Σ q y, and backward, where ∂z/∂y = q z/z^p. Windows that overlap
  share it.
* A sum over windows is taken down the columns first, then along the rows, and an error goes back the same way.
* ∂z/∂p has the entropy of a window. That of two parts is that of each, weighted, and that of their sums: so windows
  grow from halves, and nothing cancels.

All other windows are left to :func:`chainbp.lp.norms`, each by itself. The package works without this file, slower.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainbp.lp import Pair, Pooled, some_norms
from chainbp.lp import pool as pool_carefully
from chainbp.wanted import Array

# Entries in a block: what one block needs at a time should fit into a processor core's cache.
_BLOCK = 2**17


def pool(y: Array, p: float, size: Pair, stride: Pair) -> Pooled:
    """Lp norms of all windows of images y, (N, H, W) to (N, h, w)."""
    # Where a dtype loses the powers of 0.1, too many windows would be left over.
    if not 1 <= p < np.inf or 0.1**p < _trusted(np.float64)[0]:
        return pool_carefully(y, p, size, stride)
    if 0.1**p < _trusted(y.dtype)[0]:
        wide = pool(y.astype(np.float64), p, size, stride)
        back = lambda delta: wide.pull(delta.astype(np.float64)).astype(y.dtype)  # noqa: E731
        return Pooled(wide.z.astype(y.dtype), back, wide.slope)

    # The exponent of a float32 power is one, too. Let all results belong to one order near p, and their errors cancel.
    subtracted = 1 if p < 2 else 2
    p = float(y.dtype.type(p - subtracted)) + subtracted
    y = np.ascontiguousarray(y)
    q = y if p == 2 else np.empty_like(y)
    z = np.empty((len(y), *((y.shape[i + 1] - size[i]) // stride[i] + 1 for i in (0, 1))), y.dtype)
    factor = np.empty_like(z)  # z/z^p, and 0 for windows of zeros and those left over
    left = np.empty(z.shape, bool)
    step = max(1, _BLOCK // y[0].size)
    blocks = [slice(start, start + step) for start in range(0, len(y), step)]

    with np.errstate(all="ignore"):  # a power that overflows or vanishes is found
        for block in blocks:
            powers = _signed_powers(y[block], p, q[block])
            s = _sums(powers, size, stride)
            left[block] = unknown = _untrusted(y[block], powers, s, size, stride)
            if unknown.any():
                s[unknown] = 0
            z[block] = _root(s, p)
            np.divide(z[block], np.maximum(s, np.finfo(y.dtype).tiny), out=factor[block])
        if not np.isfinite(q).all():  # in a window left over, or in none: it would make NaN of an error of 0
            q = np.where(np.isfinite(q), q, 0)
        for windows, _, found in some_norms(y, p, size, stride, left):
            z.reshape(-1)[windows] = found.z

    def pull(delta: Array) -> Array:
        errors, again = np.empty_like(y), left.copy()
        least, most = np.finfo(y.dtype).tiny, np.finfo(y.dtype).max / (size[0] * size[1])
        with np.errstate(all="ignore"):
            for block in blocks:
                shares = delta[block] * factor[block]
                sizes = np.abs(shares)
                if not (sizes.min() >= least and sizes.max() < most):
                    lost = ~(sizes < most) | ((sizes < least) & (delta[block] != 0) & (factor[block] != 0))
                    again[block] |= lost
                    shares[lost] = 0
                _spread(shares, q[block], size, stride, errors[block])
            for windows, entries, found in some_norms(y, p, size, stride, again & (delta != 0)):
                error = found.pull(delta.ravel()[windows]).astype(y.dtype, copy=False)
                np.add.at(errors.reshape(-1), entries, error.ravel())
        return errors

    def slope() -> Array:
        slopes = np.empty(z.shape)
        with np.errstate(all="ignore"):
            for block in blocks:
                powers = abs(y[block]) if p == 1 else q[block] * y[block]
                h = _entropy(powers, size, stride)
                slopes[block] = np.where(factor[block] == 0, 0, -h * z[block] / p**2)
            for windows, _, found in some_norms(y, p, size, stride, left):
                slopes.reshape(-1)[windows] = found.slope()
        return slopes

    return Pooled(z, pull, slope)


def _trusted(dtype: Any) -> tuple[float, float]:
    """The smallest |y|^p that has all its digits, also in a sum, and the largest sum with a z/z^p that has them."""
    numbers = np.finfo(dtype)
    return float(numbers.tiny / numbers.eps), float(numbers.max * numbers.eps**2)


def _untrusted(y: Array, powers: Array, s: Array, size: Pair, stride: Pair) -> Array:
    """The windows in which a power overflows, or one that would be seen vanishes."""
    least, most = _trusted(y.dtype)
    untrusted = ~(s < most) if not s.max() < most else np.zeros(s.shape, bool)
    if not powers.min() >= least:
        faint = powers < least
        faint &= y != 0
        if faint.any():
            # From z = 1 on, a derivative whose power vanishes vanishes as well.
            untrusted |= (_sums(faint.astype(y.dtype), size, stride) > 0) & (s < 1)
    return untrusted


def _signed_powers(y: Array, p: float, q: Array) -> Array:
    """Fill q with sign(y)|y|^(p−1), where p is not 2 (q is y then), and return |y|^p."""
    if p == 1:
        np.sign(y, out=q)
        return np.abs(y)
    if p == 2:
        return y * y
    powers: Array = np.abs(y)
    if p > 2:
        np.multiply(_power(powers, p - 2), y, out=q)  # which has the sign for nothing
    else:
        np.copysign(_power(powers, p - 1), y, out=q)
    return np.multiply(q, y, out=powers)


def _power(a: Array, t: float) -> Array:
    """a^t for a ≥ 0, whole powers up to 10 as products."""
    if t % 1 or t > 10:
        return np.asarray(a ** a.dtype.type(t))
    result = a
    for bit in f"{int(t):b}"[1:]:
        result = result * result
        if bit == "1":
            result *= a
    return result


def _along(axis: int, values: Array, size: Pair, stride: Pair) -> list[Array]:
    """The entries of windows along one axis, 0 down or 1 across: the first of each window, the second, and so on."""
    end = values.shape[1 + axis] - size[axis] + 1
    places = values.swapaxes(1, 1 + axis)
    return [places[:, i : i + end : stride[axis]].swapaxes(1, 1 + axis) for i in range(size[axis])]


def _sums(values: Array, size: Pair, stride: Pair) -> Array:
    """The sum over each window, (N, H, W) to (N, h, w)."""
    for axis in (0, 1):
        first, *others = _along(axis, values, size, stride)
        values = first.copy() if not others else first + others[0]
        for place in others[1:]:
            values += place
    return values


def _entropy(powers: Array, size: Pair, stride: Pair) -> Array:
    """The entropy of each window's shares, of windows twice as long from those of half their length."""
    now: tuple[Array, ...] = (powers, np.zeros_like(powers))
    for axis in (0, 1):
        single, length = now, 1
        for bit in f"{size[axis]:b}"[1:]:
            now, length = _union(now, now, length, axis), 2 * length
            if bit == "1":
                now, length = _union(now, single, length, axis), length + 1
        now = tuple(a.swapaxes(1, 1 + axis)[:, :: stride[axis]].swapaxes(1, 1 + axis) for a in now)
    return now[1] / now[0]


def _union(one: tuple[Array, ...], other: tuple[Array, ...], shift: int, axis: int) -> tuple[Array, ...]:
    """Sums and entropies, each times its sum, of parts and of their neighbors at a distance: that of the two is new."""
    end = other[0].shape[1 + axis] - shift
    first, second = (np.s_[:, :end], np.s_[:, shift:]) if axis == 0 else (np.s_[..., :end], np.s_[..., shift:])
    (s, h), (t, k) = [a[first] for a in one], [a[second] for a in other]
    both, less = s + t, np.minimum(s, t)
    share = np.divide(less, both, out=np.zeros_like(both), where=both > 0)
    new = less * np.log(np.where(share > 0, share, 1)) + np.maximum(s, t) * np.log1p(-share)
    return both, h + k - new


def _spread(shares: Array, q: Array, size: Pair, stride: Pair, errors: Array) -> None:
    """Carry one number for each window back to its entries, times q; an entry in several windows gets their sum."""
    across = np.zeros((*shares.shape[:2], q.shape[2]), q.dtype)
    errors.fill(0)
    for axis, target, given in ((1, across, shares), (0, errors, across)):
        for i, place in enumerate(_along(axis, target, size, stride)):
            np.add(place, given, out=place) if i >= stride[axis] else np.copyto(place, given)
    errors *= q


def _root(s: Array, p: float) -> Array:
    """s^(1/p), with what is lost when 1/p is rounded; its factor, ln s, need not be known well."""
    result: Array = s ** s.dtype.type(1 / p)
    (a, b), (c, d) = p.as_integer_ratio(), (1 / p).as_integer_ratio()
    if s.dtype == np.float64 and (lost := (b * d - a * c) / (a * d)):
        result *= 1 + lost * np.log(2) * np.frexp(s)[1]
    return result
