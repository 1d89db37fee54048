"""What `lp_pool_torch.py` and `lp_pool_jax.py` print, and how fast the former is: for "Gradient of Lp and GeM pooling".

    python -m benchmarks.frameworks [--seconds S] [--output FILE]

saves book/_data/frameworks.json, unless other programs are at work: it looks before it begins, and again at the end.
The code is in `frameworks.toml`. Forward plus backward, z and ∂L/∂y, is raced beside `nn.LPPool2d` as it is and of
|y|, eager, and compiled for three of them; the ratios are to the mended one, eager to eager and compiled to compiled.
With `learned`, ours gives ∂L/∂p as well, which the others cannot.
"""

from __future__ import annotations

import os

if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"

import contextlib
import sys
import tempfile
import tomllib
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import harness
from benchmarks.harness import AGREE, BOOK_DATA, Contestant, Json

RESULTS = BOOK_DATA / "frameworks.json"
CODE: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
MENDED, TORCH, OURS, LEARNED = "nn.LPPool2d of |y|", "nn.LPPool2d", "LpPool2d", "LpPool2d, p learned"
MODES = ("eager", "compiled")
IMAGES = (8, 64, 32, 32)
# Where `lp_pool_torch` and `lp_pool_jax` are.
sys.path.append(str(BOOK_DATA.parent / "_extra"))


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


def main() -> None:
    """Run, measure, save."""
    chosen = harness.options(__doc__, RESULTS, seconds=1.0)
    harness.save_if_quiet(chosen.output, chosen.output == RESULTS, lambda: measure(chosen.seconds))


def measure(seconds: float) -> Json:
    """All pieces of code and what they print, and all races, with so many seconds for each."""
    code = {
        library: {name: {"code": code.strip(), "prints": printed(code)} for name, code in pieces.items()}
        for library, pieces in CODE.items()
    }
    return {
        **harness.about("python -m benchmarks.frameworks", ("torch", "jax", "optax")),
        "machine": harness.machine(),
        "images": "×".join(map(str, IMAGES)),
        "code": code,
        "rows": {case.key: {mode: race(case, mode, seconds) for mode in case.modes} for case in CASES},
    }


def printed(code: str) -> str:
    """What a piece of code prints, in a folder of its own."""
    harness.jax_on_cpu()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        return harness.printed(code, {"__name__": "snippet"})


def race(case: Case, mode: str, seconds: float) -> Json:
    """A race, and what is amiss with the gradient of what is not |y|-mended: it is wrong unless p is even."""
    import torch
    from lp_pool_torch import LpPool2d

    harness.progress(f"{case.key}, {mode}")
    torch.manual_seed(0)
    y = torch.randn(IMAGES, dtype=getattr(torch, case.dtype))
    y[torch.rand(IMAGES) < 0.3] = 0  # some windows are zero
    y.requires_grad_()
    windows = (case.p, case.size, case.stride)
    plain, learned = torch.nn.LPPool2d(*windows), LpPool2d(*windows, learn_p=True).to(y.dtype)
    delta = torch.randn(plain(y).shape, dtype=y.dtype)

    def run(name: str, pool: Any) -> Any:
        return torch.autograd.grad(pool(y), (y, learned.p) if name == LEARNED else (y,), delta)

    pools = {MENDED: lambda y: plain(y.abs()), TORCH: plain, OURS: LpPool2d(*windows), LEARNED: learned}
    if mode == "compiled":
        pools = {name: torch.compile(pool, fullgraph=True) for name, pool in pools.items()}
    contestants = [Contestant(name, partial(run, name, pool)) for name, pool in pools.items()]
    gradients = {c.name: c.run()[0] for c in contestants}
    for name in (OURS, LEARNED):
        torch.testing.assert_close(gradients[name], gradients[MENDED], rtol=1e-3, atol=1e-3)
    amiss = harness.disagreement([gradients[MENDED]], [gradients[TORCH]], AGREE["float32"])
    return harness.race(contestants, seconds) | {"amiss": {TORCH: amiss}}


if __name__ == "__main__":
    main()
