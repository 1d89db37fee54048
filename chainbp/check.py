"""Is a gradient right? Ask differences, which know nothing of the chain rule.

Each layer is asked by itself, from the loss back to the data: it gives the columns of its Jacobian by differences, one
for each number that it depends on. Weighed by an error at random, they judge the layer's pulls, and no large residual,
and no perfect fit, hides anything. Weighed by what differences said of the layers behind, they are the gradients of the
loss, as one would find them without any pull. A number costs some dozens of runs of its own layer, and of no other.
"""

from contextlib import suppress
from typing import Any, Literal, NamedTuple

import numpy as np

from chainbp import show
from chainbp.backprop import backprop
from chainbp.function import Function
from chainbp.wanted import Array, ArrayLike, alike, as_array, number

Verdict = Literal["agrees", "WRONG", "cannot tell"]

_EPS, _LEAST = float(np.finfo(np.float64).eps), float(np.finfo(np.float64).smallest_subnormal)
# Entries that are smaller than this, beside the largest of their variable, are compared with this.
_SMALL = 1e-3
# By how much each step is shorter than the one before. Of halves of halves, all may be whole waves.
_RATIO = 3.7


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

    Everything is computed in float64. Each entry has its own steps h, from a sixteenth of the larger of its size
    and 1, down to a ten-millionth of its size. There are three verdicts for each variable:

    * *agrees*: every layer on the way back passes the dot-test ⟨δ, J v⟩ = ⟨Jᵀ δ, v⟩ for a random δ and each v = e_i,
      the differences being sharp enough to tell, and so does the gradient of the loss, where rounding does not hide it.
    * *WRONG*: a layer on the way back fails it, or loses a number when its parameters are bound again.
    * *cannot tell*, and why: the derivative is 0 but for rounding, where a wrong factor would not show; a kink, where
      there is none, or one nearer than the steps; numbers so large that differences are lost beside them; waves that
      are shorter than steps, if they are more than rounding might be; a gap that rounding inside a layer may hide, as
      that of 1 + exp(x) does.

    An entry of a layer's Jacobian that is smaller than the tolerance beside others of its column, or than a thousandth
    of it beside others of its row, is not told from 0.
    A parameter at infinity (p = inf) is left out, and so are such entries of a parameter.
    A layer with thousands of weights takes seconds, with tens of thousands minutes: take a small one of its kind.

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
    delta, way = _Slopes(np.ones(())), list[Comparison]()
    for f, given, h, who in reversed([*zip(loss.functions, links, bp.hidden, show.texts(links))]):
        slopes, layer = _ask(f, given, h.astype(np.float64), delta, tolerance, who)
        for theta, of_theta, finding in reversed([*zip(f.parameters, slopes[1:], layer[1:])]):
            seen = _judge(*named.pop(), of_theta, tolerance)
            if not np.isinf(theta).all():
                compared.append(_told(seen, [finding, *way], tolerance))
        delta, way = slopes[0], [layer[0], *way]
    compared.append(_told(_judge("x", bp.deltas[0], delta, tolerance), way, tolerance))
    return GradientCheck(compared[::-1], tolerance)


class _Slopes(NamedTuple):
    """Derivatives, by how much each may be off, how small a gap proves nothing, and whether a kink is there."""

    value: Any
    error: Any = 0.0
    doubt: Any = 0.0
    kink: Any = False


def _ask(
    f: Function, given: Function, x: Array, behind: _Slopes, tolerance: float, who: str
) -> tuple[list[_Slopes], list[Comparison]]:
    """For x and each parameter of a layer: the slopes of the loss, and what the dot-test says of the layer's pulls."""
    y, pull = f.vjp(x)
    rng, kept = np.random.default_rng(0), y.copy()
    # Outputs of all sizes shall be heard.
    delta = rng.choice([-1, 1], y.shape) * rng.uniform(1, 2, y.shape) / _sizes(y, _SMALL)
    back = [pull.x(delta), *pull.theta(delta)]
    places, of_loss, found = [x, *f.parameters], list[_Slopes](), list[Comparison]()
    for k, gradient in enumerate(back):
        slopes, more = _slopes(f, places, k, y, [_Slopes(delta), behind])
        of_loss.append(more)
        # Entries at infinity cannot be moved: there the gradient stands for its own difference.
        slopes = slopes._replace(value=np.where(np.isfinite(places[k]), slopes.value, gradient))
        c = _judge(f"pull_theta, {f.parameter_names[k - 1]}" if k else "pull_x", gradient, slopes, tolerance)
        wrong = f"{who} fails the dot-test: look at its {c.name}"
        found.append(c._replace(reason=wrong if c.verdict == "WRONG" else f"{c.reason}, in {who}"))

    with suppress(ValueError):  # far from here, with numbers that are as far inside of the domain of most layers
        f(np.flip(x))
    # After all these runs of f, as after those of the same f elsewhere in a chain: of another error, in another order.
    part = -1024.0 if np.abs(delta).max() < 1e15 else -1 / 1024
    theta, again = pull.theta(part * delta), pull.x(part * delta)
    pairs = zip([y, again, *theta], [kept, *(part * gradient for gradient in back)])
    steady = all(np.allclose(one, other, min(tolerance, 1e-6), 1e-300, equal_nan=True) for one, other in pairs)
    runs = [same.vjp(x) for same in (given, given.with_parameters(given.parameters))]
    as_given, anew = ((y, pull(delta)) for y, pull in runs)
    verdict: Verdict = "WRONG"
    if not all(alike(as_given[0], given(x)) for _ in range(8)):  # once, numbers drawn at random may be alike by chance
        verdict, reason = "cannot tell", f"cannot tell: {who} gives other values when it is asked again"
    elif not steady:
        reason = f"{who} gives something else when it is asked again, after other runs: "
        reason += "a layer keeps nothing from one run to the next, and its pulls are linear in δ"
    elif not alike(as_given, anew):
        reason = f"{who} is another function after with_parameters(f.parameters)"
    else:
        return of_loss, found
    return of_loss, [c._replace(verdict=verdict, reason=reason) for c in found]


def _told(seen: Comparison, way: list[Comparison], tolerance: float) -> Comparison:
    """The verdict on a gradient of the loss, after that on each layer that it comes through, the nearest first."""
    layer = max(way, key=lambda c: _order(c.verdict))
    verdict, reason = layer.verdict, layer.reason
    if verdict == seen.verdict != "cannot tell":
        reason = seen.reason if verdict == "agrees" else f"{seen.reason}\n      {reason}"
    elif verdict == "agrees" and seen.verdict == "WRONG":
        verdict, reason = "cannot tell", "cannot tell: layers pass, differences of the loss disagree"
    elif verdict == "agrees":
        reason = f"agrees by the dot-test of each layer within {tolerance:.0e}"
    return seen._replace(verdict=verdict, reason=reason)


def _judge(name: str, gradient: Any, slopes: _Slopes, tolerance: float) -> Comparison:
    """What differences say of a gradient, beyond what they may be off by themselves."""
    spread, kinks = 3 * slopes.error, np.argwhere(slopes.kink).tolist()
    difference = np.where(np.isfinite(spread), slopes.value, np.nan)
    gap, size = np.abs(gradient - difference), np.fmax(np.abs(gradient), np.abs(difference))
    errors = np.where(np.isfinite(gradient), np.maximum(gap - spread, 0) / np.maximum(size, _LEAST), np.inf)
    unseen = (gap <= slopes.doubt) & (errors > tolerance)
    errors = np.where(unseen, 0.0, errors)
    # Where all entries are wrong by one factor, rounding alone would decide which is the worst. Of those that are
    # equally wrong, take the one that is off by most.
    off = np.where(errors >= errors.max() * (1 - 1e-6), gap, -1.0)
    where = tuple(map(int, np.unravel_index(np.argmax(off), errors.shape)))
    error = float(errors[where])
    known = float(np.max(spread / np.maximum(size, _SMALL * size.max())))
    verdict: Verdict = "cannot tell"
    if kinks:
        places = ", ".join(map(str, kinks[:3])) + (" and more" if len(kinks) > 3 else "")
        reason = f"a kink{f' at {places}' if kinks[0] else ''}"
    elif not np.isfinite(spread).all():
        reason = "differences do not settle, or are not finite"
    elif error > tolerance:
        verdict, reason = "WRONG", f"relative error {error:.1e}{f' at {list(where)}' if where else ''}\n"
        reason += f"      gradient {gradient[where]:.6g}, central difference {difference[where]:.6g}"
    elif not (size > np.where(unseen, slopes.doubt, spread)).any():
        reason = "the derivative is 0 but for rounding, as a wrong one might be"
    elif unseen.any():
        reason = "differences disagree by what rounding in a layer may hide"
    elif known > tolerance:
        reason = f"rounding leaves differences known to {known:.0e} only"
    else:
        verdict, reason = "agrees", f"agrees with central differences within {tolerance:.0e}"
    reason = f"cannot tell: {reason}" if verdict == "cannot tell" else reason
    return Comparison(name, gradient, difference, error, where, verdict, reason)


def _slopes(f: Function, places: list[Array], k: int, y: Array, behind: list[_Slopes]) -> list[_Slopes]:
    """The slopes of what stands behind a layer, by each number of x, places[0], or of a parameter, places[k].

    Each column of the Jacobian is weighed at once: all of them could be too many to hold.
    """
    at, told = places[k], list[list[_Slopes]]()
    # What f rounds inside, as 1 + exp(x) does, its values may not show.
    hidden = 100 * _EPS * max(1.0, np.abs(places[0]).max(), np.abs(y).max())

    def moved(step: Array) -> Array:
        new = [*places[:k], at + step, *places[k + 1 :]]
        try:
            return np.ravel((f.with_parameters(new[1:]) if k else f)(new[0]))
        except ValueError:  # a step that leaves the domain of f, as p − h < 0 does, tells nothing
            return np.full(y.size, np.nan)

    for i, size in np.ndenumerate(_sizes(at, 1e-9)):
        unit = np.zeros(at.shape)
        unit[i] = 1.0
        longest, shortest = max(size, 1.0) / 16, max(1e-7 * size, _LEAST)
        steps = longest / _RATIO ** np.arange((np.log(longest) - np.log(shortest)) / np.log(_RATIO))
        up, down = (np.array([moved(h * unit) for h in signed]) for signed in (steps, -steps))
        column = _differentiate(up, down, y.ravel(), steps[:, None], hidden)
        told.append([_weighed(column, one) for one in behind])
    return [_Slopes(*(np.reshape(part, at.shape) for part in zip(*of_one))) for of_one in zip(*told)]


def _differentiate(up: Array, down: Array, value: Array, h: Array, hidden: Any) -> _Slopes:
    """The slopes of outputs that are `value` here and `up` and `down` at ever shorter steps ±h, a row for each step.

    The error of a central difference goes as h², so two of them give a better one, whose error goes as h⁴. It is less
    than what that one changed by, if the change was no rounding. If it was, a longer step would see as much in f, and
    so less in a slope: what shorter steps say counts for longer ones, too, and the best is the one with least of it.
    """
    # A layer that gives nothing but float32 numbers may compute in float32, and round by as much more.
    single = 2**29 if np.all((up == up.astype(np.float32)) & (down == down.astype(np.float32))) else 1
    # Stairs that are flat at short steps are what a layer makes of rounding that it has magnified; but high ones that
    # rise on one side alone may be a part of a function, such as max(x, 0).
    climbed = abs(np.stack([up, down]) - value)
    low = np.where(climbed[:, -1].any(0), np.inf, np.min(climbed, (0, 1), initial=np.inf, where=climbed > 0))
    high = np.where(climbed.any(1).all(0), np.inf, 1e9 * hidden)
    hidden = np.where(low < high, np.maximum(low, hidden * single), hidden * single)
    central, bend = (up - down) / (2 * h), abs(up - 2 * value + down) / h
    better = (_RATIO**2 * central[1:] - central[:-1]) / (_RATIO**2 - 1)
    change = abs(np.diff(better, axis=0))
    up, down, h, bend, better = up[2:], down[2:], h[2:], bend[2:], better[1:]  # the first two steps see no change
    noise = np.maximum.accumulate((change * h)[::-1])[::-1]
    # What so much of itself changes, however short the step, has waves that are shorter than any.
    largest = np.maximum(abs(up), abs(down))
    noise = np.where(noise <= 1e-3 * largest, noise + _EPS * largest + _LEAST, np.inf)
    error = noise / h
    # What a smooth function bends shrinks with h; at a kink it stays, and at a cusp grows, far beyond rounding. What
    # shrinks slowly, as of |y|^p at 0, may bend so near, and by so much, that a gap proves nothing.
    bent = bend[:-1] > 100 * error[:-1] + 1e-6 * abs(better[:-1])
    kink, slow = (bent & (bend[1:] > part * bend[:-1]) for part in (0.8, 0.35))
    best = np.argmin(error[:-2], axis=0)  # the last two steps are but witnesses
    doubt = hidden / h[:-1] + np.where(slow, bend[:-1], 0.0)
    slope, known, kink, doubt = (part[best, range(len(best))] for part in (better, error, kink, doubt))
    # Where some step tells of another slope, one of them has met a wave that others have not.
    known = np.where((abs(better - slope) > 30 * (error + known)).any(axis=0), np.inf, known)
    return _Slopes(np.where(np.isfinite(known), slope, 0.0), known, doubt, kink)


def _weighed(column: _Slopes, behind: _Slopes) -> _Slopes:
    """The slope of what stands behind a layer, from those of its outputs: chain rule (9), and what it may be off by."""
    weights, unsure = np.ravel(behind.value), np.ravel(behind.error)
    # What is unknown counts where it is heard: 0 · inf is NaN, and left out.
    error = np.nansum(abs(weights) * column.error + abs(column.value) * unsure)
    return _Slopes(column.value @ weights, error, column.doubt @ abs(weights), column.kink.any())


def _sizes(at: Array, least: float) -> Array:
    """The size of each entry; of tiny ones, and infinite ones, a part of the largest; 1 where all are 0."""
    finite = np.where(np.isfinite(at), np.abs(at), 0.0)
    return np.maximum(finite, least * finite.max(initial=0.0) or 1.0)
