"""The ground: what functions want of numbers, who owns them, and how they are added up."""

from __future__ import annotations

from numbers import Real
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]

_NUMBERS = (int, float, np.number, np.ndarray)
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
    problem: type[Exception] = TypeError
    if _is_masked(value):
        wanted = "plain numbers; got a masked array, so fill it or leave out what it masks"
    else:
        try:
            array = np.asarray(value)
        except ValueError:
            problem, wanted = ValueError, "a rectangular array of numbers; got rows of different lengths"
        else:
            native = array.dtype.newbyteorder("=")
            if array.dtype.kind in "biu" or native in FLOATS:
                return array.astype(np.float64 if array.dtype.kind in "biu" else native, copy=False)
            kind = {"c": "complex numbers"}.get(array.dtype.kind, f"{type(value).__name__} of dtype {array.dtype}")
            wanted = f"real numbers; got {kind}"
            if array.dtype.kind == "f":
                wanted = f"float64 or float32; got {native}, so choose one with .astype"
    raise problem(f"{of}: {what} must be {wanted}" if str(of) else f"{what} must be {wanted}")


def _is_masked(value: Any) -> bool:
    """Whether there is a masked array, at any depth of lists and tuples."""
    if isinstance(value, (list, tuple)):
        return any(map(_is_masked, value))
    return isinstance(value, np.ma.MaskedArray)


def owned(array: Array) -> Array:
    """A copy of an array that nobody can change: its numbers are bytes. One that is a copy already is returned."""
    return array if isinstance(array.base, bytes) else np.ndarray(array.shape, array.dtype, array.tobytes())


def kept(argument: Any) -> Any:
    """What stands in brackets; arrays, and what NumPy makes of lists of numbers, as copies."""
    if isinstance(argument, tuple):
        return tuple(map(kept, argument))
    array_like = isinstance(argument, list) or hasattr(argument, "__array__") or _has_buffer(argument)
    if not array_like or isinstance(argument, np.generic) or _is_masked(argument):
        return argument
    try:
        array = np.asarray(argument)
    except (ValueError, TypeError):
        return argument  # a ragged list, or a function: whoever uses it has a say
    return owned(array) if array.dtype.kind in "biuf" else argument


def _has_buffer(value: Any) -> bool:
    """Whether NumPy would look at its memory: an array of Python's, say, or of ctypes."""
    try:
        memoryview(value)
    except TypeError:
        return hasattr(value, "__array_interface__")
    return not isinstance(value, bytes)


def yours(result: Any) -> Any:
    """A result that its receiver may change: a copy where it is a view of something that is still needed."""
    return result if result.flags.writeable else result.copy()


def frozen(value: Any) -> Any:
    """A value to look at: a view that cannot be written to."""
    view = np.asarray(value).view() if isinstance(value, np.ndarray) else value
    view.setflags(write=False)
    return view


def sent(delta: Array, slope: Array) -> Array:
    """Errors times slopes: an error of 0 sends nothing, whatever the slope, NaN and inf included."""
    return np.multiply(delta, slope, out=np.zeros(slope.shape), where=delta != 0)


def alike(one: Any, other: Any) -> bool:
    """Whether two things in brackets are equal; arrays by type, shape and entries, tuples by what they hold."""
    if isinstance(one, _NUMBERS) and isinstance(other, _NUMBERS):
        a, b = np.asarray(one), np.asarray(other)
        narrow = (a.dtype == np.float32) != (b.dtype == np.float32) and a.ndim > 0
        return not narrow and np.array_equal(a, b, equal_nan=a.dtype.kind == b.dtype.kind == "f")
    if one is other or type(one) is not type(other):
        return one is other
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(alike, one, other))
    return bool(one == other)


def quiet() -> Any:
    """Around every run and every way back, whatever the user has set for NumPy.

    An overflow of exp(-x) in the sigmoid is harmless, 1/(1 + inf) = 0 is right; so is a tiny number that becomes 0.
    """
    return np.errstate(over="ignore", under="ignore")


def total(values: Array) -> Array:
    """The sum along the first axis, by halves: rounding adds up with the logarithm of its length, not the length."""
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


def number(value: Any, what: str, *, least: bool = False, most: float = np.inf) -> float:
    """A finite number above 0, or from 0 on with `least`, and below `most`; or an error.

    As a Python number it leaves a float32 array float32; NumPy's own would not.
    """
    if isinstance(value, bool) or not isinstance(value, (Real, np.number)):
        raise TypeError(f"{what} must be a number; got {value!r}")
    if not 0 <= float(value) < most or (value == 0 and not least):
        raise ValueError(f"{what} must be {'from 0' if least else 'greater than 0'} to below {most}; got {value}")
    return float(value)
