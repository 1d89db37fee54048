"""What is right about Lp pooling: the true values by mpmath, random windows to try them on, and the edge cases.

Tests and benchmarks judge by this alone.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import mpmath
import numpy as np
from mpmath import mpf
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.harness import Array

# Nothing cancels in `reference`, so that these bits are enough for every p.
BITS = 128


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
        gradient = [power * z / s / v if v else mpf(0) for power, v in zip(powers, signed)]
        entropy = log_s - mpmath.fsum(power * log for power, log in zip(powers, logs) if log) / s
        return Reference(z, gradient, -z / p**2 * entropy)


def error(got: float, true: Any, dtype: str, scale: Any = 0) -> float:
    """How far off a result is, in eps of the true one, below the smallest normal number in steps of the floats.

    A true result below eps times its scale is negligible: then the error is counted in eps of the scale. Inf where the
    result is not finite, NaN where the true one is beyond the floats.
    """
    info = np.finfo(dtype)
    eps, tiny, largest = (mpf(float(v)) for v in (info.eps, info.tiny, info.max))
    with mpmath.workprec(BITS):
        if abs(true) > largest:
            return math.nan
        if not math.isfinite(got):
            return math.inf
        size = abs(true) if abs(true) >= eps * scale else scale
        return float(min(abs(mpf(got) - true) / max(size, tiny) / eps, sys.float_info.max))


def errors(got: Iterable[Any], true: Reference, p: float, dtype: str) -> Array:
    """The errors of z, ∂z/∂p and each ∂z/∂y: ∂z/∂p is z/p² times an entropy, and ∂z/∂y a power of r_i."""
    parts = [(true.z, 0), (true.slope, true.z / mpf(p) ** 2), *((slope, 1) for slope in true.gradient)]
    return np.array([error(float(g), t, dtype, scale) for g, (t, scale) in zip(got, parts, strict=True)])


# ---- random windows ----

# Exponents of ten that entries may have; above, room is left for z and ∂z/∂p, which may be larger than the entries.
LIMITS = {"float64": (-300, 300), "float32": (-37, 32)}
SCALES = {"float64": (-299, 299), "float32": (-36, 31)}
# From the smallest number to a hundred times the smallest normal one.
SUBNORMAL = {"float64": (-323.3, -305.7), "float32": (-44.8, -35.9)}
P_RANGE = (0.3, 300.0)
# Height and width of a window.
SIZES = ((1, 1), (1, 2), (2, 1), (1, 3), (2, 2), (2, 2), (1, 5), (2, 3), (1, 7), (2, 4), (3, 3), (4, 4))
OVERLAPPING = 0.25


def _sizes(rng: np.random.Generator, shape: tuple[int, ...], low: float, high: float) -> Array:
    """Numbers of either sign, with the logarithm of the size uniform."""
    return rng.choice([-1.0, 1.0], shape) * 10.0 ** rng.uniform(low, high, shape)


KINDS: dict[str, Callable[[np.random.Generator, tuple[int, ...], str], Array]] = {
    "alike": lambda rng, shape, dtype: _sizes(rng, shape, -1, 1),
    "apart": lambda rng, shape, dtype: _sizes(rng, shape, -6, 6),
    "anywhere": lambda rng, shape, dtype: _sizes(rng, shape, *LIMITS[dtype]),
    "scaled": lambda rng, shape, dtype: _sizes(rng, shape, -1, 1) * 10.0 ** rng.uniform(*SCALES[dtype]),
    "ties": lambda rng, shape, dtype: _sizes(rng, shape, 0, 0) * 10.0 ** rng.uniform(-6, 6),
    "near ties": lambda rng, shape, dtype: (
        KINDS["ties"](rng, shape, dtype) * (1 - 10.0 ** rng.uniform(-17, -1, shape))
    ),
    "zeros inside": lambda rng, shape, dtype: _sizes(rng, shape, -6, 6) * (rng.random(shape) < 0.5),
    "after ReLU": lambda rng, shape, dtype: np.maximum(rng.standard_normal(shape), 0),
    "subnormal": lambda rng, shape, dtype: _sizes(rng, shape, *SUBNORMAL[dtype]),
}


class Block(NamedTuple):
    """An image of sixteen windows of one kind, or of all kinds mixed, with one p."""

    image: Array
    p: float
    size: tuple[int, int]
    stride: tuple[int, int]
    kinds: list[str]

    def windows(self, image: Array) -> Array:
        """The windows of an image like this one, in the order of the pooled image, one in each row."""
        views = sliding_window_view(image, self.size)[:: self.stride[0], :: self.stride[1]]
        return views.reshape(-1, self.size[0] * self.size[1])


def blocks(cases: int, rng: np.random.Generator, dtype: str) -> Iterator[Block]:
    """Images with `cases` windows in all, or a few more."""
    for _ in range(0, cases, 16):
        size = SIZES[rng.integers(len(SIZES))]
        p = math.exp(rng.uniform(*np.log(P_RANGE)))
        # Where p is whole, or a half, a program may take another way.
        if rng.random() < 0.3:
            p = max(0.5, round(2 * p) / 2)
        kinds = rng.choice([*KINDS], 16).tolist()
        overlap = rng.random() < OVERLAPPING and max(size) > 1
        if overlap or rng.random() < 0.5:
            kinds = kinds[:1] * 16
        if overlap:
            stride = (max(1, size[0] - 1), max(1, size[1] - 1))
            image = KINDS[kinds[0]](rng, (3 * stride[0] + size[0], 3 * stride[1] + size[1]), dtype)
        else:
            stride = size
            image = np.block([[KINDS[kind](rng, size, dtype) for kind in kinds[i : i + 4]] for i in (0, 4, 8, 12)])
        yield Block(image.astype(dtype), p, size, stride, kinds)


# ---- edge cases ----

INF = float("inf")


class Edge(NamedTuple):
    """A window and an order, and what kind of edge they are at."""

    about: str
    y: list[float]
    p: float
    dtype: str = "float64"


# What came to mind, and no sample: counts of failures are no rates. A kind stands for one cause, as far as can be.
EDGES = [
    Edge(about, y, p, dtype)
    for about, dtype, cases in (
        ("a window of zeros", "float64", [([0.0, 0.0, 0.0], p) for p in (0.5, 1, 1.5, 2, 3, 60, INF)]),
        ("a zero inside", "float64", [([0.0, 2.0, 1.0], p) for p in (0.5, 1, 1.5, 3, INF)]),
        ("negative entries", "float64", [([-1.0, 2.0, -3.0, 1.0], p) for p in (1, 2, 2.5, 3, 10)]),
        ("negative entries", "float64", [([-2.0], 1), ([-2.0], 3)]),
        ("powers too large", "float64", [([10.0] * 3, 200), ([10.0] * 3, 1000), ([1.0, 2.0], 1e6)]),
        ("powers too large", "float64", [([1e200, -5e199], 3), ([1e300, 1e300], 2)]),
        ("powers too large", "float64", [([1.7e308], 2), ([1.7e308, 1.0], 1000)]),
        ("powers too large", "float32", [([10.0] * 3, 50), ([10.0] * 3, 200), ([1e30, -1e30], 2), ([1e10, -1e9], 10)]),
        ("powers too small", "float64", [([0.1] * 3, 200), ([0.1] * 3, 1000), ([1e-200, -5e-201], 3)]),
        ("powers too small", "float64", [([3e-310, -4e-310], 2), ([5e-324], 3)]),
        ("powers too small", "float32", [([0.1] * 3, 50), ([0.1] * 3, 200), ([1e-30, -1e-30], 2)]),
        ("powers too small", "float32", [([1e-10, -1e-9], 10), ([3e-41, -4e-41], 2)]),
        ("entries far apart", "float64", [([1.0, 1e-200], 2), ([1e-200, 1e200], 0.5)]),
        ("p = ∞", "float64", [([2.0, -2.0, 1.0], INF), ([-3.0, 1.0], INF)]),
        ("small p", "float64", [([3.0, 4.0], 0.3), ([3.0, 4.0], 0.05)]),
        ("small p", "float32", [([1.0] * 9, 0.05)]),
    )
    for y, p in cases
]
TOLERANCE = {"float64": 1e-6, "float32": 1e-3}


def fails(case: Edge, z: Any, gradient: Any) -> bool:
    """Whether a pooling's z or a derivative is NaN, or off by more than TOLERANCE although the true one is normal.

    Where there is no derivative (at a zero for p ≤ 1, in a window of zeros, among ties at p = ∞) all but NaN passes.
    """
    y = np.array(case.y, case.dtype)
    top = np.abs(y) == np.abs(y).max()
    if np.isinf(case.p):
        true = [np.abs(y).max(), *(np.sign(y) * top)]
        known = [True, *(~top | (top.sum() == 1))]
    else:
        z_true, slopes, _ = reference(y, case.p)
        true = [z_true, *slopes]
        known = [True, *((z_true > 0) & ((case.p > 1) | (y != 0)))]
    got, expected = np.array([z, *np.ravel(gradient)], float), np.array(true, float)
    near = np.maximum(TOLERANCE[case.dtype] * np.abs(expected), np.finfo(case.dtype).tiny)
    return bool((np.isnan(got) | known & ~(np.abs(got - expected) <= near)).any())
