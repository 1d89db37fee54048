"""What all live figures share: the bundle, the traits, a stable text.

A figure's *inputs* are traits that the reader moves, in the browser or from Python. What follows from them, its
*results*, is computed here by chainbp whenever an input changes, and never taken from the browser.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import numpy as np
import traitlets

from chainbp.function import Function
from chainbp.wanted import as_array

STATIC = Path(__file__).parent / "static"
#: What Python and JavaScript both must know: limits, and the questions that the figures can ask.
SHARED = json.loads(Path(__file__).with_name("shared.json").read_text(encoding="utf-8"))


def encode(value: Any) -> Any:
    """For JSON, which has neither infinity nor NaN: they travel as strings. js/kit.js does the same."""
    if isinstance(value, dict):
        return {name: encode(v) for name, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [encode(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value).replace("inf", "Infinity").replace("nan", "NaN")
    return value


def _decode(value: Any) -> Any:
    return [_decode(v) for v in value] if isinstance(value, list) else float(value)


class Refused(traitlets.TraitError, TypeError, ValueError):
    """A value that a figure cannot have. Of a TraitError, traitlets takes back all that it holds with it."""


def taken(value: Any, what: str, of: str) -> Any:
    """As :func:`as_array`, but what is no array of numbers is :class:`Refused`."""
    try:
        return as_array(value, what, of)
    except (TypeError, ValueError) as error:
        raise Refused(str(error)) from None


class Numbers(traitlets.TraitType):  # type: ignore[type-arg]
    """An input: a number, a vector or a matrix, of at most 1e200 in size, kept as a float or as (nested) tuples.

    Tuples, because a change inside of a list would go unnoticed.

    Parameters
    ----------
    ndim : int or None
        0, 1 or 2; None for any of them.
    sides : (int, int), optional
        How many numbers there are along each side, at least and at most. A phone has room for so many.
    keep_shape : bool, optional
        Whether the shape stays that of the first value.
    """

    _WORDS: ClassVar = ("a number", "a vector", "a matrix")

    def __init__(
        self, ndim: int | None, *, sides: tuple[float, float] = (1, math.inf), keep_shape: bool = False, **more: Any
    ) -> None:
        super().__init__(**more)
        self._ndims: Sequence[int] = range(3) if ndim is None else [ndim]
        self._sides = sides
        self._keep_shape = keep_shape
        self.tag(sync=True, to_json=lambda value, _: encode(value), from_json=lambda v, _: _decode(v))

    def validate(self, obj: Any, value: Any) -> Any:
        what = f"{obj.figure}: {self.name}"
        array = taken(value, str(self.name), obj.figure)
        low, high = self._sides
        if array.ndim not in self._ndims or not all(low <= n <= high for n in array.shape):
            words = " or ".join(self._WORDS[ndim] for ndim in self._ndims)
            if high < math.inf:
                words += f" of {low} to {high}" if low < high else f" of {low}"
                words += " rows and columns" if 2 in self._ndims else " numbers"
            raise Refused(f"{what} must be {words}; got shape {array.shape}")
        if wrong := self.wrong(obj, array):
            got = text(tuples(array.tolist())) if array.size <= 12 else f"an array of shape {array.shape}"
            raise Refused(f"{what} must be {wrong}; got {got}")
        before = obj._trait_values.get(self.name)
        if self._keep_shape and before is not None and np.shape(before) != array.shape:
            raise Refused(f"{what} must keep its shape, {np.shape(before)}; got shape {array.shape}")
        return tuples(array.tolist())

    def wrong(self, obj: Any, array: Any) -> str:
        """What the values must be and are not; "" where they are in range."""
        if not np.isfinite(array).all():
            return "finite"
        # So that sums and differences of some are floats, too, and can be drawn.
        return "" if np.all(np.abs(array, dtype=float) <= 1e200) else "at most 1e200 in size"


class Positive(Numbers):
    """A number greater than 0: a learning rate, or an order, which may be infinite."""

    def __init__(self, *, infinite: bool = False) -> None:
        super().__init__(0)
        self._infinite = infinite

    def wrong(self, obj: Any, array: Any) -> str:
        finite = "" if self._infinite else super().wrong(obj, array)
        return finite or ("" if array > 0 else "one number greater than 0" + ", or inf" * self._infinite)


class Whole(Numbers):
    """An input of whole numbers from `low` to `high`, or to `high(figure)`, kept as int; a vector keeps its length."""

    def __init__(self, ndim: int, low: int, high: int | Callable[[Any], int], **more: Any) -> None:
        super().__init__(ndim, keep_shape=True, **more)
        self._range = low, high

    def validate(self, obj: Any, value: Any) -> Any:
        value = super().validate(obj, value)
        return tuple(map(int, value)) if isinstance(value, tuple) else int(value)

    def wrong(self, obj: Any, array: Any) -> str:
        low, given = self._range
        high = given(obj) if callable(given) else given
        each = "whole numbers" if array.ndim else "a whole number"
        return "" if np.isin(array, range(low, high + 1)).all() else f"{each} from {low} to {high}"


class Result(traitlets.TraitType):  # type: ignore[type-arg]
    """A result: follows from the inputs, can be observed, cannot be set."""

    def __init__(self) -> None:
        super().__init__(read_only=True)

    def validate(self, obj: Any, value: Any) -> Any:
        return tuples(value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value)


class Figure(anywidget.AnyWidget):
    """The base of the live figures. A figure has a name, inputs, results and a network.

    In a subclass: traits of :class:`Numbers` and its kinds are inputs, traits of :class:`Result` are set by
    :meth:`results`. The drawing of the same name is in ``js/figures``.
    """

    _esm = STATIC / "widgets.js"
    _css = STATIC / "widgets.css"

    #: The figure's name, which is also that of the function that makes it.
    figure = traitlets.Unicode(read_only=True).tag(sync=True)
    #: The question that the figure asks before it shows, by its name in ``shared.json``; "" asks none.
    ask = traitlets.Unicode("").tag(sync=True)
    #: The reader's answer: ``()`` is none yet, ``(-1,)`` "show me", ``(k,)`` option k; a drawn curve is its heights.
    answer = Numbers(1, sides=(0, math.inf), default_value=()).tag(asked=True)
    _start = traitlets.Dict().tag(sync=True)

    def __init__(self, figure: str, **inputs: Any) -> None:
        self.set_trait("figure", figure)
        super().__init__(**inputs)
        self._start = {name: encode(getattr(self, name)) for name in [*self._inputs(), "answer"]}
        self.observe(lambda _: self._refresh(), names=list(self._inputs()))
        self._refresh()

    def network(self) -> Function:
        """The chainbp Function that the figure shows, at the present values."""
        raise NotImplementedError

    def results(self) -> dict[str, Any]:
        """The value of every :class:`Result`, computed from the inputs."""
        raise NotImplementedError

    @traitlets.validate("ask")
    def _check_ask(self, proposal: Any) -> Any:
        questions = SHARED["questions"].get(self.figure, {})
        if proposal["value"] not in ["", *questions]:
            known = ", ".join(map(repr, questions)) or "none"
            raise Refused(f"{self.figure}: ask must be one of its questions ({known}); got {proposal['value']!r}")
        return proposal["value"]

    def _inputs(self) -> list[str]:
        """The names of the inputs in the order in which the class lists them."""
        traits = [(name, value) for cls in type(self).__mro__ for name, value in vars(cls).items()]
        return [name for name, value in traits if isinstance(value, Numbers) and not value.metadata.get("asked")]

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """What the page sends. Where it cannot be, the page hears what is."""
        try:
            super().set_state(sync_data)
        except Refused:
            self.send_state([*sync_data])
            raise

    def _refresh(self) -> None:
        with self.hold_trait_notifications():
            for name, value in self.results().items():
                self.set_trait(name, value)

    def __repr__(self) -> str:
        inputs = [f"{name}={text(getattr(self, name))}" for name in self._inputs()]
        return f"{self.figure}({', '.join(inputs + self._more())})"

    def _more(self) -> list[str]:
        """What else the figure was made with, as its repr says it."""
        return [f"ask={self.ask!r}"] if self.ask else []


def tuples(value: Any) -> Any:
    return tuple(tuples(v) for v in value) if isinstance(value, list) else value


def text(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(text(v) for v in value)}]"
    return f"{value:.6g}"
