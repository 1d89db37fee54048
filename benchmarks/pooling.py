"""Lp pooling forward and backward, eqs. (32) and (33), beside the peers and beside the limit; and cost against size.

Every contestant gets the same images and the same error δ and returns z and δ_y; in rows with ∂L/∂p, that as well. Some
windows are zero and half of the other entries are negative, as a network's are: what a contestant then returns is
compared with (32) and (33) before the clock starts, and its times are marked where it is NaN or wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.harness import (
    AGREE,
    JAX,
    OURS,
    TORCH,
    Contestant,
    Goal,
    Json,
    Race,
    Setting,
    disagreement,
    fastest,
    judged,
    progress,
    show_ratio,
    show_time,
    table,
)
from chainbp import Function, conv2d, eta, lp_pool2d

TORCH_ABS = "torch of |y|, 2 threads"
LIMIT = "limit"
PEERS = (*TORCH.values(), TORCH_ABS, JAX)

Array = npt.NDArray[Any]

IMAGES = (32, 64, 32, 32)
GROUPS = 1_000_000
ORDERS = (1, 1.5, 2, 3, 4.7, 10, 100)
DTYPES = ("float32", "float64")
# Numbers in a block of the limit: what is at work stays in a processor core's cache.
BLOCK = 2**15
SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000, 4_000_000)


class Case(NamedTuple):
    """A row: windows of `size` each `stride`, or groups of `size` in a vector where `stride` is None."""

    size: int
    stride: int | None
    p: float
    dtype: str
    with_p: bool = False

    @property
    def name(self) -> str:
        """What the tables call the windows."""
        windows = f"groups of {self.size}" if self.stride is None else f"{self.size}×{self.size}, stride {self.stride}"
        return f"{windows}, with ∂L/∂p" if self.with_p else windows

    @property
    def key(self) -> str:
        """What the row is called in the results."""
        windows = f"g{self.size}" if self.stride is None else f"k{self.size}s{self.stride}"
        return f"{windows} {self.dtype} p={self.p:g}{' with dp' if self.with_p else ''}"


CASES = [
    *(Case(size, 2, p, dtype) for size in (2, 3) for dtype in DTYPES for p in ORDERS),
    *(Case(2, 2, 4.7, dtype, with_p=True) for dtype in DTYPES),
    *(Case(4, None, p, dtype) for dtype in DTYPES for p in (2, 4.7)),
]
GOALS = [
    Goal(case.key, peer, at_least)
    for case in CASES
    if case.stride and not case.with_p and case.p not in (1, 100)
    for peer, at_least in ((TORCH[2], 2.0), (JAX, 1.5), (LIMIT, 0.5))
]


class Problem(NamedTuple):
    """What every contestant is given."""

    case: Case
    y: Array
    delta: Array


def problem(case: Case) -> Problem:
    """Normal numbers, small ones set to 0, and a quarter of all 4×4 patches; in a vector, a quarter of the groups."""
    rng = np.random.default_rng(0)
    if case.stride is None:
        y = rng.standard_normal(GROUPS).reshape(-1, case.size)
        y[rng.random(len(y)) < 0.25] = 0
        y, shape = y.ravel(), (GROUPS // case.size,)
    else:
        y = rng.standard_normal(IMAGES)
        patches = rng.random((*IMAGES[:2], IMAGES[2] // 4, IMAGES[3] // 4)) < 0.25
        y[patches.repeat(4, axis=2).repeat(4, axis=3)] = 0
        shape = (*IMAGES[:2], *((side - case.size) // case.stride + 1 for side in IMAGES[2:]))
    y[np.abs(y) < 0.1] = 0
    return Problem(case, y.astype(case.dtype), rng.standard_normal(shape).astype(case.dtype))


def measure(native: bool, seconds: float) -> Json:
    """Time everything in this process; nothing here depends on BLAS, so only with it unpinned."""
    if not native:
        return {}
    return {
        "costs": _costs(seconds / 8),
        "rows": {case.key: _row(case, seconds) for case in CASES},
        "elements": _elements(seconds / 8),
    }


def report(results: Mapping[Setting, Json], labels: Mapping[Setting, str]) -> Iterator[str]:
    """The tables, one text each, of what :func:`measure` gave."""
    native = results["native"]
    yield (
        f"Lp pooling of {'×'.join(map(str, IMAGES))} numbers (groups: of {GROUPS}), forward and backward, chainbp on "
        "one thread.\nPeer's time over chainbp's: median (quartiles); above 1, chainbp is faster. NaN and wrong: what "
        "that peer returned.\nThe last column is the limit's time over chainbp's: 1 would be the limit itself.\n\n"
        + table(["windows", "p", OURS, *PEERS, LIMIT], map(_cells, native["rows"].values()))
    )
    yield "What NumPy takes here for one number, in ns.\n\n" + table(
        ["", *native["costs"]],
        ([name, *(f"{native['costs'][dtype][name]:.3g}" for dtype in native["costs"])] for name in _operations()),
    )
    yield "The goals.\n\n" + table(
        ["row", "compared with", "goal", "measured", "met"],
        (
            [g["row"], g["peer"], f"≥ {g['at_least']:.3g}", show_ratio(g["ratio"]) if g["ratio"] else "", g["met"]]
            for g in goals(results)
        ),
    )
    yield "Cost against size, forward and backward, float32.\n\n" + table(
        ["numbers", *(f"{name}{what}" for name in native["elements"] for what in ("", ", per number"))],
        (
            [f"{rows[0]['elements']:.0e}", *(cell for row in rows for cell in _per_element(row))]
            for rows in zip(*native["elements"].values())
        ),
    )


def goals(results: Mapping[Setting, Json]) -> list[Json]:
    """The goals and what became of them."""
    return judged(GOALS, results)


def _cells(row: Json) -> list[str]:
    def cell(name: str) -> str:
        if name not in row["ratios"]:
            return "not installed" if name in row["not_installed"] else ""
        return f"{row['marks'].get(name, '')} {show_ratio(row['ratios'][name])}".strip()

    return [
        f"{row['windows']}, {row['dtype']}",
        f"{row['p']:g}",
        show_time(row["seconds"]),
        *map(cell, [*PEERS, LIMIT]),
    ]


def _per_element(row: Json) -> list[str]:
    return [show_time(row["seconds"]), f"{row['seconds']['median'] / row['elements'] * 1e9:.3g} ns"]


# ---- the contestants ----


def _ours(q: Problem) -> Contestant:
    case = q.case
    pooling: Function = eta[case.p, case.size] if case.stride is None else lp_pool2d[case.p, case.size, case.stride]

    def run() -> tuple[Any, ...]:
        z, pull = pooling.vjp(q.y)
        errors = pull.x(q.delta)
        return (z, errors, pull.theta(q.delta)[0]) if case.with_p else (z, errors)

    return Contestant(OURS, run)


def _torch(q: Problem, threads: int, absolute: bool) -> Contestant:
    """torch's own pooling, of y as it is or of |y|; it takes no p to differentiate by, so there the formula stands."""
    import torch
    from torch.nn import functional as F

    case = q.case
    y, delta = torch.from_numpy(q.y).requires_grad_(), torch.from_numpy(q.delta)
    p = torch.tensor(case.p, dtype=y.dtype, requires_grad=case.with_p)

    def pooled() -> Any:
        a = y.abs() if absolute else y
        if case.with_p:
            s = F.avg_pool2d(a**p, case.size, case.stride) * case.size**2
            return torch.where(s > 0, torch.where(s > 0, s, 1) ** (1 / p), 0)
        if case.stride is None:
            return F.lp_pool1d(a[None, None], case.p, case.size)[0, 0]
        return F.lp_pool2d(a, case.p, case.size, case.stride)

    def run() -> tuple[Any, ...]:
        z = pooled()
        return z.detach(), *torch.autograd.grad(z, (y, p) if case.with_p else y, delta)

    return Contestant(TORCH_ABS if absolute else TORCH[threads], run, prepare=partial(torch.set_num_threads, threads))


def _jax(q: Problem) -> Contestant:
    """The faster of two ways to sum over windows, lax.reduce_window and shifted slices; zero windows kept from 0/0."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    case = q.case
    y, delta = jax.device_put(q.y), jax.device_put(q.delta)
    # A whole number stays one: XLA multiplies then.
    order = jax.device_put(np.asarray(case.p, case.dtype)) if case.with_p else case.p

    def groups(powers: Any) -> Any:
        return powers.reshape(-1, case.size).sum(axis=1)

    def reduce_window(powers: Any) -> Any:
        zero, size, stride = np.zeros((), case.dtype), (1, 1, case.size, case.size), (1, 1, case.stride, case.stride)
        return jax.lax.reduce_window(powers, zero, jax.lax.add, size, stride, "VALID")

    def slices(powers: Any) -> Any:
        ends = [side - case.size + 1 for side in powers.shape[2:]]
        places = np.ndindex(case.size, case.size)
        return sum(powers[..., i : i + ends[0] : case.stride, j : j + ends[1] : case.stride] for i, j in places)

    def contestant(sums: Callable[[Any], Any]) -> Contestant:
        def pool(y: Any, p: Any) -> Any:
            s = sums(jnp.abs(y) ** p)
            return jnp.where(s > 0, jnp.where(s > 0, s, 1) ** (1 / p), 0)

        @jax.jit
        def both(y: Any, delta: Any, *order: Any) -> Any:
            z, pull = jax.vjp(pool, y, *order) if order else jax.vjp(lambda y: pool(y, case.p), y)
            return z, *pull(delta)

        arguments = (y, delta, order) if case.with_p else (y, delta)
        return Contestant(JAX, lambda: jax.block_until_ready(both(*arguments)))

    if case.stride is None:
        return contestant(groups)
    return min((contestant(sums) for sums in (reduce_window, slices)), key=partial(fastest, calls=3))


def _limit(q: Problem) -> Contestant:
    """What NumPy cannot do without: one power of each entry, one root of each window, and every entry copied once.

    Powers are products or square roots where these are exact, and of numbers near 1, where they are fastest.
    """
    p = q.case.p
    near_one = np.random.default_rng(1).uniform(0.5, 1.5, BLOCK).astype(q.y.dtype)
    work, errors, z = np.empty_like(near_one), np.empty_like(q.y), np.empty_like(q.delta)
    blocks, rest = divmod(q.y.size, BLOCK)
    roots = q.delta.size * BLOCK // q.y.size

    def run() -> None:
        for _ in range(blocks):
            _cheapest_power(near_one, p, work)
            _cheapest_root(near_one[:roots], p, work[:roots])
        if rest:
            _cheapest_power(near_one[:rest], p, work[:rest])
            _cheapest_root(near_one[: z.size - blocks * roots], p, work[: z.size - blocks * roots])
        np.copyto(errors, q.y)

    return Contestant(LIMIT, run)


def _cheapest_power(a: Array, p: float, out: Array) -> None:
    """a^p by the fewest operations; for p = 1 there is nothing to do."""
    if p == 1.5:
        np.sqrt(a, out=out)
        np.multiply(out, a, out=out)
    elif p in (2, 3, 10):
        np.multiply(a, a, out=out)
        if p == 3:
            np.multiply(out, a, out=out)
        if p == 10:  # ((a²)² a)²
            np.multiply(out, out, out=out)
            np.multiply(out, a, out=out)
            np.multiply(out, out, out=out)
    elif p != 1:
        np.power(a, a.dtype.type(p), out=out)


def _cheapest_root(s: Array, p: float, out: Array) -> None:
    if p == 2:
        np.sqrt(s, out=out)
    elif p != 1:
        np.power(s, s.dtype.type(1 / p), out=out)


# ---- what is right ----


def expected(q: Problem) -> tuple[Array, Array, Array]:
    """z, δ_y and ∂L/∂p by the book's formulas in float64: (P3), (33) and −(z/p²) H(w), summed where windows overlap."""
    case, y = q.case, q.y.astype(np.float64)
    places = np.arange(y.size).reshape(y.shape)
    if case.stride is None:
        places = places.reshape(-1, case.size)
    else:
        places = sliding_window_view(places, (case.size, case.size), axis=(2, 3))[:, :, :: case.stride, :: case.stride]
        places = places.reshape(*q.delta.shape, -1)
    windows = y.ravel()[places]
    a = np.abs(windows)
    m = a.max(axis=-1, keepdims=True)
    r = a / np.where(m > 0, m, 1)
    powers = r**case.p
    s = np.maximum(powers.sum(axis=-1, keepdims=True), 1)
    z = m * s ** (1 / case.p)
    gradient = np.sign(windows) * r ** (case.p - 1) * s ** (1 / case.p - 1)
    errors = np.bincount(places.ravel(), (q.delta[..., None] * gradient).ravel(), minlength=y.size).reshape(y.shape)
    w = powers / s
    entropy = -(w * np.log(w, out=np.zeros_like(w), where=w > 0)).sum(axis=-1)
    return z[..., 0], errors, -(q.delta * z[..., 0] * entropy).sum() / case.p**2


def marks(q: Problem, results: Mapping[str, tuple[Any, ...]]) -> dict[str, str]:
    """By name, whose results are ``NaN`` (or infinite) or ``wrong``; all others' are right."""
    # Of many images a few will do, unless a result is a sum over all of them.
    part = slice(None) if q.case.with_p or q.case.stride is None else slice(4)
    true = expected(Problem(q.case, q.y[part], q.delta[part]))
    found = {}
    for name, (z, errors, *slope) in results.items():
        z, errors = np.asarray(z), np.array(errors)
        if not (np.isfinite(z).all() and np.isfinite(errors).all() and np.isfinite(slope).all()):
            found[name] = "NaN"
            continue
        if q.case.p == 1:
            # |y| has no derivative at 0, and anyone may choose one.
            errors[q.y == 0] = 0
        if disagreement(true, [z[part], errors[part], *slope], AGREE[q.case.dtype]):
            found[name] = "wrong"
    return found


def _operations() -> dict[str, Callable[[Array, Array], object]]:
    """What the limit is made of, on numbers near 1."""
    return {
        "copy": lambda a, out: np.copyto(out, a),
        "multiply": lambda a, out: np.multiply(a, a, out=out),
        "square root": lambda a, out: np.sqrt(a, out=out),
        "power": lambda a, out: np.power(a, a.dtype.type(4.7), out=out),
    }


def _costs(seconds: float) -> Json:
    """Nanoseconds per number, by dtype and operation."""
    progress("single operations")
    costs: Json = {}
    for dtype in DTYPES:
        a = np.random.default_rng(1).uniform(0.5, 1.5, BLOCK).astype(dtype)
        race = Race([Contestant(name, partial(f, a, np.empty_like(a))) for name, f in _operations().items()], seconds)
        costs[dtype] = {name: float(f"{race.seconds(name).median / BLOCK * 1e9:.3g}") for name in race.times}
    return costs


def _row(case: Case, seconds: float) -> Json:
    """Judge the results of the contestants on one problem, then race them."""
    progress(f"Lp pooling, {case.name}, {case.dtype}, p = {case.p:g}")
    q = problem(case)
    row: Json = {"windows": case.name, "dtype": case.dtype, "p": case.p, "not_installed": []}
    contestants = [_ours(q)]
    for name, make in _peers().items():
        try:
            contestants.append(make(q))
        except ImportError:
            row["not_installed"].append(name)
    results = {}
    for c in contestants:
        c.prepare()
        results[c.name] = c.run()
    row["marks"] = marks(q, results)
    if OURS in row["marks"]:
        raise AssertionError(f"chainbp is {row['marks'][OURS]} in {case.key}")
    if TORCH[2] not in row["marks"]:
        # Where torch is right without |y|, it is not raced with it.
        contestants = [c for c in contestants if c.name != TORCH_ABS]
    race = Race([*contestants, _limit(q)], seconds)
    row["rounds"] = len(race.times[OURS])
    row["seconds"] = race.seconds(OURS).json()
    row["ratios"] = {name: race.ratio(name, OURS).json() for name in race.times if name != OURS}
    return row


def _peers() -> dict[str, Callable[[Problem], Contestant]]:
    return {
        **{name: partial(_torch, threads=threads, absolute=False) for threads, name in TORCH.items()},
        TORCH_ABS: partial(_torch, threads=2, absolute=True),
        JAX: _jax,
    }


# ---- cost against size ----


def _elements(seconds: float) -> Json:
    """Forward and backward of pooling and of convolution, for more and more images of one size."""
    return {
        "lp_pool2d[4.7, 2]": [_sized(lp_pool2d[4.7, 2], (1, 32, 32), size, seconds) for size in SIZES],
        "conv2d, 8 filters 3×3": [
            _sized(conv2d[np.full((8, 8, 3, 3), 0.1, "float32")], (8, 16, 16), size, seconds) for size in SIZES
        ],
    }


def _sized(function: Function, image: tuple[int, ...], size: int, seconds: float) -> Json:
    progress(f"{function}, {size} numbers")
    count = max(1, round(size / np.prod(image)))
    x = np.random.default_rng(0).standard_normal((count, *image)).astype("float32")
    delta = np.ones_like(function(x))

    def run() -> None:
        _, pull = function.vjp(x)
        pull(delta) if function.parameters[0].ndim else pull.x(delta)

    return {"elements": x.size, "seconds": Race([Contestant(OURS, run)], seconds).seconds(OURS).json()}
