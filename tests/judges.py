"""Judges that know nothing of the chain rule: plain formulas, steps into the complex plane, differences, mpmath."""

from __future__ import annotations

from functools import partial

import mpmath
import numpy as np

EPS = float(np.finfo(float).eps)


def logistic(x):
    """(1), also of complex numbers."""
    return 1 / (1 + np.exp(-x))


# ---- derivatives ----


def complex_step(f, at, h=1e-30):
    """The Jacobian (8) of an analytic f, to machine precision; `at` may have any shape, its entries come out flat."""
    columns = []
    for index in np.ndindex(np.shape(at)):
        moved = np.array(at, dtype=complex)
        moved[index] += 1j * h
        columns.append(np.ravel(f(moved)).imag / h)
    return np.stack(columns, axis=1)


def complex_gradient(f, at):
    """The gradient of an analytic f that gives one number, in the shape of `at`."""
    return complex_step(f, at)[0].reshape(np.shape(at))


def differences(f, at, h=1e-6):
    """The Jacobian (8) of any f by central differences: one column for each entry of `at`."""
    at = np.asarray(at, dtype=float)
    columns = []
    for index in np.ndindex(at.shape):
        step = np.zeros_like(at)
        step[index] = h * max(1.0, abs(at[index]))
        columns.append(np.ravel(np.asarray(f(at + step)) - np.asarray(f(at - step))) / (2 * step[index]))
    return np.stack(columns, axis=1)


def exact_slope(f, at):
    """The derivative of f, a function in mpmath's numbers, by central differences in 60 digits."""
    with mpmath.workdps(60):
        at, h = mpmath.mpf(float(at)), mpmath.mpf("1e-25")
        return float((f(at + h) - f(at - h)) / (2 * h))


def exact_gradient(f, y):
    """The gradient of f, a function of a list of mpmath's numbers, in the same way."""

    def along(i, v):
        return f([*map(mpmath.mpf, y[:i]), v, *map(mpmath.mpf, y[i + 1 :])])

    return np.array([exact_slope(partial(along, i), v) for i, v in enumerate(map(float, y))])


# ---- Lp pooling ----


def windows(count=10, size=5, seed=0):
    """Random windows with both signs, no entry near zero."""
    rng = np.random.default_rng(seed)
    return rng.choice([-1, 1], size=(count, size)) * rng.uniform(0.1, 3, size=(count, size))


def lp_norm(p, y):
    """(32) word for word, at mpmath's precision."""
    p = mpmath.mpf(p)
    return mpmath.fsum(abs(mpmath.mpf(v)) ** p for v in y) ** (1 / p)


def exact_norm(p, y):
    """(32) in 60 digits."""
    with mpmath.workdps(60):
        return float(lp_norm(p, map(float, np.ravel(y))))


def shares(y, p):
    return np.abs(y) ** p / np.sum(np.abs(y) ** p)


def entropy(w):
    return -sum(v * np.log(v) for v in w if v > 0)


def lp_reference(y, p, digits=60):
    """z, ∂z/∂y and ∂z/∂p as (32), (33) and the paper's logarithmic derivative have them, for p < ∞, with mpmath."""
    with mpmath.workdps(digits):
        p = mpmath.mpf(float(p))
        a = [abs(mpmath.mpf(float(v))) for v in y]
        s = mpmath.fsum(v**p for v in a if v)
        z = s ** (1 / p)
        slopes = [s ** (1 / p - 1) * v ** (p - 1) if v else mpmath.mpf(0) for v in a]
        gradient = [-slope if v < 0 else slope for v, slope in zip(y, slopes)]
        weights = [v**p / s for v in a]
        return z, gradient, z / p**2 * mpmath.fsum(w * mpmath.log(w) for w in weights if w)
