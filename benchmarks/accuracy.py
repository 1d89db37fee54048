"""How exact Lp pooling is: value, ∂z/∂y and ∂z/∂p of ``eta`` and ``lp_pool2d`` against mpmath, on random windows.

    python -m benchmarks.accuracy [--cases N] [--seed S]

saves book/_data/accuracy.json, together with what chainbp and the peers make of the edge cases. N windows are float64,
and N/4 float32.

* Everything is scored whose true result is finite and representable; an error of ∂z/∂y is the largest in its window.
  A result below eps beside its window's scale is negligible: it must be as small, and its digits do not count.
* Windows come sixteen at a time, as an image that ``lp_pool2d`` pools; ``eta`` gets the same windows as columns. A
  window's derivatives are asked for by themselves, so that nothing cancels in a sum over windows.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import chain, product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.harness import BOOK_DATA, Json, about, save, table
from benchmarks.reference import EDGES, P_RANGE, Array, blocks, errors, reference, scales
from chainbp import Function, eta, lp_pool2d

RESULTS = BOOK_DATA / "accuracy.json"
CASES = 100_000
FUNCTIONS = ("eta", "lp_pool2d")
DTYPES = ("float64", "float32")
# What a row of results holds, and the bound for each dtype in eps.
QUANTITIES = {"value": slice(1), "∂z/∂y": slice(2, None), "∂z/∂p": slice(1, 2)}
BOUNDS = {"float64": 8.0, "float32": 16.0}
# Each part draws from a generator of its own, so the results do not depend on the number of processes.
PART = 1000


Found = tuple[Array, list[Json]]


def sweep(cases: int, seed: tuple[int, ...], dtype: str) -> Found:
    """The largest error of each window by function and quantity, and what it takes to repeat it."""
    found, repeat = [], []
    for block in blocks(cases, np.random.default_rng(seed), dtype):
        windows = block.windows(block.image)
        results = (
            one_by_one(eta[block.p], np.ascontiguousarray(windows.T), np.transpose),
            one_by_one(lp_pool2d[block.p, block.size, block.stride], block.image, block.windows),
        )
        for window, kind, *rows in zip(windows, block.kinds, *results):
            true = reference(window, block.p)
            parts = [true.z, true.slope, *true.gradient]
            off = [errors(row, parts, dtype, scales(true, block.p)) for row in rows]
            found.append([[np.fmax.reduce(row[part]) for part in QUANTITIES.values()] for row in off])
            repeat.append({"p": block.p, "y": window.tolist(), "kind": kind})
    return np.array(found), repeat


def one_by_one(function: Function, y: Array, windows: Callable[[Array], Array]) -> Iterator[list[Any]]:
    """z, ∂z/∂p and ∂z/∂y of one output after the other."""
    z, pull = function.vjp(y)
    for i, one in enumerate(np.eye(z.size, dtype=z.dtype).reshape(z.size, *z.shape)):
        yield [z.flat[i], pull.theta(one)[0], *windows(pull.x(one))[i]]


def windows(cases: int) -> dict[str, int]:
    """How many windows of each dtype: float32 is the easier one where powers are taken in float64."""
    return {"float64": cases, "float32": math.ceil(cases / 4)}


def collect(cases: int, seed: int) -> dict[str, Found]:
    """The sweep for both dtypes, split over processes."""
    found = {}
    with ProcessPoolExecutor() as pool:
        for dtype, count in windows(cases).items():
            sizes = [min(PART, count - done) for done in range(0, count, PART)]
            parts = pool.map(sweep, sizes, [(seed, i) for i in range(len(sizes))], [dtype] * len(sizes))
            errors, cases_ = zip(*parts)
            found[dtype] = np.concatenate(errors), [*chain(*cases_)]
    return found


def summary(found: dict[str, Found]) -> Json:
    """One row for each function, dtype and quantity."""
    keys = product(enumerate(FUNCTIONS), found, enumerate(QUANTITIES))
    return {"rows": [_row(f, d, q, found[d][0][:, i, j], found[d][1]) for (i, f), d, (j, q) in keys]}


def _row(function: str, dtype: str, quantity: str, errors: Array, repeat: list[Json]) -> Json:
    finite = errors[np.isfinite(errors)]
    levels = {"median": 50.0, "p99.9": 99.9, "max": 100.0}
    return {
        **{"function": function, "dtype": dtype, "quantity": quantity, "bound": BOUNDS[dtype]},
        **{"results": int((~np.isnan(errors)).sum()), "not_finite": int(np.isinf(errors).sum())},
        "above_bound": int((finite > BOUNDS[dtype]).sum()),
        **{name: float(f"{np.percentile(finite, level):.3g}") for name, level in levels.items()},
        "worst": repeat[int(np.nanargmax(errors))],
    }


def edge_cases() -> Json:
    """Which edge cases each way of pooling fails."""
    names = [name for name in peers.POOLINGS if name != peers.GEM]
    cases = [
        {"about": e.about, "y": e.y, "p": str(e.p), "dtype": e.dtype}
        | {"fails": [name for name in names if not peers.right(name, peers.pooled(name, *e[1:]), e)]}
        for e in EDGES
    ]
    return {"names": names, "cases": cases}


def kinds_failed(edges: Json) -> dict[str, list[str]]:
    """The kinds of edge cases of which each way of pooling fails one or more."""
    return {n: list(dict.fromkeys(c["about"] for c in edges["cases"] if n in c["fails"])) for n in edges["names"]}


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES, help=f"windows of float64 (default: {CASES})")
    parser.add_argument("--seed", type=int, default=0, help="another seed draws other windows (default: 0)")
    parser.add_argument("--output", type=Path, default=RESULTS, help=f"where to save (default: {RESULTS})")
    options = parser.parse_args()
    results: Json = {
        **about("python -m benchmarks.accuracy"),
        "windows": windows(options.cases),
        "seed": options.seed,
        "p": list(P_RANGE),
        # First: its processes are to start without torch and JAX.
        "sweep": summary(collect(options.cases, options.seed)),
        "edges": edge_cases(),
    }
    print(f"Errors of Lp pooling against mpmath, in eps: {results['windows']} windows\n")
    rows = results["sweep"]["rows"]
    print(table({key: str(value) for key, value in row.items() if key != "worst"} for row in rows))
    for row in rows:
        if row["above_bound"] or row["not_finite"]:
            print(f"Worst of {row['function']}, {row['dtype']}, {row['quantity']}: {row['worst']}")
    for name, kinds in kinds_failed(results["edges"]).items():
        print(f"{name} fails edge cases of {len(kinds)} kinds: {', '.join(kinds) or 'none'}")
    save(options.output, results)


if __name__ == "__main__":
    main()
