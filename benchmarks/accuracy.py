"""How exact Lp pooling is: value, ∂z/∂y and ∂z/∂p of ``eta`` and ``lp_pool2d`` against mpmath, on random windows.

    python -m benchmarks.accuracy [--cases N] [--seed S]

saves book/_data/accuracy.json, together with the edge cases of ``edges.py``. N windows are float64, and N/4 float32.

* An error is counted in units of eps · |true result|, eps being the dtype's: 2^-52 or 2^-23. Where the true result lies
  below the smallest normal number, floats are a fixed step apart, and the unit is that step.
* Everything is scored whose true result is finite and representable. A result that is not finite counts by itself.
* Windows come sixteen at a time, as an image that ``lp_pool2d`` pools; ``eta`` gets the same windows as columns. A
  window's derivatives are asked for by themselves, so that nothing cancels in a sum over windows.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import mpmath
import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks import edges
from benchmarks.harness import BOOK_DATA, Json, about, cpus, save, table
from benchmarks.reference import errors, reference
from chainbp import eta, lp_pool2d

RESULTS = BOOK_DATA / "accuracy.json"
CASES = 100_000
# float32 is the easier one where powers are taken in float64: it gets this share of the windows.
SHARE = {"float64": 1.0, "float32": 0.25}
BOUNDS = {"value": 4.0, "∂z/∂y": 8.0, "∂z/∂p": 8.0}
FUNCTIONS = ("eta", "lp_pool2d")
DTYPES = ("float64", "float32")
P_RANGE = (0.3, 300.0)
# Below p = 1 and from 1 on, different code may run; above 30, powers leave the float range soon.
P_BANDS = ((0.3, 1.0), (1.0, 30.0), (30.0, 300.0))

Array = npt.NDArray[Any]


# ---- the windows ----

Draw = Callable[[np.random.Generator, tuple[int, ...], str], Array]

# Exponents of ten that entries may have; above, room is left for z and ∂z/∂p, which may be larger than the entries.
LIMITS = {"float64": (-300, 300), "float32": (-37, 32)}


def _sizes(rng: np.random.Generator, shape: tuple[int, ...], low: float, high: float) -> Array:
    """Numbers of either sign, with the logarithm of the size uniform."""
    return rng.choice([-1.0, 1.0], shape) * 10.0 ** rng.uniform(low, high, shape)


def _alike(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    return _sizes(rng, shape, -1, 1)


def _apart(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    return _sizes(rng, shape, -6, 6)


def _anywhere(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    return _sizes(rng, shape, *LIMITS[dtype])


def _scaled(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    low, high = LIMITS[dtype]
    return _alike(rng, shape, dtype) * 10.0 ** rng.uniform(low + 1, high - 1)


def _ties(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    return rng.choice([-1.0, 1.0], shape) * 10.0 ** rng.uniform(-6, 6)


def _near_ties(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    return _ties(rng, shape, dtype) * (1 - 10.0 ** rng.uniform(-17, -1, shape))


def _with_zeros(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    return _apart(rng, shape, dtype) * (rng.random(shape) < 0.5)


def _after_relu(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    return np.maximum(rng.standard_normal(shape), 0)


def _subnormal(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    info = np.finfo(dtype)
    return _sizes(rng, shape, math.log10(info.smallest_subnormal), math.log10(info.tiny) + 2)


class Kind(NamedTuple):
    """A kind of window: what it holds, in words, and how one is drawn."""

    about: str
    draw: Draw


KINDS = {
    "alike": Kind("±10^u, u uniform in [−1, 1]", _alike),
    "apart": Kind("±10^u, u uniform in [−6, 6]", _apart),
    "anywhere": Kind("±10^u, u uniform over the dtype's range", _anywhere),
    "scaled": Kind("alike, times one power of ten from the dtype's range", _scaled),
    "ties": Kind("entries of one size and either sign", _ties),
    "near ties": Kind("ties, each less a part of 10^-17 to 10^-1", _near_ties),
    "zeros inside": Kind("apart, half of them 0", _with_zeros),
    "after ReLU": Kind("max(0, x), x normal", _after_relu),
    "subnormal": Kind("±10^u around the smallest normal number and below", _subnormal),
}
# Height and width of a window.
SIZES = ((1, 1), (1, 2), (2, 1), (1, 3), (2, 2), (2, 2), (1, 5), (2, 3), (1, 7), (2, 4), (3, 3), (4, 4))
OVERLAPPING = 0.25


class Block(NamedTuple):
    """An image of one kind of windows, or of all kinds mixed, with one p."""

    image: Array
    p: float
    size: tuple[int, int]
    stride: tuple[int, int]
    kinds: list[str]

    @property
    def windows(self) -> Array:
        """The windows in the order of the pooled image, one in each row."""
        views = sliding_window_view(self.image, self.size)[:: self.stride[0], :: self.stride[1]]
        return views.reshape(-1, self.size[0] * self.size[1])


def blocks(cases: int, rng: np.random.Generator, dtype: str) -> Iterator[Block]:
    """Images with `cases` windows in all."""
    while cases > 0:
        block = _block(rng, dtype)
        yield block
        cases -= len(block.kinds)


def _block(rng: np.random.Generator, dtype: str) -> Block:
    names = list(KINDS)
    size = SIZES[rng.integers(len(SIZES))]
    p = math.exp(rng.uniform(math.log(P_RANGE[0]), math.log(P_RANGE[1])))
    # Where p is whole, or a half, a program may take another way.
    if rng.random() < 0.3:
        p = max(0.5, round(2 * p) / 2)
    overlap = rng.random() < OVERLAPPING and max(size) > 1
    stride = (max(1, size[0] - 1), max(1, size[1] - 1)) if overlap else size
    kinds = [names[i] for i in rng.integers(len(names), size=16)]
    if overlap or rng.random() < 0.5:
        kinds = kinds[:1] * 16
    if overlap:
        shape = (3 * stride[0] + size[0], 3 * stride[1] + size[1])
        image = KINDS[kinds[0]].draw(rng, shape, dtype)
    else:
        image = np.block(
            [[KINDS[kind].draw(rng, size, dtype) for kind in kinds[row : row + 4]] for row in (0, 4, 8, 12)]
        )
    return Block(image.astype(dtype), p, size, stride, kinds)


# ---- the scores ----


class Key(NamedTuple):
    """What errors are collected by."""

    function: str
    dtype: str
    quantity: str
    kind: str
    band: int


@dataclass
class Scores:
    """The errors of one key, with the input of the worst, and how many results were not finite."""

    errors: list[float] = field(default_factory=list)
    not_finite: int = 0
    worst: float = -1.0
    case: Json = field(default_factory=dict)

    def add(self, found: Array, case: Callable[[int], Json]) -> None:
        """Take over what `errors` found; ``case(i)`` tells of the i-th."""
        found = np.where(np.isnan(found), -1.0, found)
        self.errors += found[(found >= 0) & (found < np.inf)].tolist()
        self.not_finite += int((found == np.inf).sum())
        worst = int(found.argmax())
        if found[worst] > self.worst:
            self.worst, self.case = float(found[worst]), case(worst)

    def merge(self, other: Scores) -> None:
        """Take over what was found elsewhere."""
        self.errors += other.errors
        self.not_finite += other.not_finite
        if other.worst > self.worst:
            self.worst, self.case = other.worst, other.case


Found = dict[Key, Scores]


def sweep(cases: int, seed: Sequence[int], dtype: str) -> Found:
    """The errors of both functions on random windows."""
    found: Found = {}
    for block in blocks(cases, np.random.default_rng(seed), dtype):
        band = next(i for i, (_, high) in enumerate(P_BANDS) if block.p < high or i == len(P_BANDS) - 1)
        results = {"eta": _by_eta(block), "lp_pool2d": _by_lp_pool2d(block)}
        for i, (window, kind) in enumerate(zip(block.windows, block.kinds)):
            z, gradient, slope = reference(window, block.p)
            true = [z, slope, *gradient]
            for function, result in results.items():
                got = np.array([result[0][i], result[2][i], *result[1][i]])
                off = errors(got, true, dtype)
                for quantity, where in (("value", slice(1)), ("∂z/∂p", slice(1, 2)), ("∂z/∂y", slice(2, None))):
                    scores = found.setdefault(Key(function, dtype, quantity, kind, band), Scores())
                    scores.add(off[where], partial(_case, block, window, kind, got[where], true[where]))
    return found


def _case(block: Block, window: Array, kind: str, got: Array, true: list[Any], entry: int) -> Json:
    """What it takes to repeat a result; the numbers are exact."""
    return {
        "p": block.p,
        "y": window.tolist(),
        "size": list(block.size),
        "kind": kind,
        "entry": entry,
        "got": repr(float(got[entry])),
        "true": mpmath.nstr(true[entry], 20),
    }


def _by_eta(block: Block) -> tuple[Array, Array, Array]:
    """Value, ∂z/∂y and ∂z/∂p of each window."""
    columns = np.ascontiguousarray(block.windows.T)
    z, pull = eta[block.p].vjp(columns)
    return z, pull.x(np.ones_like(z)).T, _slopes(pull, z)


def _by_lp_pool2d(block: Block) -> tuple[Array, Array, Array]:
    z, pull = lp_pool2d[block.p, block.size, block.stride].vjp(block.image)
    gradients = []
    for one in _each(z):
        gradients.append(block._replace(image=pull.x(one)).windows)
    return z.ravel(), np.stack([g[i] for i, g in enumerate(gradients)]), _slopes(pull, z)


def _slopes(pull: Any, z: Array) -> Array:
    return np.array([pull.theta(one)[0] for one in _each(z)])


def _each(z: Array) -> Iterator[Array]:
    """An error of 1 for one output after the other."""
    for i in range(z.size):
        one = np.zeros(z.size, z.dtype)
        one[i] = 1
        yield one.reshape(z.shape)


def windows(cases: int) -> dict[str, int]:
    """How many windows of each dtype."""
    return {dtype: math.ceil(SHARE[dtype] * cases) for dtype in DTYPES}


def collect(cases: int, seed: int, processes: int | None = None) -> Found:
    """The sweep for both dtypes, split over processes; the result does not depend on how many."""
    part = 1000
    parts = [
        (min(part, count - done), (seed, i), dtype)
        for dtype, count in windows(cases).items()
        for i, done in enumerate(range(0, count, part))
    ]
    found: Found = {}
    with ProcessPoolExecutor(processes or cpus()) as pool:
        for one in pool.map(sweep, *zip(*parts)):
            for key, scores in one.items():
                found.setdefault(key, Scores()).merge(scores)
    return found


def _over(found: Found, **wanted: Any) -> Scores:
    total = Scores()
    for key, scores in found.items():
        if all(getattr(key, name) == value for name, value in wanted.items()):
            total.merge(scores)
    return total


def summary(found: Found) -> Json:
    """What is saved: one row for each function, dtype and quantity, and the largest error by kind and by p."""
    rows = []
    dtypes = [dtype for dtype in DTYPES if any(key.dtype == dtype for key in found)]
    for function in FUNCTIONS:
        for dtype in dtypes:
            for quantity, bound in BOUNDS.items():
                key = {"function": function, "dtype": dtype, "quantity": quantity}
                rows.append({**key, **_statistics(_over(found, **key), bound)})
    by_kind = {name: _maxima(found, kind=name) | {"about": kind.about} for name, kind in KINDS.items()}
    by_p = [{"from": low, "to": high, **_maxima(found, band=i)} for i, (low, high) in enumerate(P_BANDS)]
    return {"bounds": BOUNDS, "rows": rows, "by_kind": by_kind, "by_p": by_p}


def _statistics(scores: Scores, bound: float) -> Json:
    errors = np.array(scores.errors)
    levels = {"median": 50.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}
    return {
        "bound": bound,
        "results": len(errors) + scores.not_finite,
        "not_finite": scores.not_finite,
        "above_bound": int((errors > bound).sum()),
        **{name: _rounded(np.percentile(errors, level)) for name, level in levels.items()},
        "worst": scores.case,
    }


def _maxima(found: Found, **wanted: Any) -> Json:
    return {
        function: {
            dtype: {
                quantity: _rounded(
                    max(_over(found, function=function, dtype=dtype, quantity=quantity, **wanted).errors, default=0)
                )
                for quantity in BOUNDS
            }
            for dtype in DTYPES
        }
        for function in FUNCTIONS
    }


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES, help=f"windows of float64 (default: {CASES})")
    parser.add_argument("--seed", type=int, default=0, help="another seed draws other windows (default: 0)")
    parser.add_argument(
        "--output", type=Path, default=RESULTS, help="where to save (default: book/_data/accuracy.json)"
    )
    options = parser.parse_args()
    results: Json = {
        **about("python -m benchmarks.accuracy"),
        "windows": windows(options.cases),
        "seed": options.seed,
        "p": list(P_RANGE),
        # First: its processes are to start without torch and JAX.
        "sweep": summary(collect(options.cases, options.seed)),
        "edges": edges.measure(),
    }
    print("\n\n".join(report(results)))
    save(options.output, results)


def report(results: Json) -> Iterator[str]:
    """The tables, one text each."""
    found = results["sweep"]
    header = ["", "results", "not finite", "median", "99 %", "99.9 %", "worst", "bound", "above it"]
    yield (
        f"Errors of Lp pooling against mpmath, in eps: random windows ({_counts(results)}), "
        f"p from {results['p'][0]:g} to {results['p'][1]:g}, seed {results['seed']}\n\n"
        + table(header, (_line(row) for row in found["rows"]))
    )
    columns = [(function, dtype) for function in FUNCTIONS for dtype in DTYPES]
    header = [f"{function}, {dtype}" for function, dtype in columns]
    yield "The largest errors of value, ∂z/∂y and ∂z/∂p by kind of window\n\n" + table(
        ["", *header],
        (
            [name, *(_three(row[function][dtype]) for function, dtype in columns)]
            for name, row in found["by_kind"].items()
        ),
    )
    yield "and by p\n\n" + table(
        ["", *header],
        (
            [f"{row['from']:g} to {row['to']:g}", *(_three(row[function][dtype]) for function, dtype in columns)]
            for row in found["by_p"]
        ),
    )
    for row in found["rows"]:
        if row["above_bound"] or row["not_finite"]:
            yield f"Worst of {row['function']}, {row['dtype']}, {row['quantity']}: {row['worst']}"
    yield from edges.report(results["edges"])


def _counts(results: Json) -> str:
    return ", ".join(f"{count} of {dtype}" for dtype, count in results["windows"].items())


def _line(row: Json) -> list[str]:
    name = f"{row['function']}, {row['dtype']}, {row['quantity']}"
    errors = (f"{row[level]:.3g}" for level in ("median", "p99", "p99.9", "max"))
    return [name, str(row["results"]), str(row["not_finite"]), *errors, f"{row['bound']:g}", str(row["above_bound"])]


def _three(errors: Json) -> str:
    return " / ".join(f"{errors[quantity]:.3g}" for quantity in BOUNDS)


if __name__ == "__main__":
    main()
