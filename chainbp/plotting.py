"""The book's pictures: one look, one color and one mark for each kind of quantity. Needs Matplotlib.

A value is blue and round, an error δ vermillion and a triangle pointing back, a gradient green and a diamond, a
weight purple and square. The four come from Okabe and Ito's color-blind-safe set (weight a little darker, for
contrast) and mean the same in every figure of the book.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize

VALUE = "#0072B2"
ERROR = "#D55E00"
GRADIENT = "#009E73"
WEIGHT = "#8A4F9E"
INK = "#24292f"
MUTED = "#6b7280"
MARKS = {VALUE: "o", ERROR: "<", GRADIENT: "D", WEIGHT: "s"}

# Negative is vermillion, zero is see-through, positive is blue: a zero looks like the page, light or dark.
SIGNED = LinearSegmentedColormap.from_list("signed", [ERROR, "#ffffff00", VALUE])


def use_style() -> None:
    """Give Matplotlib the book's look, in this session. Backgrounds are transparent, so figures suit any page."""
    plt.rcParams.update(
        {
            "figure.figsize": (7.2, 3.6),
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


def show_matrix(ax: Axes, matrix: npt.ArrayLike, title: str = "", *, limit: float | None = None) -> None:
    """Draw a matrix as a heat map with its numbers and its shape: blue above zero, vermillion below.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    matrix : array_like, shape (N, M)
        A vector counts as one row, as δ does in (8).
    title : str, optional
        Stands above, followed by the shape.
    limit : float, optional
        The absolute value with the deepest color. Default: the largest there is.
    """
    numbers = np.atleast_2d(np.asarray(matrix, dtype=float))
    limit = limit or float(np.abs(numbers).max()) or 1.0
    ax.imshow(numbers, cmap=SIGNED, norm=Normalize(-limit, limit))
    rows, columns = numbers.shape
    ax.set_title(f"{title}\n{rows} × {columns}" if title else f"{rows} × {columns}")
    ax.set_xticks(np.arange(columns + 1) - 0.5, labels=[])
    ax.set_yticks(np.arange(rows + 1) - 0.5, labels=[])
    ax.tick_params(length=0)
    ax.grid(True, color=MUTED, linewidth=0.5)
    ax.spines[:].set_visible(False)
    for (i, j), value in np.ndenumerate(numbers):
        ink = "white" if abs(value) > 0.7 * limit else INK
        ax.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=9, color=ink)
