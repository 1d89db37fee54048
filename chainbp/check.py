"""Is a gradient right? Ask differences, which know nothing of the chain rule.

Each layer is asked by itself, from the loss back to the data: it gives the columns of its Jacobian by differences, one
for each number that it depends on. Weighed by an error at random, they judge the layer's pulls, and no large residual,
and no perfect fit, hides anything. Weighed by what differences said of the layers behind, they are the gradients of the
loss, as one would find them without any pull. So the cost grows with the numbers of a chain, not with their square.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from chainbp import show
from chainbp.backprop import backprop
from chainbp.function import Function
from chainbp.wanted import Array, ArrayLike, alike, as_array, number

Verdict = Literal["agrees", "WRONG", "cannot tell"]
# A verdict and its reason.
_Finding: TypeAlias = tuple[Verdict, str]

_EPS, _LEAST = float(np.finfo(np.float64).eps), float(np.finfo(np.float64).smallest_subnormal)
# Entries that are smaller than this, beside the largest of their variable, are compared with this.
_SMALL = 1e-3
# A part of a step that no wave can fit which fits the steps themselves.
_ODD = 0.7391


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
    verdict : str
        ``"agrees"``, ``"WRONG"`` or ``"cannot tell"``.
    reason : str
        Why this verdict.
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
def check_gradient(loss: Function, x: ArrayLike, *, tolerance: float = 1e-6) -> GradientCheck:
    """Compare every gradient of a loss with central differences (f(θ + h) − f(θ − h)) / 2h of each layer f.

    Everything is computed in float64. Each entry has its own steps h, from a sixteenth of its size (of 1, where that is
    less) down to where rounding takes over. There are three verdicts for each variable:

    * *agrees*: every layer on the way back passes the dot-test ⟨δ, J v⟩ = ⟨Jᵀ δ, v⟩ for a random δ and each v = e_i,
      the differences being sharp enough to tell, and so does the gradient of the loss, where rounding does not hide it.
    * *WRONG*: a layer on the way back fails it, or loses a number when its parameters are bound again.
    * *cannot tell*, and why: the derivative is 0 but for rounding, where a wrong factor would not show; a kink, where
      there is none; numbers so large that differences are lost beside them; an entry that is tiny beside steps; a gap
      that rounding inside a layer may hide, as that of 1 + exp(x) does.

    An entry of a layer's Jacobian that is smaller than a billionth of the others is not told from 0.
    A parameter at infinity (p = inf) is left out, and so are such entries of a parameter.

    Parameters
    ----------
    loss : Function
        A function that gives one number.
    x : array_like
        The input at which to check: a sample (M,), a batch (M, K) or images (N, C, H, W).
    tolerance : float, optional
        The largest relative error of an entry that passes.

    Returns
    -------
    GradientCheck
        Prints as a report; `.ok`, `.worst` and `.comparisons` tell the rest.

    Raises
    ------
    TypeError, ValueError
        As :func:`backprop` does, and if x is empty or not finite or the tolerance is not greater than 0.

    Examples
    --------
    >>> from chainbp import check_gradient, eta, rho, squared_error
    >>> loss = squared_error[1.0] @ eta[3] @ rho[[[1.0, -2.0], [0.5, 1.0]]]
    >>> check_gradient(loss, [1.0, 1.0])
    ok    x: agrees with central differences within 1e-06
    ok    W: agrees with central differences within 1e-06
    ok    p: agrees with central differences within 1e-06
    """
    if not isinstance(loss, Function):
        raise TypeError(f"check_gradient needs a chainbp Function that gives the loss; got {type(loss).__name__}")
    tolerance = number(tolerance, "check_gradient: tolerance")
    x = as_array(x, "x", "check_gradient").astype(np.float64)
    if not np.isfinite(x).all() or x.size == 0:
        got = "inf or NaN" if x.size else f"shape {x.shape}"
        raise ValueError(f"check_gradient: x must be finite numbers, one at least; got {got}")
    links, loss = loss.functions, loss.with_parameters([theta.astype(np.float64) for theta in loss.parameters])
    bp = backprop(loss, x)
    named = [*zip(loss.parameter_names, bp.gradients)]
    compared: list[Comparison] = []
    # What the layers behind have told: the error, by differences alone, and whether their pulls can be trusted.
    delta, way = _Slopes(np.ones(()), np.zeros(()), np.zeros((), bool)), list[_Finding]()
    for f, given, h, who in reversed([*zip(loss.functions, links, bp.hidden, show.texts(links))]):
        told, found = _ask(f, h, delta, tolerance, who)
        y, again = given(h), given.with_parameters(given.parameters)
        if not all(alike(y, given(h)) for _ in range(8)):  # once, numbers drawn at random may be alike by chance
            found = [("cannot tell", f"cannot tell: {who} gives other values when it is asked again")] * len(found)
        elif not alike(y, again(h)):
            found[1:] = [("WRONG", f"{who} is another function after with_parameters(f.parameters)")] * len(found[1:])
        for theta, slopes, finding in reversed([*zip(f.parameters, told[1:], found[1:])]):
            name, gradient = named.pop()
            if not np.isinf(theta).all():
                compared.append(_compare(name, gradient, slopes, [*way, finding], tolerance))
        delta, way = told[0], [*way, found[0]]
    compared.append(_compare("x", bp.deltas[0], delta, way, tolerance))
    return GradientCheck(compared[::-1], tolerance)


class _Slopes(NamedTuple):
    """Derivatives, by how much each may be off, whether a kink is there, and what gap is no proof against them."""

    value: Any
    error: Any
    kink: Any
    doubt: Any = 0.0


def _ask(f: Function, x: Array, behind: _Slopes, tolerance: float, who: str) -> tuple[list[_Slopes], list[_Finding]]:
    """For x, and for each parameter of a layer: the slopes of the loss, and whether the pull passes the dot-test."""
    y, pull = f.vjp(x)
    rng = np.random.default_rng(0)
    # Outputs of all sizes shall be heard.
    delta = rng.choice([-1, 1], y.shape) * rng.uniform(1, 2, y.shape) / _sizes(y)
    weights = np.stack([delta.ravel(), behind.value.ravel()])
    unsure = np.stack([np.zeros(y.size), behind.error.ravel()])
    back = pull(delta)
    scale = max(1.0, np.abs(x).max(), np.abs(y).max())
    places, slopes, found = [x, *f.parameters], list[_Slopes](), list[_Finding]()
    for k, (at, gradient) in enumerate(zip(places, [back[0], *back[1]])):

        def moved(step: Array, k: int = k) -> Array:
            new = [*places[:k], places[k] + step, *places[k + 1 :]]
            try:
                return np.ravel((f.with_parameters(new[1:]) if k else f)(new[0]))
            except ValueError:  # a step that leaves the domain of f, as p − h < 0 does, tells nothing
                return np.full(y.size, np.nan)

        noise, sizes = _roughness(moved, at) * _sizes(y).ravel(), _sizes(at)
        # Entries at infinity cannot be moved: there the gradient stands for its own difference.
        spread, doubt = np.zeros((2, 2, *at.shape))
        told = _Slopes(np.stack([gradient, 0 * gradient]), spread, np.zeros(at.shape, bool), doubt)
        for i in map(tuple, np.argwhere(np.isfinite(at)).tolist()):
            unit = np.zeros(at.shape)
            unit[i] = 1.0
            (column, error, kink, _), steps, eps = _differentiate(moved, unit, sizes[i], y.ravel(), noise)
            # An unknown error is of no account at an output that does not move.
            known = (column != 0) | np.isfinite(unsure)
            heard, off = np.where(known, weights, 0.0), np.where(known, unsure, 0.0)
            told.value[:, *i] = heard @ column
            told.error[:, *i] = abs(heard) @ (error + 4 * _EPS * abs(column)) + off @ abs(column)
            told.kink[i] = kink.any()
            # Steps across 0 may tell nothing of an entry that is much nearer to it; and what a layer rounds inside, as
            # 1 + exp(x) does, its values may not show.
            told.doubt[:, *i] = abs(heard) @ (100 * scale * eps / steps)
            if 0 < abs(at[i]) < min(sizes[i], steps[column != 0].max(initial=0.0)):
                told.doubt[:, *i] = np.inf
        of_delta, of_loss = [_Slopes(told.value[row], told.error[row], told.kink, told.doubt[row]) for row in (0, 1)]
        (verdict, why), *_ = _judge(gradient, of_delta, tolerance)
        blamed = f"pull_theta, {f.parameter_names[k - 1]}" if k else "pull_x"
        wrong = f"{who} fails the dot-test: look at its {blamed}"
        slopes.append(of_loss)
        found.append((verdict, wrong if verdict == "WRONG" else f"{why}, in {who}"))
    # After all these runs of f, as after those of the same f elsewhere in a chain.
    if not alike(back, pull(delta)):
        found = [("WRONG", f"{who} sends another error back when it is asked again, after other runs")] * len(found)
    return slopes, found


def _compare(name: str, gradient: Array, slopes: _Slopes, way: list[_Finding], tolerance: float) -> Comparison:
    """The verdict on a gradient of the loss, after that on each layer that it comes through."""
    (seen, why), error, where = _judge(gradient, slopes, tolerance)
    verdict, reason = max(reversed(way), key=lambda finding: _order(finding[0]))
    if verdict == seen != "cannot tell":
        reason = why if seen == "agrees" else f"{why}\n      {reason}"
    elif verdict == "agrees" and seen == "WRONG":
        verdict, reason = "cannot tell", "cannot tell: layers pass, differences of the loss disagree"
    elif verdict == "agrees":
        reason = f"agrees by the dot-test of each layer within {tolerance:.0e}"
    return Comparison(name, gradient, slopes.value, error, where, verdict, reason)


def _judge(gradient: Any, slopes: _Slopes, tolerance: float) -> tuple[_Finding, float, tuple[int, ...]]:
    """What differences say; the largest relative error, beyond what they may be off by themselves; and where it is."""
    difference, spread, kinks = slopes.value, slopes.error, np.argwhere(slopes.kink).tolist()
    gap, size = np.abs(gradient - difference), np.maximum(np.abs(gradient), np.abs(difference))
    beyond = np.where(np.isnan(gradient), np.inf, np.maximum(gap - 3 * spread, 0))
    errors = np.divide(beyond, size, out=np.array(beyond), where=(beyond > 0) & (beyond < np.inf))
    unseen = (gap <= slopes.doubt) & (errors > tolerance)
    errors = np.where(unseen, 0.0, errors)
    # Where all entries are wrong by one factor, rounding alone would decide which is the worst. Of those that are
    # equally wrong, take the one that is off by most.
    off = np.where(errors >= errors.max() * (1 - 1e-6), gap, -1.0)
    where = tuple(map(int, np.unravel_index(np.argmax(off), errors.shape)))
    error = float(errors[where])
    known = float(np.max(3 * spread / np.maximum(size, _SMALL * size.max())))
    if kinks:
        places = ", ".join(map(str, kinks[:3])) + (" and more" if len(kinks) > 3 else "")
        unclear = f"a kink{f' at {places}' if kinks[0] else ''}"
    elif np.isnan(spread).any():
        unclear = "differences do not settle, or are not finite"
    elif error > tolerance:
        wrong = f"relative error {error:.1e}{f' at {list(where)}' if where else ''}\n"
        wrong += f"      gradient {gradient[where]:.6g}, central difference {difference[where]:.6g}"
        return ("WRONG", wrong), error, where
    elif unseen.any():
        by = "by what rounding in a layer may hide", "at an entry that is tiny beside their steps"
        unclear = f"differences disagree {by[int(np.isinf(slopes.doubt[unseen]).any())]}"
    elif not (size > 3 * spread).any():
        unclear = "the derivative is 0 but for rounding, as a wrong one might be"
    elif known > tolerance:
        unclear = f"rounding leaves differences known to {known:.0e} only"
    else:
        return ("agrees", f"agrees with central differences within {tolerance:.0e}"), error, where
    return ("cannot tell", f"cannot tell: {unclear}"), error, where


def _differentiate(
    f: Callable[[Array], Array], unit: Array, size: float, value: Array, noise: Array
) -> tuple[_Slopes, Array, float]:
    """The derivatives of f along a unit vector, where f(0) is `value` and known to `noise`; the steps; f's own eps.

    Ever shorter steps h, each half of the one before. The error of a central difference goes as h², so two of them
    give a better one, whose error goes as h⁴; what three of those differ by tells how good they are, until rounding
    takes over.
    """
    unknown = np.full(value.shape, np.nan)
    best, steps, central, better, change, bend = _Slopes(unknown, unknown, unknown == 0), *[unknown] * 5
    h, still, last = max(size, 1.0) / 16, np.full(value.shape, True), np.full(value.shape, np.inf)
    while h > 1e-11 * size:
        up, down = f(h * unit), f(-h * unit)
        now, bend_now = (up - down) / (2 * h), abs(up - 2 * value + down) / h
        better_now = (4 * now - central) / 3
        # Rounding of f, of its values, and of where they are taken. What no step has moved is known to its last digit;
        # what moves no more is known to its last move, if that was so little that it may have been rounding.
        move = np.maximum(abs(up - value), abs(down - value))
        still &= move == 0
        last = np.where(move > 0, np.minimum(last, move), last)
        stuck = np.where((move == 0) & (last < 1e-6 * (abs(value) + size)), last, 0.0)
        rounding = np.where(still, 0.0, noise) + stuck + _LEAST
        rounding = (rounding + _EPS * (np.maximum(abs(up), abs(down)) + 2 * size * (abs(now) + bend_now))) / h
        # Steps that are too long for a fast wave may agree by chance. Shorter ones, far from what those said, tell.
        chance = abs(better_now - best.value) > 3 * (best.error + rounding)
        best = best._replace(error=np.where(chance, np.nan, best.error))
        change_now = abs(better_now - better)
        error = np.maximum(change_now, change) + rounding
        take = (change_now <= np.maximum(0.75 * change, 10 * rounding)) & ~(best.error <= error)
        # What a smooth function bends within h shrinks with h; a kink stays, and a cusp grows, far beyond rounding.
        stays = 0.9 * bend < bend_now
        kink = stays & (bend_now > np.maximum(100 * rounding, np.maximum(1e-6 * abs(now), 10 * error)))
        best = _Slopes(*(np.where(take, new, old) for new, old in zip((better_now, error, kink), best)))
        steps = np.where(take, h, steps)
        if np.all(~take & (rounding > best.error)):
            break
        central, better, change, bend = now, better_now, change_now, bend_now
        h /= 2
    # Each step is half of the one before, so that sums within f are exact; a wave may look the same at all of them.
    h = _ODD * float(np.fmin.reduce(steps, axis=None, initial=1.0))
    up, down = f(h * unit), f(-h * unit)
    other = abs(up - down - 2 * h * best.value) > 1e-5 * np.maximum(abs(up), abs(down))
    # And where all that moved is a float32 again, f has no more digits than that inside.
    seen = np.append(up[up != value], down[down != value])
    eps = float(np.finfo(np.float32).eps) if seen.size and np.all(seen == seen.astype(np.float32)) else _EPS
    return best._replace(error=np.where(other, np.nan, best.error)), steps, eps


def _roughness(f: Callable[[Array], Array], at: Array) -> float:
    """How far values of f are from a smooth curve, beside their size: of a layer with fewer digits inside, far.

    NaN, if so far that nothing can be said: there may be waves that are shorter than any step.
    """
    # No entry may cross 0, where powers are not smooth, but one that is there.
    own = np.where(at == 0, _sizes(at), np.where(np.isfinite(at), at, 0.0))
    direction = 3e-7 * own * np.random.default_rng(1).uniform(0.5, 1, at.shape)
    values = np.array([f(i * direction) for i in range(12)])
    rough = np.max(abs(np.diff(values, 3, axis=0)) / _sizes(values[0]))
    # Where values are not finite, or there are none, the differences tell of it themselves.
    return np.nan if rough > 1e-3 else float(np.nan_to_num(rough))


def _sizes(at: Array) -> Array:
    """The size of each entry; of tiny ones, and infinite ones, a part of the largest; 1 where all are 0."""
    finite = np.where(np.isfinite(at), np.abs(at), 0.0)
    return np.maximum(finite, _SMALL * finite.max(initial=0.0) or 1.0)
