"""Arrays whose entries a figure shows one by one."""

from __future__ import annotations

import numpy as np


def spread(name: str, value) -> dict[str, float]:
    """The entries of an array by their names: NAME.0.0, NAME.0.1 …"""
    value = np.asarray(value)
    return {".".join([name, *map(str, index)]): float(value[index]) for index in np.ndindex(value.shape)}
