"""Is a gradient right? Ask differences, which know nothing of the chain rule.

Two judges are heard. Differences of the loss look at every entry of every gradient; what they can see is limited by
rounding: near a perfect fit, or beside large numbers, nothing is left of a difference. The dot-test looks at each layer
by itself, with errors and directions of its own, at random: it does not say where, but it sees what the loss hides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple, TypeAlias

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


class GradientCheck(NamedTuple):
    """The report of :func:`check_gradient`. True where every gradient agrees, so that you can assert it.

    Attributes
    ----------
    comparisons : list of Comparison
        One for x and one for each parameter.
    tolerance : float
        The largest relative error that passes.
    """

    comparisons: list[Comparison]
    tolerance: float

    @property
    def worst(self) -> Comparison:
        """The comparison with the worst verdict, and of these the one with the largest error."""
        return max(self.comparisons, key=lambda c: (_order(c.verdict), c.error))

    @property
    def ok(self) -> bool:
        """Whether every gradient agrees."""
        return self.worst.verdict == "agrees"

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        return show.printable("\n".join(f"{_MARKS[c.verdict]} {c.name}: {c.reason}" for c in self.comparisons))


# From good to bad.
_MARKS = {"agrees": "ok   ", "cannot tell": "?    ", "WRONG": "WRONG"}
_order = [*_MARKS].index


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
    links = loss.functions
    loss = loss.with_parameters([theta.astype(np.float64) for theta in loss.parameters])
    bp = backprop(loss, x)
    noise = _noise([*bp.hidden, *loss.parameters], [*bp.deltas, *bp.gradients])
    compared: list[Comparison] = []
    way: list[_Finding] = []
    k = 1 + len(loss.parameters)
    for f, given, value in reversed(list(zip(loss.functions, links, bp.hidden))):
        of_x, *of_theta = _dot_tests(f, value, tolerance)
        again = given.with_parameters(given.parameters)
        if not np.array_equal(given(value), again(value), equal_nan=True):
            of_theta = [("WRONG", f"{f} is another function after with_parameters(f.parameters)")] * len(of_theta)
        k -= len(of_theta)
        tests = [(k + j, test) for j, test in enumerate(of_theta) if not np.isinf(f.parameters[j]).all()]
        compared = [_compare(bp, i, noise, tolerance, [*way, test]) for i, test in tests] + compared
        way.append(of_x)
    return GradientCheck([_compare(bp, 0, noise, tolerance, way), *compared], tolerance)


# A verdict and its reason.
_Finding: TypeAlias = tuple[Verdict, str]


def _severity(finding: _Finding) -> int:
    return _order(finding[0])


def _compare(bp: Backprop, k: int, noise: float, tolerance: float, tests: list[_Finding]) -> Comparison:
    """Judge the gradient of parameter k, or of x, by differences of the loss and by the layers it comes through."""
    loss, x = bp.function, bp.hidden[0]
    at, name = [x, *loss.parameters][k], ["x", *loss.parameter_names][k]
    gradient = [bp.deltas[0], *bp.gradients][k]
    # Entries at infinity cannot be moved: there the gradient stands for its own difference.
    slopes, sizes = _Slope(np.array(gradient), np.zeros(at.shape), np.zeros(at.shape, bool)), _sizes(at)
    for index in map(tuple, np.argwhere(np.isfinite(at)).tolist()):
        unit = np.zeros(at.shape)
        unit[index] = 1
        slope = _differentiate(_along(loss, x, k, unit, 1.0), sizes[index], 1.0, bp.loss, noise)
        slopes.value[index], slopes.error[index], slopes.kink[index] = slope
    difference, ((verdict, reason), error) = slopes.value, _judge(gradient, slopes, tolerance)
    # Where all entries are wrong by one factor, rounding alone would decide which is the worst. Of those that are
    # equally wrong, take the one that is off by most.
    off = np.where(error >= error.max() * (1 - 1e-6), np.abs(gradient - difference), -1.0)
    where = tuple(map(int, np.unravel_index(np.argmax(off), error.shape)))
    test, why = max(tests, key=_severity)
    if test == verdict == "WRONG":
        reason = f"relative error {error[where]:.1e}{f' at {list(where)}' if where else ''}\n"
        reason += f"      gradient {gradient[where]:.6g}, central difference {difference[where]:.6g}"
    elif test == "WRONG":
        verdict, reason = test, why
    elif verdict == "WRONG":
        verdict, reason = "cannot tell", why or "cannot tell: layers pass, differences disagree"
    elif verdict == "cannot tell" and test == "agrees" and not slopes.kink.any():
        verdict, reason = "agrees", f"agrees by the dot-test of each layer within {tolerance:.0e}"
    return Comparison(name, gradient, difference, float(error[where]), where, verdict, reason)


def _dot_tests(f: Function, x: Array, tolerance: float) -> Iterator[_Finding]:
    """Whether ⟨δ, J v⟩ = ⟨Jᵀ δ, v⟩ for random δ and v, J being the Jacobian of f at x for x, and for each parameter."""
    (y, pull), places = f.vjp(x), [x, *f.parameters]
    for k, at in enumerate(places):
        rng = np.random.default_rng(0)
        # No entry may cross 0, where powers are not smooth, but one that is there.
        own = np.where((at == 0) | ~np.isfinite(at), _sizes(at), np.abs(at))
        found: list[_Finding] = []
        for even in (True, True, False, False):
            # Then let small outputs, and entries with small gradients, weigh as much as large ones.
            delta = rng.normal(size=y.shape) / (1 if even else _sizes(y))
            delta_x, of_theta = pull(delta)
            gradients = [delta_x, *of_theta]
            direction = rng.normal(size=at.shape) * (own if even else 1 / _sizes(gradients[k]))
            direction = np.clip(direction / np.max(np.abs(direction) / _sizes(at)), -own, own)
            direction = np.where(np.isfinite(at), direction, 0.0)
            along = _along(f, x, k, direction, delta)
            size = 1 / float(np.max(np.abs(direction) / own, initial=0.0) or 1.0)
            noise = _noise([y, *places], [delta, *gradients]) + _roughness(along, size)
            slope = _differentiate(along, size, size, float(np.vdot(delta, y)), noise)
            expected = np.sum(gradients[k] * direction, where=direction != 0)
            found.append(_judge(expected, slope, tolerance)[0])
        verdict, why = max(reversed(found), key=_severity)
        blamed = f"pull_theta, {f.parameter_names[k - 1]}" if k else "pull_x"
        wrong = f"{f} fails the dot-test ⟨δ, J v⟩ = ⟨Jᵀ δ, v⟩: look at its {blamed}"
        yield verdict, {"agrees": "", "cannot tell": f"{why}, in {f}", "WRONG": wrong}[verdict]


def _along(f: Function, x: Array, k: int, direction: Array, delta: Any) -> Callable[[float], float]:
    """⟨δ, f⟩ where x, or parameter k, has taken a step in a direction."""
    places = [x, *f.parameters]

    def moved(step: float) -> float:
        new = [*places[:k], places[k] + step * direction, *places[k + 1 :]]
        return float(np.vdot(delta, (f.with_parameters(new[1:]) if k else f)(new[0])))

    return moved


def _judge(gradient: Any, slopes: _Slope, tolerance: float) -> tuple[_Finding, Array]:
    """What differences say, and the relative error of each entry, beyond what they may be off by themselves."""
    difference, spread, kinks = slopes.value, slopes.error, np.argwhere(slopes.kink).tolist()
    gap, size = np.abs(gradient - difference), np.maximum(np.abs(gradient), np.abs(difference))
    beyond = np.where(np.isnan(gradient), np.inf, np.maximum(gap - 3 * spread, 0))
    error = np.divide(beyond, size, out=np.array(beyond), where=(beyond > 0) & (beyond < np.inf))
    known = float(np.max(3 * spread / np.maximum(size, _SMALL * size.max())))
    unclear = ""
    if kinks:
        places = ", ".join(map(str, kinks[:3])) + (" and more" if len(kinks) > 3 else "")
        unclear = f"a kink{f' at {places}' if kinks[0] else ''}"
    elif np.isnan(spread).any():
        unclear = "differences do not settle, or are not finite"
    elif error.max() > tolerance:
        return ("WRONG", ""), error
    elif not (size > 3 * spread).any():
        unclear = "the derivative is 0 but for rounding, as a wrong one might be"
    elif known > tolerance:
        unclear = f"rounding leaves differences known to {known:.0e} only"
    if unclear:
        return ("cannot tell", f"cannot tell: {unclear}"), error
    return ("agrees", f"agrees with central differences within {tolerance:.0e}"), error


class _Slope(NamedTuple):
    """A derivative, by how much it may be off, and whether there is a kink in place of one."""

    value: Any
    error: Any
    kink: Any


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
