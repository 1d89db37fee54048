"""Beneath section 4.2: Lp norms of many windows at once, with the derivatives (33) and ∂z/∂p.

The formulas are the paper's. What is added is what floating point asks for: no power may overflow or vanish before z
itself does, and no digit may be lost on the way. :mod:`chainbp.pooling` cuts arrays into windows and says what the
results mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainbp.function import Array

# Entries are scaled so that the largest lies in [1, 2): its p-th power, and a sum of a million like it, stays within
# float64 up to this p. Beyond, entries are divided by the largest itself, which rounds: p/2 eps in the derivatives.
_LARGEST_P_FOR_BINARY_SCALE = 1000.0
_TINY = np.finfo(np.float64).tiny


class Norms:
    """Lp norms of windows and their derivatives, each to a few eps, for every finite float64 and every p > 0.

    Parameters
    ----------
    y : ndarray of float64, shape (n, *windows)
        Windows along the first axis.
    p : ndarray of float64
        One order for all, or an array that broadcasts with the windows.

    Attributes
    ----------
    z : ndarray, shape (*windows)
        η_p of each window.
    gradient : ndarray, of the shape of y
        ∂z/∂y_i.
    """

    def __init__(self, y: Array, p: Array) -> None:
        self._p = p
        self._sizes = a = np.abs(y)
        self._largest = a.max(axis=0)
        self._ordinary = (self._largest != 0) & (self._largest < np.inf)  # and not NaN
        # The largest entry is mantissa · 2^exponent with a mantissa in [0.5, 1). A power of two scales exactly. And
        # since the largest scaled entry is at least 1, so is s: no term underflows whose derivative does not.
        mantissa, self._exponent = np.frexp(np.where(self._ordinary, self._largest, 1.0))
        self._unit = np.where(p > _LARGEST_P_FOR_BINARY_SCALE, mantissa, 0.5)
        # In a group of zeros, and in one with an infinite entry, the largest entries get 1 and the others 0.
        self._r = (a == self._largest).astype(np.float64)
        np.divide(np.ldexp(a, -self._exponent), self._unit, out=self._r, where=self._ordinary)
        # Beside a NaN, 0/0 is meant to be one; and z beyond the largest float is inf.
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            q, self._powers = _powers(self._r, p)
            lost = (self._r < _TINY) & (a > 0) & self._ordinary
            if lost.any():
                order = np.broadcast_to(p, a.shape)[lost]
                q[lost], self._powers[lost] = (part.prod(axis=0) for part in _powers(self._factors(lost), order))
            self._s = _sum(self._powers) if np.any(p < 1) else self._powers.sum(axis=0)
            norm = root(self._s, p)
            self._scaled_z = self._unit * norm
            self.z = np.where(self._ordinary, np.ldexp(self._scaled_z, self._exponent), self._largest)
            # norm / s, not s^(1/p−1): rounding that exponent would cost ln(s) eps. A derivative beyond the largest
            # float becomes the largest, so that no error of 0 times it is NaN.
            self.gradient = np.sign(y) * np.minimum(q * (norm / self._s), np.finfo(np.float64).max)

    def slope(self) -> Array:
        """∂z/∂p = −(z/p²) H(w), of the shape of z. It costs a logarithm for each entry."""
        with np.errstate(all="ignore"):
            w = self._powers / self._s
            of_nan = np.where(np.isnan(self._largest), np.nan, 0.0)
            # z is still scaled: it may lie beyond the largest float where ∂z/∂p does not.
            scaled = np.where(self._ordinary, self._scaled_z * entropy(w) / self._p**2, of_nan)
            result = np.ldexp(scaled, self._exponent)
            faint = (w < _TINY) & (self._sizes > 0) & self._ordinary
            if faint.any():
                result += self._slope_of(faint)
        return -np.where(np.isinf(self._p), of_nan, result)

    def _slope_of(self, faint: Array) -> Array:
        """What shares below 2^-1022 add: they have lost their digits, but z w ln(w), as (z √w) ln(w) √w, need not."""
        p, s, scaled_z, exponent = (
            np.broadcast_to(v, faint.shape)[faint] for v in (self._p, self._s, self._scaled_z, self._exponent)
        )
        ratios = self._factors(faint)
        # −ln w, and 1 for what the share takes from the largest one's: −(1 − w) ln(1 − w) is w.
        logarithm = np.log(s) - p * np.log(ratios).sum(axis=0) + 1
        half = (ratios ** (p / 2)).prod(axis=0) / np.sqrt(s)
        terms = np.zeros(faint.shape)
        terms[faint] = np.ldexp(scaled_z / p**2 * logarithm * half, exponent) * half
        return np.asarray(terms.sum(axis=0))

    def _factors(self, where: Array) -> Array:
        """Ratios as products of three: where they have lost their digits, of a, 1/largest, and 2^-512 or 1."""
        a, r = self._sizes[where], self._r[where]
        down = np.broadcast_to(np.ldexp(1 / self._unit, -self._exponent), where.shape)[where]
        small = a < 2.0**-512
        three = np.stack([np.where(small, a * 2.0**512, a), down, np.where(small, 2.0**-512, 1.0)])
        return np.where(r < _TINY, three, np.stack([r, np.ones_like(r), np.ones_like(r)]))


def _powers(r: Array, p: Array) -> tuple[Array, Array]:
    """r^(p−1) and r^p for r ≥ 0, the first 0 where r is 0 and p < 1."""
    if p.ndim == 0 and np.isinf(p):
        winners = (r == 1).astype(np.float64)
        return winners, winners.copy()
    small = p < 1
    # p − 1 is exact from p = 1 on; below, it would be rounded, which costs up to ln(r)/4 eps.
    u = r ** np.where(small, p, p - 1)
    if not small.any():
        return u, u * r
    quotient = np.divide(u, r, out=np.zeros_like(u), where=r != 0)
    return np.where(small, quotient, u), np.where(small, u, u * r)


def _sum(powers: Array) -> Array:
    """The sum along the first axis, with what each addition rounds off added in the end (Knuth's two-sum).

    Below p = 1 the root multiplies the sum's error by 1/p.
    """
    total, rest = np.zeros(powers.shape[1:]), np.zeros(powers.shape[1:])
    for term in powers:
        new = total + term
        taken = new - total
        rest += (total - (new - taken)) + (term - taken)
        total = new
    return total + rest


def root(s: Array, p: Any) -> Array:
    """s^(1/p) for s ≥ 0."""
    if np.ndim(p) == 0 and p in (1, 2):
        return s if p == 1 else np.sqrt(s)
    inverse = s.dtype.type(1 / p)
    # Where p is large, ln(s)/p is small; where it is inf, there is nothing to make good.
    rest = np.where(p < _LARGEST_P_FOR_BINARY_SCALE, _one_minus_product(p, np.float64(inverse)) / p, 0.0)
    return power(s, inverse, rest)


def power(a: Array, t: Any, rest: Any) -> Array:
    """a^(t + rest) for a ≥ 0 and a rest so small that it was lost when t was rounded: it would cost rest · ln(a)."""
    result = np.asarray(a**t)
    if np.any(rest):
        correction = _rough_logarithm(a)
        correction *= np.asarray(rest, a.dtype)
        correction *= result
        # inf must not meet its negative.
        np.add(result, correction, out=result, where=True if result.max() < np.inf else np.isfinite(result))
    return result


def _rough_logarithm(s: Array) -> Array:
    """ln(s) to 0.06: the bits of a float, read as a whole number, are a logarithm, straight between powers of two."""
    numbers = np.finfo(s.dtype)
    bits = s.view(f"i{s.itemsize}").astype(s.dtype)
    bits *= np.log(2) * 2.0**-numbers.nmant
    bits -= np.log(2) * (numbers.maxexp - 1)
    return bits


def _one_minus_product(a: Any, b: Any) -> Any:
    """1 − a b for a b near 1, exactly: Dekker's product."""
    a_high, b_high = _upper_half(a), _upper_half(b)
    a_low, b_low = a - a_high, b - b_high
    rounded = a * b
    error = ((a_high * b_high - rounded) + a_high * b_low + a_low * b_high) + a_low * b_low
    return (1 - rounded) - error


def _upper_half(a: Any) -> Any:
    """The upper 26 bits of a (Veltkamp)."""
    c = 134217729.0 * a
    return c - (c - a)


def entropy(w: Array) -> Array:
    """Shannon's entropy H(w) = −Σ w_i ln w_i along the first axis, without shares below the smallest normal float."""
    tiny = np.finfo(w.dtype).tiny
    largest = w.max(axis=0)
    others = w * ((w < largest) & (w >= tiny))
    rest = others.sum(axis=0)
    others *= np.log(np.maximum(others, tiny))
    # A largest share may lie so near 1 that its logarithm has lost its digits; 1 minus the others has not. Up to 1/2,
    # there may be several of them.
    alone = largest > 0.5
    of_largest = np.where(alone, largest, 1 - rest) * np.where(alone, np.log1p(-np.minimum(rest, 0.5)), np.log(largest))
    result: Array = -others.sum(axis=0) - of_largest
    return result
