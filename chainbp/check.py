"""Is a gradient right? Ask central differences, which know nothing of the chain rule."""

from __future__ import annotations

from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chainbp.backprop import backprop
from chainbp.function import Function
from chainbp.wanted import Array, as_array


class Comparison(NamedTuple):
    """One variable's gradient beside its central differences.

    Attributes
    ----------
    name : str
    gradient, difference : ndarray
        What backprop says and what central differences say, in the variable's shape.
    error : float
        The largest relative error over the entries.
    where : tuple of int
        The entry with that error.
    """

    name: str
    gradient: Array
    difference: Array
    error: float
    where: tuple[int, ...]


class GradientCheck:
    """The report of :func:`check_gradient`. True where every gradient passed, so that you can assert it.

    Attributes
    ----------
    comparisons : list of Comparison
        One for x and one for each parameter.
    tolerance : float
        The largest relative error that passes.
    """

    def __init__(self, comparisons: list[Comparison], tolerance: float) -> None:
        self.comparisons = comparisons
        self.tolerance = tolerance

    @property
    def worst(self) -> Comparison:
        """The comparison with the largest error."""
        return max(self.comparisons, key=lambda c: c.error)

    @property
    def ok(self) -> bool:
        """Whether every error is within the tolerance."""
        return self.worst.error <= self.tolerance

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        lines = [f"{'ok   ' if c.error <= self.tolerance else 'WRONG'} {self._line(c)}" for c in self.comparisons]
        return "\n".join(lines)

    def _line(self, c: Comparison) -> str:
        if c.error <= self.tolerance:
            return f"{c.name}: agrees with central differences within {self.tolerance:.0e}"
        at = f" at {list(c.where)}" if c.where else ""
        return (
            f"{c.name}: relative error {c.error:.1e}{at}\n"
            f"      gradient {c.gradient[c.where]:.6g}, central difference {c.difference[c.where]:.6g}"
        )


def check_gradient(loss: Function, x: npt.ArrayLike, *, tolerance: float = 1e-6) -> GradientCheck:
    """Compare every gradient of a loss with central differences (L(θ + h) − L(θ − h)) / 2h.

    Everything is computed in float64. For each entry, h is 6e-6 times the largest entry of its variable, or as much
    shorter as the curvature there or the domain of the loss asks for, such as p − h > 0. A disagreement that central
    differences cannot resolve, about 1e-10 of L for a variable near 1, does not count. Where the loss has a kink, as Lp
    pooling has at y_i = 0 for p ≤ 1, the comparison means nothing. A parameter at infinity (p = inf) is left out, and
    so are such entries of a parameter.

    Parameters
    ----------
    loss : Function
        A function that gives one number.
    x : array_like
        The input at which to check: (M,) or (M, K).
    tolerance : float, optional
        The largest relative error of an entry that passes.

    Returns
    -------
    GradientCheck
        Prints as a report; `.ok`, `.worst` and `.comparisons` tell the rest.

    Raises
    ------
    TypeError, ValueError
        As :func:`backprop` does, and if x is not finite, the tolerance is not greater than 0, a gradient has not the
        shape of its variable, or the loss refuses every step from an entry.

    Examples
    --------
    >>> from chainbp import check_gradient, eta, rho, squared_error
    >>> check_gradient(squared_error[1.0] @ eta[3] @ rho[[[1.0, -2.0], [0.5, 1.0]]], [1.0, 1.0])
    ok    x: agrees with central differences within 1e-06
    ok    W: agrees with central differences within 1e-06
    ok    p: agrees with central differences within 1e-06
    """
    if not isinstance(loss, Function):
        raise TypeError(f"check_gradient needs a chainbp Function that gives the loss; got {type(loss).__name__}")
    if not isinstance(tolerance, Real):
        raise TypeError(f"check_gradient: the tolerance must be a number; got {tolerance!r}")
    if not tolerance > 0:
        raise ValueError(f"check_gradient: the tolerance must be greater than 0; got {tolerance}")
    x = as_array(x, "x", "check_gradient").astype(np.float64)
    if not np.isfinite(x).all():
        raise ValueError("check_gradient: x must be finite; got inf or NaN")
    theta = [np.array(parameter, dtype=np.float64) for parameter in loss.parameters]
    loss = loss.with_parameters(theta)
    bp = backprop(loss, x)
    comparisons = [_compare("x", bp.deltas[0], x, lambda x: loss(x), bp.loss)]
    for i, (name, gradient) in enumerate(zip(loss.parameter_names, bp.gradients)):
        if np.isinf(theta[i]).all():
            continue

        def shifted(value: Array, i: int = i) -> Any:
            return loss.with_parameters([*theta[:i], value, *theta[i + 1 :]])(x)

        comparisons.append(_compare(name, gradient, theta[i], shifted, bp.loss))
    return GradientCheck(comparisons, tolerance)


def _compare(name: str, gradient: Any, at: Array, loss: Any, value: float) -> Comparison:
    gradient = np.asarray(gradient)
    if gradient.shape != at.shape:
        raise ValueError(f"check_gradient: the gradient of {name} must have shape {at.shape}; got {gradient.shape}")
    # Entries at infinity cannot be moved: there the gradient stands for its own difference.
    finite = np.isfinite(at)
    difference = np.array(gradient, dtype=np.float64)
    eps = float(np.finfo(np.float64).eps)
    largest = float(np.max(np.abs(at), initial=0.0, where=finite))
    rounding = np.zeros(at.shape)
    for index in zip(*np.nonzero(finite)) if at.ndim else [()]:
        difference[index], rounding[index] = _central(loss, at, index, largest or 1.0, eps * abs(value))
    # An entry so small that rounding shows in its difference is measured against 3e6 times that, so that rounding alone
    # is an error of 3e-7.
    scale = np.maximum(np.maximum(np.abs(gradient), np.abs(difference)), 3e6 * rounding)
    gap = np.abs(gradient - difference)
    error = np.divide(gap, scale, out=np.where(gap == 0, 0.0, np.inf), where=scale > 0)
    error = np.where(np.isnan(error), np.inf, error)
    # Where all entries are wrong by one factor, rounding alone would decide which is the worst. Of those that are
    # equally wrong, take the one that is off by most.
    equally = error >= error.max() * (1 - 1e-6)
    worst = np.argmax(np.where(equally, gap, -1.0))
    where = tuple(int(i) for i in np.unravel_index(worst, error.shape)) if error.ndim else ()
    return Comparison(name, gradient, difference, float(error[where]), where)


def _central(loss: Any, at: Array, index: Any, largest: float, noise: float) -> tuple[float, float]:
    """The central difference at one entry, and how far rounding moves it, where L is known to `noise`.

    A step in proportion to a tiny entry may drown in rounding, one in proportion to the largest may be far too long. So
    begin long, divide by 8, and keep the step with the smallest error, as far as differences alone can tell.
    """
    h = 8 * np.cbrt(np.finfo(np.float64).eps) * largest
    best, difference, rounding = np.inf, np.nan, np.nan
    before, refusal = np.nan, None
    while h > 1e-9 * abs(at[index]) and noise / h < best:
        up, down = at.copy(), at.copy()
        up[index] += h
        down[index] -= h
        try:
            now = (float(loss(up)) - float(loss(down))) / float(up[index] - down[index])
        except ValueError as error:  # the step leaves the domain, as p − h < 0 does
            now, refusal = np.nan, error
        # Truncation goes as h²: with 8h it was 64 times what it is now.
        error_now = abs(now - before) / 63 + noise / h
        if error_now < best:
            best, difference, rounding = error_now, now, noise / h
        elif best < 0.01 * abs(difference):  # it had settled, and shorter steps only add rounding, whatever its size
            break
        before, h = now, h / 8
    if refusal and np.isnan(difference):
        raise refusal
    return difference, rounding
