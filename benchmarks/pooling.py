"""Lp pooling forward and backward, eqs. (32) and (33), beside the peers.

Every contestant gets the same images and the same error δ and returns z and δ_y. Some windows are zero and half of the
other entries are negative, as a network's are. The results are compared with chainbp's before the clock starts, and
marked where they are NaN or wrong. chainbp's own have to be those of mpmath, or the run stops.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from benchmarks import harness
from benchmarks.harness import AGREE, OURS, Array, Contestant, Json, disagreement
from benchmarks.networks import torch_name
from benchmarks.reference import reference
from chainbp import lp_pool2d

# As it is, and of |y|, as one would mend it; the compiled one is mended, too.
TORCH, MENDED, COMPILED = "torch", "torch of |y|,", "torch.compile of |y|,"

IMAGES = (32, 64, 32, 32)
STRIDE = 2
ORDERS = (1, 1.5, 2, 3, 4.7, 10, 100)
DTYPES = ("float32", "float64")


class Case(NamedTuple):
    """A row: windows of `size` each STRIDE, an order and a dtype."""

    size: int
    p: float
    dtype: str

    @property
    def key(self) -> str:
        """What the row is called."""
        return f"k{self.size}s{STRIDE} {self.dtype} p={self.p:g}"


CASES = [Case(size, p, dtype) for size in (2, 3) for dtype in DTYPES for p in ORDERS]


class Problem(NamedTuple):
    """What every contestant is given."""

    case: Case
    y: Array
    delta: Array


def problem(case: Case) -> Problem:
    """Normal numbers, small ones set to 0, and a quarter of all 4×4 patches."""
    rng = np.random.default_rng(0)
    y = rng.standard_normal(IMAGES)
    patches = rng.random((*IMAGES[:2], IMAGES[2] // 4, IMAGES[3] // 4)) < 0.25
    y[patches.repeat(4, axis=2).repeat(4, axis=3)] = 0
    y[np.abs(y) < 0.1] = 0
    delta = rng.standard_normal((*IMAGES[:2], *((side - case.size) // STRIDE + 1 for side in IMAGES[2:])))
    return Problem(case, y.astype(case.dtype), delta.astype(case.dtype))


def measure(seconds: float) -> Json:
    """A race for each row."""
    return {"rows": {case.key: _row(case, seconds) for case in CASES}}


def _row(case: Case, seconds: float) -> Json:
    """Judge the results of the contestants on one problem, then race them."""
    harness.progress(f"Lp pooling, {case.key}")
    q = problem(case)
    contestants = [ours(q), *_torch(q), _jax(q)]
    results = {}
    for c in contestants:
        c.prepare()
        results[c.name] = c.run()
    if found := disagreement(expected(q), [array[0, 0] for array in results[OURS]], AGREE[case.dtype]):
        raise AssertionError(f"{OURS} is {found}: {case.key}")
    wrong = marks(q, results)
    if torch_name(2) not in wrong:
        # Where torch is right without |y|, it is not raced with it.
        contestants = [c for c in contestants if not c.name.startswith(MENDED)]
    windows = f"{case.size}×{case.size}, stride {STRIDE}"
    return {"windows": windows, "dtype": case.dtype, "p": case.p, "marks": wrong, **harness.race(contestants, seconds)}


def expected(q: Problem) -> tuple[Array, Array]:
    """z and δ_y of the first image, window by window by mpmath."""
    y, delta, size = q.y[0, 0], q.delta[0, 0], q.case.size
    z, errors = np.zeros(delta.shape), np.zeros(y.shape)
    for i, j in np.ndindex(delta.shape):
        window = np.s_[STRIDE * i : STRIDE * i + size, STRIDE * j : STRIDE * j + size]
        true = reference(y[window].ravel(), q.case.p)
        z[i, j] = true.z
        errors[window] += float(delta[i, j]) * np.array(true.gradient, float).reshape(size, size)
    return z, errors


def marks(q: Problem, results: dict[str, tuple[Any, Any]]) -> dict[str, str]:
    """By name, whose results are ``NaN`` (or infinite) or ``wrong``; all others' are chainbp's."""
    # |y| has no derivative at 0, and at p = 1 anyone may choose one.
    free = (q.y == 0) & (q.case.p == 1)
    judged = {name: (z, np.where(free & np.isfinite(np.asarray(e)), 0, e)) for name, (z, e) in results.items()}
    found = {name: disagreement(judged[OURS], result, AGREE[q.case.dtype]) for name, result in judged.items()}
    return {name: mark for name, mark in found.items() if mark}


def right_torch(row: Json, threads: int) -> Json | None:
    """Torch's ratio in a row, of |y| where it is wrong without; nothing where it is wrong all the same."""
    names = (torch_name(threads, of) for of in (TORCH, MENDED))
    return next((row["ratios"][name] for name in names if name in row["ratios"] and name not in row["marks"]), None)


# ---- the contestants ----


def ours(q: Problem) -> Contestant:
    """chainbp, on one thread."""
    pooling = lp_pool2d[q.case.p, q.case.size, STRIDE]

    def run() -> tuple[Array, Array]:
        z, pull = pooling.vjp(q.y)
        return z, pull.x(q.delta)

    return Contestant(OURS, run)


def _torch(q: Problem) -> Iterator[Contestant]:
    """torch's own pooling, of y as it is and of |y|; in one row for each size also compiled."""
    import torch

    y, delta = torch.from_numpy(q.y).requires_grad_(), torch.from_numpy(q.delta)

    def plain(y: Any) -> Any:
        return torch.nn.functional.lp_pool2d(y, q.case.p, q.case.size, STRIDE)

    def mended(y: Any) -> Any:
        return plain(y.abs())

    def run(pool: Callable[[Any], Any]) -> tuple[Any, Any]:
        z = pool(y)
        return z.detach(), *torch.autograd.grad(z, y, delta)

    pools = {TORCH: plain, MENDED: mended}
    if q.case.p == 3 and q.case.dtype == "float32" and any(map(shutil.which, ("g++", "clang++"))):
        pools[COMPILED] = torch.compile(mended)
    for of, pool in pools.items():
        for threads in (2, 1):
            yield Contestant(torch_name(threads, of), partial(run, pool), partial(torch.set_num_threads, threads))


def _jax(q: Problem) -> Contestant:
    """The faster of two ways to sum over windows, lax.reduce_window and shifted slices; zero windows kept from 0/0."""
    jax = harness.jax_on_cpu()
    jnp, (size, p, dtype) = jax.numpy, q.case
    y, delta = jax.device_put((q.y, q.delta))

    def reduce_window(powers: Any) -> Any:
        window, stride = (1, 1, size, size), (1, 1, STRIDE, STRIDE)
        return jax.lax.reduce_window(powers, np.zeros((), dtype), jax.lax.add, window, stride, "VALID")

    def slices(powers: Any) -> Any:
        h, w = (side - size + 1 for side in powers.shape[2:])
        return sum(powers[..., i : i + h : STRIDE, j : j + w : STRIDE] for i, j in np.ndindex(size, size))

    def contestant(sums: Callable[[Any], Any]) -> Contestant:
        def pool(y: Any) -> Any:
            s = sums(jnp.abs(y) ** p)
            return jnp.where(s > 0, jnp.where(s > 0, s, 1) ** (1 / p), 0)

        @jax.jit
        def both(y: Any, delta: Any) -> Any:
            z, pull = jax.vjp(pool, y)
            return z, *pull(delta)

        return Contestant(harness.JAX, lambda: jax.block_until_ready(both(y, delta)))

    return min((contestant(sums) for sums in (reduce_window, slices)), key=harness.seconds_of)
