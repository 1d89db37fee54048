"""Gradient descent on the cost (18): what the gradients are for."""

import sys
from collections.abc import Iterator, Sequence
from itertools import repeat
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

from chainbp import show
from chainbp.backprop import backprop
from chainbp.function import Family, Function
from chainbp.wanted import Array, ArrayLike, as_array, number


class Training(NamedTuple):
    """The result of :func:`train`.

    Attributes
    ----------
    network : Function
        The trained network; the one that was given is unchanged.
    history : ndarray, shape (steps,)
        The mean loss per sample of each step's batch, before the step.
    """

    network: Function
    history: Array

    def __repr__(self) -> str:
        losses = f"mean loss {self.history[0]:.4g} → {self.history[-1]:.4g}"
        return show.printable(f"Training of {self.network}: {len(self.history)} steps, {losses}")


def train(
    network: Function,
    cost: Family,
    X: ArrayLike,
    T: ArrayLike,
    *,
    steps: int = 1000,
    rate: float | Sequence[float] = 0.1,
    batch: int | None = None,
    momentum: float = 0.0,
    seed: int = 0,
    progress: bool = True,
) -> Training:
    """Minimize the cost (18) by gradient descent on the network's parameters.

    Each step is θ ← θ − rate · ∂L/∂θ / K, with L summed over the K samples of the step's batch; dividing by K
    lets one rate serve every size of batch. With momentum m, the step is rate · v with v ← m v + ∂L/∂θ / K.

    Parameters
    ----------
    network : Function
        What is trained. Parameters in ``fixed()`` parts stay as they are.
    cost : Family
        ``squared_error``, ``cross_entropy``, or a family of your own: ``cost[T]`` must give one number.
    X : array_like, shape (M, K), or (K, C, H, W) for images
        The samples, one per column; of images, one after the other.
    T : array_like, shape (N, K), or (K,) for a network that gives one number per sample
        The targets.
    steps : int, optional
        How many steps to take.
    rate : float or sequence of float, optional
        The learning rate, or one for each parameter, in the order of ``network.parameters``.
    batch : int, optional
        How many samples a step sees, drawn anew without replacement each time around; a remainder that fills no
        batch waits for the next time. Default: all of them.
    momentum : float, optional
        In [0, 1).
    seed : int, optional
        Seeds the order of the samples; without `batch` nothing is random.
    progress : bool, optional
        Show a progress bar, if tqdm is installed.

    Returns
    -------
    Training
        With ``.network`` and ``.history``.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, the shapes do not match, the network has no parameters, or a step makes
        one of them impossible, such as a p below 0.
    FloatingPointError
        If the loss or a gradient stops being finite; the message names the step.

    Examples
    --------
    >>> from chainbp import rho, squared_error, train
    >>> X, T = [[1.0, 2.0]], [[3.0, 6.0]]
    >>> result = train(rho[[[0.0]]], squared_error, X, T, steps=50, progress=False)
    >>> result.network.parameters[0].round(3)
    array([[3.]])
    """
    if not isinstance(network, Function):
        raise TypeError(f"train needs a chainbp Function to train; got {type(network).__name__}")
    if not isinstance(cost, Family):
        raise TypeError(f"train: cost must be a family that waits for its target, like squared_error; got {cost!r}")
    X, T = as_array(X, "X", "train"), as_array(T, "T", "train")
    axis = 0 if X.ndim == 4 else -1
    if X.ndim not in (2, 4) or T.ndim not in (1, 2) or X.shape[axis] != T.shape[-1] or X.shape[axis] == 0:
        wanted = "X must be (M, K), one column per sample, or images (K, C, H, W), and T (N, K) or (K,)"
        raise ValueError(f"train: {wanted}; got {X.shape} and {T.shape}")
    if not network.parameters:
        raise ValueError(f"train: {network} has no parameters to learn")
    steps = number(steps, "train: steps", Integral, most=10**9)
    seed = number(seed, "train: seed", Integral, least=0)
    samples = T.shape[-1]
    size = number(samples if batch is None else batch, "train: batch", Integral, most=samples + 1)
    count, given = len(network.parameters), np.asarray(rate, dtype=object)  # `number` has a say on what they are
    if given.shape[:1] not in [(), (count,)]:
        raise ValueError(f"train: rate must be one number, or {count}, one for each parameter")
    rates = [number(r, "train: rate") for r in (given if given.ndim else [given.item()] * count)]
    momentum = number(momentum, "train: momentum", least=0, most=1)

    velocity = [np.zeros_like(theta) for theta in network.parameters]
    history = np.empty(steps)
    each_step = _shown(steps, history) if progress else range(steps)
    for step, columns in zip(each_step, _batches(samples, size, seed)):
        bp = backprop(cost[T[..., columns]] @ network, X[columns] if axis == 0 else X[:, columns])
        history[step] = bp.loss / size
        velocity = [momentum * v + (g / size).astype(v.dtype) for v, g in zip(velocity, bp.gradients)]
        moved = [theta - r * v for theta, r, v in zip(network.parameters, rates, velocity)]
        # p = inf stays what it is.
        sound = all(np.all(np.isfinite(new) | (new == old)) for new, old in zip(moved, network.parameters))
        if not (sound and np.isfinite(bp.loss)):
            # Before the first step no rate can be the cause.
            no_rate = step == 0 and not all(np.isfinite(g).all() for g in [np.array(bp.loss), *bp.gradients])
            advice = "ask check_gradient which one, at this input" if no_rate else "try a smaller rate"
            raise FloatingPointError(f"train: the loss or a parameter is not finite at step {step}; {advice}")
        try:
            network = network.with_parameters(moved)
        except ValueError as error:
            raise ValueError(f"train: step {step} led a parameter out of its range: {error}") from error
    return Training(network, history)


def _batches(samples: int, size: int, seed: int) -> Iterator[Any]:
    """Columns of one batch after the other, shuffled anew each time around; all columns where one batch has all."""
    if size == samples:
        yield from repeat(slice(None))
    rng = np.random.default_rng(seed)
    while True:
        yield from rng.permutation(samples)[: samples - samples % size].reshape(-1, size)


def _shown(steps: int, history: Array) -> Iterator[int]:
    """The steps, with a tqdm bar on standard output whose last state is the same in every run; without tqdm, no bar."""
    try:
        from tqdm import tqdm
    except ImportError:
        return (yield from range(steps))
    blocks = " ·━" if show.printable(" ·━") == " ·━" else True
    form = "{desc:<16}|{bar}| {n_fmt}/{total_fmt}"
    with tqdm(total=steps, file=sys.stdout, ascii=blocks, ncols=60, bar_format=form) as bar:
        for step in range(steps):
            yield step
            bar.update()
        bar.set_description(f"loss {history[-1]:.4g}")
