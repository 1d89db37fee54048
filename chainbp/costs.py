"""Cost functions L, eq. (18). They are functions like any other: ``squared_error[t] @ net`` is one too."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from chainbp.function import Family, Function, PullX, Step
from chainbp.layers import softmax_and_log
from chainbp.wanted import Array, as_array, total

# A cost of the target t and of z, in one dtype and shape: L and what a number δ becomes on the way back.
Cost: TypeAlias = tuple[Any, PullX]
_ANY = "a number, (N,) or (N, K), with at least one entry"
_COLUMNS = "(N,) or (N, K), each column probabilities that sum to 1"


def _cost(name: str, latex: str, wants: str = _ANY, fits: Any = lambda t: True) -> Callable[..., Family]:
    """A decorator: makes of a cost of t and z the family of functions of z that waits for its target t.

    Where a target does not fit, an error says what the cost wants.
    """

    def family(cost: Callable[[Array, Array], Cost]) -> Family:
        def bind(t: Any) -> Function:
            t = as_array(t, "t", who := cost.__name__)
            if t.ndim > 2 or t.size == 0 or not fits(t):
                got = f"shape {t.shape}" + (f" with values from {t.min()} to {t.max()}" if t.size else "")
                raise ValueError(f"{who}: t must be {wants}; got {got}")

            def forward(z: Array) -> Step:
                if z.shape != t.shape:
                    raise ValueError(f"t of shape {t.shape} needs the same shape")
                # In the dtype of z: labels of another dtype change no network's.
                return *cost(t if t.dtype == z.dtype else t.astype(z.dtype), z), None

            return Function(forward, name=name, latex=latex)

        bind.__name__, bind.__doc__ = cost.__name__, cost.__doc__
        return Family(bind)

    return family


def _questions(t: Array, yes: Array, no: Array) -> Any:
    """Σ (t yes + (1 − t) no). A question that is not asked, t or 1 − t being 0, adds nothing, whatever its log."""
    return (t * np.where(t > 0, yes, 0) + (1 - t) * np.where(t < 1, no, 0)).sum()


def _shares(values: Array) -> Any:
    """Whether all lie in [0, 1]."""
    return np.all((values >= 0) & (values <= 1))


def _probabilities(t: Array) -> Any:
    """Whether each column holds probabilities that sum to 1; rounded ones do."""
    return t.ndim and np.all(t >= 0) and np.all(abs(total(t) - 1) <= 1e-3)


@_cost("‖t − ·‖²", r"\lVert \mathbf{t} - \cdot\, \rVert_2^2")
def squared_error(t: Array, z: Array) -> Cost:
    """The squared error L = Σ_k ‖t_k − z_k‖², eq. (18), summed over the samples k.

    Parameters
    ----------
    t : array_like
        The targets, of the shape of z: (N,) for a sample, (N, K) for a batch; for a net that gives one
        number per sample, a number or (K,). It is not a parameter: nothing is learned about it.

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
        If z does not have the shape of t, or t has more than two dimensions.

    Examples
    --------
    >>> from chainbp import squared_error
    >>> L, pull = squared_error[[1.0, 0.0]].vjp([0.5, 0.25])
    >>> print(L)
    0.3125
    >>> pull.x(1.0)
    array([-1. ,  0.5])
    """
    error = t - z
    return np.vdot(error, error), lambda delta: (-2 * delta) * error  # (18), (23)


@_cost("H(t, ·)", r"H(\mathbf{t}, \cdot\,)", f"{_ANY}, in [0, 1]", _shares)
def cross_entropy(t: Array, z: Array) -> Cost:
    """The cross entropy L = −Σ (t ln z + (1 − t) ln(1 − z)), summed over units and samples.

    Each unit of z is the probability of its own yes-or-no question, as a sigmoid gives it. The probabilities of a
    softmax answer one question together: ``cross_entropy[t] @ softmax`` would also ask each class whether it is *not*
    the one, and is another cost. Take :data:`softmax_cross_entropy`, without the softmax.

    Parameters
    ----------
    t : array_like
        The targets, in [0, 1], of the shape of z: (N,) or (N, K), or a number or (K,) for a net that
        gives one number per sample.

    Returns
    -------
    Function
        Gives one number. Back: δ_z = (z − t) / (z (1 − z)), so that after a sigmoid δ_z′ = z − t;
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
    if not _shares(z):
        raise ValueError(f"z must lie in [0, 1], so let a sigmoid come before it; got {np.min(z)} to {np.max(z)}")
    with np.errstate(divide="ignore"):
        loss = -_questions(t, np.log(z), np.log1p(-z))
        slope = np.divide(z - t, z * (1 - z), out=np.zeros_like(z), where=z != t)
    if not np.isfinite(slope).all():
        cure = "make its weights or its input smaller, or take sigmoid_cross_entropy[t] without the sigmoid"
        raise ValueError(f"the unit is saturated, z (nearly) 0 or 1 where t is not, the gradient infinite: {cure}")
    return loss, lambda delta: delta * slope


@_cost("H(t, σ ·)", r"H(\mathbf{t}, \boldsymbol{\sigma} \cdot\,)", f"{_ANY}, in [0, 1]", _shares)
def sigmoid_cross_entropy(t: Array, z: Array) -> Cost:
    """The cross entropy after a sigmoid, L = −Σ (t ln σ(z′) + (1 − t) ln(1 − σ(z′))), of the logits z′.

    Fused, because apart the two lose what they need: a probability that has become 0 or 1 has no logarithm, and one
    near 1 has lost the digits of its distance from 1.

    Parameters
    ----------
    t : array_like
        The targets, in [0, 1], of the shape of z′: (N,) or (N, K), or a number or (K,) for a net that gives one
        number per sample.

    Returns
    -------
    Function
        Takes any logits and gives one number, in nats. Back: δ_z′ = σ(z′) − t. An infinite logit costs nothing where it
        is right, and makes the cost inf where it is not; NaN gives NaN.

    Raises
    ------
    TypeError
        If t or z′ is not real numbers.
    ValueError
        If t leaves [0, 1] or is NaN, or if the shapes differ.

    Examples
    --------
    >>> from chainbp import sigmoid_cross_entropy
    >>> L, pull = sigmoid_cross_entropy[[1.0, 0.0]].vjp([-1000.0, 0.0])
    >>> print(L.round(4))
    1000.6931
    >>> pull.x(1.0)
    array([-1. ,  0.5])
    """
    below = np.exp(-abs(z))
    one_more = np.log1p(below)  # −ln σ(|z′|)
    loss = _questions(t, np.maximum(-z, 0) + one_more, np.maximum(z, 0) + one_more)
    larger, smaller = 1 / (1 + below), below / (1 + below)  # σ(|z′|) and 1 − σ(|z′|)
    # (1 − t) σ(z′) − t (1 − σ(z′)): where t is 0 or 1, as nearly always, nothing cancels.
    slope = (1 - t) * np.where(z > 0, larger, smaller) - t * np.where(z > 0, smaller, larger)
    return loss, lambda delta: delta * slope


@_cost("H(t, softmax ·)", r"H(\mathbf{t}, \operatorname{softmax} \cdot\,)", _COLUMNS, _probabilities)
def softmax_cross_entropy(t: Array, z: Array) -> Cost:
    """The cross entropy after a softmax, L = −Σ t ln softmax(z′), as one function of the logits z′.

    Fused, because apart the two lose what they need: a probability that has become 0 has no logarithm, and its logit
    no gradient.

    Parameters
    ----------
    t : array_like, shape (N,) or (N, K)
        The targets: for each sample, a column, N probabilities that sum to 1. For classes they are one-hot: 1
        for the right class, 0 for the others, as ``np.eye(N)[:, labels]`` gives them.

    Returns
    -------
    Function
        Takes logits z′ of the shape of t and gives one number, in nats, summed over the samples. Back:
        δ_z′ = softmax(z′) − t. The cost is inf only where it lies beyond the largest float, the error is always finite;
        for one-hot targets both are as exact as :data:`softmax`. A logit of −inf costs nothing where t is 0, and makes
        the cost inf where it is not; inf or NaN among the logits gives NaN.

    Raises
    ------
    TypeError
        If t or z′ is not real numbers.
    ValueError
        If a column of t does not hold probabilities (they must lie in [0, 1] and sum to 1), or if z′ does not have the
        shape of t.

    Examples
    --------
    >>> from chainbp import softmax_cross_entropy
    >>> L, pull = softmax_cross_entropy[[1.0, 0.0]].vjp([-1000.0, 0.0])
    >>> print(L)
    1000.0
    >>> pull.x(1.0)
    array([-1.,  1.])
    """
    y, half_log_y = softmax_and_log(z)
    whole, certain = total(t), t == 1
    # An impossible class, y = 0, costs nothing where it is not the target.
    loss = (2 * t * np.where(t == 0, 0, -half_log_y)).sum()
    # y Σt − t, where Σt is 1 but for rounding. Where t is 1, y − 1 would cancel: it is minus the others.
    others = total(np.where(certain, 0, y))
    slope = np.where(certain, (whole - 1) - whole * others, whole * y - t)
    return loss, lambda delta: delta * slope
