"""Figure 3: the chain rule as a product of matrices, from the left or from the right."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from chainbp.function import Array, Function, as_array
from chainbp.layers import rho, sigma
from chainbp.widgets import still
from chainbp.widgets.base import Figure, Result, Whole

WIDEST = 12
FEWEST, MOST = 3, 5


def layer(i: int, N: int, M: int) -> Function:
    """The figure's i-th layer: a fixed pattern of weights, which js/math.js has too."""
    n, m = np.mgrid[:N, :M]
    return sigma @ rho[2 * np.sin(1 + 1.7 * i + 2.9 * n + 4.3 * m)]


def data(M: int) -> Array:
    """What enters the chain: a fixed pattern, which js/math.js has too."""
    return np.cos(np.arange(M))


class ChainRule(Figure):
    """Made by :func:`chain_rule`.

    Attributes
    ----------
    widths : tuple of float
        How many numbers each variable holds, from the data to the end. Can be set, and keep their number.
    side : float
        From which end the figure multiplies: 0 from the left, where the end is, 1 from the right, where the data is.
        Can be set.
    step : float
        How many products are done. Can be set.
    left, right : int
        The multiply-adds that the whole product takes from the left and from the right. Follow from the widths.
    product : tuple of tuple of float
        The Jacobian of the whole chain, which is the product. Follows from the widths.
    """

    widths = Whole(1, WIDEST, 1, keep_shape=True)
    side = Whole(0, 1)
    step = Whole(0, MOST - 2)
    left = Result()
    right = Result()
    product = Result()

    def network(self) -> Function:
        """The chain itself; it takes vectors of ``widths[0]`` entries."""
        n = [int(v) for v in self.widths]
        return reduce(lambda f, i: layer(i, n[i], n[i - 1]) @ f, range(2, len(n)), layer(1, n[1], n[0]))

    def results(self) -> dict[str, Any]:
        n = [int(v) for v in self.widths]
        inner = [a * b for a, b in zip(n, n[1:])]
        return {
            "left": n[-1] * sum(inner[:-1]),
            "right": n[0] * sum(inner[1:]),
            "product": self.network().jacobian(data(n[0])),
        }

    def still(self) -> str:
        n = [int(v) for v in self.widths]
        shapes = "  ·  ".join(f"({a} × {b})" for a, b in zip(n[:0:-1], n[-2::-1]))
        most = max(self.left, self.right, 1)
        parts = [still.text(320, 44, shapes, "ink", size=20)]
        for y, name, count in [(96, "from the left", self.left), (136, "from the right", self.right)]:
            end = 190 + 360 * count / most
            parts += [
                still.text(170, y + 5, name, "ink", "end"),
                still.line(190, y, end, y, "weight", 12),
                still.text(end + 10, y + 5, str(count), "ink", "start"),
            ]
        parts.append(still.text(190, 172, "multiply-adds for the whole product", "ink", "start", 13))
        alt = f"A product of Jacobians {shapes}: {self.left} multiply-adds from the left, {self.right} from the right"
        return still.picture(190, alt, parts)


def chain_rule(widths: npt.ArrayLike = (3, 4, 2, 1), side: float = 0, step: float = 0) -> ChainRule:
    """The chain rule as matrices to play with: drag the widths, multiply from either end, watch the work.

    The matrices are the Jacobians (8) of the layers ``h_i = σ(W_i h_{i−1})`` of a small network with fixed weights.

    Parameters
    ----------
    widths : array_like, shape (k,), optional
        How many numbers each variable holds, from the data to the end: 3 to 5 whole numbers from 1 to 12.
    side : int, optional
        0 multiplies from the left, which is backward, 1 from the right, which is forward.
    step : int, optional
        How many products are done at first, 0 to k − 2; more count as k − 2.

    Returns
    -------
    ChainRule
        An ipywidget. ``.widths``, ``.side`` and ``.step`` can be read and set; ``.left``, ``.right`` and ``.product``
        follow; ``.network()`` is the chain as a chainbp Function.

    Raises
    ------
    TypeError, ValueError
        If an input is not whole numbers in its range.

    Examples
    --------
    >>> from chainbp.widgets import chain_rule
    >>> w = chain_rule(widths=[3, 4, 2, 1])
    >>> w.left, w.right
    (20, 30)
    >>> w.widths = [1, 4, 2, 3]
    >>> w.left, w.right
    (36, 14)
    """
    widths = as_array(widths, "chain_rule: widths")
    if widths.ndim != 1 or not FEWEST <= widths.size <= MOST:
        raise ValueError(f"chain_rule: widths must be {FEWEST} to {MOST} numbers; got shape {widths.shape}")
    return ChainRule("chain_rule", widths=widths, side=side, step=step)
