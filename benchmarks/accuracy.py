"""How exact Lp pooling is: value, ∂z/∂y and ∂z/∂p of ``eta`` and ``lp_pool2d`` against mpmath, on random windows.

    python -m benchmarks.accuracy [--cases N] [--output FILE]

saves book/_data/accuracy.json, together with what chainbp and the peers make of the edge cases. N windows are float64,
and N/4 float32.

* Everything is scored whose true result is finite and representable; an error of ∂z/∂y is the largest in its window.
  A result below eps beside its window's scale is negligible: it must be as small, and its digits do not count.
* Windows come sixteen at a time, as an image that ``lp_pool2d`` pools; ``eta`` gets the same windows as columns. A
  window's derivatives are asked for by themselves, so that nothing cancels in a sum over windows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import chain, product, repeat
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.harness import BOOK_DATA, Array, Json, about, options, save, table
from benchmarks.reference import EDGES, blocks, errors, reference
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
    found, windows = [], []
    for block in blocks(cases, np.random.default_rng(seed), dtype):
        image = block.windows(block.image)
        results = (
            one_by_one(eta[block.p], np.ascontiguousarray(image.T), np.transpose),
            one_by_one(lp_pool2d[block.p, block.size, block.stride], block.image, block.windows),
        )
        for y, kind, *rows in zip(image, block.kinds, *results):
            true = reference(y, block.p)
            off = [errors(row, true, block.p, dtype) for row in rows]
            found.append([[np.fmax.reduce(row[part]) for part in QUANTITIES.values()] for row in off])
            windows.append({"p": block.p, "y": y.tolist(), "kind": kind})
    return np.array(found), windows


def one_by_one(function: Function, y: Array, windows: Callable[[Array], Array]) -> Iterator[list[Any]]:
    """z, ∂z/∂p and ∂z/∂y of one output after the other."""
    z, pull = function.vjp(y)
    for i, one in enumerate(np.eye(z.size, dtype=z.dtype).reshape(z.size, *z.shape)):
        yield [z.flat[i], pull.theta(one)[0], *windows(pull.x(one))[i]]


def collect(windows: dict[str, int]) -> dict[str, Found]:
    """The sweep over so many windows of each dtype, split over processes."""
    found = {}
    with ProcessPoolExecutor() as pool:
        for dtype, count in windows.items():
            sizes = [min(PART, count - done) for done in range(0, count, PART)]
            errors, cases = zip(*pool.map(sweep, sizes, [(0, i) for i in range(len(sizes))], repeat(dtype)))
            found[dtype] = np.concatenate(errors), [*chain(*cases)]
    return found


def summary(found: dict[str, Found]) -> Json:
    """One row for each function, dtype and quantity."""
    keys = product(enumerate(FUNCTIONS), found, enumerate(QUANTITIES))
    return {"rows": [_row(f, d, q, found[d][0][:, i, j], found[d][1]) for (i, f), d, (j, q) in keys]}


def _row(function: str, dtype: str, quantity: str, errors: Array, windows: list[Json]) -> Json:
    finite = errors[np.isfinite(errors)]
    levels = {"median": 50.0, "p99.9": 99.9, "max": 100.0}
    return {
        **{"function": function, "dtype": dtype, "quantity": quantity, "bound": BOUNDS[dtype]},
        **{"results": int((~np.isnan(errors)).sum()), "not_finite": int(np.isinf(errors).sum())},
        "above_bound": int((finite > BOUNDS[dtype]).sum()),
        **{name: float(f"{np.percentile(finite, level):.3g}") for name, level in levels.items()},
        "worst": windows[int(np.nanargmax(errors))],
    }


def edge_cases() -> Json:
    """Which edge cases each way of pooling fails."""
    names = [name for name in peers.POOLINGS if name != peers.GEM]
    cases = [
        {"about": case.about, "fails": [name for name in names if not peers.pooled(name, case)["right"]]}
        for case in EDGES
    ]
    return {"names": names, "cases": cases}


def main() -> None:
    """Measure, print, save."""
    chosen = options(__doc__, RESULTS, cases=CASES)
    # float32 is the easier one where powers are taken in float64.
    windows = {"float64": chosen.cases, "float32": chosen.cases // 4}
    # First: its processes are to start without torch and JAX.
    swept = summary(collect(windows))
    print("Errors of Lp pooling against mpmath, in eps:\n")
    print(table({key: value for key, value in row.items() if key != "worst"} for row in swept["rows"]))
    head = about("python -m benchmarks.accuracy")
    save(chosen.output, {**head, "windows": windows, "sweep": swept, "edges": edge_cases()})


if __name__ == "__main__":
    main()
