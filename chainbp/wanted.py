"""The ground: what functions want of numbers, who owns them, and how they are added up."""

from numbers import Integral, Real
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

# What functions compute with, and what they take for it.
Array: TypeAlias = npt.NDArray[Any]
ArrayLike: TypeAlias = npt.ArrayLike

FLOATS = (np.dtype(np.float64), np.dtype(np.float32))
_NUMBERS = (int, float, np.number, np.ndarray)


def as_array(value: Any, what: str, of: object = "chainbp") -> Array:
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
    if _is_masked(value):
        raise TypeError(f"{of}: {what} is masked; fill it, or leave out what it masks")
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{of}: {what} must be a rectangular array; got rows of different lengths") from None
    dtype = np.dtype(float) if array.dtype.kind in "biu" else array.dtype.newbyteorder("=")
    if dtype not in FLOATS:
        got = f"{type(value).__name__} of dtype {array.dtype}"
        raise TypeError(f"{of}: {what} must be real numbers, float64 or float32 (see .astype); got {got}")
    return array.astype(dtype, copy=False)


def shaped(value: Any, what: str, of: object, shape: tuple[int, ...]) -> Array:
    """The same for numbers that must have a certain shape; a ValueError says so where they do not."""
    array = as_array(value, what, of)
    if array.shape != shape:
        raise ValueError(f"{of}: {what} must have the shape {shape}; got shape {array.shape}")
    return array


def _is_masked(value: Any) -> bool:
    """Whether there is a masked array, at any depth of lists and tuples."""
    inside = value if isinstance(value, (list, tuple)) else ()
    return isinstance(value, np.ma.MaskedArray) or any(map(_is_masked, inside))


def owned(array: Array) -> Array:
    """A copy of an array that nobody can change: its numbers are bytes. One that is a copy already is returned."""
    return array if isinstance(array.base, bytes) else np.ndarray(array.shape, array.dtype, array.tobytes())


def kept(argument: Any) -> Any:
    """What stands in brackets; arrays, and what NumPy makes of lists of numbers, as copies."""
    if isinstance(argument, tuple):
        return tuple(map(kept, argument))
    if isinstance(argument, (int, float, np.generic)) or _is_masked(argument):
        return argument
    try:
        array = np.asarray(argument)
    except (ValueError, TypeError):
        return argument  # a ragged list, or a function: whoever uses it has a say
    return owned(array) if array.dtype.kind in "biuf" else argument


def alike(one: Any, other: Any) -> bool:
    """Whether two things in brackets are equal; arrays by type, shape and entries, tuples by what they hold."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    if not (isinstance(one, _NUMBERS) and isinstance(other, _NUMBERS)):
        return bool(type(one) is type(other) and one == other)
    a, b = np.asarray(one), np.asarray(other)
    narrow = (a.dtype == np.float32) != (b.dtype == np.float32) and a.ndim > 0
    return not narrow and np.array_equal(a, b, equal_nan=a.dtype.kind == b.dtype.kind == "f")


def yours(result: Any) -> Any:
    """A result that its receiver may change: a copy where it is a view of something that is still needed."""
    return result if result.flags.writeable else result.copy()


def frozen(value: Any) -> Any:
    """A value to look at: a view that cannot be written to."""
    view = value.view()
    view.setflags(write=False)
    return view


def sent(delta: Array, slope: Array) -> Array:
    """Errors times slopes: an error of 0 sends nothing, whatever the slope, NaN and inf included."""
    return np.multiply(delta, slope, out=np.zeros(slope.shape), where=delta != 0)


def quiet() -> Any:
    """Around every run and every way back, whatever the user has set for NumPy.

    An overflow of exp(-x) in the sigmoid is harmless, 1/(1 + inf) = 0 is right; so is a tiny number that becomes 0.
    """
    return np.errstate(over="ignore", under="ignore")


def total(values: Array) -> Array:
    """The sum along the first axis. Of many, in pairs, as NumPy adds what lies side by side, and rounds much less."""
    if len(values) <= 16:
        return np.asarray(values.sum(axis=0))
    return np.asarray(np.ascontiguousarray(values.T).sum(axis=-1).T)


def number(value: Any, what: str, kind: Any = Real, least: float | None = None, most: float = 1e308) -> Any:
    """A number of a kind, above 0, or from `least` on, and below `most`; or an error.

    As a Python number it leaves a float32 array float32; NumPy's own would not.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, kind):
        raise TypeError(f"{what} must be {'an integer' if kind is Integral else 'a number'}; got {value!r}")
    value = value.item() if isinstance(value, np.generic) else value
    if not (value > 0 if least is None else value >= least) or not value < most:
        low = "greater than 0" if least is None else f"at least {least}"
        raise ValueError(f"{what} must be {low} and below {most}; got {value}")
    return int(value) if kind is Integral else float(value)
