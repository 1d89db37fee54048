"""Lp pooling of a map."""

from __future__ import annotations

import numpy as np

from chainbp import lp_pool2d
from widget_cases.networks import spread

EXAMPLE = (
    "pooling_map(Y=[[0, 0, 0, 0, 0, 0.9], [0, 0, -0.4, -0.7, 0, 0.6], [-0.4, -0.6, -0.8, -0.4, 0.5, 0.6], "
    "[0, -0.4, 0, 0.6, 0.9, 0.5], [0, -0.6, 0, 0.9, 0.5, 0], [-0.5, -0.7, 0.4, 0.8, 0, 0]], "
    "delta=[[0.6, 0.2, -0.3, 0.5, 0.9, 0.1], [0.3, 0.7, 0.4, -0.6, 0.2, 0.5], [-0.5, 0.4, 0.9, 0.3, -0.4, 0.6], "
    "[0.8, -0.2, 0.5, 0.7, 0.6, 0.3], [0.4, 0.6, 0.7, -0.3, 0.3, 0.8], [0.2, 0.5, 0.1, 0.4, 0.6, -0.2]], "
    "p=2, size=2, stride=2, cell=[1, 1], entry=[3, 3])"
)
TIMED = ["p", "y", "delta"]


def expected(shown: dict) -> dict[str, float]:
    state = shown["state"]
    Y, delta, size, stride = np.array(state["Y"]), np.array(state["delta"]), state["size"], state["stride"]
    rows, columns = np.subtract(Y.shape, size - 1)
    dZ = delta[:rows:stride, :columns:stride]
    Z, pull = lp_pool2d[float(state["p"]), size, stride].vjp(Y)
    # A place beyond the last means the last.
    a, b = np.minimum(state["cell"], np.subtract(Z.shape, 1)).tolist()
    entry = tuple(np.minimum(state["entry"], np.subtract(Y.shape, 1)))
    only = np.zeros_like(Z)
    only[a, b] = 1
    top, left = a * stride, b * stride
    slopes, dY = pull.x(only)[top : top + size, left : left + size], pull.x(dZ)
    framed = [(top + i, left + j) for i, j in np.ndindex(size, size)]
    numbers = {f"{name}.{i}.{j}": values[i, j] for name, values in (("Y", Y), ("dY", dY)) for i, j in framed}
    numbers |= {f"Z.{a}.{b}": Z[a, b], f"dZ.{a}.{b}": dZ[a, b], "delta": dZ[a, b], "y": Y[entry], "sum": dY[entry]}
    return numbers | spread("slope", slopes) | {"p": shown["p"], "state": state}
