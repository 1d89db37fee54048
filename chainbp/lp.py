"""Beneath section 4.2: Lp norms of many windows at once, with the derivatives (33) and ∂z/∂p.

The formulas are the paper's. What is added is what floating point asks for: no power may overflow or vanish before z
itself does, and no digit may be lost on the way. :mod:`chainbp.pooling` cuts arrays into windows and says what the
results mean.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainbp.function import Array

# Entries are scaled so that the largest lies in [1, 2): its p-th power, and a sum of a million like it, stays within
# float64 up to this p. Beyond, entries are divided by the largest itself, which rounds: p/2 eps in the derivatives.
_LARGEST_P_FOR_BINARY_SCALE = 1000.0
_TINY = np.finfo(np.float64).tiny


class Norms(NamedTuple):
    """Lp norms of windows that lie along the first axis.

    Attributes
    ----------
    z : ndarray
        η_p of each window.
    gradient : ndarray
        ∂z/∂y_i, of the shape of y.
    slope : callable
        ``slope()`` is ∂z/∂p, of the shape of z. It costs a logarithm for each entry, so it waits until it is asked for.
    """

    z: Array
    gradient: Array
    slope: Callable[[], Array]


def lp(y: Array, p: Array) -> Norms:
    """Lp norms and their derivatives, each to a few eps, for every finite float64 and every p > 0.

    Parameters
    ----------
    y : ndarray of float64, shape (n, *windows)
        Windows along the first axis.
    p : ndarray of float64
        One order for all, or an array that broadcasts with the windows.
    """
    a = np.abs(y)
    largest = a.max(axis=0)
    ordinary = (largest != 0) & (largest < np.inf)  # neither zeros, nor infinite, nor NaN
    # The largest entry is mantissa · 2^exponent with a mantissa in [0.5, 1). A power of two scales exactly. And since
    # the largest scaled entry is at least 1, so is s: no term underflows whose derivative does not.
    mantissa, exponent = np.frexp(np.where(ordinary, largest, 1.0))
    unit = np.where(p > _LARGEST_P_FOR_BINARY_SCALE, mantissa, 0.5)
    # In a group of zeros, and in one with an infinite entry, the largest entries get 1 and the others 0.
    r = (a == largest).astype(np.float64)
    np.divide(np.ldexp(a, -exponent), unit, out=r, where=ordinary)

    def factors(where: Array) -> Array:
        """Ratios as products of three: below 2^-1022, where they have lost their digits, a, 1/largest and 2^-512 or 1."""
        small = a[where] < 2.0**-512
        down = np.broadcast_to(np.ldexp(1 / unit, -exponent), r.shape)[where]
        three = np.stack([np.where(small, a[where] * 2.0**512, a[where]), down, np.where(small, 2.0**-512, 1.0)])
        return np.where(r[where] < _TINY, three, np.stack([r[where], np.ones_like(down), np.ones_like(down)]))

    # Beside a NaN, 0/0 is meant to be one; and z beyond the largest float is inf.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        q, powers = _powers(r, p)
        lost = (r < _TINY) & (a > 0) & ordinary
        if lost.any():
            order = np.broadcast_to(p, r.shape)[lost]
            q[lost], powers[lost] = (part.prod(axis=0) for part in _powers(factors(lost), order))
        s = powers.sum(axis=0)
        norm = root(s, p)
        z = np.where(ordinary, np.ldexp(unit * norm, exponent), largest)
        # norm / s, not s^(1/p−1): rounding that exponent would cost ln(s) eps. A derivative beyond the largest float
        # becomes the largest, so that no error of 0 times it is NaN.
        gradient = np.sign(y) * np.minimum(q * (norm / s), np.finfo(np.float64).max)

    def slope() -> Array:
        with np.errstate(all="ignore"):
            w = powers / s
            of_nan = np.where(np.isnan(largest), np.nan, 0.0)
            # z is still scaled: it may lie beyond the largest float where ∂z/∂p does not.
            result = np.ldexp(np.where(ordinary, unit * norm * _entropy(w) / p**2, of_nan), exponent)
            # A share below 2^-1022 has lost its digits, but z times it need not: as (z √w) √w it keeps them.
            faint = (w < _TINY) & (a > 0) & ordinary
            if faint.any():
                order, sums, scaled, up = (
                    np.broadcast_to(v, r.shape)[faint] for v in (p, s, unit * norm / p**2, exponent)
                )
                ratios = factors(faint)
                # −ln w, and 1 for what the share takes from the largest one's: −(1 − w) ln(1 − w) is w.
                logarithm = np.log(sums) - order * np.log(ratios).sum(axis=0) + 1
                half = (ratios ** (order / 2)).prod(axis=0) / np.sqrt(sums)
                terms = np.zeros_like(r)
                terms[faint] = np.ldexp(scaled * logarithm * half, up) * half
                result += terms.sum(axis=0)
            return -np.where(np.isinf(p), 0.0, result)

    return Norms(z, gradient, slope)


def _powers(r: Array, p: Array) -> tuple[Array, Array]:
    """r^(p−1) and r^p for r ≥ 0, the first 0 where r is 0 and p < 1."""
    small = p < 1
    # p − 1 is exact from p = 1 on; below, it would be rounded, which costs up to ln(r)/4 eps.
    u = r ** np.where(small, p, p - 1)
    if not small.any():
        return u, u * r
    quotient = np.divide(u, r, out=np.zeros_like(u), where=r != 0)
    return np.where(small, quotient, u), np.where(small, u, u * r)


def root(s: Array, p: Any) -> Array:
    """s^(1/p) for s ≥ 0, with the rounding of 1/p made good: it would cost ln(s)/(2p) eps."""
    if np.ndim(p) == 0 and p in (1, 2):
        return s if p == 1 else np.sqrt(s)
    inverse = (1 / np.asarray(p, dtype=np.float64)).astype(s.dtype)
    known = np.where(np.less(p, _LARGEST_P_FOR_BINARY_SCALE), p, 1.0)
    rest = np.where(known == p, _one_minus_product(known, inverse.astype(np.float64)) / known, 0.0).astype(s.dtype)
    result: Array = s**inverse
    if np.any(rest):
        result += result * (rest * _rough_logarithm(s))
    return result


def _rough_logarithm(s: Array) -> Array:
    """ln(s) to 0.06: the bits of a float, read as a whole number, are a logarithm, straight between powers of two."""
    numbers = np.finfo(s.dtype)
    bits = s.view(f"i{s.itemsize}").astype(s.dtype)
    bits *= np.log(2) * 2.0**-numbers.nmant
    bits -= np.log(2) * (numbers.maxexp - 1)
    return bits


def _one_minus_product(a: Array, b: Array) -> Array:
    """1 − a b for a b near 1, exactly: Dekker's product."""
    a_high, b_high = _upper_half(a), _upper_half(b)
    a_low, b_low = a - a_high, b - b_high
    rounded = a * b
    error = ((a_high * b_high - rounded) + a_high * b_low + a_low * b_high) + a_low * b_low
    rest: Array = (1 - rounded) - error
    return rest


def _upper_half(a: Array) -> Array:
    """The upper 26 bits of a (Veltkamp)."""
    c: Array = 134217729.0 * a
    upper: Array = c - (c - a)
    return upper


def _entropy(w: Array) -> Array:
    """Shannon's entropy H(w) = −Σ w_i ln w_i along the first axis, without shares below 2^-1022."""
    # The largest weight may lie so near 1 that its logarithm has lost its digits; 1 minus the others has not.
    top = w.argmax(axis=0)[None]
    largest = np.take_along_axis(w, top, axis=0)[0]
    others = w.copy()
    np.put_along_axis(others, top, 0.0, axis=0)
    others[others < _TINY] = 0
    rest = others.sum(axis=0)
    entropy = -(others * np.log(others, out=np.zeros_like(w), where=others > 0)).sum(axis=0)
    result: Array = entropy - largest * np.where(rest < 0.5, np.log1p(-np.minimum(rest, 0.5)), np.log(largest))
    return result
