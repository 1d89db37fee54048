"""Sections 2 and 3 of the note: functions, ∘, ⟦ ⟧, and the two chain rules.

``f @ g`` is the note's f ∘ g, ``family[theta]`` is its f⟦θ⟧, and ``f.vjp(x)`` gives a value together with
the two ways back: chain rule (9) for the argument and chain rule (10) for the parameters. A layer is made
from one function, ``forward(x) -> (y, pull_x, pull_theta)``; everything else in the package follows from it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from functools import partial, update_wrapper
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from chainbp import show
from chainbp.wanted import FLOATS, Array, alike, as_array, frozen, kept, owned, quiet, yours

PullX: TypeAlias = Callable[[Array], Array]
PullTheta: TypeAlias = Callable[[Array], tuple[Array, ...]]
Forward: TypeAlias = Callable[[Array], tuple[Any, PullX, PullTheta | None]]


class Function:
    """A differentiable map y = f⟦θ⟧(x), eq. (3).

    Call it, apply it with ``f @ x``, compose it with ``f @ g`` (the note's f ∘ g, eq. (4): g acts first). It owns its
    numbers: what happens later to an array that it was made from does not change it. So it can be copied, pickled,
    where its `forward` can, and compared with ``==``.

    Parameters
    ----------
    forward : callable
        ``forward(x) -> (y, pull_x, pull_theta)``. ``pull_x(delta)`` is δ_x of the shape of x, chain rule (9);
        ``pull_theta(delta)`` is a tuple with one gradient for each parameter, chain rule (10), or None in place
        of the function where there are no parameters. What it cannot take, it answers with a ValueError.
    parameters : tuple of array_like, optional
        θ. They are copied, and read-only; so let `forward` be made in a :class:`Family`, which does that before.
    name, latex : str, optional
        The symbol in plain text and in LaTeX.
    symbols : tuple of str, optional
        The parameters' symbols, one for each, as they stand in the brackets.
    brackets : bool, optional
        False where the name shows the parameters already, as η_3 does.
    rebind : callable, optional
        ``rebind(*parameters)`` makes the same function with other parameters. A function that a family made knows how,
        if its parameters are the first things in the brackets.
    """

    # Tells NumPy to leave ``array @ function`` to us, so that it fails with our message.
    __array_ufunc__ = None

    def __init__(
        self,
        forward: Forward,
        parameters: tuple[Any, ...] = (),
        *,
        name: str = "f",
        latex: str | None = None,
        symbols: tuple[str, ...] = (),
        brackets: bool = True,
        rebind: Callable[..., Function] | None = None,
    ) -> None:
        self.forward, self.name, self.symbols, self.brackets = forward, name, symbols, brackets and bool(symbols)
        self.latex = latex if latex is not None else rf"\operatorname{{{name}}}".replace("_", r"\_")
        self.parameters = tuple(owned(as_array(theta, "a parameter", name)) for theta in parameters)
        self._rebind = rebind
        # What tells this function from others: what made it, and of what.
        self._made: tuple[Any, tuple[Any, ...]] = (forward, self.parameters)

    @property
    def functions(self) -> tuple[Function, ...]:
        """The links of the chain in the order in which the data meets them; of a single function, itself."""
        return (self,)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """A symbol for each parameter, such as W⁽¹⁾; θ where the function was given none."""
        return show.parameter_names(self.functions)

    def with_parameters(self, parameters: Sequence[npt.ArrayLike]) -> Function:
        """Return the same function with other parameters.

        Parameters
        ----------
        parameters : sequence of array_like
            As many as :attr:`parameters` has, in the same order.

        Raises
        ------
        ValueError
            If there are too many or too few.
        TypeError
            If the function has no way to change them.
        """
        if len(parameters) != len(self.parameters):
            raise ValueError(f"{self} has {len(self.parameters)} parameters; got {len(parameters)}")
        rest = iter(parameters)
        return compose(f._bound([next(rest) for _ in f.parameters]) for f in self.functions)

    def _bound(self, theta: list[Any]) -> Function:
        """This one link with other parameters."""
        if not theta:
            return self
        family, arguments = self._made
        if self._rebind is None and not isinstance(family, Family):
            raise TypeError(f"{self} cannot change its parameters: it was made without a family and without rebind")
        changed = self._rebind(*theta) if self._rebind else family[(*theta, *arguments[len(theta) :])]
        if not isinstance(changed, Function) or [np.shape(t) for t in changed.parameters] != list(map(np.shape, theta)):
            raise TypeError(f"{self}: its parameters must come first in its brackets, or rebind must put them in place")
        return changed

    def fixed(self) -> Function:
        """Return the same map with its parameters held: it has none to learn, and their gradients are not computed."""
        return compose(_held[f] if f.parameters else f for f in self.functions)

    def __call__(self, x: npt.ArrayLike) -> Any:
        """y = f(x). The result is yours to change.

        Parameters
        ----------
        x : array_like
            One sample of shape (M,), or a batch of shape (M, K) with one sample per column.

        Raises
        ------
        TypeError, ValueError
            If x is not real numbers, or has a shape that the function cannot take.
        """
        array = frozen(as_array(x, "x", self))
        with quiet():
            return yours(Run(self.functions, array).values[-1])

    def vjp(self, x: npt.ArrayLike) -> tuple[Any, Pull]:
        """The value, and the way back: vector-Jacobian products without a Jacobian.

        Returns
        -------
        y : ndarray
            f(x), read-only: the way back needs it.
        pull : Pull
            ``pull.x(delta_y)`` is chain rule (9), ``pull.theta(delta_y)`` chain rule (10), ``pull(delta_y)`` both.

        Raises
        ------
        TypeError, ValueError
            As for a call.
        """
        with quiet():
            run = Run(self.functions, owned(as_array(x, "x", self)))
        return frozen(run.values[-1]), Pull(run)

    def jacobian(self, x: npt.ArrayLike) -> Array:
        """The N×M matrix ∂f/∂x of (8) at one sample; for looking and testing, never used by backprop.

        Parameters
        ----------
        x : array_like
            One sample, of shape (M,); a single number counts as M = 1.

        Returns
        -------
        ndarray
            Shape (N, M). Row i is the gradient of y_i.

        Raises
        ------
        ValueError
            If x or f(x) is more than a vector.
        """
        y, pull = self.vjp(x)
        if np.ndim(x) > 1 or y.ndim > 1:
            shapes = f"got x of shape {np.shape(x)} and y of shape {y.shape}"
            raise ValueError(f"{self}: the Jacobian (8) is defined for one sample, x of shape (M,); {shapes}")
        rows = [pull.x(row.reshape(y.shape)) for row in np.eye(y.size, dtype=y.dtype)]
        return np.reshape(rows, (y.size, np.size(x)))

    def __matmul__(self, other: Any) -> Any:
        """f ∘ g, eq. (4), where `other` is a function; f(x) where it is an array.

        Raises
        ------
        TypeError
            If `other` is neither a function nor numbers.
        """
        if isinstance(other, Function):
            return Composition(other.functions + self.functions)
        if callable(other):
            name = other.name if isinstance(other, Family) else getattr(other, "__name__", other)
            cure = f"write {name}[...]" if isinstance(other, Family) else "make it a chainbp Function, with its pull"
            raise TypeError(f"{self} ∘ {name}: the chain rule needs to know the derivative; {cure}")
        return self(other)

    def __rmatmul__(self, other: Any) -> Any:
        raise TypeError(f"an array cannot stand to the left of a function: write {self} @ x, not x @ {self}")

    def __array__(self, *_: Any, **__: Any) -> Array:
        # What pandas asks for in ``series @ function``.
        raise TypeError(f"{self} is a function, not numbers: write {self} @ x")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Function):
            return NotImplemented
        return alike([f._made for f in self.functions], [f._made for f in other.functions])

    def __hash__(self) -> int:
        return hash(tuple(f._made[0] for f in self.functions))

    def __copy__(self) -> Function:
        return self

    def __deepcopy__(self, memo: Any) -> Function:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        if isinstance(self._made[0], Family):
            return operator.getitem, self._made
        words = {word: getattr(self, word) for word in ("name", "latex", "symbols", "brackets")}
        return partial(Function, **words, rebind=self._rebind), self._made

    def __repr__(self) -> str:
        return show.printable(show.text(self.functions))

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {show.latex(self.functions)}$"


class Composition(Function):
    """A chain of functions, eqs. (4) and (5), as one. Made by ``f @ g``; chains of chains are one flat chain.

    Parameters
    ----------
    functions : sequence of Function
        The links in the order in which the data meets them.
    """

    symbols, brackets = (), False
    functions = property(lambda self: self._functions)
    parameters = property(lambda self: tuple(theta for f in self._functions for theta in f.parameters))
    name = property(lambda self: show.text(self._functions))
    latex = property(lambda self: show.latex(self._functions))

    def __init__(self, functions: Sequence[Function]) -> None:
        if wrong := [f for f in functions if not isinstance(f, Function)]:
            raise TypeError(f"Composition takes functions; got {type(wrong[0]).__name__}")
        self._functions = tuple(link for f in functions for link in f.functions)

    def forward(self, x: Array) -> tuple[Any, PullX, PullTheta]:
        run = Run(self._functions, frozen(x))
        return run.values[-1], lambda delta: run.back(delta, "x")[0][0], lambda delta: run.back(delta, "theta")[1]

    def __reduce__(self) -> tuple[Any, ...]:
        return Composition, (self._functions,)


def compose(links: Iterable[Function]) -> Function:
    """A chain of functions as one; a single one stays what it is."""
    links = tuple(links)
    return links[0] if len(links) == 1 else Composition(links)


class Run:
    """One run of a chain: its values, as (14)–(17) give them, and the way back from each to the one before.

    Parameters
    ----------
    links : sequence of Function
        In the order in which the data meets them.
    x : ndarray
        The input. Whoever wants to go back must own it.

    Attributes
    ----------
    values : list of ndarray
        The input and the output of every link: one entry more than there are links. The way back needs them as they
        are, so that all but the last, which may be the caller's, are read-only. So are the errors.
    """

    __slots__ = ("links", "pulls", "values")

    def __init__(self, links: Sequence[Function], x: Array) -> None:
        self.links, self.values = links, [x]
        self.pulls: list[tuple[PullX, PullTheta | None]] = []
        for f in links:
            try:
                x.setflags(write=False)
                result = f.forward(x)
                if type(result) is not tuple or len(result) != 3:
                    raise TypeError(f"it gave {_shapes(result)}")
                x, pull_x, pull_theta = result
                if x.dtype not in FLOATS:
                    x = as_array(x, "y")
            except _FAULTS as error:
                raise self._blamed(error, len(self.pulls), "forward(x) -> (y, pull_x, pull_theta)") from error
            self.values.append(x)
            self.pulls.append((pull_x, pull_theta))

    def __str__(self) -> str:
        return show.printable(show.text(self.links))

    def back(
        self, delta: Array, want: str = "both", begin: int | None = None
    ) -> tuple[list[Array], tuple[Array, ...]]:
        """Carry an error back, (23)–(26), to the input if `want` is "x" or "both", and collect the gradients.

        Parameters
        ----------
        delta : ndarray
            The error at the end of the chain, or behind its first `begin` links.

        Returns
        -------
        deltas : list of ndarray
            The errors of the values in data order. If `want` is "theta", that of the input is left out: for a first
            layer it costs a matrix product that hardly anybody needs.
        gradients : tuple of ndarray
            One for each parameter, in data order, which their receiver may change; none if only "x" is wanted.
        """
        deltas, gradients, values, i = [delta], [], self.values, begin or len(self.links)
        shapes: Any = None
        try:
            while i:
                delta.setflags(write=False)
                i -= 1
                (pull_x, pull_theta), parameters = self.pulls[i], self.links[i].parameters
                if want != "x" and (pull_theta or parameters):
                    group = pull_theta(delta) if pull_theta else ()
                    shapes = [theta.shape for theta in parameters]
                    if type(group) is not tuple or [_shape(g) for g in group] != shapes:
                        raise ValueError(f"it gave {_shapes(group)}")
                    gradients.append([yours(g) for g in group])
                if i or want != "theta":
                    shapes = values[i].shape
                    delta_x = pull_x(delta)
                    if _shape(delta_x) != shapes:
                        raise ValueError(f"it gave {_shapes(delta_x)}")
                    deltas.append(delta := delta_x)
        except _FAULTS as error:
            pull = "pull_theta to give a tuple with shapes" if type(shapes) is list else "pull_x to give the shape"
            raise self._blamed(error, i, f"{pull} {shapes}", delta) from error
        return deltas[::-1], tuple([g for group in reversed(gradients) for g in group])

    def _blamed(self, error: Exception, i: int, wanted: str, delta: Any = None) -> Exception:
        """The error, with the name of the link that raised it, and of the one that gave what it cannot take."""
        names, before = show.texts(self.links), f", of shape {self.values[i].shape}"
        kind = next((kind for kind in _FAULTS[:3] if isinstance(error, kind)), RuntimeError)
        text = str(error) if kind is ValueError else f"{error}; it needs {wanted}"
        if delta is None:
            return kind(f"{names[i]} cannot take {f'what {names[i - 1]} gave' if i else 'x'}{before}: {text}")
        return kind(f"{names[i]} cannot send back δ of shape {np.shape(delta)}: {error}; it needs {wanted}")


def _shape(value: Any) -> tuple[int, ...] | None:
    """The shape of what a pull gave; None of what is no array of float64 or float32."""
    return value.shape if type(value) in (np.ndarray, np.float64, np.float32) and value.dtype in FLOATS else None


def _shapes(value: Any) -> str:
    """What a layer gave, in an error message."""
    if type(value) is tuple:
        return f"a tuple of {len(value)}: {', '.join(map(_shapes, value))}"
    name = f"{type(value).__name__}{f' of {value.dtype}' if getattr(value, 'dtype', np.float64) not in FLOATS else ''}"
    return f"{name} of shape {value.shape}" if hasattr(value, "shape") else name


# What goes wrong in a layer, by its own word or by accident. Other errors, such as too little memory, are not its own.
_FAULTS = (ValueError, TypeError, FloatingPointError, ArithmeticError, LookupError, AttributeError, NameError)


class Pull:
    """The way back through a function at one point: what the note writes to the right of δ.

    Attributes
    ----------
    shape : tuple of int
        The shape that an error must have: that of the function's output.
    """

    __slots__ = ("run",)

    def __init__(self, run: Run) -> None:
        self.run = run

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.run.values[-1])

    def x(self, delta_y: npt.ArrayLike) -> Array:
        """Chain rule (9): δ_x = δ_y ∂y/∂x, of the shape of x.

        Parameters
        ----------
        delta_y : array_like
            The error at the output, of the output's shape.

        Raises
        ------
        ValueError
            If `delta_y` has another shape than the output.
        """
        return self._back(delta_y, "x")[0]

    def theta(self, delta_y: npt.ArrayLike) -> tuple[Array, ...]:
        """Chain rule (10): δ_y ∂y/∂θ, a tuple with one gradient for each parameter, each of its parameter's shape.

        Takes and raises the same as :meth:`x`.
        """
        return self._back(delta_y, "theta")[1]

    def __call__(self, delta_y: npt.ArrayLike) -> tuple[Array, tuple[Array, ...]]:
        """Both chain rules in one walk back: ``(δ_x, gradients)``. Takes and raises the same as :meth:`x`."""
        return self._back(delta_y, "both")

    def _back(self, delta_y: npt.ArrayLike, want: str) -> tuple[Array, tuple[Array, ...]]:
        y = self.run.values[-1]
        delta = as_array(delta_y, "delta", self.run)
        if delta.shape != y.shape:
            raise ValueError(f"{self.run}: delta must have the shape of the output, {y.shape}; got shape {delta.shape}")
        delta = frozen(delta).astype(y.dtype, copy=False)
        with quiet():
            deltas, gradients = self.run.back(delta, want)
        return yours(deltas[0]), gradients


class Family:
    """A function that waits for its parameters: the note's brackets ⟦ ⟧ of (3). ``family[theta]`` binds them.

    What stands in the brackets is copied, so that the function owns it.

    Parameters
    ----------
    bind : callable
        ``bind(*arguments) -> Function``. Its name and docstring become the family's, and its signature tells what may
        stand in the brackets. Let the function's parameters come first there, in their order.

    Examples
    --------
    >>> from chainbp import Family, Function
    >>> @Family
    ... def scale(a):
    ...     '''scale[a](x) = a x'''
    ...     def forward(x):
    ...         return a * x, lambda delta: a * delta, lambda delta: ((delta * x).sum(),)
    ...     return Function(forward, (a,), name="scale", symbols=("a",))
    >>> scale[3.0] @ [1.0, 2.0]
    array([3., 6.])
    """

    __array_ufunc__ = None
    __iter__ = None  # else Python would try family[0], family[1] and so on, without an end

    def __init__(self, bind: Callable[..., Function]) -> None:
        self._bind = bind
        self.name: str = getattr(bind, "__name__", "f")
        # Carries name and docstring over, and lets doctest, inspect and Sphinx see the family as a function.
        update_wrapper(cast(Any, self), bind)

    def __getitem__(self, arguments: Any) -> Function:
        arguments = tuple(map(kept, arguments if isinstance(arguments, tuple) else (arguments,)))
        try:
            f = self._bind(*arguments)
        except TypeError:
            from inspect import signature  # which takes its time to load

            takes = signature(self._bind)
            try:
                takes.bind(*arguments)
            except TypeError as error:
                hint = "; a tuple counts as several, so write a list" if len(arguments) > len(takes.parameters) else ""
                what = f"{self.name}[{', '.join(takes.parameters)}]: {error}"
                raise TypeError(f"{what}; got {len(arguments)} arguments{hint}") from None
            raise
        if isinstance(f, Composition):
            return f
        if not isinstance(f, Function):
            raise TypeError(f"{self.name}: a family must return a Function; got {type(f).__name__}")
        # It may be one that others know, such as σ: theirs stays as it is.
        bound = object.__new__(type(f))
        bound.__dict__.update(f.__dict__, _made=(self, arguments))
        return bound

    def __call__(self, *arguments: Any) -> Any:
        raise TypeError(f"{self.name} needs its parameters first: write {self.name}[...] @ x, not {self.name}(x)")

    def __repr__(self) -> str:
        return show.printable(f"{self.name}[·]")

    def __reduce__(self) -> str:
        return self.name

    def __matmul__(self, other: Any) -> Any:
        raise TypeError(f"{self.name} has no parameters yet; write {self.name}[...]")

    __rmatmul__ = __matmul__


@Family
def _held(f: Function) -> Function:
    return Function(lambda x: (*f.forward(x)[:2], None), name=str(f), latex=show.latex((f,)))
