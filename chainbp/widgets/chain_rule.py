"""The chain rule as a product of Jacobians, and what it costs from either side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import traitlets

import chainbp
from chainbp.function import Composition, Function
from chainbp.wanted import Array, as_array
from chainbp.widgets.base import SHARED, Figure, Result, Whole

WIDEST = SHARED["chain_rule"]["widest"]


class ChainRule(Figure):
    """Made by :func:`chain_rule`.

    Attributes
    ----------
    widths : tuple of int
        How many numbers the data has, and how many each box gives: 3 to 5 of them, each from 1 to 12. Can be set, but
        their count stays.
    side : int
        Which product comes first: 0 from the left, at the end of the chain (backward), 1 from the right, at the data
        (forward). Can be set.
    step : int
        How many products are done, 0 to ``len(widths) - 2``. Can be set.
    entry : tuple of int
        Row and column, from 0, of the entry of the next product whose sum, (C1), is shown. Can be set; beyond the last
        they mean the last.
    product : tuple of tuple of float
        The product of all factors, the Jacobian of the whole chain, one row for each number that comes out. Follows.
    left, right : int
        The multiply-adds of all products from the left, (C5), and from the right, (C6). Follow.
    """

    # From two factors, which make one product, to as many as fit on a phone.
    widths = Whole(1, 1, WIDEST, sides=(3, len(SHARED["chain_rule"]["letters"])))
    side = Whole(0, 0, 1)
    step = Whole(0, 0, lambda figure: len(figure.widths) - 2)
    entry = Whole(1, 0, WIDEST - 1, sides=(2, 2))
    #: Given Jacobians, the data's first; none: those of a network of sigmoid layers.
    given: Any = traitlets.List(read_only=True).tag(sync=True)
    product = Result()
    left = Result()
    right = Result()

    def __init__(self, given: Sequence[Any], **inputs: Any) -> None:
        self.set_trait("given", given)
        super().__init__("chain_rule", **inputs)

    def network(self) -> Function:
        """The chain: a box ``sigma @ rho[W]`` for each width after the data's.

        Where the last width is 1, a squared error is the last box, and the end is a cost. Given Jacobians are boxes
        ``rho[J]``, whose entries beyond the given ones are made up.
        """
        return Composition(tuple(f for box in self._boxes() for f in box.functions))

    def data(self) -> Array:
        """The x at which the Jacobians are taken."""
        (x,) = _pattern(len(self.widths), 1, self.widths[0])
        return np.asarray(x)

    def factors(self) -> list[Array]:
        """The matrices that stand in the figure now, from left to right: their product is ``product``."""
        factors: list[Array] = []
        value = self.data()
        for box in self._boxes():
            factors.insert(0, box.jacobian(value))
            value = box(value)
        for _ in range(self.step):
            at = len(factors) - 2 if self.side else 0
            factors[at : at + 2] = [factors[at] @ factors[at + 1]]
        return factors

    def results(self) -> dict[str, Any]:
        product = self.network().jacobian(self.data())
        return {"product": product, "left": _multiply_adds(self.widths[::-1]), "right": _multiply_adds(self.widths)}

    def _boxes(self) -> list[Function]:
        shapes = zip(self.widths[1:], self.widths)
        weights = [_pattern(i, rows, columns) for i, (rows, columns) in enumerate(shapes)]
        if self.given:
            return [chainbp.rho[_enlarged(J, W)] for J, W in zip(self.given, weights)]
        boxes = [chainbp.sigma @ chainbp.rho[W] for W in weights]
        if self.widths[-1] == 1:
            boxes[-1] = chainbp.squared_error[_pattern(len(boxes), 1, self.widths[-2])[0]]
        return boxes

    def _more(self) -> list[str]:
        return ([f"factors={self.given}"] if self.given else []) + super()._more()


def _multiply_adds(widths: tuple[int, ...]) -> int:
    """What all products cost from the side of the first width: rows times columns times what is summed over."""
    return sum(widths[0] * a * b for a, b in zip(widths[1:], widths[2:]))


def _enlarged(given: Any, pattern: Array) -> Array:
    """The given matrix, cut or filled up to the shape of the pattern."""
    result, part = pattern.copy(), np.array(given)[: pattern.shape[0], : pattern.shape[1]]
    result[: part.shape[0], : part.shape[1]] = part
    return result


def _pattern(layer: int, rows: int, columns: int) -> Array:
    """Weights that look like chance and depend on their places only: whole numbers, so that js/math.js has the same."""
    n, m = np.ogrid[:rows, :columns]
    mixed = 7 * (n + 2) ** 3 + 5 * (m + 3) ** 3 + (13 + 8 * layer) * n * m + 29 * layer
    return np.asarray(mixed % 101 / 50 - 1)


def chain_rule(
    widths: npt.ArrayLike = (3, 4, 2, 1),
    side: int = 0,
    step: int = 0,
    entry: npt.ArrayLike = (0, 0),
    factors: Sequence[npt.ArrayLike] = (),
    ask: str = "",
) -> ChainRule:
    """The chain rule as matrices: multiply Jacobians from the left or from the right, and drag the widths.

    The chain is a real network of sigmoid layers, with a squared error at its end where the last width is 1. Its
    weights and data are fixed. The figure shows the Jacobian of each box, (8), with its shape: their product is the
    chain rule (9). All orders of multiplying give the same; the multiply-adds differ.

    Parameters
    ----------
    widths : array_like of int, shape (K + 1,), optional
        How many numbers go from box to box, from the data to the end: 3 to 5 widths, each from 1 to 12. They make K
        factors; that of box k has shape ``(widths[k], widths[k - 1])``.
    side : int, optional
        0 multiplies from the left (backward, from the end), 1 from the right (forward, from the data).
    step : int, optional
        How many of the K − 1 products are done already.
    entry : array_like of int, shape (2,), optional
        Row and column, from 0, of the chosen entry of the next product.
    factors : sequence of array_like, optional
        K Jacobians of your own instead, the data's first: factor k has shape ``(widths[k], widths[k - 1])``. When the
        reader widens one, made-up entries are added.
    ask : str, optional
        The name of the question that the figure asks first: "shape" or "order".

    Returns
    -------
    ChainRule
        An ipywidget. ``.widths``, ``.side``, ``.step`` and ``.entry`` can be read and set; ``.product``, ``.left`` and
        ``.right`` follow. ``.network()`` is the chain as a chainbp Function, ``.data()`` its x, and ``.factors()`` the
        matrices.

    Raises
    ------
    TypeError, ValueError
        If an input is not whole numbers in its range, or there are too few or too many widths.

    Examples
    --------
    >>> from chainbp.widgets import chain_rule
    >>> w = chain_rule(widths=[3, 4, 2, 1])
    >>> w.left, w.right
    (20, 30)
    >>> w.network()
    ‖t − ·‖² ∘ σ ∘ ρ[W⁽²⁾] ∘ σ ∘ ρ[W⁽¹⁾]
    >>> [factor.shape for factor in w.factors()]
    [(1, 2), (2, 4), (4, 3)]
    >>> w.step = 1
    >>> [factor.shape for factor in w.factors()]
    [(1, 4), (4, 3)]
    >>> chain_rule([2, 2, 1], factors=[[[1, 2], [3, 4]], [[5, 6]]]).product
    ((23.0, 34.0),)
    """
    given = [as_array(J, f"factor {k}", "chain_rule") for k, J in enumerate(factors)]
    if not all(np.isfinite(J).all() for J in given):
        raise ValueError("chain_rule: factors must be finite; got inf or NaN")
    shapes = [(rows, columns) for columns, rows in zip(np.ravel(widths), np.ravel(widths)[1:])]
    if given and [J.shape for J in given] != shapes:
        wanted = ", ".join(f"({rows:g}, {columns:g})" for rows, columns in shapes)
        got = ", ".join(str(J.shape) for J in given)
        raise ValueError(f"chain_rule: factors must have the shapes {wanted}, the data's first; got {got}")
    return ChainRule([J.tolist() for J in given], widths=widths, side=side, step=step, entry=entry, ask=ask)
