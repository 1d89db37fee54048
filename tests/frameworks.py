"""What the tests of `lp_pool_torch.py` and `lp_pool_jax.py` share: how to load them, and who judges."""

from __future__ import annotations

import importlib.util
import sys
from itertools import groupby
from pathlib import Path

import numpy as np

from benchmarks.accuracy import BOUNDS
from benchmarks.reference import EDGES, blocks, errors, fails, reference, scales

FOLDER = Path(__file__).resolve().parents[1] / "book" / "_extra"


def load(name):
    """A module that the book offers to download."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def random_windows(count, dtype, seed):
    """Windows of one length and their orders, the p of float32 among them: (places, windows), (windows,)."""
    found = [
        (window, dtype(block.p))
        for block in blocks(count, np.random.default_rng(seed), np.dtype(dtype).name)
        for window in block.windows(block.image)
    ]
    for _, same in groupby(sorted(found, key=lambda one: len(one[0])), key=lambda one: len(one[0])):
        windows, orders = zip(*same)
        yield np.array(windows).T, np.array(orders)


def complaints(windows, orders, z, gradient, slope, subnormal=True):
    """Windows whose z, ∂z/∂y or ∂z/∂p breaks the contract: that of chainbp, in eps of the true result.

    Without `subnormal`, a result below the smallest normal number may also be 0.
    """
    dtype = windows.dtype.name
    for i, p in enumerate(orders.tolist()):
        true = reference(windows[:, i], p)
        parts, got = [true.z, true.slope, *true.gradient], [z[i], slope[i], *gradient[:, i]]
        off = errors(got, parts, dtype, scales(true, p))
        if not subnormal:
            off[[g == 0 and abs(t) < np.finfo(dtype).tiny for g, t in zip(got, parts)]] = 0
        if not np.nanmax(off) <= BOUNDS[dtype]:
            yield p, windows[:, i].tolist(), off.tolist()


def edges_failed(pool):
    """The edge cases, each with three patterns of signs, that pool(y, p) -> (z, ∂z/∂y) fails."""
    for case in EDGES:
        for signs in (1, -1, np.resize([-1, 1], len(case.y))):
            turned = case._replace(y=(np.array(case.y) * signs).tolist())
            z, gradient = pool(np.array(turned.y, case.dtype), case.p)
            if fails(turned, z, gradient):
                yield turned
