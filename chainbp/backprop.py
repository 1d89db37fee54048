"""Section 4: error backpropagation, the chain rules (9) and (10) applied from the loss back to the data."""

from functools import cached_property

from chainbp import show
from chainbp.function import Function, Pull
from chainbp.wanted import Array, ArrayLike, as_array, frozen, quiet


class Backprop:
    """The result of :func:`backprop`; in a notebook it shows itself as a small table.

    Attributes
    ----------
    function : Function
        The loss as a function.
    loss : float
        The loss L.
    hidden : list of ndarray
        The variables in data order, from x to the input of the cost: x, y′, y, z′, z for eq. (13); read-only.
    gradients : tuple of ndarray
        ∂L/∂θ for each parameter, in the order and of the shape of ``loss.parameters``. They are yours to change.
    """

    def __init__(self, function: Function, x: Array) -> None:
        with quiet():
            run = Pull(function, x)
            *self.hidden, loss = run.values
            if loss.ndim:
                cost = "Let a cost come last: squared_error[t] @ ..."
                gave = f"{function} gave shape {loss.shape}"
                raise ValueError(f"backprop needs a loss that gives one number; {gave}. {cost}")
            self._behind, self.gradients = run.back(loss.dtype.type(1), x=False)
        self.function, self.loss, self._run = function, float(loss), run
        # The error of x asks the first link only: what the other pulls hold, such as patches of images, can go.
        run.pulls_x[1:], run.pulls_theta[:] = [], [None]

    @cached_property
    def deltas(self) -> list[Array]:
        """The error δ = ∂L/∂h of each hidden variable h, in the same order and of the same shape; read-only.

        That of x costs a product that hardly anybody needs: it is computed when this list is read.
        """
        with quiet():
            first = self._run.back(self._behind[0], theta=False, end=1)[0][0]
        return [frozen(delta) for delta in (first, *self._behind[:-1])]

    def __repr__(self) -> str:
        return show.table(self)

    def _repr_html_(self) -> str:
        return show.html_table(self)


def backprop(loss: Function, x: ArrayLike) -> Backprop:
    """Run a loss forward, (14)–(17), and its errors backward, (23)–(26).

    No Jacobian is ever formed: the cost is usually a few times that of one forward pass, and the memory is that of the
    hidden variables. The result keeps copies: whatever happens later to x, or to an array that the loss was made from,
    does not change it.

    Parameters
    ----------
    loss : Function
        A function that gives one number, such as ``squared_error[t] @ sigma @ rho[W2] @ sigma @ rho[W1]``.
    x : array_like
        What the first function takes: a sample (M,), a batch (M, K) or images (N, C, H, W). Over several samples L and
        the gradients are sums, as in (18).

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
    return Backprop(loss, as_array(x, "x", "backprop").copy())
