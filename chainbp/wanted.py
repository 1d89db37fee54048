"""What functions want of their numbers, and the messages for those who give something else."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]

FLOATS = (np.dtype(np.float64), np.dtype(np.float32))


def as_array(value: Any, what: str, of: object = "") -> Array:
    """Turn `value` into an array of float64 or float32, or say what is wrong with it.

    Parameters
    ----------
    value : array_like
        Numbers of any shape. float32 is kept; booleans and integers become float64.
    what : str
        How an error message should call the value, such as ``"W"``.
    of : object, optional
        Whose value it is. Its text stands before `what`; it is made only where there is an error.

    Raises
    ------
    TypeError
        If `value` holds anything but real numbers (strings, complex numbers, None, objects), floats of another
        precision, which would change on the way, or masked ones, whose masks would be forgotten.
    ValueError
        If `value` is ragged: rows of different lengths.
    """
    if type(value) is np.ndarray and value.dtype in FLOATS:
        return value
    name = f"{of}: {what}" if str(of) else what
    if any(isinstance(v, np.ma.MaskedArray) for v in (value, *(value if isinstance(value, (list, tuple)) else ()))):
        raise TypeError(f"{name} must be plain numbers; got a masked array, so fill it or leave out what it masks")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be a rectangular array of numbers; got rows of different lengths") from error
    if array.dtype.kind in "biu":
        return array.astype(np.float64)
    if array.dtype.kind != "f":
        kind = "complex numbers" if array.dtype.kind == "c" else f"{type(value).__name__} of dtype {array.dtype}"
        raise TypeError(f"{name} must be real numbers; got {kind}")
    native = array.dtype.newbyteorder("=")
    if native not in FLOATS:
        raise TypeError(f"{name} must be float64 or float32; got {native}, so choose one with .astype")
    return array.astype(native, copy=False)


def owned(array: Array) -> Array:
    """A copy of an array that nobody can change: its numbers are bytes. One that is a copy already is returned."""
    return array if type(array.base) is bytes else np.ndarray(array.shape, array.dtype, array.tobytes())


def total(values: Array) -> Array:
    """The sum along the first axis, by halves: rounding adds up with the logarithm of its length, not with the length."""
    while len(values) > 8:
        half, odd = divmod(len(values), 2)
        sums = values[:half] + values[half : 2 * half]
        if odd:
            sums[0] += values[-1]
        values = sums
    return np.asarray(values.sum(axis=0))


def bias(b: Any, rows: int, of: str) -> Array:
    """The bias b of `rows` units, or an error."""
    array = as_array(b, "b", of)
    if array.shape != (rows,):
        raise ValueError(f"{of} needs b of shape ({rows},), one for each row; got shape {array.shape}")
    return array


def whole(value: Any, what: str, least: int = 1) -> int:
    """An integer from `least` on, or an error."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{what} must be an integer; got {value!r}")
    if value < least:
        raise ValueError(f"{what} must be at least {least}; got {value}")
    return int(value)
