"""What the benchmarks share: a fair race, a quiet machine, and what a saved file says of its making."""

from __future__ import annotations

import argparse
import ast
import contextlib
import gc
import importlib.metadata
import io
import json
import math
import os
import platform
import random
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import chainbp

Array = npt.NDArray[Any]
Json = dict[str, Any]

BOOK = Path(__file__).resolve().parents[1] / "book"
# What the book quotes, small and committed; it is never needed to build or to test the book that they be measured anew.
BOOK_DATA = BOOK / "_data"
# Programs at work beside this one that a run for the book may have.
QUIET = 0.25

OURS, JAX = "chainbp", "JAX jit"
# How far results may lie apart, relative to the largest entry.
AGREE = {"float64": 1e-9, "float32": 1e-4}
# A call that takes longer than so many seconds needs little warming up.
LONG = 0.01


# ---- a race ----


class Contestant(NamedTuple):
    """One way of doing the work: its name, the work, and what comes before each turn, untimed."""

    name: str
    run: Callable[[], Any]
    prepare: Callable[[], object] = lambda: None


def race(contestants: Sequence[Contestant], seconds: float) -> Json:
    """Seconds of all and ratios to the first, from rounds in which each ran once, in an order drawn anew."""
    # What the imports left behind would make a garbage collection inside a timed call far dearer.
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    estimates = {c.name: seconds_of(c) for c in contestants}
    times: dict[str, list[float]] = {c.name: [] for c in contestants}
    order, end = random.Random(0), time.monotonic() + seconds
    first = times[contestants[0].name]
    while len(first) < 3 or time.monotonic() < end:
        for c in order.sample(contestants, len(contestants)):
            times[c.name].append(_turn(c, estimates[c.name]))
    ratios = {c.name: quartiles([a / b for a, b in zip(times[c.name], first)]) for c in contestants[1:]}
    return {"seconds": {name: quartiles(t) for name, t in times.items()}, "ratios": ratios}


def seconds_of(contestant: Contestant) -> float:
    """About how long a call takes: the first may be slow for reasons of its own."""
    contestant.prepare()
    return min(_timed(contestant, 1) for _ in range(3))


def _turn(contestant: Contestant, estimate: float) -> float:
    """Seconds per call, begun when this process is quiet: the median of timings of 2 ms, after some to warm up."""
    # The threads of OpenBLAS and OpenMP go on spinning for up to 50 ms, and would take a processor from the next.
    for _ in range(30):
        start = time.process_time()
        time.sleep(0.01)
        if time.process_time() - start < 0.001:
            break
    contestant.prepare()
    warm_up, count = (1, 1) if estimate > LONG else (2, 3)
    timings = [_timed(contestant, math.ceil(2e-3 / estimate)) for _ in range(warm_up + count)]
    return median(timings[warm_up:])


def _timed(contestant: Contestant, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        contestant.run()
    return (time.perf_counter() - start) / calls


def quartiles(values: Sequence[float]) -> Json:
    """The median and the quartiles on either side: the spread that a reader needs to judge a ratio."""
    found = quantiles(values, n=4, method="inclusive")
    return {name: float(f"{value:.4g}") for name, value in zip(("low", "median", "high"), found)}


def disagreement(reference: Sequence[Any], arrays: Sequence[Any], tolerance: float) -> str:
    """``NaN``, or ``wrong`` where an entry is off by more than `tolerance` times the largest; else nothing."""
    for expected, got in zip(map(np.asarray, reference), map(np.asarray, arrays), strict=True):
        if not np.isfinite(got).all():
            return "NaN"
        if expected.shape != got.shape or np.abs(expected - got).max() > tolerance * np.abs(expected).max():
            return "wrong"
    return ""


# ---- pieces of code ----


def jax_on_cpu() -> Any:
    """JAX as it takes part: on the processor, with float64."""
    import jax

    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    return jax


def printed(code: str, names: Json) -> str:
    """What a piece of code prints, which may use these names."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), np.errstate(all="ignore"):
        exec(code, dict(names))
    return out.getvalue().strip()


def from_page(page: str, *names: str) -> list[Any]:
    """What a page of the book defines under these names. They may use NumPy, chainbp, and each other."""
    cells = json.loads((BOOK / f"{page}.ipynb").read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    found = {"np": np, **vars(chainbp)}
    for statement in ast.parse(code).body:
        parts = [statement, *getattr(statement, "targets", [])]
        if {getattr(part, "name", getattr(part, "id", None)) for part in parts} & {*names}:
            exec(ast.unparse(statement), found)
    return [found[name] for name in names]


# ---- a quiet machine ----


def watch() -> Callable[[], float]:
    """From now on, count other programs at work on our processors; give what tells their mean number so far."""
    try:
        start = _work()
    except (AttributeError, OSError):  # where the system does not tell, its load
        return lambda: os.getloadavg()[0]

    def others() -> float:
        wall, used, own = (after - before for before, after in zip(start, _work()))
        return round(max(0.0, (used - own) / wall), 2)

    return others


def refuse_if_busy(others: float, for_the_book: bool) -> None:
    """Say that other programs are at work, and refuse to measure for the book beside them."""
    if others > QUIET:
        print(f"\nBUSY MACHINE: {others} other programs at work. Trust no time and no ratio of this run.")
        if for_the_book:
            raise SystemExit("Not saved: the book shows quiet runs only. `--output FILE` saves elsewhere.")


def _work() -> tuple[float, float, float]:
    """Seconds on the clock, of our processors' work, and of that for this process and its children."""
    mine = {f"cpu{i}" for i in os.sched_getaffinity(0)}
    lines = [line.split() for line in Path("/proc/stat").read_text(encoding="utf-8").splitlines()]
    # user nice system (idle iowait) irq softirq steal
    ticks = sum(int(n) for name, *all_ in lines if name in mine for n in (*all_[:3], *all_[5:8]))
    return time.monotonic(), ticks / os.sysconf("SC_CLK_TCK"), sum(os.times()[:4])


# ---- what is asked for, printed and saved ----


PEERS = ("torch", "jax", "autograd")


def options(description: str | None, results: Path, **numbers: float) -> argparse.Namespace:
    """What was typed: where to save, and numbers, which are given here as they are otherwise."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, number in numbers.items():
        parser.add_argument(f"--{name}", type=type(number), default=number, help=f"(default: {number})")
    parser.add_argument("--output", type=Path, default=results, help=f"where to save (default: {results})")
    return parser.parse_args()


def save_if_quiet(path: Path, for_the_book: bool, measure: Callable[[], Json]) -> None:
    """Measure and save, unless that is for the book and beside other programs: look before it begins, and again."""
    others = watch()
    time.sleep(5)
    refuse_if_busy(others(), for_the_book)
    results = {**measure(), "other_programs": others()}
    refuse_if_busy(results["other_programs"], for_the_book)
    save(path, results)


def about(command: str, peers: Sequence[str] = PEERS) -> Json:
    """How to repeat a measurement, when it was made, and with which versions."""
    packages = ("chainbp", "numpy", *peers)
    versions = {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in packages}}
    return {"command": command, "date": datetime.now(UTC).date().isoformat(), "versions": versions}


def machine() -> Json:
    """The processor's model and what NumPy found in it; nothing that names the machine."""
    file, config = Path("/proc/cpuinfo"), np.show_config(mode="dicts")
    found = re.search(r"model name\s*: (.*)", file.read_text(encoding="utf-8")) if file.is_file() else None
    return {
        "cpu": found[1] if found else platform.processor() or platform.machine(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "simd": config["SIMD Extensions"].get("found", []),
    }


def save(path: Path, results: Json) -> None:
    """Write results where the book or another program finds them."""
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"\nSaved to {os.path.relpath(path)}.")


def progress(text: str) -> None:
    """Say what is being measured; on standard error, so that the tables can be kept by themselves."""
    print(f"  {text}", file=sys.stderr, flush=True)


def table(rows: Iterable[Json]) -> str:
    """A table in plain text, headed by the rows' keys; the first column is flush left, the others flush right."""
    rows = list(rows)
    lines = [[*rows[0]], *([*map(str, row.values())] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join(
        "  ".join(cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(line, widths)))
        for line in lines
    )
