"""Backprop through the two-layer network, eq. (13), beside the peers.

Every contestant computes the value and both gradients of ‖t − σ(W2 σ(W1 x))‖², with one sample per column as in
the paper. It may build once what it keeps from step to step (a chain, a jitted function); everything else is timed.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from benchmarks.harness import AGREE, JAX, OURS, Array, Contestant, Json, disagreement, jax_on_cpu, progress, race
from chainbp import backprop, squared_error, two_layer

PRODUCTS = "matrix products alone"


class Case(NamedTuple):
    """A row of the benchmark: the sizes of a two-layer network, the batch (none: one sample) and the dtype."""

    name: str
    sizes: tuple[int, int, int]
    batch: tuple[int, ...]
    dtype: str


CASES = {
    "a": Case("3-4-2, one sample", (3, 4, 2), (), "float64"),
    "b64": Case("784-128-10, batch 64", (784, 128, 10), (64,), "float64"),
    "b32": Case("784-128-10, batch 64", (784, 128, 10), (64,), "float32"),
    "c64": Case("784-1024-10, batch 1024", (784, 1024, 10), (1024,), "float64"),
    "c32": Case("784-1024-10, batch 1024", (784, 1024, 10), (1024,), "float32"),
}


def measure(seconds: float) -> Json:
    """A race for each row, once it is known that all agree."""
    return {"rows": {key: _row(case, seconds) for key, case in CASES.items()}}


def problem(case: Case) -> list[Array]:
    """Random weights, of the size that keeps the sigmoids alive, and random data."""
    rng = np.random.default_rng(0)
    m, h, n = case.sizes
    W1, W2 = rng.standard_normal((h, m)) / np.sqrt(m), rng.standard_normal((n, h)) / np.sqrt(h)
    x, t = rng.standard_normal((m, *case.batch)), rng.random((n, *case.batch))
    return [array.astype(case.dtype) for array in (W1, W2, x, t)]


def _row(case: Case, seconds: float) -> Json:
    progress(f"{case.name}, {case.dtype}")
    p = problem(case)
    contestants = [ours(*p), _torch(2, *p), _torch(1, *p), _jax(*p), _autograd(*p)]
    results = {c.name: c.run() for c in contestants}
    for name, result in results.items():
        if found := disagreement(results[OURS], result, AGREE[case.dtype]):
            raise AssertionError(f"{name} is {found} beside {OURS}: {case}")
    if case.batch:
        contestants.append(_products(*p))
    return {"network": case.name, "dtype": case.dtype, **race(contestants, seconds)}


def ours(W1: Array, W2: Array, x: Array, t: Array) -> Contestant:
    """chainbp, its chain built once."""
    loss = squared_error[t] @ two_layer(W1, W2)

    def run() -> tuple[Any, ...]:
        bp = backprop(loss, x)
        return bp.loss, *bp.gradients

    return Contestant(OURS, run)


def _torch(threads: int, *arrays: Array) -> Contestant:
    import torch

    W1, W2, x, t = map(torch.from_numpy, arrays)
    W1, W2 = W1.requires_grad_(), W2.requires_grad_()

    def run() -> tuple[Any, ...]:
        z = torch.sigmoid(W2 @ torch.sigmoid(W1 @ x))
        loss = torch.nn.functional.mse_loss(z, t, reduction="sum")
        return loss.detach(), *torch.autograd.grad(loss, (W1, W2))

    return Contestant(torch_name(threads), run, prepare=partial(torch.set_num_threads, threads))


def torch_name(threads: int, of: str = "torch") -> str:
    """What the tables call PyTorch."""
    return f"{of} {threads} thread{'s' * (threads > 1)}"


def _loss(np: Any, sigmoid: Any, W1: Any, W2: Any, x: Any, t: Any) -> Any:
    error = t - sigmoid(W2 @ sigmoid(W1 @ x))
    return np.sum(error * error)


def _flat(value: Any, gradients: Any) -> tuple[Any, ...]:
    return value, *gradients


def _jax(*arrays: Array) -> Contestant:
    jax = jax_on_cpu()
    both = jax.jit(jax.value_and_grad(partial(_loss, jax.numpy, jax.nn.sigmoid), argnums=(0, 1)))
    there = jax.device_put(arrays)

    return Contestant(JAX, lambda: _flat(*jax.block_until_ready(both(*there))))


def _autograd(*arrays: Array) -> Contestant:
    import autograd
    import autograd.numpy as anp

    both = autograd.value_and_grad(partial(_loss, anp, lambda x: 1 / (1 + anp.exp(-x))), argnum=(0, 1))

    return Contestant("autograd", lambda: _flat(*both(*arrays)))


def _products(W1: Array, W2: Array, x: Array, t: Array) -> Contestant:
    """The five matrix products that the gradients cannot do without, of arrays of the right shapes."""
    y, delta_y, delta_z = W1 @ x, W1 @ x, t

    def run() -> None:
        W1 @ x
        W2 @ y
        delta_z @ y.T
        W2.T @ delta_z
        delta_y @ x.T

    return Contestant(PRODUCTS, run)
