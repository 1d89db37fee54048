"""Lp norms of the windows of images, fast: what :mod:`chainbp.lp` computes, wherever its scaling is not needed.

Most windows of most images hold numbers whose powers are far from the ends of the float range. There (32) and (33) can
be evaluated as they stand, and cost little more than one power for each entry:

* q = sign(y)|y|^(p−1) serves forward, where z^p = Σ q y, and backward, where ∂z/∂y = q z^(1−p). Windows that overlap
  share it.
* From p = 2 on, q = |y|^(p−2) y gets its sign from a multiplication. For whole p the power is one, too.
* A sum over windows is a sum of strided views, rows first, and an error goes back the same way.

The rest is found by a few comparisons and left to :class:`chainbp.lp.Norms`: the windows in which a power overflows or
vanishes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from chainbp.function import Array
from chainbp.lp import Norms, root

Pair = tuple[int, int]

# Entries in a block: what one block needs at a time should fit into a processor core's cache.
_BLOCK = 2**17
# Whole powers up to here are products; with more of them, rounding adds up to more than a power costs.
_MOST_PRODUCTS = 10


class Pooled(NamedTuple):
    """The norms z of all windows, ``pull(delta)``, the error that goes back to y, and ``slope()``, ∂z/∂p."""

    z: Array
    pull: Callable[[Array], Array]
    slope: Callable[[], Array]


def views(y: Array, size: Pair, stride: Pair) -> list[Array]:
    """One view of y, (..., H, W), for each place in a window: entry (i, j) of all windows, of shape (..., h, w)."""
    high, wide = (y.shape[axis - 2] - size[axis] + 1 for axis in (0, 1))
    return [
        y[..., i : i + high : stride[0], j : j + wide : stride[1]] for i in range(size[0]) for j in range(size[1])
    ]


def _norms(y: Array, p: Array, size: Pair, stride: Pair) -> Norms:
    """Every window by :class:`chainbp.lp.Norms`, as float64 and along a new first axis."""
    return Norms(np.stack(views(y, size, stride)).astype(np.float64, copy=False), p)


def pool(y: Array, p: Array, size: Pair, stride: Pair) -> Pooled:
    """Lp norms of all windows of y, shape (..., H, W), with orders p that broadcast with (..., h, w)."""
    order = float(p.flat[0])
    least, _ = _trusted(y.dtype)
    known = y.dtype in (np.float32, np.float64)
    # Where the powers of 0.1 vanish, so many windows would be lost that nothing would be won.
    if not known or p.size > 1 or not 1 <= order < np.inf or 0.1**order < least:
        return _pool_scaled(y, p, size, stride)
    return _pool_fast(y, order, size, stride) or _pool_scaled(y, p, size, stride)


def _pool_scaled(y: Array, p: Array, size: Pair, stride: Pair) -> Pooled:
    """Every window scaled."""
    norms = _norms(y, p, size, stride)

    def pull(delta: Array) -> Array:
        errors = np.zeros_like(y)
        with np.errstate(over="ignore"):
            for part, share in zip(views(errors, size, stride), norms.gradient):
                part += (delta * share).astype(y.dtype, copy=False)
        return errors

    with np.errstate(over="ignore"):
        return Pooled(norms.z.astype(y.dtype, copy=False), pull, norms.slope)


def _pool_fast(y: Array, p: float, size: Pair, stride: Pair) -> Pooled | None:
    """The formulas as they stand, block by block, with rescued windows; None where y is not finite."""
    images = np.ascontiguousarray(y).reshape(-1, *y.shape[-2:])
    z = np.empty((len(images), *views(images[0], size, stride)[0].shape), y.dtype)
    factor = np.empty_like(z)  # z^(1−p)
    q = images if p == 2 else np.empty_like(images)
    rescued = []
    step = max(1, _BLOCK // images[0].size)
    blocks = [slice(start, start + step) for start in range(0, len(images), step)]
    # A power that overflows or vanishes is found below.
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for block in blocks:
            powers = _signed_powers(images[block], p, q[block])
            s = _sums(powers, size, stride)
            lost = _lost(images[block], powers, s, size, stride)
            if lost is not None:
                if not np.isfinite(images[block]).all():
                    return None
                s[lost] = 0
                if p != 2:
                    q[block][~np.isfinite(q[block])] = 0  # only in windows that are lost
            empty = s == 0
            s[empty] = 1
            z[block] = root(s, p)
            np.divide(z[block], s, out=factor[block])
            z[block][empty] = 0
            if lost is not None:
                factor[block][lost] = 0
                rescued.append(_rescue(images, z, p, size, stride, lost, block.start))

    def pull(delta: Array) -> Array:
        errors = np.empty_like(images)
        deltas = delta.reshape(z.shape)
        with np.errstate(over="ignore", invalid="ignore"):
            for block in blocks:
                of_sums = deltas[block] * factor[block]
                if not _exact(of_sums, deltas[block], factor[block], size):
                    return _pool_scaled(y, np.array(p), size, stride).pull(delta)
                _spread(of_sums, q[block], size, stride, errors[block])
            for windows, entries, gradient in rescued:
                np.add.at(errors, entries, (deltas[windows][:, None, None] * gradient).astype(y.dtype, copy=False))
        return errors.reshape(y.shape)

    return Pooled(z.reshape(*y.shape[:-2], *z.shape[1:]), pull, lambda: _norms(y, np.array(p), size, stride).slope())


def _exact(products: Array, deltas: Array, factor: Array, size: Pair) -> bool:
    """Whether no product of an error and z^(1−p) has lost digits, and none can overflow where windows overlap."""
    numbers = np.finfo(products.dtype)
    sizes = np.abs(products)
    vanished = np.count_nonzero(sizes < numbers.tiny) > np.count_nonzero((deltas == 0) | (factor == 0))
    return bool(sizes.max() < numbers.max / (size[0] * size[1])) and not vanished


def _lost(y: Array, powers: Array, s: Array, size: Pair, stride: Pair) -> Array | None:
    """Which windows the formulas fail; None where they fail none."""
    least, most = _trusted(y.dtype)
    lost = ~(s < most) if not s.max() < most else None
    # Only a sum below 1 can be in doubt: from z = 1 on, a gradient whose power vanishes vanishes as well.
    if s.min() < 1:
        low = powers < least
        zero = y == 0
        if np.count_nonzero(low) > np.count_nonzero(zero):
            doubtful = _sums(low & ~zero, size, stride) & (s < 1)
            lost = doubtful if lost is None else lost | doubtful
    return lost if lost is not None and lost.any() else None


def _trusted(dtype: Any) -> tuple[float, float]:
    """The smallest |y|^p that has all its digits, also in a sum, and the largest sum with a z^(1−p) that has them."""
    numbers = np.finfo(dtype)
    return float(numbers.tiny / numbers.eps), float(numbers.max * numbers.eps**2)


def _rescue(y: Array, z: Array, p: float, size: Pair, stride: Pair, lost: Array, start: int) -> tuple[Any, Any, Array]:
    """Put z of lost windows in its place; return what the way back needs: the windows, their entries, the gradients."""
    image, row, column = np.nonzero(lost)
    image += start
    top, left = row * stride[0], column * stride[1]
    windows = sliding_window_view(y, size, axis=(1, 2))[image, top, left].astype(np.float64)
    norms = Norms(windows.reshape(len(image), -1).T, np.array(p))
    z[image, row, column] = norms.z
    down, across = np.ogrid[: size[0], : size[1]]
    corner = (slice(None), None, None)
    entries = (image[corner], top[corner] + down, left[corner] + across)
    return (image, row, column), entries, norms.gradient.T.reshape(windows.shape)


def _signed_powers(y: Array, p: float, q: Array) -> Array:
    """Fill q with sign(y)|y|^(p−1), where p is not 2 (q is y then), and return |y|^p."""
    if p == 1:
        np.sign(y, out=q)
        return np.abs(y)
    if p == 2:
        return y * y
    powers: Array = np.abs(y)
    if p > 2:
        np.multiply(_power(powers, p - 2), y, out=q)
    else:
        np.copysign(_power(powers, p - 1), y, out=q)
    return np.multiply(q, y, out=powers)


def _power(a: Array, t: float) -> Array:
    """a^t for a ≥ 0 and t > 0, by products and a square root where these will do."""
    if 2 * t % 1 or t > _MOST_PRODUCTS:
        return np.asarray(a**t)
    result = np.sqrt(a) if t % 1 else None
    n, square = int(t), a
    while n:
        if n % 2:
            result = square if result is None else result * square
        n //= 2
        if n:
            square = square * square
    return np.asarray(result)


def _sums(values: Array, size: Pair, stride: Pair) -> Array:
    """The sum over each window, (B, H, W) → (B, h, w); of booleans, whether there is any."""
    high = values.shape[1] - size[0] + 1
    rows = values[:, 0:high : stride[0]]
    if size[0] > 1 or stride[0] > 1:
        rows = rows + values[:, 1 : high + 1 : stride[0]] if size[0] > 1 else rows.copy()
    for i in range(2, size[0]):
        rows += values[:, i : i + high : stride[0]]
    wide = values.shape[2] - size[1] + 1
    sums = rows[:, :, 0 : wide : stride[1]].copy()
    for j in range(1, size[1]):
        sums += rows[:, :, j : j + wide : stride[1]]
    return sums


def _spread(g: Array, q: Array, size: Pair, stride: Pair, errors: Array) -> None:
    """Carry one number for each window back to its entries, times q; an entry in several windows gets their sum."""
    across = np.empty((*g.shape[:2], q.shape[2]), g.dtype)
    _unfold(g.swapaxes(1, 2), size[1], stride[1], across.swapaxes(1, 2))
    if size[0] > stride[0]:
        _unfold(across, size[0], stride[0], errors)
        errors *= q
    else:
        _unfold(across, size[0], stride[0], errors, q)
    # An entry in no window may have an infinite q; 0 times that is no 0.
    for axis in (0, 1):
        places = errors.swapaxes(1, 1 + axis)
        end = (g.shape[1 + axis] - 1) * stride[axis] + size[axis]
        places[:, end:] = 0
        for place in range(size[axis], stride[axis]):
            places[:, place : end : stride[axis]] = 0


def _unfold(g: Array, size: int, stride: int, out: Array, q: Array | None = None) -> None:
    """Along the middle axis, give g to each of the `size` places of its window; windows begin `stride` apart."""
    end = (g.shape[1] - 1) * stride + 1
    if size < stride or end - 1 + size < out.shape[1]:
        out.fill(0)  # places in no window
    elif size > stride:
        out[:, end - 1 + stride :] = 0
    for i in range(size):
        places = slice(i, i + end, stride)
        if i >= stride:
            out[:, places] += g
        elif q is not None:
            np.multiply(g, q[:, places], out=out[:, places])
        else:
            out[:, places] = g
