"""The book's pictures: one look, one color and one mark for each kind of quantity. Needs Matplotlib.

A value is blue and round, an error δ vermilion and a triangle pointing back, a gradient green and a diamond, a
weight purple and square. The four come from Okabe and Ito's color-blind-safe set, three of them a little darker, so
that text in them can be read on white; ``palette.css`` has them. They mean the same in every figure of the book.
"""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from chainbp.backprop import Backprop
from chainbp.function import Function
from chainbp.palette import LIGHT
from chainbp.show import variable_names

VALUE, ERROR, GRADIENT, WEIGHT, INK, MUTED = (
    LIGHT[name] for name in ("value", "error", "gradient", "weight", "ink", "muted")
)
MARKS = {VALUE: "o", ERROR: "<", GRADIENT: "D", WEIGHT: "s"}

# Of signed values negative is ink, zero is see-through, positive is blue: a zero looks like the page, light or dark,
# and no hue is spent on a sign. Where there is room, draw as show_matrix does: positive is filled, negative is hollow.
SIGNED = LinearSegmentedColormap.from_list("signed", [INK, f"{VALUE}00", VALUE])


def use_style() -> None:
    """Give Matplotlib the book's look, in this session. Backgrounds are transparent, so figures suit any page."""
    plt.rcParams.update(
        {
            "figure.figsize": (5.4, 3.2),  # as wide as text of this size can still be read on a phone
            "figure.dpi": 100,
            "figure.facecolor": "none",
            "figure.constrained_layout.use": True,
            "axes.facecolor": "none",
            "axes.edgecolor": MUTED,
            "axes.labelcolor": INK,
            "axes.titlesize": "medium",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": cycler(color=[VALUE, ERROR, GRADIENT, WEIGHT]),
            "axes.grid": False,
            "font.size": 11,
            "legend.frameon": False,
            "lines.linewidth": 2,
            "mathtext.fontset": "cm",
            "savefig.facecolor": "none",
            "text.color": INK,
            "xtick.color": MUTED,
            "ytick.color": MUTED,
        }
    )
    try:
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:  # Outside of a notebook there is nothing to sharpen.
        return
    set_matplotlib_formats("retina")


def show_matrix(
    ax: Axes, matrix: npt.ArrayLike, title: str = "", *, limit: float | None = None, color: str = GRADIENT
) -> None:
    """Draw a matrix with its numbers and its shape, as the live figures do.

    Positive is filled, negative is hollow, the more so the larger; zero is blank.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    matrix : array_like, shape (N, M)
        A vector counts as one row, as δ does in (8).
    title : str, optional
        Stands above, followed by the shape.
    limit : float, optional
        The absolute value with the deepest color. Default: the largest there is.
    color : str, optional
        The hue of the quantity. Default: green, because a Jacobian's entries are derivatives.
    """
    numbers = np.atleast_2d(np.asarray(matrix, dtype=float))
    limit = limit or float(np.abs(numbers).max()) or 1.0
    rows, columns = numbers.shape
    ax.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), aspect="equal")
    ax.set_title(f"{title}\n{rows} × {columns}" if title else f"{rows} × {columns}")
    ax.set_xticks(np.arange(columns + 1) - 0.5, labels=[])
    ax.set_yticks(np.arange(rows + 1) - 0.5, labels=[])
    ax.tick_params(length=0)
    ax.grid(True, color=MUTED, linewidth=0.5)
    ax.spines[:].set_visible(False)
    for (i, j), value in np.ndenumerate(numbers):
        part = min(abs(value) / limit, 1)
        if value > 0:
            ax.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, color=to_rgba(color, 0.55 * part), linewidth=0))
        else:
            frame = Rectangle((j - 0.42, i - 0.42), 0.84, 0.84, fill=False, linewidth=4 * part)
            frame.set_edgecolor(to_rgba(color, 0.25 + 0.75 * part))
            ax.add_patch(frame)
        ax.text(j, i, f"{value:.2f}".replace("-", "−"), ha="center", va="center", fontsize=10, color=INK)


def draw_network(loss: Function, bp: Backprop) -> Figure:
    """Draw the two expressions of a network, as Figs. 1 and 2 do: a graph of units, and a chain of boxes.

    Edges carry their weights as width (sign by solid or dashed). Values run forward, errors backward under the
    chain of boxes.

    Parameters
    ----------
    loss : Function
        A cost after a network of weighted sums, elementwise functions and pooling.
    bp : Backprop
        ``backprop(loss, x)`` for one sample x.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (graph, chain) = plt.subplots(2, 1, figsize=(7.2, 5.4), height_ratios=[3, 1.25])
    names = variable_names(loss.functions)
    for ax in (graph, chain):
        ax.axis("off")
    _draw_units(graph, loss, bp, names)
    _draw_chain(chain, loss, names)
    return figure


def _draw_units(ax: Axes, loss: Function, bp: Backprop, names: list[str]) -> None:
    columns = [np.atleast_1d(h) for h in bp.hidden]
    places = [np.linspace((len(c) - 1) / 2, -(len(c) - 1) / 2, len(c)) for c in columns]
    for i, f in enumerate(loss.functions[:-1]):
        weights = next((theta for theta in f.parameters if theta.ndim == 2), None)
        for m, y_from in enumerate(places[i]):
            for n, y_to in enumerate(places[i + 1]):
                if weights is not None:
                    w = float(weights[n, m])
                    style: dict[str, Any] = {
                        "color": WEIGHT,
                        "linewidth": 0.6 + 2.4 * abs(w) / float(np.abs(weights).max()),
                        "linestyle": "-" if w >= 0 else (0, (3, 2)),
                    }
                elif len(places[i]) == len(places[i + 1]) and m != n:
                    continue
                else:
                    style = {"color": MUTED, "linewidth": 1}
                ax.plot([i, i + 1], [y_from, y_to], zorder=1, **style)
    for i, (column, place) in enumerate(zip(columns, places)):
        ax.scatter([i] * len(column), place, s=900, color="white", edgecolor=VALUE, linewidth=1.6, zorder=2)
        for value, y in zip(column, place):
            ax.text(i, y, f"{value:.2f}", ha="center", va="center", fontsize=9.5, color=INK, zorder=3)
        ax.text(i, place[0] + 0.62, _math(names[i]), ha="center", va="center", fontsize=14)
    ax.set_xlim(-0.5, len(columns) - 0.5)
    tallest = max(len(c) for c in columns) / 2
    ax.set_ylim(-tallest - 0.05, tallest + 0.45)


def _draw_chain(ax: Axes, loss: Function, names: list[str]) -> None:
    boxes = loss.functions
    ax.text(-0.15, 0, _math(names[0]), ha="center", va="center", fontsize=14)
    for i, (f, label) in enumerate(zip(boxes, box_labels(loss))):
        x = i + 0.5
        box = FancyBboxPatch((x - 0.3, -0.3), 0.6, 0.6, boxstyle="round,pad=0,rounding_size=0.08", facecolor="white")
        box.set(edgecolor=WEIGHT if f.parameters else MUTED, linewidth=1.6)
        ax.add_patch(box)
        ax.text(x, 0, label, ha="center", va="center", fontsize=12)
        ax.annotate("", (x - 0.31, 0.1), (x - 0.69 if i else x - 0.6, 0.1), arrowprops=_arrow(VALUE))
        ax.annotate("", (x - 0.69, -0.14), (x - 0.31, -0.14), arrowprops=_arrow(ERROR, "--"))
        if i:
            ax.text(x - 0.5, 0.32, _math(names[i]), ha="center", va="center", fontsize=12, color=VALUE)
        ax.text(x - 0.5, -0.4, rf"$\delta_{{{_tex(names[i])}}}$", ha="center", va="center", fontsize=12, color=ERROR)
    ax.annotate("", (len(boxes) + 0.15, 0), (len(boxes) - 0.2, 0), arrowprops=_arrow(VALUE))
    ax.text(len(boxes) + 0.28, 0, "$L$", ha="center", va="center", fontsize=14)
    ax.set_xlim(-0.45, len(boxes) + 0.45)
    ax.set_ylim(-0.62, 0.55)


def box_labels(loss: Function) -> list[str]:
    """What stands in the boxes of a chain, in data order: mathtext, with layer numbers where there are several."""
    weighted = [f for f in loss.functions if f.symbols and f.brackets]
    labels = []
    for f in loss.functions[:-1]:
        if f.symbols and f.brackets:
            mark = f"^{{({weighted.index(f) + 1})}}" if len(weighted) > 1 else ""
            labels.append(rf"$\rho[W{mark}]$")
        else:
            labels.append(f"${f.latex.replace('boldsymbol', 'mathrm')}$")
    return [*labels, "cost"]


def _arrow(color: str, style: str = "-") -> dict[str, Any]:
    return {"arrowstyle": "-|>", "color": color, "linewidth": 1.6, "linestyle": style, "shrinkA": 0, "shrinkB": 0}


def _tex(name: str) -> str:
    return name.replace("′", "'")


def _math(name: str) -> str:
    return f"${_tex(name)}$"
