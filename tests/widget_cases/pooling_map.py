"""Lp pooling of a map."""

from __future__ import annotations

import numpy as np

from chainbp import lp_pool2d
from widget_cases.networks import array, spread

EXAMPLE = (
    "pooling_map(Y=[[0, 0, 0, 0, 0, 0.9], [0, 0, -0.4, -0.7, 0, 0.6], [-0.4, -0.6, -0.8, -0.4, 0.5, 0.6], "
    "[0, -0.4, 0, 0.6, 0.9, 0.5], [0, -0.6, 0, 0.9, 0.5, 0], [-0.5, -0.7, 0.4, 0.8, 0, 0]], "
    "delta=[[0.6, 0.2, -0.3, 0.5, 0.9, 0.1], [0.3, 0.7, 0.4, -0.6, 0.2, 0.5], [-0.5, 0.4, 0.9, 0.3, -0.4, 0.6], "
    "[0.8, -0.2, 0.5, 0.7, 0.6, 0.3], [0.4, 0.6, 0.7, -0.3, 0.3, 0.8], [0.2, 0.5, 0.1, 0.4, 0.6, -0.2]], "
    "p=2, size=2, stride=2, cell=[1, 1], entry=[3, 3])"
)
TIMED = ["p", "y", "delta"]


def expected(shown: dict[str, float]) -> dict[str, float]:
    Y, dZ, slopes = (array(shown, name, 2) for name in ("Y", "dZ", "slope"))
    size = len(slopes)

    def nearest(candidates: list[dict[str, float]]) -> dict[str, float]:
        """Of what the figure might show, by stride, window and entry, what it comes nearest to."""
        return min(candidates, key=lambda numbers: max(abs(shown[name] - v) for name, v in numbers.items()))

    maps, windows = [], []
    for stride in (1, 2, 3):
        Z, pull = lp_pool2d[shown["p"], size, stride].vjp(Y)
        if Z.shape != dZ.shape:
            continue
        maps.append(spread("Z", Z) | spread("dY", pull.x(dZ)))
        for i, j in np.ndindex(Z.shape):
            only = np.zeros_like(Z)
            only[i, j] = 1
            top, left = i * stride, j * stride
            slope = pull.x(only)[top : top + size, left : left + size]
            windows.append(spread("slope", slope) | {"delta": dZ[i, j]})
    numbers = nearest(maps)
    entries = [{"y": v, "sum": numbers[f"dY.{i}.{j}"]} for (i, j), v in np.ndenumerate(Y)]
    given = spread("Y", Y) | spread("dZ", dZ) | {"p": shown["p"]}
    return given | numbers | nearest(windows) | nearest(entries)
