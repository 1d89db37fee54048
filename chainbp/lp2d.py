"""Lp norms of the windows of images, fast: what :mod:`chainbp.lp` computes, wherever its scaling is not needed.

Most windows of most images hold numbers whose powers are far from the ends of the float range. There (32) and (33) can
be evaluated as they stand, and cost little more than one power for each entry:

* q = sign(y)|y|^(p−1) serves forward, where z^p = Σ q y, and backward, where ∂z/∂y = q z^(1−p). Windows that overlap
  share it.
* From p = 2 on, q = |y|^(p−2) y gets its sign from a multiplication. For whole p the power is a product, too, and so
  the root is a step of Halley's method.
* A sum over windows is a sum of strided views, rows first, and an error goes back the same way.
* The shares of ∂z/∂p are the same powers, divided by their sum.

The rest is found by a few comparisons and left to :class:`chainbp.lp.Norms`: the windows in which a power overflows or
vanishes. Where float32 has too little room for that, float64 may have enough.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainbp.function import Array
from chainbp.lp import Norms, entropy, power, root

Pair = tuple[int, int]

# Entries in a block: what one block needs at a time should fit into a processor core's cache.
_BLOCK = 2**17
# Whole powers up to here are products; with more of them, rounding adds up to more than a power costs.
_MOST_PRODUCTS = 10
# Entries that each of several orders must have for a pass of its own.
_FEWEST = 2**12


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


def pool(y: Array, p: Array, size: Pair, stride: Pair) -> Pooled:
    """Lp norms of all windows of y, shape (..., H, W), with orders p that broadcast with (..., h, w).

    p is one order, of shape (), or one for each entry of y's third axis from the end, of shape (C, 1, 1).
    """
    if p.size > 1:
        few = y.size < p.size * _FEWEST
        return _pool_scaled(y, p, size, stride) if few else _pool_channels(y, p.ravel(), size, stride)
    order = float(p.flat[0])
    dtype = _wide_enough(y.dtype, order)
    if dtype is None:
        return _pool_scaled(y, p, size, stride)
    if dtype == y.dtype:
        return _pool_direct(y, order, size, stride)
    wide = _pool_direct(y.astype(dtype), order, size, stride)

    def pull(delta: Array) -> Array:
        with np.errstate(over="ignore"):
            return wide.pull(delta.astype(dtype)).astype(y.dtype)

    with np.errstate(over="ignore"):
        return Pooled(wide.z.astype(y.dtype), pull, wide.slope)


def _wide_enough(dtype: Any, p: float) -> Any:
    """The dtype, y's own or float64, in which the powers of most numbers can be trusted; None where there is none."""
    if dtype in (np.float32, np.float64) and 1 <= p < np.inf:
        for candidate in (dtype, np.dtype(np.float64)):
            # Where the powers of 0.1 vanish, so many windows would be lost that nothing would be won.
            if 0.1**p >= _trusted(candidate)[0]:
                return candidate
    return None


def _pool_channels(y: Array, orders: Array, size: Pair, stride: Pair) -> Pooled:
    """Each channel with an order of its own."""
    channels = [pool(y[..., c, :, :], np.array(order), size, stride) for c, order in enumerate(orders)]

    def pull(delta: Array) -> Array:
        return np.stack([channel.pull(delta[..., c, :, :]) for c, channel in enumerate(channels)], axis=-3)

    def slope() -> Array:
        return np.stack([channel.slope() for channel in channels], axis=-3)

    return Pooled(np.stack([channel.z for channel in channels], axis=-3), pull, slope)


def _pool_scaled(y: Array, p: Array, size: Pair, stride: Pair) -> Pooled:
    """Every window scaled."""
    norms = Norms(np.stack(views(y, size, stride)).astype(np.float64, copy=False), p)

    def pull(delta: Array) -> Array:
        errors = np.zeros_like(y)
        with np.errstate(over="ignore"):
            for part, share in zip(views(errors, size, stride), norms.gradient):
                part += (delta * share).astype(y.dtype, copy=False)
        return errors

    with np.errstate(over="ignore"):
        return Pooled(norms.z.astype(y.dtype, copy=False), pull, norms.slope)


def _pool_direct(y: Array, p: float, size: Pair, stride: Pair) -> Pooled:
    """The formulas as they stand, block by block, with rescued windows."""
    images = np.ascontiguousarray(y).reshape(-1, *y.shape[-2:])
    z = np.empty((len(images), *views(images[0], size, stride)[0].shape), y.dtype)
    factor = np.empty_like(z)  # z^(1−p), and 0 for windows of zeros and rescued ones
    q = images if p == 2 else np.empty_like(images)
    rescued = []
    tiny = np.finfo(y.dtype).tiny
    step = max(1, _BLOCK // images[0].size)
    blocks = [slice(start, start + step) for start in range(0, len(images), step)]
    # A power that overflows or vanishes is found below.
    with np.errstate(all="ignore"):
        for block in blocks:
            powers = _signed_powers(images[block], p, q[block])
            s = _sums(powers, size, stride)
            lost = _lost(images[block], powers, s, size, stride)
            if lost is not None:
                s[lost] = 0
                if q is images and not np.isfinite(images[block]).all():
                    q = images.copy()
                if q is not images:
                    q[block][~np.isfinite(q[block])] = 0  # only in windows that are lost
            z[block] = _root(s, p)
            np.divide(z[block], np.maximum(s, tiny), out=factor[block])
            if lost is not None:
                where, entries, windows = _windows(images, lost, block.start, size, stride)
                norms = Norms(windows, np.array(p))
                z[where] = norms.z
                rescued.append((where, entries, norms.gradient))

    def pull(delta: Array) -> Array:
        errors = np.empty_like(images)
        deltas = delta.reshape(z.shape)
        with np.errstate(over="ignore", invalid="ignore"):
            for block in blocks:
                of_sums = deltas[block] * factor[block]
                if not _exact(of_sums, deltas[block], factor[block], size):
                    return _pool_scaled(y, np.array(p), size, stride).pull(delta)
                _spread(of_sums, q[block], size, stride, errors[block])
            for where, entries, gradient in rescued:
                np.add.at(errors, entries, (deltas[where] * gradient).astype(y.dtype, copy=False))
        return errors.reshape(y.shape)

    def slope() -> Array:
        slopes = np.empty_like(z)
        with np.errstate(all="ignore"):
            for block in blocks:
                powers = np.abs(images[block]) if p == 1 else q[block] * images[block]
                shares = np.stack(views(powers, size, stride))
                shares /= _sums(powers, size, stride)
                # A share that has lost its digits, of an entry that is not 0, and a window that is lost.
                faint = shares < tiny
                faint &= ~np.stack(views(images[block] == 0, size, stride))
                lost = faint.any(axis=0) | ((factor[block] == 0) & (z[block] != 0))
                np.multiply(z[block], entropy(shares), out=slopes[block])
                slopes[block] /= -(p**2)
                slopes[block][z[block] == 0] = 0
                if lost.any():
                    where, _, windows = _windows(images, lost, block.start, size, stride)
                    slopes[where] = Norms(windows, np.array(p)).slope()
        return slopes.reshape(shape)

    shape = (*y.shape[:-2], *z.shape[1:])
    return Pooled(z.reshape(shape), pull, slope)


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


def _windows(y: Array, chosen: Array, start: int, size: Pair, stride: Pair) -> tuple[Any, Any, Array]:
    """Chosen windows of the images from `start` on: their places in z, those of their entries in y, and the entries.

    The entries, float64, lie along the first axis, (height · width, number of windows).
    """
    image, row, column = np.nonzero(chosen)
    image += start
    down, across = (axis.reshape(-1, 1) for axis in np.divmod(np.arange(size[0] * size[1]), size[1]))
    entries = (image, row * stride[0] + down, column * stride[1] + across)
    return (image, row, column), entries, y[entries].astype(np.float64)


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


def _is_product(t: float) -> bool:
    """Whether a^t is best taken by products and a square root."""
    return 2 * t % 1 == 0 and t <= _MOST_PRODUCTS


def _power(a: Array, t: float) -> Array:
    """a^t for a ≥ 0 and t > 0, by products and a square root where these will do."""
    if not _is_product(t):
        exponent = a.dtype.type(t)
        return power(a, exponent, t - float(exponent))
    result = np.sqrt(a) if t % 1 else None
    n, square = int(t), a
    while n:
        if n % 2:
            result = square if result is None else result * square
        n //= 2
        if n:
            square = square * square
    return np.asarray(result)


def _root(s: Array, p: float) -> Array:
    """s^(1/p) for s ≥ 0, by Halley's method where s^p costs little: from float32's 6 digits, one step gives 16."""
    if p in (1, 2) or not _is_product(p):
        return root(s, p)
    single = s.astype(np.float32, copy=False)
    if single.max() == np.inf or np.count_nonzero(single < np.finfo(single.dtype).tiny) > np.count_nonzero(s == 0):
        return root(s, p)
    z = np.exp(np.log(single) / single.dtype.type(p)).astype(s.dtype, copy=False)
    powers = _power(z, p)
    rest = s - powers
    powers *= (p + 1) / 2
    powers += s * ((p - 1) / 2)
    rest /= np.maximum(powers, np.finfo(s.dtype).tiny)
    rest *= z
    z += rest
    return z


def _sums(values: Array, size: Pair, stride: Pair) -> Array:
    """The sum over each window, (B, H, W) → (B, h, w); of booleans, whether there is any."""
    rows = _fold(values, size[0], stride[0])
    return _fold(rows.swapaxes(1, 2), size[1], stride[1]).swapaxes(1, 2)


def _fold(values: Array, size: int, stride: int) -> Array:
    """The sums of `size` neighbors along the middle axis, beginning `stride` apart."""
    end = values.shape[1] - size + 1
    sums = values[:, 0:end:stride]
    for i in range(1, size):
        sums = np.add(sums, values[:, i : i + end : stride], out=sums if i > 1 else None)
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
