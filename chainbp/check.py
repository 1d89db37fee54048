"""Is a gradient right? Ask differences, which know nothing of the chain rule.

Two judges are heard. Differences of the loss look at every entry of every gradient; what they can see is limited by
rounding: near a perfect fit, or beside large numbers, nothing is left of a difference. The dot-test looks at each layer
by itself, with errors and directions of its own, at random: it does not say where, but it sees what the loss hides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from chainbp import show
from chainbp.backprop import Backprop, backprop
from chainbp.function import Function
from chainbp.wanted import Array, as_array, number

Verdict = Literal["agrees", "WRONG", "cannot tell"]

_EPS = float(np.finfo(np.float64).eps)
# Entries that are smaller than this, beside the largest of their variable, are compared with this.
_SMALL = 1e-3


class Comparison(NamedTuple):
    """One variable's gradient beside differences.

    Attributes
    ----------
    name : str
    gradient, difference : ndarray
        What backprop says and what differences of the loss say, in the variable's shape.
    error : float
        The largest relative error over the entries, beyond what rounding explains.
    where : tuple of int
        The entry with that error.
    verdict : {"agrees", "WRONG", "cannot tell"}
    reason : str
        Why.
    """

    name: str
    gradient: Array
    difference: Array
    error: float
    where: tuple[int, ...]
    verdict: Verdict
    reason: str


class GradientCheck:
    """The report of :func:`check_gradient`. True where every gradient agrees, so that you can assert it.

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
        """The comparison with the worst verdict, and of these the one with the largest error."""
        order = ["agrees", "cannot tell", "WRONG"]
        return max(self.comparisons, key=lambda c: (order.index(c.verdict), c.error))

    @property
    def ok(self) -> bool:
        """Whether every gradient agrees."""
        return self.worst.verdict == "agrees"

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        words = {"agrees": "ok   ", "WRONG": "WRONG", "cannot tell": "?    "}
        return show.printable("\n".join(f"{words[c.verdict]} {c.name}: {c.reason}" for c in self.comparisons))


@np.errstate(all="ignore")
def check_gradient(loss: Function, x: npt.ArrayLike, *, tolerance: float = 1e-6) -> GradientCheck:
    """Compare every gradient of a loss with central differences (L(θ + h) − L(θ − h)) / 2h.

    Everything is computed in float64. Each entry has its own steps h, from a sixty-fourth, or of its size if that is
    more than 1, down to where rounding takes over. There are three verdicts for each variable:

    * *agrees*: the differences are sharp enough to tell, and agree, and every layer on the way back passes the dot-test
      ⟨δ, J v⟩ = ⟨Jᵀ δ, v⟩ for random δ and v. Where rounding hides the loss's differences, the dot-tests suffice.
    * *WRONG*: a layer on the way back fails it, or loses a number when its parameters are bound again.
    * *cannot tell*, and why: the derivative is 0 but for rounding, where a wrong factor would not show; a kink, where
      there is none; numbers so large that differences are lost beside them.

    A parameter at infinity (p = inf) is left out, and so are such entries of a parameter.

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
        As :func:`backprop` does, and if x is not finite or the tolerance is not greater than 0.

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
    tolerance = number(tolerance, "check_gradient: tolerance")
    x = as_array(x, "x", "check_gradient").astype(np.float64)
    if not np.isfinite(x).all():
        raise ValueError("check_gradient: x must be finite; got inf or NaN")
    given = loss.functions
    loss = loss.with_parameters([theta.astype(np.float64) for theta in loss.parameters])
    bp = backprop(loss, x)
    noise = _noise([*bp.hidden, *loss.parameters], [*bp.deltas, *bp.gradients])
    way: list[_Finding] = []
    comparisons, k = [], len(loss.parameters)
    for f, original, value in reversed(list(zip(loss.functions, given, bp.hidden))):
        k -= len(f.parameters)
        bound = [_bound_again(original, value)] if f.parameters else []
        for j in reversed(range(len(f.parameters))):
            if not np.isinf(f.parameters[j]).all():
                tests = [*way, *bound, _dot_test(f, value, j, tolerance)]
                comparisons.append(_compare(bp, k + j, noise, tolerance, tests))
        way.append(_dot_test(f, value, None, tolerance))
    return GradientCheck([_compare(bp, None, noise, tolerance, way), *reversed(comparisons)], tolerance)


class _Finding(NamedTuple):
    """What one judge says."""

    verdict: Verdict
    reason: str = ""


def _compare(bp: Backprop, k: int | None, noise: float, tolerance: float, tests: list[_Finding]) -> Comparison:
    """Judge the gradient of parameter k, or of x, by differences of the loss and by the layers it comes through."""
    loss, x, theta = bp.function, bp.hidden[0], list(bp.function.parameters)
    name, at, gradient = ("x", x, bp.deltas[0]) if k is None else (loss.parameter_names[k], theta[k], bp.gradients[k])

    def moved(index: Any, step: float) -> float:
        value = np.array(at)
        value[index] += step
        if k is None:
            return float(loss(value))
        return float(loss.with_parameters([*theta[:k], value, *theta[k + 1 :]])(x))

    # Entries at infinity cannot be moved: there the gradient stands for its own difference.
    difference, spread, kinks, sizes = np.array(gradient), np.zeros(at.shape), [], _sizes(at)
    for index in map(tuple, np.argwhere(np.isfinite(at)).tolist()):
        slope = _differentiate(lambda step: moved(index, step), sizes[index], 1.0, bp.loss, noise)  # noqa: B023
        difference[index], spread[index] = slope.value, slope.error
        kinks += [list(index)] if slope.kink else []
    verdict, reason = _verdict(gradient, difference, spread, kinks, tolerance)
    error = _errors(gradient, difference, spread)
    # Where all entries are wrong by one factor, rounding alone would decide which is the worst. Of those that are
    # equally wrong, take the one that is off by most.
    off = np.where(error >= error.max() * (1 - 1e-6), np.abs(gradient - difference), -1.0)
    where = tuple(map(int, np.unravel_index(np.argmax(off), error.shape)))
    wrong = [test for test in tests if test.verdict == "WRONG"]
    unclear = [test for test in tests if test.verdict == "cannot tell"]
    if wrong and verdict == "WRONG":
        reason = f"relative error {error[where]:.1e}{f' at {list(where)}' if where else ''}\n"
        reason += f"      gradient {gradient[where]:.6g}, central difference {difference[where]:.6g}"
    elif wrong:
        verdict, reason = wrong[0]
    elif verdict == "WRONG":
        verdict, reason = (unclear or [_Finding("cannot tell", "cannot tell: layers pass, differences disagree")])[0]
    elif verdict == "cannot tell" and not unclear and not kinks:
        verdict, reason = "agrees", f"agrees by the dot-test of each layer within {tolerance:.0e}"
    return Comparison(name, gradient, difference, float(error[where]), where, verdict, reason)


def _bound_again(f: Function, x: Array) -> _Finding:
    """Whether f is the same function after its parameters have been bound anew."""
    again = f.with_parameters(f.parameters)
    pairs = [(f(x), again(x)), *zip(f.parameters, again.parameters)]
    if all(np.array_equal(one, other, equal_nan=True) for one, other in pairs):
        return _Finding("agrees")
    return _Finding("WRONG", f"{f} is another function after with_parameters(f.parameters)")


def _dot_test(f: Function, x: Array, k: int | None, tolerance: float) -> _Finding:
    """Whether ⟨δ, J v⟩ = ⟨Jᵀ δ, v⟩ for random δ and v, J being the Jacobian of f at x for parameter k or for x."""
    rng = np.random.default_rng(0)
    theta, name = list(f.parameters), f"pull_theta, {f.parameter_names[k]}" if k is not None else "pull_x"
    at = x if k is None else theta[k]
    # No entry may cross 0, where powers are not smooth, but one that is there.
    own = np.where((at == 0) | ~np.isfinite(at), _sizes(at), np.abs(at))
    finding = _Finding("agrees")
    for even in (True, True, False, False):
        y, pull = f.vjp(x)
        # Then let small outputs, and entries with small gradients, weigh as much as large ones.
        delta = rng.normal(size=y.shape) / (1 if even else _sizes(y))
        (delta_x, _), gradients = pull.run.back(delta)
        gradient = delta_x if k is None else gradients[k]
        direction = rng.normal(size=at.shape) * (own if even else 1 / _sizes(gradient))
        direction = np.clip(direction / np.max(np.abs(direction) / _sizes(at)), -own, own)
        direction = np.where(np.isfinite(at), direction, 0.0)

        def along(step: float) -> float:
            value = at + step * direction  # noqa: B023
            g = f if k is None else f.with_parameters([*theta[:k], value, *theta[k + 1 :]])
            return float(np.vdot(delta, g(value if k is None else x)))  # noqa: B023

        size = 1 / float(np.max(np.abs(direction) / own, initial=0.0) or 1.0)
        noise = _noise([y, x, *theta], [delta, delta_x, *gradients]) + _roughness(along, size)
        slope = _differentiate(along, size, size, float(np.vdot(delta, y)), noise)
        expected = np.sum(gradient * direction, where=direction != 0)
        found = _verdict(expected, np.array(slope.value), np.array(slope.error), [[]] if slope.kink else [], tolerance)
        if found.verdict == "WRONG":
            return _Finding("WRONG", f"{f} fails the dot-test ⟨δ, J v⟩ = ⟨Jᵀ δ, v⟩: look at its {name}")
        if found.verdict == "cannot tell":
            finding = _Finding("cannot tell", f"{found.reason}, in {f}")
    return finding


def _errors(gradient: Any, difference: Array, spread: Array) -> Array:
    """The relative error of each entry, beyond three times what differences may be off by; inf for a NaN."""
    gap, size = np.abs(gradient - difference), np.maximum(np.abs(gradient), np.abs(difference))
    beyond = np.where(np.isnan(gradient), np.inf, np.maximum(gap - 3 * spread, 0))
    return np.asarray(np.divide(beyond, size, out=np.array(beyond), where=(beyond > 0) & (beyond < np.inf)))


def _verdict(gradient: Any, difference: Array, spread: Array, kinks: list[Any], tolerance: float) -> _Finding:
    """What differences say of a gradient when they may be off by `spread`."""
    if kinks:
        places = ", ".join(map(str, kinks[:3])) + (" and more" if len(kinks) > 3 else "")
        return _Finding("cannot tell", f"cannot tell: a kink{f' at {places}' if kinks[0] else ''}")
    if np.isnan(spread).any():
        return _Finding("cannot tell", "cannot tell: differences do not settle, or are not finite")
    if _errors(gradient, difference, spread).max() > tolerance:
        return _Finding("WRONG")
    size = np.maximum(np.abs(gradient), np.abs(difference))
    if not (size > 3 * spread).any():
        return _Finding("cannot tell", "cannot tell: the derivative is 0 but for rounding, as a wrong one might be")
    known = float(np.max(3 * spread / np.maximum(size, _SMALL * size.max())))
    if known > tolerance:
        return _Finding("cannot tell", f"cannot tell: rounding leaves differences known to {known:.0e} only")
    return _Finding("agrees", f"agrees with central differences within {tolerance:.0e}")


class _Slope(NamedTuple):
    """A derivative, by how much it may be off, and whether there is a kink in place of one."""

    value: float
    error: float
    kink: bool


def _differentiate(f: Callable[[float], float], size: float, reach: float, value: float, noise: float) -> _Slope:
    """The derivative of f at 0, where f(0) is `value` and known to `noise`; `size` and `reach` measure steps.

    Ever shorter steps h, each half of the one before. The error of a central difference goes as h², so two of them
    give a better one, whose error goes as h⁴; what three of those differ by tells how good they are, until rounding
    takes over. A step that leaves the domain of f, as p − h < 0 does, is left out.
    """
    best = _Slope(np.nan, np.nan, False)
    central, better, change, bend = np.nan, np.nan, np.nan, np.nan
    h = max(size, reach) / 64
    while h > 1e-11 * size and not best.error <= 1e-9 * abs(best.value):
        try:
            up, down = f(h), f(-h)
        except ValueError:
            up = down = np.nan
        now, bend_now = (up - down) / (2 * h), abs(up - 2 * value + down) / h
        better_now = (4 * now - central) / 3
        # Rounding of f, of its values away from 0, and of where they are taken.
        rounding = (noise + _EPS * (max(abs(up), abs(down)) + 16 * size * (abs(now) + bend_now))) / h
        change_now = abs(better_now - better)
        error = max(change_now, change) + rounding
        settles = change_now <= max(0.75 * change, 10 * rounding)
        if settles and not best.error <= error:
            # What a smooth function bends within h shrinks with h, what rounding does grows; a kink stays.
            kink = bend_now > max(100 * rounding, 1e-6 * abs(now), 10 * error) and 0.9 * bend < bend_now < 1.5 * bend
            best = _Slope(better_now, error, bool(kink))
        elif rounding > best.error or (up == value == down and best.error >= 0):
            break
        central, better, change, bend = now, better_now, change_now, bend_now
        h /= 2
    return best


def _roughness(f: Callable[[float], float], size: float) -> float:
    """How far values of f near 0 are from a smooth curve: of a layer that computes with fewer digits, far."""
    try:
        return float(np.abs(np.diff([f(3e-7 * size * i) for i in range(8)], 3)).max())
    except ValueError:
        return 0.0


def _noise(values: list[Array], errors: list[Array]) -> float:
    """How far rounding in every variable h moves a loss: eps δ_h h, by chance up or down, of each."""
    products = (np.where(np.isfinite(value), value, 0) * error for value, error in zip(values, errors))
    return _EPS * float(np.sqrt(sum(np.square(product).sum(where=np.isfinite(product)) for product in products)))


def _sizes(at: Array) -> Array:
    """The size of each entry; of tiny ones, and infinite ones, a part of the largest; 1 where all are 0."""
    finite = np.where(np.isfinite(at), np.abs(at), 0.0)
    return np.maximum(finite, 1e-3 * finite.max(initial=0.0) or 1.0)
