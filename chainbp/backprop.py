"""Section 4: error backpropagation, the chain rules (9) and (10) applied from the loss back to the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from chainbp.function import Array, Function, as_array, run_backward, run_forward


class Deltas(Sequence[Array]):
    """The errors δ in data order. The first, ∂L/∂x, is computed when it is first read, and kept."""

    def __init__(self, first: Callable[[], Array], rest: list[Array]) -> None:
        self._first: Callable[[], Array] | None = first
        self._errors: list[Any] = [None, *rest]

    def _all(self) -> list[Array]:
        if self._first is not None:
            self._errors[0] = self._first()
            self._first = None
        return self._errors

    def __len__(self) -> int:
        return len(self._errors)

    @overload
    def __getitem__(self, index: int) -> Array: ...
    @overload
    def __getitem__(self, index: slice) -> list[Array]: ...
    def __getitem__(self, index: Any) -> Any:
        needs_first = 0 in range(*index.indices(len(self))) if isinstance(index, slice) else index in (0, -len(self))
        return (self._all() if needs_first else self._errors)[index]

    def __iter__(self) -> Iterator[Array]:
        return iter(self._all())

    def __repr__(self) -> str:
        return repr(self._all())


class Backprop:
    """The result of :func:`backprop`; in a notebook it shows itself as a small table.

    Attributes
    ----------
    loss : float
        L.
    hidden : list of ndarray
        The variables in data order, from x to the input of the cost: x, y', y, z', z for eq. (13).
    deltas : sequence of ndarray
        The error δ = ∂L/∂h of each hidden variable h, in the same order and of the same shape. The first,
        ∂L/∂x, is computed only when it is read.
    gradients : tuple of ndarray
        ∂L/∂θ for each parameter, in the order and of the shape of ``loss.parameters``.
    """

    def __init__(
        self, function: Function, loss: float, hidden: list[Array], deltas: Deltas, gradients: tuple[Array, ...]
    ) -> None:
        self._function = function
        self.loss = loss
        self.hidden = hidden
        self.deltas = deltas
        self.gradients = gradients

    def _rows(self) -> list[tuple[str, str, str, str]]:
        """Name, shape, value and error of each hidden variable, for the tables."""
        names = variable_names(self._function)
        return [
            (name, _shape(h), _brief(h), _brief(delta)) for name, h, delta in zip(names, self.hidden, self.deltas)
        ]

    def __repr__(self) -> str:
        rows = [("", "shape", "value", "error δ"), *self._rows()]
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
        return "\n".join([f"L = {self.loss:.6g}", *lines])

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{cell}</th>' for cell in ("variable", "shape", "value", "error δ"))
        body = "".join(
            f'<tr><th scope="row">{name}</th>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
            for name, *cells in self._rows()
        )
        return (
            f'<table class="backprop"><caption>L = {self.loss:.6g}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )


def backprop(loss: Function, x: npt.ArrayLike) -> Backprop:
    """Run a loss forward, (14)–(17), and its errors backward, (23)–(26).

    No Jacobian is ever formed. The cost is a small constant times that of one forward pass, whatever the depth,
    and the memory is that of the hidden variables.

    Parameters
    ----------
    loss : Function
        A function that gives one number, such as ``squared_error[t] @ sigma @ rho[W2] @ sigma @ rho[W1]``.
    x : array_like
        One sample of shape (M,), or a batch of shape (M, K); over a batch L and the gradients are sums, as in (18).

    Returns
    -------
    Backprop
        With ``.loss``, ``.hidden``, ``.deltas`` and ``.gradients``.

    Raises
    ------
    TypeError
        If `loss` is not a Function, or x is not real numbers.
    ValueError
        If x does not fit, or `loss` does not give one number.

    Examples
    --------
    >>> from chainbp import backprop, rho, sigma, squared_error
    >>> bp = backprop(squared_error[[1.0]] @ sigma @ rho[[[0.5, -0.5]]], [2.0, 1.0])
    >>> bp.gradients[0].round(4)
    array([[-0.3549, -0.1774]])
    >>> bp
    L = 0.142537
        shape  value     error δ
    x   (2,)   [2 1]     [-0.08872 0.08872]
    z′  (1,)   [0.5]     [-0.1774]
    z   (1,)   [0.6225]  [-0.7551]
    """
    if not isinstance(loss, Function):
        raise TypeError(f"backprop needs a chainbp Function that gives the loss; got {type(loss).__name__}")
    values, pulls = run_forward(loss.functions, as_array(x, "backprop: x"))
    value = values.pop()
    if np.ndim(value):
        raise ValueError(
            f"backprop needs a loss that gives one number; {loss} gave shape {np.shape(value)}. "
            "Let a cost come last: squared_error[t] @ ..."
        )
    deltas, gradients = run_backward(pulls, np.asarray(value).dtype.type(1))
    errors = Deltas(lambda: pulls[0][0](deltas[0]), deltas[:-1])
    return Backprop(loss, float(value), values, errors, gradients)


def variable_names(loss: Function) -> list[str]:
    """Name the variables of a chain from x to the input of its last function, as the paper does.

    The output of a function with a matrix of weights, or filters, is primed (y′, z′), what an activation makes of it
    is not. The letters run backward from z at the end; chains too deep for the alphabet get numbered h.
    """
    functions = loss.functions[:-1]
    # A letter begins at each weighted sum, and at each function that follows an unprimed variable.
    steps: list[tuple[int, str]] = []
    for f in functions:
        layer, prime = steps[-1] if steps else (0, "")
        if any(theta.ndim >= 2 for theta in f.parameters):
            steps.append((layer + 1, "′"))
        else:
            steps.append((layer, "") if prime else (layer + 1, ""))
    count = steps[-1][0] if steps else 0
    letters = "yz"[-count:] if 0 < count <= 2 else [f"h{i}" for i in range(1, count + 1)]
    return ["x"] + [f"{letters[layer - 1]}{prime}" for layer, prime in steps]


def _shape(value: Any) -> str:
    return str(np.shape(value))


def _brief(value: Any) -> str:
    """A number, a short vector, or the range of anything longer."""
    array = np.asarray(value)
    if array.size <= 4 and array.ndim <= 1:
        numbers = " ".join(f"{v:.4g}" for v in array.flat)
        return f"[{numbers}]" if array.ndim else numbers
    return f"{array.min():.4g} … {array.max():.4g}"
