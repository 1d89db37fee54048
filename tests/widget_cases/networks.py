"""What the figures of whole networks show, by names as chainbp's backprop gives it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainbp import Function, backprop


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


def expected_of(loss: Function, x: np.ndarray, weights: Sequence[str], units: dict[str, int]) -> dict[str, float]:
    """Loss, hidden variables, errors, gradients; `units` says which variable each column of units shows."""
    bp = backprop(loss, x)
    numbers = {"L": bp.loss} | spread("x", x)
    for i, (value, delta) in enumerate(zip(bp.hidden, bp.deltas)):
        numbers |= spread(f"hidden.{i}", np.atleast_1d(value)) | spread(f"delta.{i}", np.atleast_1d(delta))
    for name, i in units.items():
        numbers |= spread(f"unit.{name}", np.atleast_1d((bp.deltas if "delta" in name else bp.hidden)[i]))
    for name, theta, gradient in zip(weights, loss.parameters, bp.gradients):
        numbers |= spread(name, theta) | spread(f"gradient.{name}", gradient) | spread(f"difference.{name}", gradient)
    return numbers
