"""Cost functions L, eq. (18). They are functions like any other: ``squared_error[t] @ net`` is one too."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainbp.function import Array, Family, Function, PullX, as_array
from chainbp.layers import check_logits, softmax_and_half_log


@Family
def squared_error(t: Any) -> Function:
    """The squared error L = Σ_k ‖t_k − z_k‖², eq. (18), summed over the samples k.

    Parameters
    ----------
    t : array_like
        The teaching data, of the shape of z: (N,) for a sample, (N, K) for a batch; for a net that gives one
        number per sample, a number or (K,). It is no parameter: nothing is learned about it.

    Returns
    -------
    Function
        Gives one number. Back, (23): δ_z = −2 (t − z). There is no ½ in (18), so the 2 stays. ±inf and NaN in
        z travel by the ordinary rules.

    Raises
    ------
    TypeError
        If t or z is not real numbers.
    ValueError
        If z has not the shape of t, or t has more than two dimensions.

    Examples
    --------
    >>> from chainbp import squared_error
    >>> L, pull = squared_error[[1.0, 0.0]].vjp([0.5, 0.25])
    >>> print(L)
    0.3125
    >>> pull.x(1.0)
    array([-1. ,  0.5])
    """
    t = _target(t, "squared_error[t]")

    def forward(z: Array) -> tuple[Any, PullX, None]:
        error = _fitted(t, z, "squared_error[t]") - z
        return np.vdot(error, error), lambda delta: (-2 * delta) * error, None

    return Function(
        forward,
        name="‖t − ·‖²",
        latex=r"\lVert \mathbf{t} - \cdot\, \rVert_2^2",
        accepts=_rows_of(t),
        gives=0,
    )


@Family
def cross_entropy(t: Any) -> Function:
    """The cross entropy L = −Σ t ln z + (1 − t) ln(1 − z), summed over units and samples.

    Each unit of z is the probability of its own yes-or-no question, as a sigmoid gives it.

    Parameters
    ----------
    t : array_like
        The teaching data, in [0, 1], of the shape of z: (N,) or (N, K), or a number or (K,) for a net that
        gives one number per sample.

    Returns
    -------
    Function
        Gives one number. Back: δ_z = (z − t) / (z (1 − z)), so that after a sigmoid δ_z' = z − t;
        0 where z is exactly 0 or 1 and t equals it.

    Raises
    ------
    TypeError
        If t or z is not real numbers.
    ValueError
        If t or z leaves [0, 1] or is NaN, if their shapes differ, or if z is exactly 0 or 1 where t is not:
        the cost is then infinite and has no gradient.

    Examples
    --------
    >>> from chainbp import cross_entropy
    >>> L, pull = cross_entropy[[1.0, 0.0]].vjp([0.5, 0.5])
    >>> print(L.round(4))
    1.3863
    >>> pull.x(1.0)
    array([-2.,  2.])
    """
    target = _target(t, "cross_entropy[t]")
    if not np.all((target >= 0) & (target <= 1)):
        raise ValueError(f"cross_entropy[t]: t must lie in [0, 1]; got values from {target.min()} to {target.max()}")

    def forward(z: Array) -> tuple[Any, PullX, None]:
        t = _fitted(target, z, "cross_entropy[t]")
        if not np.all((z >= 0) & (z <= 1)):
            raise ValueError(
                f"cross_entropy[t]: z must lie in [0, 1], so let a sigmoid come before it; "
                f"got values from {np.min(z)} to {np.max(z)}"
            )
        if np.any(((z == 0) & (t > 0)) | ((z == 1) & (t < 1))):
            raise ValueError(
                "cross_entropy[t]: z is exactly 0 or 1 where t is not, so the cost is infinite; "
                "the unit is saturated: make its weights or its input smaller"
            )
        # Where z is exactly 0 or 1, t equals it: such a unit costs nothing, and its clipped logarithms are finite.
        tiny, below_one = np.finfo(z.dtype).tiny, 1 - np.finfo(z.dtype).epsneg
        inside = np.clip(z, tiny, below_one)
        loss = -(t * np.log(inside) + (1 - t) * np.log1p(-inside)).sum()
        return loss, lambda delta: delta * (z - t) / (inside * (1 - inside)), None

    return Function(
        forward,
        name="H(t, ·)",
        latex=r"H(\mathbf{t}, \cdot\,)",
        accepts=_rows_of(target),
        gives=0,
    )


@Family
def softmax_cross_entropy(t: Any) -> Function:
    """The cross entropy after a softmax, L = −Σ t ln softmax(z'), as one function of the logits z'.

    Fused, because apart the two lose what they need: a probability that has become 0 has no logarithm, and its logit
    no gradient.

    Parameters
    ----------
    t : array_like, shape (N,) or (N, K)
        The teaching data: for each sample, a column, N probabilities that sum to 1. For classes they are one-hot: 1
        for the right class, 0 for the others, as ``np.eye(N)[:, labels]`` gives them.

    Returns
    -------
    Function
        Takes logits z' of the shape of t and gives one number, in nats, summed over the samples. Back:
        δ_z' = softmax(z') − t. The cost is inf only where it lies beyond the largest float, the error is always finite;
        for one-hot targets both are as exact as :data:`softmax`. A logit of −inf costs nothing where t is 0, and makes
        the cost inf where it is not; inf or NaN among the logits gives NaN.

    Raises
    ------
    TypeError
        If t or z' is not real numbers.
    ValueError
        If a column of t is no probabilities (they must lie in [0, 1] and sum to 1), or if z' has not the shape of t.

    Examples
    --------
    >>> from chainbp import softmax_cross_entropy
    >>> L, pull = softmax_cross_entropy[[1.0, 0.0]].vjp([-1000.0, 0.0])
    >>> print(L)
    1000.0
    >>> pull.x(1.0)
    array([-1.,  1.])
    """
    target = _target(t, "softmax_cross_entropy[t]")
    sums = target.sum(axis=0)
    if target.ndim == 0 or not (np.all(target >= 0) and np.all(abs(sums - 1) <= 1e-6)):
        raise ValueError(
            "softmax_cross_entropy[t]: each column of t must hold probabilities that sum to 1; "
            f"got shape {target.shape} with values from {target.min()} to {target.max()}"
        )

    def forward(z: Array) -> tuple[Any, PullX, None]:
        check_logits(z, "softmax_cross_entropy[t]")
        t = _fitted(target, z, "softmax_cross_entropy[t]")
        y, half_log_y = softmax_and_half_log(z)
        # 0 · (−inf) is 0 here: an impossible class costs nothing where it is not the target.
        loss = 2 * (t * np.where(t == 0, 0, -half_log_y)).sum()

        def pull(delta: Array) -> Array:
            # Where t is 1, y − 1 would cancel: it is minus the sum of the other probabilities.
            others = np.where(t == 1, 0, y).sum(axis=0)
            return np.asarray(delta * np.where(t == 1, -others, y - t))

        return loss, pull, None

    return Function(
        forward,
        name="H(t, softmax ·)",
        latex=r"H(\mathbf{t}, \operatorname{softmax} \cdot\,)",
        accepts=(target.shape[0],),
        gives=0,
    )


def _target(t: Any, name: str) -> Array:
    target = as_array(t, f"{name}: t")
    if target.ndim > 2 or target.size == 0:
        raise ValueError(f"{name}: t must be a number, (N,) or (N, K), with at least one entry; got {target.shape}")
    return target


def _fitted(t: Array, z: Any, name: str) -> Array:
    """t, once it is known to have the shape of z, in the dtype of z: labels of another dtype change no network's."""
    if z.shape != t.shape:
        raise ValueError(f"{name}: t of shape {t.shape} needs z of the same shape; got shape {z.shape}")
    return t.astype(z.dtype, copy=False)


def _rows_of(t: Array) -> tuple[int, ...]:
    """The rows z may have: t of shape (n,) may be one sample of n rows, or n samples of one number."""
    if t.ndim == 0:
        return (0,)
    return (t.shape[0], 0) if t.ndim == 1 else (t.shape[0],)
