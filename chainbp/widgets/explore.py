"""Any chain with a cost at its end: its values, its errors and its gradients in one picture, and a step downhill."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import traitlets

import chainbp
from chainbp.backprop import Backprop, backprop
from chainbp.function import Composition, Function
from chainbp.show import variable_names
from chainbp.wanted import Array, as_array
from chainbp.widgets.base import Figure, Numbers, Positive, Refused, Result, Whole, encode, taken, text, tuples

MOST = 1000
RATE = 0.5
# What js/figures/chain.js can compute; whatever else there is, Python computes.
_PLAIN = ("sigma", "tanh", "relu", "softmax")
_FAMILIES = ("rho", "eta", "squared_error", "cross_entropy", "sigmoid_cross_entropy", "softmax_cross_entropy")


class Parameters(Numbers):
    """The parameters of the figure's loss, which keep their shapes."""

    def __init__(self) -> None:
        super().__init__(None)

    def validate(self, obj: Any, value: Any) -> Any:
        given = obj.given.parameters
        if not isinstance(value, (list, tuple)):
            raise Refused(f"explore: parameters must be a list of {len(given)}; got {type(value).__name__}")
        arrays = [taken(v, "a parameter", "explore") for v in value]
        if [a.shape for a in arrays] != [theta.shape for theta in given]:
            shapes = f"{[theta.shape for theta in given]}; got {[a.shape for a in arrays]}"
            raise Refused(f"explore: parameters must keep their shapes, {shapes}")
        if any(np.isnan(a).any() for a in arrays):
            raise Refused("explore: parameters must be numbers; got NaN")
        return tuple(tuples(a.tolist()) for a in arrays)


class Explore(Figure):
    """Made by :func:`explore`.

    Attributes
    ----------
    parameters : tuple
        What is learned, in the order and of the shapes of ``loss.parameters``, as floats and tuples. Can be set.
    x : float or tuple
        The data, a sample or a batch with one sample per column. Can be set, and keeps its shape.
    t : float or tuple
        The target of a cost of chainbp's; of another cost it is 0 and means nothing. Can be set, and keeps its shape.
    step : int
        How many boxes the error has passed on its way back, from 0 to all of them. Can be set.
    chosen : tuple of int
        Which number has the handle: its parameter, and its place there, row by row. Parameter −1 is x, −2 is t. Can be
        set.
    sample : int
        Which sample of a batch is drawn. L and the gradients are sums over all of them. Can be set.
    rate : float
        What a step downhill moves by is −rate · gradient. Can be set.
    loss : float
        The loss L. Follows from the inputs, as does everything below.
    hidden, deltas : tuple
        The variables from x to the input of the cost, and their errors.
    gradients : tuple
        ∂L/∂θ of each parameter.
    """

    parameters = Parameters()
    x = Numbers(None, keep_shape=True)
    t = Numbers(None, keep_shape=True)
    step = Whole(0, 0, lambda figure: len(figure.chain["links"]))
    chosen = Whole(1, -2, MOST)
    sample = Whole(0, 0, lambda figure: max(figure.chain["batch"] - 1, 0))
    rate = Positive()
    loss = Result()
    hidden = Result()
    deltas = Result()
    gradients = Result()
    #: What the drawing must know of the chain beside its numbers.
    chain = traitlets.Dict(read_only=True).tag(sync=True)
    #: The results, where the page cannot compute them.
    computed = traitlets.Dict(read_only=True).tag(sync=True)

    def __init__(
        self, loss: Function, x: Array, step: int | None, chosen: Sequence[int] | None, numbered: bool, **inputs: Any
    ) -> None:
        self.given = loss
        bp = backprop(loss, x)
        self.set_trait("chain", {**_described(loss, bp), "numbered": numbered})
        # Where nothing is chosen: the weight that matters most of the first matrix.
        k = next((k for k, theta in enumerate(loss.parameters) if theta.ndim == 2), 0 if loss.parameters else -1)
        largest = (k, int(np.abs(bp.gradients[k]).argmax()) if k >= 0 else 0)
        self._usual = {"step": len(loss.functions), "chosen": largest}
        inputs |= {name: self._usual[name] if v is None else v for name, v in [("step", step), ("chosen", chosen)]}
        target = _recipe(loss.functions[-1])[1][:1] if self.chain["target"] else (0.0,)
        super().__init__("explore", parameters=loss.parameters, x=x, t=target[0], **inputs)

    @traitlets.validate("chosen")
    def _exists(self, proposal: Any) -> Any:
        value = proposal["value"]
        sizes = {-2: np.size(self.t) if self.chain["target"] else 0, -1: np.size(self.x)}
        sizes |= {k: theta.size for k, theta in enumerate(self.given.parameters)}
        if len(value) != 2 or value[1] not in range(sizes.get(value[0], 0)):
            wanted = "the index of a parameter (−1 is x, −2 is t), and a place there"
            raise Refused(f"explore: chosen must be {wanted}; sizes are {sizes}, got {text(value)}")
        return value

    @traitlets.validate("parameters", "x", "t")
    def _fits(self, proposal: Any) -> Any:
        now = {"parameters": self.parameters, "x": self.x, "t": self.t, proposal["trait"].name: proposal["value"]}
        try:
            _ = backprop(self._loss_at(now["parameters"], now["t"]), now["x"]).deltas
        except Exception as error:  # also one of a layer of the reader's own
            raise Refused(str(error)) from error
        return proposal["value"]

    def loss_function(self) -> Function:
        """The loss at the present parameters and target: a chainbp Function."""
        return self._loss_at(self.parameters, self.t)

    def network(self) -> Function:
        """The same without its cost."""
        return Composition(self.loss_function().functions[:-1])

    def results(self) -> dict[str, Any]:
        bp = backprop(self.loss_function(), self.x)
        results: dict[str, Any] = {"loss": bp.loss}
        for name, values in [("hidden", bp.hidden), ("deltas", bp.deltas), ("gradients", bp.gradients)]:
            results[name] = tuple(tuples(v.tolist()) for v in values)
        if any(link["kind"] == "own" for link in self.chain["links"]):
            more = {"of": (self.parameters, self.x, self.t), "chosen": self.chosen, "difference": self._difference()}
            self.set_trait("computed", encode(results | more))
        return results

    def _loss_at(self, parameters: Sequence[Any], t: Any) -> Function:
        loss = self.given
        if parameters != tuple(tuples(theta.tolist()) for theta in loss.parameters):
            dtyped = [np.asarray(v, dtype=theta.dtype) for v, theta in zip(parameters, loss.parameters)]
            loss = loss.with_parameters(dtyped)
        family, (given, *_) = _recipe(loss.functions[-1]) if self.chain["target"] else (None, (t,))
        if family is None or np.array_equal(given, t):
            return loss
        return Composition((*loss.functions[:-1], family[np.asarray(t)]))

    def _difference(self) -> float | None:
        """L by the chosen number, as a central difference; None at p = inf, and where no value lies beside it."""
        k, i = self.chosen
        values: list[Any] = [self.x, self.t, *self.parameters]
        place = {-1: 0, -2: 1}.get(k, k + 2)
        value = float(np.ravel(values[place])[i])
        h = float(np.cbrt(np.finfo(float).eps)) * (abs(value) or 1)

        def at(v: float) -> float:
            changed = np.array(values[place])
            changed.flat[i] = v
            now = [*values[:place], tuples(changed.tolist()), *values[place + 1 :]]
            return float(self._loss_at(tuple(now[2:]), now[1])(now[0]))

        if np.isinf(value):
            return None
        try:
            return (at(value + h) - at(value - h)) / (value + h - (value - h))
        except Exception:  # also one of a layer of the reader's own, which may end beside the value
            return None

    def __repr__(self) -> str:
        usual = {**self._usual, "sample": 0, "rate": RATE}
        code = " @ ".join(_code(f) for f in reversed(self.loss_function().functions))
        chosen = (f"{name}={text(value)}" for name in usual if (value := getattr(self, name)) != usual[name])
        numbered = [] if self.chain["numbered"] else ["numbered=False"]
        return f"explore({', '.join([code, f'x={text(self.x)}', *chosen, *numbered])})"


def _recipe(f: Function) -> tuple[Any, tuple[Any, ...]]:
    """The family that made a function and what stood in its brackets, as pickle notes them; None where none did."""
    make, noted = f.__reduce_ex__(2)[:2]
    return noted if make is operator.getitem else (None, ())


def _held(f: Function) -> Function | None:
    """What ``fixed()`` made the function of."""
    _, arguments = _recipe(f)
    inner = arguments[0] if len(arguments) == 1 else None
    return inner if isinstance(inner, Function) and inner.fixed() == f else None


def _kind(f: Function) -> str:
    """The name by which js/figures/chain.js knows a function, or "own"."""
    family, _ = _recipe(f)
    known = [name for name in _PLAIN if f == getattr(chainbp, name)]
    known += [name for name in _FAMILIES if family is getattr(chainbp, name)]
    return known[0] if known else "own"


def _described(loss: Function, bp: Backprop) -> dict[str, Any]:
    """What the drawing must know of a chain beside its numbers, and L as it was given, for the scale."""
    links = []
    for f in loss.functions:
        inner = _held(f) or f
        link = {"kind": _kind(inner), "name": f.name, "count": len(f.parameters)}
        arguments = _recipe(inner)[1]
        if link["kind"] == "eta" and len(arguments) > 1:
            link["n"] = int(arguments[1])
        if inner is not f:
            link["held"] = encode([tuples(theta.tolist()) for theta in inner.parameters])
        links.append(link)
    batch = bp.hidden[0].shape[1] if bp.hidden[0].ndim == 2 else 0
    hidden = [np.shape(h) for h in bp.hidden]
    if any(len(shape) > 1 + bool(batch) or (batch and shape[-1:] != (batch,)) for shape in hidden):
        raise ValueError(f"explore draws vectors, or a batch with one sample per column; got shapes {hidden}")
    return {
        "links": links,
        "variables": variable_names(loss.functions),
        "names": list(loss.parameter_names),
        "sizes": [shape[0] if len(shape) > bool(batch) else 1 for shape in hidden],
        "batch": batch,
        "loss": encode(bp.loss),
        "target": links[-1]["kind"] in _FAMILIES[2:],
    }


def _code(f: Function) -> str:
    """The code of a function of chainbp's; the name of one that is the reader's."""
    if inner := _held(f):
        return f"{_code(inner)}.fixed()"
    family, arguments = _recipe(f)
    if family is None:
        return next((name for name in _PLAIN if f == getattr(chainbp, name)), f.name)
    return f"{family.name}[{', '.join(text(tuples(np.asarray(a).tolist())) for a in arguments if a is not None)}]"


def explore(
    loss: Function,
    x: npt.ArrayLike,
    *,
    step: int | None = None,
    chosen: Sequence[int] | None = None,
    sample: int = 0,
    rate: float = RATE,
    numbered: bool = True,
) -> Explore:
    """Any chain with a cost at its end, to play with: drag a number, walk the error back, step downhill.

    Every variable stands by itself, each unit with its value above and its error below. One number has the handle: the
    arrow on it is its gradient, and beside it stands what a central difference gives. Chains of sigma, tanh, relu,
    softmax, rho, eta and the costs also live in pages without Python; any other Function needs a running one.

    Parameters
    ----------
    loss : Function
        A function that gives one number, such as ``squared_error[t] @ sigma @ rho[W]``, with at most 1000 parameters.
    x : array_like
        A sample of shape (M,), or a batch of shape (M, K): then L is a sum over its samples, and one is drawn.
    step : int, optional
        How many boxes the error has passed on its way back. Default: all of them.
    chosen : (int, int), optional
        Which number has the handle: the index of its parameter (−1 is x, −2 is t), and its place there, row by row.
        Default: the one with the largest gradient in the first matrix.
    sample : int, optional
        Which sample of a batch is drawn.
    rate : float, optional
        A step downhill is −rate · gradient.
    numbered : bool, optional
        Whether the rules of the note's two networks come with the note's numbers.

    Returns
    -------
    Explore
        An ipywidget. ``.parameters``, ``.x``, ``.t``, ``.step``, ``.chosen``, ``.sample`` and ``.rate`` can be read and
        set; ``.loss``, ``.hidden``, ``.deltas`` and ``.gradients`` follow; ``.loss_function()`` is the Function at the
        present values.

    Raises
    ------
    TypeError, ValueError
        If `loss` and `x` do not fit, or are not a function and numbers, if there is too much to draw, or if what is
        chosen does not exist.

    Examples
    --------
    >>> from chainbp import eta, rho, sigma, squared_error
    >>> from chainbp.widgets import explore
    >>> w = explore(squared_error[1] @ eta[2] @ sigma @ rho[[[1, -1], [0, 2]]], [1, 1])
    >>> w
    explore(squared_error[1] @ eta[2] @ sigma @ rho[[[1, -1], [0, 2]]], x=[1, 1])
    >>> w.parameters = (w.parameters[0], float("inf"))
    >>> round(w.loss, 4)
    0.0142
    >>> w.loss_function()
    ‖t − ·‖² ∘ η_∞ ∘ σ ∘ ρ[W]
    """
    if not isinstance(loss, Function):
        raise TypeError(f"explore needs a chainbp Function that gives the loss; got {type(loss).__name__}")
    if (size := sum(theta.size for theta in loss.parameters)) > MOST:
        raise ValueError(f"explore draws at most {MOST} parameters; got {size}")
    return Explore(loss, as_array(x, "x", "explore"), step, chosen, numbered, sample=sample, rate=rate)
