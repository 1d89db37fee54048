"""What the tests of `lp_pool_torch.py` and `lp_pool_jax.py` share: how to load them, and who judges."""

from __future__ import annotations

import importlib.util
import sys
from itertools import groupby
from pathlib import Path

import numpy as np

from benchmarks.accuracy import BOUNDS
from benchmarks.reference import EDGES, blocks, errors, fails, reference
from chainbp import eta

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


def complaints(windows, orders, z, gradient, slope, exact=100, subnormal=True):
    """Windows whose z, ∂z/∂y or ∂z/∂p is further from chainbp's than the contract allows from the truth, in eps.

    chainbp takes them in float64. The first `exact` are held against mpmath as well. Without `subnormal`, what is below
    the smallest normal number may also be 0.
    """
    dtype, numbers = windows.dtype.name, np.finfo(windows.dtype)
    wide = windows.astype(float)
    truth, pull = eta[orders.astype(float), len(windows)].vjp(wide.T.ravel())
    one = np.ones_like(truth)
    gradients, slopes = pull.x(one).reshape(-1, len(windows)).T, pull.theta(one)[0]
    with np.errstate(all="ignore"):
        for got, true, scale in ((z, truth, 0), (gradient, gradients, 1), (slope, slopes, truth / orders / orders)):
            size = np.where(abs(true) >= numbers.eps * scale, abs(true), scale)
            off = abs(got - true) / np.maximum(size, numbers.tiny) / numbers.eps
            fine = (off <= BOUNDS[dtype]) | (abs(true) > numbers.max)
            if not subnormal:
                fine |= (got == 0) & (abs(true) < numbers.tiny)
            for i in np.nonzero(~np.atleast_2d(fine).all(0))[0]:
                yield orders[i], windows[:, i].tolist(), np.atleast_2d(got)[:, i], np.atleast_2d(true)[:, i]
    for i, p in enumerate(orders[:exact].tolist()):
        true, got = reference(windows[:, i], p), [z[i], slope[i], *gradient[:, i]]
        off = errors(got, true, p, dtype)
        if not subnormal:
            off[[g == 0 and abs(t) < numbers.tiny for g, t in zip(got, [true.z, true.slope, *true.gradient])]] = 0
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
