"""The true Lp norm and its derivatives, by mpmath, and how far off a float is."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import mpmath
import numpy as np
import numpy.typing as npt
from mpmath import mpf

# Nothing cancels in `reference`, so that these bits are enough for every p.
BITS = 128

Array = npt.NDArray[Any]


class Reference(NamedTuple):
    """The true value of (32) and its derivatives: numbers of mpmath."""

    z: Any
    gradient: list[Any]
    slope: Any


def reference(y: Iterable[float], p: float, bits: int = BITS) -> Reference:
    """η_p of one window, ∂z/∂y and ∂z/∂p by mpmath, for finite entries and p; at kinks by chainbp's conventions.

    The largest |y_i| is taken out and ln(1 + the others) computed as such, so every sum is of terms of one sign: the
    digits are those of the arithmetic, however near the largest power is to the whole.
    """
    with mpmath.workprec(bits):
        p = mpf(float(p))
        signed = [mpf(float(v)) for v in y]
        a = [abs(v) for v in signed]
        top = max(range(len(a)), key=a.__getitem__)
        if not a[top]:
            return Reference(mpf(0), [mpf(0)] * len(a), mpf(0))
        # ln of r_i^p with r_i = |y_i|/max, and these powers
        logs = [p * mpmath.log(v / a[top]) if v else None for v in a]
        powers = [mpf(0) if log is None else mpmath.exp(log) for log in logs]
        others = mpmath.fsum(power for i, power in enumerate(powers) if i != top)
        s, log_s = 1 + others, mpmath.log1p(others)
        z = a[top] * mpmath.exp(log_s / p)
        share = z / s
        gradient = [power * share / v if v else mpf(0) for power, v in zip(powers, signed)]
        entropy = log_s - mpmath.fsum(power * log for power, log in zip(powers, logs) if log) / s
        return Reference(z, gradient, -z / p**2 * entropy)


def errors(got: Array, true: Sequence[Any], dtype: str) -> Array:
    """How far off results are, in eps: inf where one is not finite, NaN where the true one is beyond the floats."""
    info = np.finfo(dtype)
    # Split into two floats and a power of two, true results keep 106 bits; and powers of two lose nothing.
    high, low, exponent = np.array([_split(t) for t in true]).T
    down = -exponent.astype(int)
    got = np.asarray(got, float)
    with np.errstate(over="ignore", invalid="ignore"):
        difference = np.abs(np.ldexp(got, down) - high - low)
        size = np.maximum(np.abs(high), np.ldexp(float(info.tiny), down))
        off = np.where(np.isfinite(got), np.minimum(difference / size / float(info.eps), sys.float_info.max), np.inf)
        beyond = np.ldexp(float(info.max), down) < np.abs(high)
    return np.where(beyond, np.nan, off)


def _split(true: Any) -> tuple[float, float, float]:
    """(high, low, exponent) with true = (high + low) · 2^exponent to 106 bits, and 1/2 ≤ |high| ≤ 1."""
    mantissa, exponent = true.man_exp
    bits = mantissa.bit_length()
    if not bits:
        return 0.0, 0.0, 0.0
    high, low = divmod(mantissa << 106 >> bits, 2**53)
    sign = 1 if true > 0 else -1
    return sign * math.ldexp(high, -53), sign * math.ldexp(low, -106), float(exponent + bits)
