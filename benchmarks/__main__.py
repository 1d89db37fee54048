"""How fast: networks and Lp pooling beside the peers, and backprop beside the forward pass. Print it, and save it.

    python -m benchmarks [--seconds S] [--output FILE]        saves book/_data/speed.json

A run for the book wants a quiet machine: beside other work it is not saved there.
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

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import growth, networks, pooling
from benchmarks.harness import BOOK_DATA, OURS, Json, about, machine, refuse_if_busy, save, table, watch

RESULTS = BOOK_DATA / "speed.json"
# All of `make bench` is to take less than ten minutes.
SECONDS = 2.0


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"for a race (default: {SECONDS})")
    parser.add_argument("--output", type=Path, default=RESULTS, help=f"where to save (default: {RESULTS})")
    options = parser.parse_args()
    others = watch()
    time.sleep(3)
    refuse_if_busy(others(), options.output == RESULTS)
    results: Json = {
        **about("python -m benchmarks"),
        "machine": machine(),
        "networks": networks.measure(options.seconds),
        "pooling": pooling.measure(options.seconds),
        "growth": growth.measure(options.seconds),
    }
    results |= {"promises": list(promises(results)), "other_programs": others()}
    print("\n\n".join(report(results)))
    refuse_if_busy(results["other_programs"], options.output == RESULTS)
    save(options.output, results)


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
    if layers := results["growth"].get("layers"):
        slow, name = max((row["ratio"]["median"], name) for name, row in layers.items())
        yield promise(f"backprop's time over the forward pass's: {name}", slow, at_most=10)
        memory, name = max((row["bytes"][1] / row["bytes"][0], name) for name, row in layers.items())
        yield promise(f"backprop's memory over the forward pass's: {name}", memory, at_most=4)
        few, many = (row["gradient"]["median"] / int(n) for n, row in results["growth"]["deep"].items())
        yield promise("a layer of 10,000 over a layer of 100", many / few, at_most=1.5)


def report(results: Json) -> Iterator[str]:
    """The tables, one text each."""
    yield "Milliseconds, and a peer's time over chainbp's: median (quartiles); NaN and wrong is what it returned."
    for part in ("networks", "pooling"):
        rows = results[part]["rows"]
        peers = list(dict.fromkeys(name for row in rows.values() for name in row["ratios"]))
        yield table({"": k, OURS: ms(r["seconds"][OURS]), **{n: cell(r, n) for n in peers}} for k, r in rows.items())
    yield "A forward pass, and backprop over it: time, and the most memory that is held at a time."
    yield table(
        {"": name, "ms": ms(r["forward"]), "× ": show(r["ratio"]), "MiB": f"{n / 2**20:.2f}", "×": f"{more / n:.2f}"}
        for name, r in results["growth"]["layers"].items()
        for n, more in [r["bytes"]]
    )
    yield table({key: str(value) for key, value in promise.items()} for promise in results["promises"])


def ms(q: Json) -> str:
    """Milliseconds."""
    return f"{1e3 * q['median']:.3g}"


def show(q: Json) -> str:
    """A ratio with its quartiles, such as ``3.61 (3.55–3.70)``."""
    return "{median:.2f} ({low:.2f}–{high:.2f})".format(**q)


def cell(row: Json, name: str) -> str:
    """A ratio and what is wrong with the result; nothing where there was no race."""
    return f"{row.get('marks', {}).get(name, '')} {show(row['ratios'][name])}" if name in row["ratios"] else ""


if __name__ == "__main__":
    main()
