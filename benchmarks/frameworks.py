"""What `lp_pool_torch.py` and `lp_pool_jax.py` print, and how fast the former is: for "Gradient of Lp and GeM pooling".

    python -m benchmarks.frameworks [--seconds S] [--eager] [--anyway] [--output FILE]

saves book/_data/frameworks.json, unless other programs are at work: it looks before it begins, and again at the end.
The code is in `frameworks.toml`. Forward plus backward, z and ∂L/∂y, is raced beside `nn.LPPool2d` as it is and of
|y|, eager, and compiled for three of them, in one run; the ratios are to the mended one, eager to
eager and compiled to compiled.
With `learned`, ours gives ∂L/∂p as well, which the others cannot.
"""

from __future__ import annotations

import os

if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"

import argparse
import contextlib
import io
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.harness import (
    AGREE,
    BOOK_DATA,
    Contestant,
    Json,
    about,
    disagreement,
    jax_on_cpu,
    machine,
    progress,
    race,
    refuse_if_busy,
    save,
    table,
    watch,
)

RESULTS = BOOK_DATA / "frameworks.json"
MODULES = BOOK_DATA.parent / "_extra"
CODE: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
MENDED, TORCH, OURS, LEARNED = "nn.LPPool2d of |y|", "nn.LPPool2d", "LpPool2d", "LpPool2d, p learned"
MODES = ("eager", "compiled")
IMAGES = (8, 64, 32, 32)
SECONDS = 1.0


class Case(NamedTuple):
    """A row: windows, an order, a dtype."""

    size: int
    stride: int
    p: float
    dtype: str
    modes: tuple[str, ...] = MODES[:1]

    @property
    def key(self) -> str:
        """What the row is called."""
        return f"{self.size}×{self.size}, stride {self.stride}, p = {self.p:g}, {self.dtype}"


CASES = [
    Case(3, 1, 3.0, "float32", MODES),
    Case(2, 2, 3.0, "float32", MODES),
    Case(3, 1, 4.7, "float32", MODES),
    Case(3, 1, 1.2, "float32"),
    Case(3, 1, 3.0, "float64"),
]


def printed(code: str) -> str:
    """What a piece of code prints, where the modules can be imported."""
    jax_on_cpu()
    out = io.StringIO()
    sys.path.insert(0, str(MODULES))
    try:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), contextlib.redirect_stdout(out):
            exec(compile(code, "<frameworks.toml>", "exec"), {"__name__": "snippet"})
    finally:
        sys.path.remove(str(MODULES))
    return out.getvalue().strip()


def recorded() -> Json:
    """All pieces of code, and what they print."""
    return {
        library: {name: {"code": code.strip(), "prints": printed(code)} for name, code in pieces.items()}
        for library, pieces in CODE.items()
    }


@cache
def module() -> Any:
    """`lp_pool_torch`."""
    sys.path.insert(0, str(MODULES))
    import lp_pool_torch

    return lp_pool_torch


def measure(case: Case, mode: str, seconds: float) -> Json:
    """A race, and what is amiss with the gradient of what is not |y|-mended: it is wrong unless p is even."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    progress(f"{case.key}, {mode}")
    generator = torch.Generator().manual_seed(0)
    y = torch.randn(IMAGES, generator=generator, dtype=getattr(torch, case.dtype))
    y[torch.rand(IMAGES, generator=generator) < 0.3] = 0  # some windows are zero
    y.requires_grad_()
    shape = nn.LPPool2d(2, case.size, case.stride)(y).shape
    delta = torch.randn(shape, generator=generator, dtype=y.dtype)
    learned = module().LpPool2d(case.p, case.size, case.stride, learn_p=True).to(y.dtype)
    pools: dict[str, Callable[[Any], Any]] = {
        MENDED: lambda y: F.lp_pool2d(y.abs(), case.p, case.size, case.stride),
        TORCH: nn.LPPool2d(case.p, case.size, case.stride),
        OURS: module().LpPool2d(case.p, case.size, case.stride),
        LEARNED: learned,
    }

    def contestant(name: str, pool: Callable[[Any], Any]) -> Contestant:
        called = torch.compile(pool, fullgraph=True) if mode == "compiled" else pool
        wanted = (y, learned.p) if name == LEARNED else (y,)

        def run() -> Any:
            return torch.autograd.grad(called(y), wanted, delta)

        return Contestant(name, run)

    contestants = [contestant(name, pool) for name, pool in pools.items()]
    gradients = {c.name: c.run()[0] for c in contestants}
    for name in (OURS, LEARNED):
        torch.testing.assert_close(gradients[name], gradients[MENDED], rtol=1e-3, atol=1e-3)
    amiss = disagreement([gradients[MENDED]], [gradients[TORCH]], AGREE["float32"])
    return race(contestants, seconds) | {"amiss": {TORCH: amiss}}


def rows(seconds: float, modes: tuple[str, ...]) -> Json:
    """All races, of the modes that are asked for."""
    return {case.key: {mode: measure(case, mode, seconds) for mode in case.modes if mode in modes} for case in CASES}


def command(seconds: float, eager: bool, anyway: bool) -> str:
    """What was typed, as far as it changes what is measured."""
    options = {f" --seconds {seconds:g}": seconds != SECONDS, " --eager": eager, " --anyway": anyway}
    return "python -m benchmarks.frameworks" + "".join(option for option, typed in options.items() if typed)


def report(results: Json) -> Iterator[str]:
    """The table."""
    yield "Forward plus backward, time over that of nn.LPPool2d of |y|:"
    yield table(
        {"": f"{key}, {mode}"}
        | {"ms": f"{1e3 * found['seconds'][MENDED]['median']:.3g}"}
        | {name: f"{q['median']:.2f}" for name, q in found["ratios"].items()}
        for key, row in results["rows"].items()
        for mode, found in row.items()
    )


def main() -> None:
    """Run, measure, print, save."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.frameworks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"for a race (default: {SECONDS})")
    parser.add_argument("--eager", action="store_true", help="a hasty run: compile nothing for the races")
    parser.add_argument("--anyway", action="store_true", help="also beside other programs; the page says so")
    parser.add_argument("--output", type=Path, default=RESULTS, help=f"where to save (default: {RESULTS})")
    options = parser.parse_args()
    for_the_book = options.output == RESULTS and not options.anyway
    others = watch()
    time.sleep(5)
    refuse_if_busy(others(), for_the_book)
    results: Json = {
        **about(command(options.seconds, options.eager, options.anyway), ("torch", "jax", "optax")),
        "machine": machine(),
        "images": "×".join(map(str, IMAGES)),
        "code": recorded(),
        "rows": rows(options.seconds, MODES[:1] if options.eager else MODES),
    }
    results["other_programs"] = others()
    print("\n\n".join(report(results)))
    refuse_if_busy(results["other_programs"], for_the_book)
    save(options.output, results)


if __name__ == "__main__":
    main()
