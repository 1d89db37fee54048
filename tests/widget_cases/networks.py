"""Arrays whose entries a figure shows one by one."""

from __future__ import annotations

import numpy as np


def array(shown: dict[str, float], name: str, ndim: int) -> np.ndarray:
    """The array whose entries a figure shows as NAME.0.0, NAME.0.1 …"""
    entries = {key[len(name) + 1 :]: v for key, v in shown.items() if key.startswith(f"{name}.")}
    indices = {tuple(map(int, key.split("."))): v for key, v in entries.items() if key.count(".") == ndim - 1}
    result = np.empty([max(axis) + 1 for axis in zip(*indices)])
    for index, value in indices.items():
        result[index] = value
    return result


def spread(name: str, value) -> dict[str, float]:
    """The other way: the entries of an array by their names."""
    value = np.asarray(value)
    return {".".join([name, *map(str, index)]): float(value[index]) for index in np.ndindex(value.shape)}
