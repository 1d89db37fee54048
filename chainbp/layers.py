"""The layers of sections 2 and 4.1: the elementwise sigmoid σ, its relatives, and the weighted sum ρ⟦W⟧."""

# The pulls are made anew in each run: let their annotations be no work.
from __future__ import annotations

from typing import Any

import numpy as np

from chainbp.function import Family, Function, Step, named
from chainbp.wanted import Array, as_array, shaped, total


@named("σ", r"\boldsymbol{\sigma}")
def sigma(x: Array) -> Step:
    """The elementwise sigmoid y = σ(x) = 1/(1 + e^-x), eqs. (1) and (2).

    Takes any shape. Its derivative, (27) and (29), is y ⊗ (1 − y) in terms of the *output* y. Exact at the ends:
    σ(−inf) = 0, σ(inf) = 1, both with derivative 0; NaN stays NaN. No float makes it overflow.

    Examples
    --------
    >>> from chainbp import sigma
    >>> sigma @ [0.0, 1000.0, -1000.0]
    array([0.5, 1. , 0. ])
    >>> sigma.jacobian([0.0, 2.0]).round(4)
    array([[0.25 , 0.   ],
           [0.   , 0.105]])
    """
    # In place: three arrays more would take half as long again, and much longer where they are large.
    y = np.asarray(-x)
    np.exp(y, y)
    y += 1.0
    np.reciprocal(y, y)
    return y, lambda delta: (1.0 - y) * y * delta, None


@named("tanh", r"\tanh")
def tanh(x: Array) -> Step:
    """The elementwise hyperbolic tangent y = tanh(x), a sigmoid from −1 to 1.

    Takes any shape. Its derivative is 1 − y². Exact at the ends: tanh(±inf) = ±1 with derivative 0; NaN stays NaN.

    Examples
    --------
    >>> from chainbp import tanh
    >>> tanh @ [0.0, 1000.0, -1000.0]
    array([ 0.,  1., -1.])
    >>> tanh.jacobian([0.0, 1000.0])
    array([[1., 0.],
           [0., 0.]])
    """
    y = np.tanh(x)
    return y, lambda delta: (1.0 - y) * (1.0 + y) * delta, None


@named("relu")
def relu(x: Array) -> Step:
    """The elementwise rectifier y = max(x, 0).

    Takes any shape. Its derivative is 1 where x > 0 and 0 elsewhere; at x = 0, where it has a kink, 0 is chosen.
    relu(inf) = inf, relu(−inf) = 0; NaN stays NaN, with derivative 0.

    Examples
    --------
    >>> from chainbp import relu
    >>> y, pull = relu.vjp([-1.0, 0.0, 2.0])
    >>> y
    array([0., 0., 2.])
    >>> pull.x([1.0, 1.0, 1.0])
    array([0., 0., 1.])
    """
    return np.maximum(x, 0), lambda delta: delta * (x > 0), None


@named("softmax")
def softmax(x: Array) -> Step:
    """Softmax y_i = e^(x_i) / Σ_j e^(x_j) of each sample, from logits to probabilities that sum to 1.

    Takes (N,), or (N, K) with one sample per column. Its Jacobian is diag(y) − y yᵀ, so δ_x = y ⊗ (δ − Σ_j δ_j y_j).
    No finite logits and no finite errors overflow. y_i is exact to a few eps, and half an eps more for each unit that
    its logit lies below the largest; δ_x,i to as many of ``y_i Σ_j y_j |δ_i − δ_j|``, so that tiny errors keep their
    digits. A logit of −inf is a probability of 0; inf or NaN gives NaN. As the last layer of a classifier take
    :data:`softmax_cross_entropy`, which contains it.

    Raises
    ------
    ValueError
        If x is empty or has neither one nor two dimensions.

    Examples
    --------
    >>> from chainbp import softmax
    >>> softmax @ [1000.0, 1000.0, -1000.0]
    array([0.5, 0.5, 0. ])
    >>> softmax.jacobian([0.0, 0.0])
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    y, _ = softmax_and_log(x)

    def pull(delta: Array) -> Array:
        # δ − Σ δ_j y_j would cancel where one y_i is nearly 1. So take the errors relative to that of the most probable
        # class; and their halves, since a difference may overflow where its product with y does not.
        half = delta / 2
        half -= np.take_along_axis(half, y.argmax(axis=0)[None], axis=0)
        return np.asarray(2 * y * (half - total(half * y)))

    return y, pull, None


def softmax_and_log(x: Array) -> tuple[Array, Array]:
    """Softmax of the columns of x, (N,) or (N, K), and half its logarithm.

    Two finite logits may differ by more than the largest float, but their halves may not: nothing overflows.
    """
    if x.ndim not in (1, 2) or x.size == 0:
        raise ValueError("logits have the shape (N,) or (N, K) with at least one entry")
    half_below = x / 2 - x.max(axis=0) / 2
    powers = np.exp(2 * half_below)
    # The largest power is 1: the logarithm of 1 and the others keeps digits that their sum has lost.
    others = powers.copy()
    np.put_along_axis(others, powers.argmax(axis=0)[None], 0, axis=0)
    return powers / total(powers), half_below - np.log1p(total(others)) / 2


@Family
def rho(W: Any, b: Any = None) -> Function:
    """The weighted sum ρ⟦W⟧(x) = W x, eq. (7); ``rho[W, b]`` adds the bias that the note leaves out.

    Parameters
    ----------
    W : array_like, shape (N, M)
        The weights; row n holds the weights of output n.
    b : array_like, shape (N,), optional
        The bias.

    Returns
    -------
    Function
        Takes x of shape (M,), or a batch (M, K) with one sample per column; gives (N,) or (N, K). Back, with δ
        a column: δ_x = Wᵀ δ (28), ∂L/∂W = δ xᵀ (30) and (31), ∂L/∂b = δ, summed over the samples of a batch.
        ±inf and NaN travel by the ordinary rules of floating-point sums.

    Raises
    ------
    TypeError
        If W, b or x is not real numbers.
    ValueError
        If W is not a matrix, b does not match its rows, or x does not match its columns.

    Examples
    --------
    >>> from chainbp import rho
    >>> layer = rho[[[1, 2, 3], [4, 5, 6]]]
    >>> layer @ [1, 0, -1]
    array([-2., -2.])
    >>> y, pull = layer.vjp([1, 0, -1])
    >>> pull.x([1, 10])
    array([41., 52., 63.])
    >>> pull.theta([1, 10])[0]
    array([[  1.,   0.,  -1.],
           [ 10.,   0., -10.]])
    """
    W = as_array(W, "W", "ρ[W]")
    if W.ndim != 2 or 0 in W.shape:
        raise ValueError(f"ρ[W]: W must be a matrix of shape (N, M) with at least one entry; got shape {W.shape}")
    rows, columns = W.shape
    theta = (W,) if b is None else (W, b := shaped(b, "b", f"ρ[W, b] with W of shape {W.shape}", (rows,)))

    def forward(x: Array) -> Step:
        if x.ndim not in (1, 2) or x.shape[0] != columns:
            raise ValueError(f"W of shape {W.shape} needs shape ({columns},) or ({columns}, K)")
        y = W.dot(x)  # (7); W @ x takes half a microsecond longer: much, for a small network
        y = y if b is None else (y.T + b).T

        def pull_theta(delta: Array) -> tuple[Array, ...]:
            of_W = delta.dot(x.T) if x.ndim == 2 else delta[:, None].dot(x[None])  # (30), (31)
            return (of_W,) if b is None else (of_W, delta if x.ndim == 1 else delta.sum(axis=1))

        return y, lambda delta: W.T.dot(delta), pull_theta  # (28)

    return Function(forward, theta, name="ρ", latex=r"\boldsymbol{\rho}", symbols=("W", "b")[: len(theta)])
