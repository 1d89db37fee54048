"""The layers of sections 2 and 4.1: the elementwise sigmoid σ and the weighted sum ρ⟦W⟧."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainbp.function import Array, Family, Function, PullTheta, PullX, as_array


def _sigmoid(x: Array) -> tuple[Array, PullX, None]:
    # In place where the formulas would make three arrays: this is most of what a sigmoid costs.
    z = np.exp(-x)
    z += 1
    z = np.reciprocal(z)

    def pull(delta: Array) -> Array:
        slope = 1 - z
        slope *= z
        slope *= delta
        return slope

    return z, pull, None


sigma = Function(_sigmoid, name="σ", latex=r"\boldsymbol{\sigma}")
sigma.__doc__ = r"""The elementwise sigmoid y = σ(x) = 1/(1 + e^-x), eqs. (1) and (2).

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


@Family
def rho(W: Any, b: Any = None) -> Function:
    """The weighted sum ρ⟦W⟧(x) = W x, eq. (7); ``rho[W, b]`` adds the bias that the paper leaves out.

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
    W = as_array(W, "ρ[W]: W")
    if W.ndim != 2 or 0 in W.shape:
        raise ValueError(f"ρ[W]: W must be a matrix of shape (N, M) with at least one entry; got shape {W.shape}")
    rows, columns = W.shape
    name = "ρ[W]" if b is None else "ρ[W, b]"
    if b is not None:
        b = as_array(b, "ρ[W, b]: b")
        if b.shape != (rows,):
            raise ValueError(f"ρ[W, b]: W of shape {W.shape} needs b of shape ({rows},); got shape {b.shape}")

    def forward(x: Array) -> tuple[Array, PullX, PullTheta]:
        if x.ndim not in (1, 2) or x.shape[0] != columns:
            raise ValueError(
                f"{name}: W of shape {W.shape} needs x of shape ({columns},) or ({columns}, K); got shape {x.shape}"
            )
        y = W.dot(x)  # W @ x, which takes half a microsecond longer: much, for a small network
        if x.ndim == 1:
            if b is None:
                return y, lambda delta: delta.dot(W), lambda delta: (delta[:, None] * x,)
            # The gradient is a copy: whoever changes it in place must not change the error.
            return y + b, lambda delta: delta.dot(W), lambda delta: (delta[:, None] * x, delta.copy())
        if b is None:
            return y, lambda delta: W.T @ delta, lambda delta: (delta @ x.T,)
        return y + b[:, None], lambda delta: W.T @ delta, lambda delta: (delta @ x.T, delta.sum(axis=1))

    return Function(
        forward,
        (W,) if b is None else (W, b),
        name="ρ",
        latex=r"\boldsymbol{\rho}",
        symbols=("W",) if b is None else ("W", "b"),
        rebind=lambda *theta: rho[theta],
        accepts=(columns,),
        gives=rows,
    )

# doctest looks for examples in functions and classes; sigma is neither.
__test__ = {"sigma": sigma.__doc__}
