"""What every benchmark shares: fair timing of contestants in one process, goals, the environment, and tables.

To add a benchmark, write a module with ``measure(native, seconds)``, ``goals(results)`` and ``report(results, labels)``
as ``networks.py`` has them, and name it in ``__main__.py``.
"""

from __future__ import annotations

import gc
import importlib.metadata
import json
import math
import os
import platform
import random
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

Json: TypeAlias = dict[str, Any]
Setting: TypeAlias = Literal["native", "pinned"]

# What the book quotes, small and committed; it is never needed to build or to test the book that they be measured anew.
BOOK_DATA = Path(__file__).resolve().parents[1] / "book" / "_data"

OURS, JAX = "chainbp", "JAX jit"
TORCH = {threads: f"torch {threads} thread{'s' * (threads > 1)}" for threads in (2, 1)}
# How far results may lie apart, relative to the largest entry.
AGREE = {"float64": 1e-9, "float32": 1e-4}

# A call that takes longer than so many seconds needs little warming up.
LONG = 0.01

PACKAGES = ("numpy", "torch", "jax", "autograd", "micrograd", "threadpoolctl")


@dataclass(frozen=True)
class Quartiles:
    """A median with the quartiles on either side: the spread that a reader needs to judge a ratio."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Quartiles:
        """The quartiles of at least one value."""
        return cls(*quantiles(values, n=4, method="inclusive")) if len(values) > 1 else cls(*values, *values, *values)

    def json(self) -> Json:
        """The three numbers with the digits that mean something."""
        return {name: float(f"{value:.4g}") for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Contestant:
    """One way of doing the work.

    Attributes
    ----------
    name : str
        What the tables call it.
    run : callable
        Does the work once and returns when it is done; what it returns is for the check that all agree.
    prepare : callable
        Runs before each block of timings, untimed; sets a library's number of threads.
    """

    name: str
    run: Callable[[], Any]
    prepare: Callable[[], object] = lambda: None


class Race:
    """The times of several contestants, from rounds in which each ran once, in an order drawn anew.

    Attributes
    ----------
    times : dict of str to list of float
        Seconds per call, one entry for each round.
    """

    def __init__(self, contestants: Sequence[Contestant], seconds: float) -> None:
        """Race for about `seconds`, and for 3 rounds at least."""
        self.times: dict[str, list[float]] = {c.name: [] for c in contestants}
        order = random.Random(0)
        plans = {c.name: _plan(c) for c in contestants}
        # What the imports left behind would make a garbage collection inside a timed call far dearer.
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        end = time.monotonic() + seconds
        rounds = 0
        while rounds < 3 or time.monotonic() < end:
            for c in order.sample(contestants, len(contestants)):
                self.times[c.name].append(_block(c, plans[c.name]))
            rounds += 1

    def seconds(self, name: str) -> Quartiles:
        """Seconds per call."""
        return Quartiles.of(self.times[name])

    def ratio(self, name: str, base: str) -> Quartiles:
        """How many times longer `name` takes than `base`, compared round by round."""
        return Quartiles.of([a / b for a, b in zip(self.times[name], self.times[base], strict=True)])


class _Plan(NamedTuple):
    """How a contestant is timed in each round: calls in a timing, timings to warm up, timings that count."""

    calls: int
    warm_up: int
    count: int


def _plan(contestant: Contestant) -> _Plan:
    """As many calls as make a timing of 2 ms, so that the clock and the loop do not matter.

    Two timings warm up and three count; but of a call that is long one each, and more rounds instead.
    """
    contestant.prepare()
    seconds = fastest(contestant)
    return _Plan(1, 1, 1) if seconds > LONG else _Plan(max(1, math.ceil(2e-3 / seconds)), 2, 3)


def fastest(contestant: Contestant, calls: int = 2) -> float:
    """Seconds of the fastest of a few calls: the first may be slow for reasons of its own."""
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        contestant.run()
        times.append(time.perf_counter() - start)
    return min(times)


def _block(contestant: Contestant, plan: _Plan) -> float:
    """Seconds per call, begun when the process is quiet: the median of the timings that count."""
    _settle()
    contestant.prepare()
    timings = []
    for _ in range(plan.warm_up + plan.count):
        start = time.perf_counter()
        for _ in range(plan.calls):
            contestant.run()
        timings.append((time.perf_counter() - start) / plan.calls)
    return median(timings[plan.warm_up :])


def _settle() -> None:
    """Sleep until no thread of this process works.

    The threads of OpenBLAS and OpenMP go on spinning for up to 50 ms after the last call, and would take a
    processor from the next contestant.
    """
    for _ in range(30):
        start = time.process_time()
        time.sleep(0.01)
        if time.process_time() - start < 0.001:
            return


def assert_agree(results: Mapping[str, Sequence[Any]], tolerance: float) -> None:
    """Check that all contestants computed the same arrays.

    Parameters
    ----------
    results : mapping of str to sequence of array_like
        What each contestant gave; the first is the reference.
    tolerance : float
        The largest difference allowed, relative to the reference array's largest entry.

    Raises
    ------
    AssertionError
        If two disagree; the message names them.
    """
    (base, reference), *others = results.items()
    for name, arrays in others:
        for i, (expected, got) in enumerate(zip(reference, arrays, strict=True)):
            expected, got = np.asarray(expected), np.asarray(got)
            if expected.dtype != got.dtype:
                raise AssertionError(f"{name} gave {got.dtype} where {base} gave {expected.dtype} in result {i}")
        if found := disagreement(reference, arrays, tolerance):
            raise AssertionError(f"{name} and {base} disagree in {found}")


def disagreement(reference: Sequence[Any], arrays: Sequence[Any], tolerance: float) -> str:
    """What differs in shape, or by more than `tolerance` times the reference array's largest entry; else nothing."""
    for i, (expected, got) in enumerate(zip(reference, arrays)):
        expected, got = np.asarray(expected), np.asarray(got)
        if expected.shape != got.shape:
            return f"result {i}: shape {got.shape} for {expected.shape}"
        error = float(np.abs(expected - got).max() / np.abs(expected).max())
        if not error <= tolerance:
            return f"result {i}: relative error {error:.1e}"
    return ""


class Goal(NamedTuple):
    """At least this ratio, other's time over ours, on a row under a BLAS setting."""

    row: str
    peer: str
    at_least: float
    setting: Setting = "native"


def judged(goals: Iterable[Goal], results: Mapping[Setting, Json]) -> list[Json]:
    """What became of goals: each with what was measured, None where nothing was, and whether it was met."""
    found = []
    for goal in goals:
        rows = results.get(goal.setting, {}).get("rows", {})
        ratio = rows.get(goal.row, {}).get("ratios", {}).get(goal.peer)
        met = "not measured" if ratio is None else verdict(ratio, goal.at_least)
        found.append({**goal._asdict(), "ratio": ratio, "met": met})
    return found


def progress(text: str) -> None:
    """Say what is being measured; on standard error, so that the tables can be kept by themselves."""
    print(f"  {text}", file=sys.stderr, flush=True)


def about(command: str) -> Json:
    """What a reader must know of a measurement: how to repeat it, when it was made, on what and with which versions."""
    return {
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "versions": versions(),
    }


def save(path: Path, results: Json) -> None:
    """Write results where the book or another program finds them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"\nSaved to {os.path.relpath(path)}.")


def versions() -> Json:
    """The version of Python, chainbp and each peer; None for a peer that is not installed."""
    import chainbp

    found: Json = {"python": platform.python_version(), "chainbp": chainbp.__version__}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


def blas() -> Json:
    """Which matrix products NumPy runs here and how fast: call it before any peer is imported, with its own BLAS."""
    return {**_blas_library(), "gflops": {dtype: _gflops(dtype) for dtype in ("float64", "float32")}}


def _gflops(dtype: str) -> int:
    """Billions of operations per second in a product of the size of row (c)."""
    n, k = 1024, 784
    a, b = np.ones((n, k), dtype), np.ones((k, n), dtype)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - start)
    return round(2 * n * n * k / median(times) / 1e9)


def _blas_library() -> Json:
    """Library, version, kernel and threads, as far as they can be known."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return {"library": "unknown (threadpoolctl not installed)", "kernel": "unknown"}
    for pool in threadpool_info():
        if pool["user_api"] == "blas":
            kernel = pool.get("architecture") or "unknown"
            library = f"{pool['internal_api']} {pool['version'] or ''}".strip()
            return {"library": library, "kernel": kernel, "threads": pool["num_threads"]}
    return {"library": "unknown", "kernel": "unknown"}


def machine() -> Json:
    """The processor's model and what else was running; nothing that names the machine."""
    return {
        "cpu": _cpu_model(),
        "cpus": cpus(),
        "system": f"{platform.system()} {platform.machine()}",
        "simd": simd(),
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def simd() -> list[str]:
    """The sets of vector instructions that NumPy found here beyond what it was built for."""
    config: Any = np.show_config(mode="dicts")
    return list(config.get("SIMD Extensions", {}).get("found", []))


def cpus() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu_model() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            first = file.read().split("\n\n", 1)[0]
        info = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first.splitlines())}
        # Virtual machines call very different processors by one name; family and model tell them apart.
        return f"{info['model name']} (family {info['cpu family']}, model {info['model']})"
    except (OSError, KeyError):
        return platform.processor() or "unknown"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in plain text; the first column is flush left, the others flush right."""
    lines = [tuple(header), *map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip_longest(*lines, fillvalue="")]
    text = [
        "  ".join(cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(line, widths)))
        for line in lines
    ]
    return "\n".join([text[0], "-" * len(text[0]), *text[1:]])


def show_ratio(q: Json) -> str:
    """A ratio with its quartiles, such as ``3.61 (3.55–3.70)``."""
    return f"{_short(q['median'])} ({_short(q['low'])}–{_short(q['high'])})"


def show_time(q: Json) -> str:
    """A time in a readable unit, such as ``12.0 µs``."""
    seconds = q["median"]
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def verdict(q: Json, goal: float) -> str:
    """Whether a ratio reached its goal, saying so where the spread leaves it open."""
    met = "yes" if q["median"] >= goal else "NO"
    return f"{met}, within the spread" if q["low"] < goal <= q["high"] else met


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
