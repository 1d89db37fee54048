"""The book's pictures: one look, one color and one mark for each kind of quantity. Needs Matplotlib.

A value is blue and round, an error δ vermilion and a triangle pointing back, a gradient green and a diamond, a
weight purple and square. The four come from Okabe and Ito's color-blind-safe set, three of them a little darker, so
that text in them can be read on white; ``palette.css`` has them. They mean the same in every figure of the book.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib.colors import LinearSegmentedColormap

from chainbp.palette import LIGHT

VALUE, ERROR, GRADIENT, WEIGHT, INK, MUTED = (
    LIGHT[name] for name in ("value", "error", "gradient", "weight", "ink", "muted")
)
MARKS = {VALUE: "o", ERROR: "<", GRADIENT: "D", WEIGHT: "s"}

# Of signed values negative is ink, zero is see-through, positive is blue: a zero looks like the page, light or dark,
# however small a value is its color tells the sign, and no hue is spent on it.
_STOPS = [(0, INK), (0.5, f"{INK}00"), (0.5, f"{VALUE}00"), (1, VALUE)]
SIGNED = LinearSegmentedColormap.from_list("signed", _STOPS)


def use_style() -> None:
    """Give Matplotlib the book's look, in this session. Backgrounds are transparent, so figures suit any page."""
    plt.rcParams.update(
        {
            "figure.figsize": (5.4, 3.2),  # as wide as a phone shows with letters of 10 pixels
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
            "font.size": 12,
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
