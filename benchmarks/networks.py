"""Backprop through the two-layer network, eq. (13), beside the peers; and what depth, batch and ∂L/∂x cost.

Every contestant computes the value and both gradients of ‖t − σ(W2 σ(W1 x))‖², with one sample per column as in
the paper. It may build once what it keeps from step to step (a chain, a jitted function); everything else is timed.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

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
    assert_agree,
    judged,
    progress,
    show_ratio,
    show_time,
    table,
)
from chainbp import Function, backprop, rho, sigma, squared_error, two_layer

ANEW = "chainbp, chain built anew"
PRODUCTS = "matrix products alone"
AUTOGRAD, MICROGRAD = "autograd", "micrograd (relu)"

DEPTHS = (1, 2, 4, 8, 16, 32, 64)
BATCHES = (64, 128, 256, 512, 1024)
WIDTH, DEEP_BATCH = 128, 128
# A part cannot take longer than the whole: such a share says that the machine was busy, and nothing else.
BUSY = 1.05


class Case(NamedTuple):
    """A row of the benchmark: the sizes of a two-layer network, the batch (None: one sample) and the dtype."""

    name: str
    sizes: tuple[int, int, int]
    batch: int | None
    dtype: str


CASES = {
    "a": Case("3-4-2, one sample", (3, 4, 2), None, "float64"),
    "b64": Case("784-128-10, batch 64", (784, 128, 10), 64, "float64"),
    "b32": Case("784-128-10, batch 64", (784, 128, 10), 64, "float32"),
    "c64": Case("784-1024-10, batch 1024", (784, 1024, 10), 1024, "float64"),
    "c32": Case("784-1024-10, batch 1024", (784, 1024, 10), 1024, "float32"),
}


class Problem(NamedTuple):
    """The arrays that every contestant is given."""

    W1: npt.NDArray[Any]
    W2: npt.NDArray[Any]
    x: npt.NDArray[Any]
    t: npt.NDArray[Any]


GOALS = [
    *(Goal("a", TORCH[threads], 3.0) for threads in (2, 1)),
    Goal("a", AUTOGRAD, 10.0),
    Goal("a", MICROGRAD, 10.0),
    Goal("a", JAX, 0.9),
    *(Goal(row, TORCH[2], 1.8) for row in ("b64", "b32")),
    *(Goal(row, JAX, 1.5) for row in ("b64", "b32")),
    *(Goal(row, AUTOGRAD, 2.0) for row in ("b64", "b32")),
    *(Goal(row, TORCH[2], 1.2, "pinned") for row in ("b64", "b32")),
    *(Goal(row, TORCH[2], 1.5) for row in ("c64", "c32")),
    # Within a factor of 1.2 of JAX.
    *(Goal(row, JAX, 1 / 1.2) for row in ("c64", "c32")),
    *(Goal(row, PRODUCTS, 0.85) for row in ("c64", "c32")),
]


def measure(native: bool, seconds: float) -> Json:
    """Time everything in this process.

    Parameters
    ----------
    native : bool
        Whether NumPy's BLAS is unpinned; what does not compare with peers is measured only then.
    seconds : float
        How long to race on each row.
    """
    rows = {key: _row(case, seconds) for key, case in CASES.items()}
    if not native:
        return {"rows": rows}
    return {"rows": rows, "depth": _depths(seconds / 4), "memory": _memory(), "first_delta": _first_delta(seconds / 2)}


def report(results: Mapping[Setting, Json], labels: Mapping[Setting, str]) -> Iterator[str]:
    """The tables, one text each, of what :func:`measure` gave under each BLAS setting."""
    for setting, result in results.items():
        peers = [*TORCH.values(), JAX, AUTOGRAD, MICROGRAD]
        yield (
            f"Value and both gradients of a two-layer network, {labels[setting]}.\n"
            "Peer's time over chainbp's: median (quartiles); above 1, chainbp is faster.\n\n"
            + table(["network", OURS, *peers], (_report_row(row, peers) for row in result["rows"].values()))
        )
        others = [ANEW, PRODUCTS]
        yield (
            f"The same networks, {labels[setting]}.\n"
            "Time over chainbp's of building the chain in every call, and of the five matrix products by themselves: "
            "the share of the time inside BLAS.\n\n"
            + table(["network", *others], ([_label(r), *_ratios(r, others)] for r in result["rows"].values()))
        )
    native = results["native"]
    yield (
        "The goals, and about the most that NumPy could reach with this BLAS: the ratio if everything but the matrix\n"
        "products were free.\n\n"
        + table(["network", "compared with", "BLAS", "goal", "measured", "met", "at most"], _goal_rows(results))
    )
    yield (
        f"One gradient over one forward pass, for a chain of σ ∘ ρ[W], width {WIDTH}, batch {DEEP_BATCH}, float64.\n\n"
        + table(
            ["layers", "forward", "gradient", "gradient / forward", "gradient, per layer"],
            (
                [
                    str(row["depth"]),
                    show_time(row["forward"]),
                    show_time(row["gradient"]),
                    show_ratio(row["ratio"]),
                    show_time({"median": row["gradient"]["median"] / row["depth"]}),
                ]
                for row in native["depth"]
            ),
        )
    )
    yield (
        f"Peak memory of one gradient, width {WIDTH}, float64; the step is what each further layer or sample adds.\n\n"
        + table(["layers × batch", "peak", "step"], _memory_rows(native["memory"]))
    )
    yield (
        "Reading ∂L/∂x, the first of .deltas: time with it over time without.\n\n"
        + table(["network", "with / without"], ([_label(r), show_ratio(r["ratio"])] for r in native["first_delta"]))
    )


def problem(case: Case) -> Problem:
    """Random weights, of the size that keeps the sigmoids alive, and random data."""
    rng = np.random.default_rng(0)
    columns = () if case.batch is None else (case.batch,)
    m, h, n = case.sizes
    arrays = (
        rng.standard_normal((h, m)) / np.sqrt(m),
        rng.standard_normal((n, h)) / np.sqrt(h),
        rng.standard_normal((m, *columns)),
        rng.random((n, *columns)),
    )
    return Problem(*(array.astype(case.dtype) for array in arrays))


def _ours(p: Problem) -> Contestant:
    loss = squared_error[p.t] @ two_layer(p.W1, p.W2)
    return Contestant(OURS, partial(_gradient, loss, p.x))


def _ours_anew(p: Problem) -> Contestant:
    return Contestant(ANEW, lambda: _gradient(squared_error[p.t] @ two_layer(p.W1, p.W2), p.x))


def _gradient(loss: Function, x: npt.NDArray[Any]) -> tuple[Any, ...]:
    bp = backprop(loss, x)
    return x.dtype.type(bp.loss), *bp.gradients


def _torch(p: Problem, threads: int) -> Contestant:
    import torch

    W1, W2, x, t = map(torch.from_numpy, p)
    W1.requires_grad_()
    W2.requires_grad_()

    def run() -> tuple[Any, ...]:
        z = torch.sigmoid(W2 @ torch.sigmoid(W1 @ x))
        loss = torch.nn.functional.mse_loss(z, t, reduction="sum")
        return loss.detach(), *torch.autograd.grad(loss, (W1, W2))

    return Contestant(TORCH[threads], run, prepare=partial(torch.set_num_threads, threads))


def _jax(p: Problem) -> Contestant:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    W1, W2, x, t = map(jax.device_put, p)

    @jax.jit
    @partial(jax.value_and_grad, argnums=(0, 1))
    def value_and_gradients(W1: Any, W2: Any, x: Any, t: Any) -> Any:
        z = jax.nn.sigmoid(W2 @ jax.nn.sigmoid(W1 @ x))
        return jnp.sum((t - z) ** 2)

    def run() -> tuple[Any, ...]:
        value, gradients = jax.block_until_ready(value_and_gradients(W1, W2, x, t))
        return value, *gradients

    return Contestant(JAX, run)


def _autograd(p: Problem) -> Contestant:
    import autograd
    import autograd.numpy as anp

    def sigmoid(x: Any) -> Any:
        return 1 / (1 + anp.exp(-x))

    def loss(W1: Any, W2: Any) -> Any:
        error = p.t - sigmoid(W2 @ sigmoid(W1 @ p.x))
        return anp.sum(error * error)

    value_and_gradients = autograd.value_and_grad(loss, argnum=(0, 1))

    def run() -> tuple[Any, ...]:
        value, gradients = value_and_gradients(p.W1, p.W2)
        return value, *gradients

    return Contestant(AUTOGRAD, run)


def _micrograd(p: Problem) -> Contestant:
    """micrograd knows scalars only, and no exponential: relu stands where the others have the sigmoid."""
    from micrograd.engine import Value

    W1, W2 = ([[Value(float(w)) for w in row] for row in W] for W in (p.W1, p.W2))
    weights = [w for W in (W1, W2) for row in W for w in row]
    x, t = p.x.tolist(), p.t.tolist()

    def layer(W: list[list[Any]], x: list[Any]) -> list[Any]:
        return [sum((w * x for w, x in zip(row[1:], x[1:])), row[0] * x[0]).relu() for row in W]

    def run() -> Any:
        for w in weights:
            w.grad = 0
        errors = [z - t for z, t in zip(layer(W2, layer(W1, x)), t)]
        loss = sum((e * e for e in errors[1:]), errors[0] * errors[0])
        loss.backward()
        return loss, W1, W2

    value, *gradients = run()
    relu = Function(lambda x: (np.maximum(x, 0), lambda delta: delta * (x > 0), None), name="relu")
    expected = backprop(squared_error[p.t] @ relu @ rho[p.W2] @ relu @ rho[p.W1], p.x)
    assert_agree(
        {
            "chainbp with relu": (expected.loss, *expected.gradients),
            MICROGRAD: (value.data, *([[w.grad for w in row] for row in W] for W in gradients)),
        },
        AGREE["float64"],
    )
    return Contestant(MICROGRAD, run)


def _products(p: Problem) -> Contestant:
    """The five matrix products that the gradients cannot do without, of arrays of the right shapes."""
    y, delta_y, delta_z = p.W1 @ p.x, p.W1 @ p.x, p.t

    def run() -> None:
        p.W1 @ p.x
        p.W2 @ y
        delta_z @ y.T
        p.W2.T @ delta_z
        delta_y @ p.x.T

    return Contestant(PRODUCTS, run)


def _row(case: Case, seconds: float) -> Json:
    """Check that the contestants agree on one network, then race them."""
    progress(f"{case.name}, {case.dtype}")
    p = problem(case)
    peers: dict[str, Callable[[Problem], Contestant]] = {
        **{name: partial(_torch, threads=threads) for threads, name in TORCH.items()},
        JAX: _jax,
        AUTOGRAD: _autograd,
    }
    row: Json = {"network": case.name, "dtype": case.dtype, "not_installed": []}
    same, other = [_ours(p), _ours_anew(p)], []
    for name, make in peers.items():
        try:
            same.append(make(p))
        except ImportError:
            row["not_installed"].append(name)
    if case.batch is None:
        try:
            other.append(_micrograd(p))
        except ImportError:
            row["not_installed"].append(MICROGRAD)
    else:
        other.append(_products(p))
    assert_agree({c.name: c.run() for c in same}, AGREE[case.dtype])
    race = Race(same + other, seconds)
    row["rounds"] = len(race.times[OURS])
    row["seconds"] = race.seconds(OURS).json()
    row["ratios"] = {name: race.ratio(name, OURS).json() for name in race.times if name != OURS}
    return row


def _deep(depth: int, batch: int) -> tuple[Function, npt.NDArray[Any]]:
    """A loss over `depth` layers, and data for it."""
    rng = np.random.default_rng(0)
    loss: Function = squared_error[rng.random((WIDTH, batch))]
    for _ in range(depth):
        loss = loss @ sigma @ rho[rng.standard_normal((WIDTH, WIDTH)) / np.sqrt(WIDTH)]
    return loss, rng.standard_normal((WIDTH, batch))


def _depths(seconds: float) -> list[Json]:
    rows = []
    for depth in DEPTHS:
        progress(f"gradient over forward pass, {depth} layers")
        loss, x = _deep(depth, DEEP_BATCH)
        race = Race(
            [Contestant("forward", partial(loss, x)), Contestant("gradient", partial(backprop, loss, x))], seconds
        )
        rows.append(
            {
                "depth": depth,
                "forward": race.seconds("forward").json(),
                "gradient": race.seconds("gradient").json(),
                "ratio": race.ratio("gradient", "forward").json(),
            }
        )
    return rows


def _memory() -> Json:
    """Peak bytes of one gradient, against depth and against batch."""
    progress("memory")
    return {
        "depth": [{"depth": depth, "batch": DEEP_BATCH, "bytes": _peak(depth, DEEP_BATCH)} for depth in DEPTHS],
        "batch": [{"depth": 8, "batch": batch, "bytes": _peak(8, batch)} for batch in BATCHES],
    }


def _peak(depth: int, batch: int) -> int:
    loss, x = _deep(depth, batch)
    # The first call may fill caches that stay.
    backprop(loss, x)
    tracemalloc.start()
    backprop(loss, x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def _first_delta(seconds: float) -> list[Json]:
    rows = []
    for case in CASES.values():
        progress(f"∂L/∂x, {case.name}, {case.dtype}")
        p = problem(case)
        loss = squared_error[p.t] @ two_layer(p.W1, p.W2)
        race = Race(
            [
                Contestant("without", partial(backprop, loss, p.x)),
                Contestant("with", partial(_first_error, loss, p.x)),
            ],
            seconds,
        )
        rows.append({"network": case.name, "dtype": case.dtype, "ratio": race.ratio("with", "without").json()})
    return rows


def _first_error(loss: Function, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return backprop(loss, x).deltas[0]


def _label(row: Json) -> str:
    return f"{row['network']}, {row['dtype']}"


def _ratios(row: Json, names: list[str]) -> list[str]:
    def cell(name: str) -> str:
        if name in row["not_installed"]:
            return "not installed"
        return show_ratio(row["ratios"][name]) if name in row["ratios"] else ""

    return [cell(name) for name in names]


def _report_row(row: Json, peers: list[str]) -> list[str]:
    return [_label(row), show_time(row["seconds"]), *_ratios(row, peers)]


def _goal_rows(results: Mapping[Setting, Json]) -> Iterator[list[str]]:
    for goal in goals(results):
        case, ratio = CASES[goal["row"]], goal["ratio"]
        most = ""
        if ratio and goal["peer"] != PRODUCTS and (share := _share(results, goal)):
            most = "?" if share > BUSY else f"{ratio['median'] / share:.2f}"
        measured = show_ratio(ratio) if ratio else ""
        start = [f"{case.name}, {case.dtype}", goal["peer"], goal["setting"], f"≥ {goal['at_least']:.3g}"]
        yield [*start, measured, goal["met"], most]


def goals(results: Mapping[Setting, Json]) -> list[Json]:
    """The goals and what became of them."""
    found = judged(GOALS, results)
    for goal in found:
        if goal["peer"] == PRODUCTS and (_share(results, goal) or 0) > BUSY:
            goal["met"] = "? busy machine"
    return found


def _share(results: Mapping[Setting, Json], goal: Json) -> float | None:
    """The part of chainbp's time that the matrix products alone would take."""
    if goal["setting"] not in results:
        return None
    ratio = results[goal["setting"]]["rows"][goal["row"]]["ratios"].get(PRODUCTS)
    return ratio["median"] if ratio else None


def _memory_rows(memory: Json) -> Iterator[list[str]]:
    for axis, unit in (("depth", "layer"), ("batch", "sample")):
        before = None
        for row in memory[axis]:
            step = ""
            if before is not None:
                kib = (row["bytes"] - before["bytes"]) / (row[axis] - before[axis]) / 1024
                step = f"{kib:.1f} KiB per {unit}"
            yield [f"{row['depth']} × {row['batch']}", f"{row['bytes'] / 2**20:.2f} MiB", step]
            before = row
