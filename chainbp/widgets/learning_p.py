"""The slope of Lp pooling in p, and the entropy that stands in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chainbp.function import Function
from chainbp.lp import entropy
from chainbp.pooling import eta
from chainbp.widgets import still
from chainbp.widgets.base import Bars, Figure, Order, Result


class LearningP(Figure):
    """Made by :func:`learning_p`.

    Attributes
    ----------
    y : tuple of float
        The window, the heights of the bars. Can be set.
    p : float
        The order, greater than 0 or inf. Can be set; the figure's own slider goes from 0.2 to inf.
    z : float
        ``z = η_p(y)``. Follows y and p, as do the others.
    shares : tuple of float
        ``w_i = |y_i|^p / Σ|y_j|^p``; even in a window of zeros, and among the largest at p = inf.
    entropy : float
        ``H(w) = −Σ w_i ln w_i``, from 0 to ln n.
    slope : float
        ``∂z/∂p = −(z/p²) H(w)``.
    """

    y = Bars(8)
    p = Order()
    z = Result()
    shares = Result()
    entropy = Result()
    slope = Result()

    def network(self) -> Function:
        """``eta[p]`` at the present p: ``w.network() @ w.y`` is ``w.z``."""
        return eta[self.p]

    def results(self) -> dict[str, Any]:
        z, pull = self.network().vjp(self.y)
        # (33) times y_i/z is |y_i|^p/z^p; divided by their sum, rounded shares are a whole again.
        parts = np.divide(self.y, z) * pull.x(1.0) if z > 0 else np.ones(len(self.y))
        shares = parts / parts.sum()
        (slope,) = pull.theta(1.0)
        return {"z": z, "shares": shares, "entropy": float(entropy(shares)), "slope": float(slope)}

    def still(self) -> str:
        parts = [*self._window(), *self._strip(), *self._curve()]
        numbers = [still.number(v, 3) for v in (self.z, self.entropy, self.slope)]
        p = still.number(self.p)
        parts += [
            still.text(300, 108, f"H = {numbers[1]}", anchor="start"),
            still.text(620, 108, f"from 0 to ln {len(self.y)} = {still.number(np.log(len(self.y)))}", "ink", "end", 13),
            still.text(300, 330, f"p = {p}", "weight", "start"),
            still.text(300, 356, f"∂z/∂p = −(z/p²) H = −({numbers[0]}/{p}²) · {numbers[1]}", "gradient", "start"),
            still.text(300, 382, f"= {numbers[2]}", "gradient", "start"),
        ]
        listed = ", ".join(still.number(v) for v in self.y)
        alt = (
            f"Lp pooling of y = ({listed}) with p = {p} gives z = {numbers[0]}; the shares have the entropy "
            f"H = {numbers[1]}, so the slope of z in p is {numbers[2]}"
        )
        return still.picture(400, alt, parts)

    def _window(self) -> list[str]:
        zero, column = 180.0, min(60.0, 250.0 / len(self.y))
        unit = 120 / max(*map(abs, self.y), 1e-300)
        parts = [
            still.line(20, zero, 20 + column * len(self.y), zero),
            still.text(20, 372, "and what share w each has", anchor="start", size=13),
        ]
        for i, (y, w) in enumerate(zip(self.y, self.shares, strict=True)):
            x, tip = 20 + column * (i + 0.5), zero - unit * y
            parts += [
                still.bar(x, zero, tip, column / 2, "value"),
                still.mark(x, tip, "value", 7),
                still.text(x, tip + (26 if y < 0 else -14), still.number(y), "value", size=13),
                still.text(x, 350, still.number(w), "value", size=13),
            ]
        return parts

    def _strip(self) -> list[str]:
        ends = 300 + 320 * np.cumsum([0.0, *self.shares])
        blocks = [
            still.block(start, 40, end - start, 30, "value") for start, end in zip(ends, ends[1:]) if end - start > 0.1
        ]
        return [still.text(300, 28, "the shares w", anchor="start", size=13), *blocks]

    def _curve(self) -> list[str]:
        """z over p with its tangent; the axis has t = (p − 1)/(p + 1), as the live figure's."""
        here = 1.0 if np.isinf(self.p) else (self.p - 1) / (self.p + 1)
        t = np.linspace(min(here, -0.2), 1, 61)
        orders = np.divide(1 + t, 1 - t, out=np.full(61, np.inf), where=t < 1)
        x = 300 + 320 * (t - t[0]) / (1 - t[0])
        z = np.array([self.z, *(eta[p] @ self.y for p in orders)])
        at, *up = 290 - 120 * z / max(z.max(), 1e-300)
        there = float(np.interp(here, t, x))
        parts = [still.line(300, 290, 620, 290), still.curve([*zip(x.tolist(), map(float, up))], "value")]
        if self.p < np.inf and self.z > 0:
            # dp/dt = (1 + p)²/2, in the picture's units, over 40 of them.
            lean = self.slope * (1 + self.p) ** 2 / 2 * (120 / z.max()) / (320 / (1 - t[0]))
            run = 40 / np.hypot(1, lean)
            parts.append(still.line(there - run, at + run * lean, there + run, at - run * lean, "gradient", width=3))
        return [
            *parts,
            still.mark(there, at, "value", 7),
            still.text(620, 160, f"z = {still.number(self.z, 3)}", "value", "end"),
            still.text(620, 310, "z over p, up to p = ∞", anchor="end", size=13),
        ]


def learning_p(y: npt.ArrayLike = (4.0, -3.0, 2.0, 1.0), p: float = 2.0, ask: str = "") -> LearningP:
    """The slope of Lp pooling in p to play with: ∂z/∂p = −(z/p²) H(w), H the entropy of the window's shares.

    Drag the bars y and the order p. A strip shows what share each entry has of the result; curves over p show the
    entropy of the shares, z with its tangent, and the slope, which fades as one entry takes all.

    Parameters
    ----------
    y : array_like, shape (n,), optional
        The window, 1 to 8 entries of either sign.
    p : float, optional
        The order, greater than 0, or inf.
    ask : str, optional
        A question that the figure puts to its reader before it shows: "slope".

    Returns
    -------
    LearningP
        An ipywidget. ``.y`` and ``.p`` can be read and set; ``.z``, ``.shares``, ``.entropy`` and ``.slope`` follow,
        and ``.network()`` is the chainbp Function at the present p.

    Raises
    ------
    TypeError, ValueError
        If y is no vector of finite numbers, or p is not greater than 0.

    Examples
    --------
    >>> from chainbp.widgets import learning_p
    >>> w = learning_p(y=[1, -3], p=1)
    >>> w.z, w.shares
    (4.0, (0.25, 0.75))
    >>> print(f"{w.entropy:.4f} {w.slope:.4f}")
    0.5623 -2.2493
    >>> w.p = 10
    >>> print(f"{w.entropy:.4f} {w.slope:.4f}")
    0.0002 -0.0000
    >>> w.y = [2, 2]
    >>> print(f"{w.entropy:.4f} {w.slope:.4f}")
    0.6931 -0.0149
    """
    return LearningP("learning_p", y=y, p=p, ask=ask)
