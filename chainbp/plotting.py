"""The book's pictures: one look, one color and one mark for each kind of quantity. Needs Matplotlib.

A value is blue and round, an error δ vermilion and a triangle pointing back, a gradient green and a diamond, a
weight purple and square. The four come from Okabe and Ito's color-blind-safe set, three of them a little darker, so
that text in them can be read on white; ``palette.css`` has them. They mean the same in every figure of the book.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.patches import Rectangle

from chainbp.palette import LIGHT

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
