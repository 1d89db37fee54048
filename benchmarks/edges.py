"""What chainbp and the peers make of the edge cases of Lp pooling: zeros, signs, ties, large p, the ends of the floats.

A case fails where the value or a derivative is NaN, or off by more than a millionth of its size (float32: a
thousandth), although the true one is a normal float. Where there is no derivative (at a zero for p ≤ 1, in a window of
zeros, among ties at p = ∞) all but NaN passes. The list is what came to mind and no sample, so its counts are no rates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

import mpmath
import numpy as np
import numpy.typing as npt

from benchmarks.harness import Json, table
from benchmarks.reference import reference
from chainbp import eta, lp_pool2d

TOLERANCE = {"float64": 1e-6, "float32": 1e-3}

Array: TypeAlias = npt.NDArray[Any]
# From a window and p to z and ∂z/∂y.
Pooling: TypeAlias = Callable[[Array, float], tuple[Any, Any]]


class Edge(NamedTuple):
    """A window and an order, and what is remarkable about them."""

    about: str
    y: list[float]
    p: float
    dtype: str = "float64"


INF = float("inf")
CASES = [
    *(Edge("a window of zeros", [0.0, 0.0, 0.0], p) for p in (0.5, 1, 1.5, 2, 3, 60, INF)),
    *(Edge("a zero inside", [0.0, -2.0, 1.0], p) for p in (0.5, 1, 1.5, 3, INF)),
    *(Edge("negative entries", [-1.0, 2.0, -3.0, 1.0], p) for p in (1, 2, 2.5, 3, 10)),
    *(Edge("one entry", [-2.0], p) for p in (1, 3)),
    *(Edge("large p", [size] * 3, p) for size in (10.0, 0.1) for p in (200, 1000)),
    *(Edge("large p", [size] * 3, p, "float32") for size in (10.0, 0.1) for p in (50, 200)),
    Edge("very large p", [1.0, 2.0], 1e6),
    Edge("large entries", [1e200, -5e199], 3),
    Edge("large entries", [1e300, 1e300], 2),
    Edge("large entries", [1e30, -1e30], 2, "float32"),
    Edge("large entries", [1e10, -1e9], 10, "float32"),
    Edge("the largest floats", [1.7e308], 2),
    Edge("the largest floats", [1.7e308, 1.0], 1000),
    Edge("small entries", [1e-200, -5e-201], 3),
    Edge("small entries", [1e-30, -1e-30], 2, "float32"),
    Edge("small entries", [1e-10, -1e-9], 10, "float32"),
    Edge("subnormal entries", [3e-310, -4e-310], 2),
    Edge("subnormal entries", [5e-324], 3),
    Edge("subnormal entries", [3e-41, -4e-41], 2, "float32"),
    Edge("entries far apart", [1.0, 1e-200], 2),
    Edge("entries far apart", [1e-200, 1e200], 0.5),
    Edge("ties", [2.0, -2.0, 1.0], INF),
    Edge("no ties", [-3.0, 1.0], INF),
    *(Edge("small p", [3.0, -4.0], p) for p in (0.3, 0.05)),
    Edge("small p", [1.0] * 9, 0.05, "float32"),
]


def true(case: Edge) -> tuple[Any, list[Any]]:
    """z and ∂z/∂y; None where there is no derivative."""
    y = np.array(case.y, case.dtype)
    if np.isinf(case.p):
        top = np.abs(y).max()
        ties = np.abs(y) == top
        return mpmath.mpf(float(top)), [
            None if v and ties.sum() > 1 else float(np.sign(e)) * v for v, e in zip(ties, y)
        ]
    z, gradient, _ = reference(y, case.p)
    return z, [None if not z or (case.p <= 1 and not v) else g for v, g in zip(y, gradient)]


def fails(case: Edge, z: Any, gradient: Any) -> bool:
    """Whether a result of pooling is not what it should be."""
    true_z, true_gradient = true(case)
    got = [float(z), *map(float, np.ravel(gradient))]
    return any(_off(case, g, t) for g, t in zip(got, [true_z, *true_gradient], strict=True))


def _off(case: Edge, got: float, true: Any) -> bool:
    if np.isnan(got):
        return True
    if true is None:
        return False
    return not abs(got - true) <= max(TOLERANCE[case.dtype] * abs(true), float(np.finfo(case.dtype).tiny))


def measure() -> Json:
    """Which cases each way of pooling fails."""
    cases: list[Json] = [{"about": c.about, "y": c.y, "p": _order(c.p), "dtype": c.dtype, "fails": []} for c in CASES]
    missing = []
    for name, make in POOLINGS.items():
        try:
            pooling = make()
        except ImportError:
            missing.append(name)
            continue
        for case, row in zip(CASES, cases):
            with np.errstate(all="ignore"):
                result = pooling(np.array(case.y, case.dtype), case.p)
            if fails(case, *result):
                row["fails"].append(name)
    counts = {name: sum(name in row["fails"] for row in cases) for name in POOLINGS if name not in missing}
    return {"not_installed": missing, "counts": counts, "cases": cases}


def _order(p: float) -> float | str:
    """JSON knows no infinity."""
    return "∞" if np.isinf(p) else p


def report(results: Json) -> Iterator[str]:
    """The tables, one text each."""
    counts, total = results["counts"], len(results["cases"])
    rows = [[name, f"{counts[name]} of {total}" if name in counts else "not installed"] for name in POOLINGS]
    yield "Edge cases: where value or derivative is wrong or NaN\n\n" + table(["", "fails"], rows)
    yield "The same case by case\n\n" + table(
        ["case", "p", "dtype", *counts],
        (
            [
                f"{row['about']} {row['y']}",
                str(row["p"]),
                row["dtype"],
                *("fails" if name in row["fails"] else "" for name in counts),
            ]
            for row in results["cases"]
        ),
    )


# ---- ways of pooling ----


def _eta() -> Pooling:
    def pooling(y: Array, p: float) -> tuple[Any, Any]:
        z, pull = eta[p].vjp(y)
        return z, pull.x(np.ones_like(z))

    return pooling


def _lp_pool2d() -> Pooling:
    def pooling(y: Array, p: float) -> tuple[Any, Any]:
        z, pull = lp_pool2d[p, (1, len(y))].vjp(y[None])
        return z[0, 0], pull.x(np.ones_like(z))

    return pooling


def _torch_lp_pool2d() -> Pooling:
    from torch.nn import functional as F

    return _by_torch(lambda y, p: F.lp_pool2d(y[None, None, None], p, (1, len(y)))[0, 0, 0, 0])


def _torch_vector_norm() -> Pooling:
    import torch

    return _by_torch(lambda y, p: torch.linalg.vector_norm(y, ord=p))


def _by_torch(norm: Callable[[Any, float], Any]) -> Pooling:
    import torch

    def pooling(y: Array, p: float) -> tuple[Any, Any]:
        x = torch.from_numpy(y).requires_grad_()
        z = norm(x, float(p))
        return z.detach(), torch.autograd.grad(z, x)[0]

    return pooling


def _jax_norm() -> Pooling:
    import jax.numpy as jnp

    return _by_jax(lambda y, p: jnp.linalg.norm(y, ord=p))


def _jax_as_written() -> Pooling:
    import jax.numpy as jnp

    return _by_jax(lambda y, p: jnp.sum(jnp.abs(y) ** p) ** (1 / p))


def _by_jax(norm: Callable[[Any, float], Any]) -> Pooling:
    import jax

    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    return lambda y, p: jax.value_and_grad(lambda y: norm(y, p))(jax.numpy.asarray(y))


def _autograd_as_written() -> Pooling:
    import autograd
    import autograd.numpy as anp

    return autograd.value_and_grad(lambda y, p: anp.sum(anp.abs(y) ** p) ** (1 / p))


POOLINGS: dict[str, Callable[[], Pooling]] = {
    "chainbp eta": _eta,
    "chainbp lp_pool2d": _lp_pool2d,
    "torch.linalg.vector_norm": _torch_vector_norm,
    "torch lp_pool2d": _torch_lp_pool2d,
    "jax.numpy.linalg.norm": _jax_norm,
    "JAX, (32) as written": _jax_as_written,
    "autograd, (32) as written": _autograd_as_written,
}
