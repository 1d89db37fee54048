"""How fast: networks and Lp pooling beside the peers, and backprop beside the forward pass.

    python -m benchmarks [--seconds S] [--output FILE]        saves book/_data/speed.json

S seconds are for a race. What was promised is printed, too. A run for the book wants a quiet machine: beside other
work it is not saved there.
"""

from __future__ import annotations

import os

if __name__ == "__main__":
    # Some machines pin OpenBLAS to an old processor's kernel; torch and JAX would not notice. Before NumPy is imported.
    for pin in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        os.environ.pop(pin, None)
    # JAX has no setting for its number of threads. And what torch compiles shall not go on beside the race.
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"

from collections.abc import Iterator

import numpy as np

from benchmarks import growth, networks, pooling
from benchmarks.harness import BOOK_DATA, Json, about, machine, options, save_if_quiet, table

RESULTS = BOOK_DATA / "speed.json"
PARTS = {"networks": networks, "pooling": pooling, "growth": growth}


def main() -> None:
    """Measure, print, save."""
    # All of `make bench` is to take less than ten minutes.
    chosen = options(__doc__, RESULTS, seconds=2.0)
    save_if_quiet(chosen.output, chosen.output == RESULTS, lambda: measure(chosen.seconds))


def measure(seconds: float) -> Json:
    """Everything, with so many seconds for a race."""
    results: Json = {**about("python -m benchmarks"), "machine": machine()}
    results |= {name: part.measure(seconds) for name, part in PARTS.items()}
    results["promises"] = list(promises(results))
    print(table(results["promises"]))
    return results


def promises(results: Json) -> Iterator[Json]:
    """What the book says of speed and memory, and what became of it."""

    def promise(what: str, found: float, at_least: float = 0, at_most: float = np.inf) -> Json:
        bound = f"≤ {at_most:g}" if at_least == 0 else f"≥ {at_least:g}"
        return {"what": what, "bound": bound, "found": float(f"{found:.3g}"), "met": bool(at_least <= found <= at_most)}

    rows = results["networks"]["rows"]
    torch = min(rows["a"]["ratios"][networks.torch_name(n)]["median"] for n in (1, 2))
    yield promise("3-4-2, one sample: PyTorch's time over ours", torch, at_least=4)
    for key in ("b32", "c32", "c64"):
        share = rows[key]["ratios"][networks.PRODUCTS]["median"]
        yield promise(f"{rows[key]['network']}, {rows[key]['dtype']}: share of the time in BLAS", share, at_least=0.85)
    one, two = (
        [q["median"] for row in results["pooling"]["rows"].values() if (q := pooling.right_torch(row, threads))]
        for threads in (1, 2)
    )
    yield promise(f"Lp pooling: PyTorch's time over ours, one thread, worst of {len(one)} rows", min(one), at_least=1)
    mean = float(np.exp(np.mean(np.log(two))))
    yield promise(f"the same on two threads, geometric mean of {len(two)} rows", mean, at_least=1.24)
    layers = results["growth"]["layers"]
    slow, name = max((row["ratio"]["median"], name) for name, row in layers.items())
    yield promise(f"backprop's time over the forward pass's: {name}", slow, at_most=10)
    memory, name = max((row["bytes"][1] / row["bytes"][0], name) for name, row in layers.items())
    yield promise(f"backprop's memory over the forward pass's: {name}", memory, at_most=4)
    few, many = (row["gradient"]["median"] / int(n) for n, row in results["growth"]["deep"].items())
    yield promise("a layer of 10,000 over a layer of 100", many / few, at_most=1.5)


if __name__ == "__main__":
    main()
