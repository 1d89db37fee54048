"""Sections 2 and 3 of the note: functions, ∘, ⟦ ⟧, and the two chain rules.

``f @ g`` is the note's f ∘ g, ``family[theta]`` is its f⟦θ⟧, and ``f.vjp(x)`` gives a value together with
the two ways back: chain rule (9) for the argument and chain rule (10) for the parameters. A layer is made
from one function, ``forward(x) -> (y, pull_x, pull_theta)``; everything else in the package follows from it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import update_wrapper
from inspect import signature
from typing import Any, TypeAlias, cast

import numpy as np

from chainbp import show
from chainbp.wanted import FLOATS, Array, ArrayLike, alike, as_array, frozen, kept, owned, quiet, shaped, yours

Gradients: TypeAlias = tuple[Array, ...]
PullX: TypeAlias = Callable[[Array], Array]
PullTheta: TypeAlias = Callable[[Array], Gradients]
Step: TypeAlias = tuple[Any, PullX, PullTheta | None]
Forward: TypeAlias = Callable[[Array], Step]

# What a layer may give. NumPy's other kinds of arrays mean something else by *, as a matrix does, or by +.
_KINDS = (np.ndarray, np.float64, np.float32)


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
        of the function where there are no parameters. For x that it cannot take it raises a ValueError. It keeps
        nothing outside: a function may stand in a chain twice.
    parameters : tuple of array_like, optional
        θ. They are copied, and read-only; so let `forward` be made in a :class:`Family`, which does that before.
    name : str, optional
        The symbol in plain text.
    latex : str, optional
        The same in LaTeX.
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
        if not isinstance(parameters, tuple):
            raise TypeError(f"{name}: parameters must be a tuple, such as (p,); got {type(parameters).__name__}")
        self.forward, self.name, self.brackets = forward, name, brackets and bool(symbols)
        self.latex = latex if latex is not None else rf"\operatorname{{{name}}}".replace("_", r"\_")
        self._theta = tuple(owned(as_array(theta, "a parameter", name)) for theta in parameters)
        self.symbols = symbols or ("θ",) * len(self._theta)
        if len(self.symbols) != len(self._theta):
            raise ValueError(f"{name} needs a symbol for each of its {len(self._theta)} parameters; got {symbols}")
        self._rebind = rebind
        # What tells this function from others: what made it, and of what.
        self._made: tuple[Any, tuple[Any, ...]] = (forward, self._theta)

    @property
    def functions(self) -> tuple[Function, ...]:
        """The links of the chain in the order in which the data meets them; of a single function, itself."""
        return (self,)

    @property
    def parameters(self) -> tuple[Array, ...]:
        """θ, in the order in which the data meets them; read-only."""
        return tuple(frozen(theta) for f in self.functions for theta in f._theta)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """A symbol for each parameter, such as W⁽¹⁾; θ where the function was given none."""
        return tuple(name for names in show.symbols(self.functions) for name in names)

    def with_parameters(self, parameters: Sequence[ArrayLike]) -> Function:
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
            If the function has no way to change them to others.
        """
        if (count := operator.length_hint(parameters, -1)) != len(self.parameters):
            got = type(parameters).__name__ if count < 0 else count
            raise ValueError(f"{self} has {len(self.parameters)} parameters; got {got}")
        rest = iter(map(kept, parameters))
        bound = [f._bound(tuple(next(rest) for _ in f._theta)) if f._theta else f for f in self.functions]
        return Composition(bound)

    def _bound(self, theta: tuple[Any, ...]) -> Function:
        """This one link with other parameters."""
        changed = self._rebind(*theta) if self._rebind else self
        links = getattr(changed, "functions", ())  # of one link, which may be called a chain
        if [f.symbols for f in links] != [self.symbols] or not alike(changed.parameters, theta):
            cure = "let a family have them, as they come, first in [ ], in this order, or give rebind"
            raise TypeError(f"{self} cannot change its parameters (bound anew, symbols or numbers are others): {cure}")
        return changed

    def fixed(self) -> Function:
        """Return the same map with its parameters held: it has none to learn, and their gradients are not computed."""
        return Composition([_held[f] if f._theta else f for f in self.functions])

    def __call__(self, x: ArrayLike) -> Any:
        """y = f(x). The result is yours to change.

        Parameters
        ----------
        x : array_like
            What the first function takes: a sample (M,), a batch (M, K), one sample per column, or images (N, C, H, W).

        Raises
        ------
        TypeError, ValueError
            If x is not real numbers, or has a shape that the function cannot take.
        """
        with quiet():
            return yours(Pull(self, frozen(as_array(x, "x", self))).values[-1])

    def vjp(self, x: ArrayLike) -> tuple[Any, Pull]:
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
            pull = Pull(self, as_array(x, "x", self).copy())
        return frozen(pull.values[-1]), pull

    def jacobian(self, x: ArrayLike) -> Array:
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
            raise ValueError(f"{self}: the Jacobian (8) is of one sample, (M,); got x {np.shape(x)} and y {y.shape}")
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
            return Composition((other, self))
        if callable(other) and not isinstance(other, Family):  # which says itself what it lacks
            raise TypeError(f"{self} @ {other!r}: behind @ stand numbers, or a chainbp Function, whose pulls are known")
        return self(other)

    def __rmatmul__(self, *_: Any, **__: Any) -> Any:
        raise TypeError(f"{self} is a function, where an array is wanted; to apply it, write {self} @ x")

    # What ``series @ function`` asks for in pandas, and NumPy of what stands where numbers should.
    __array__ = __rmatmul__

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Function):
            return NotImplemented
        return alike(tuple(f._made for f in self.functions), tuple(f._made for f in other.functions))

    def __hash__(self) -> int:
        return hash(tuple(f._made[0] for f in self.functions))

    def __reduce_ex__(self, protocol: Any) -> Any:
        # A forward is a closure, which cannot be pickled; but what a family made, it can make again.
        if isinstance(self._made[0], Family):
            return operator.getitem, self._made
        return self.__dict__.get("__qualname__") or super().__reduce_ex__(protocol)

    def __repr__(self) -> str:
        return show.printable(show.text(self.functions))

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {show.latex(self.functions)}$"


def named(name: str, latex: str | None = None) -> Callable[[Forward], Function]:
    """A decorator: the function without parameters that a `forward` makes, under the forward's name and docstring."""
    # As in Family: doctest, inspect and Sphinx see a function, and pickle finds it by its name.
    return lambda forward: cast(Function, update_wrapper(cast(Any, Function(forward, name=name, latex=latex)), forward))


class Composition(Function):
    """A chain of functions, eqs. (4) and (5), as one. Made by ``f @ g``; chains of chains are one flat chain.

    Parameters
    ----------
    functions : sequence of Function
        The links in the order in which the data meets them.
    """

    _made: Any = (None,)
    functions: Any = None
    name = property(lambda self: show.text(self.functions))
    latex = property(lambda self: show.latex(self.functions))

    def __init__(self, functions: Sequence[Function]) -> None:
        self.functions = tuple(link for f in functions for link in f.functions)

    def forward(self, x: Array) -> Step:
        y, pull = self.vjp(x)
        return y, pull.x, pull.theta


# What goes wrong in a layer, by its own word or by accident. Other errors, such as too little memory, are not its own.
_FAULTS = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, NameError, AssertionError, RuntimeError)


class Pull:
    """One run of a function, and the way back through it: what the note writes to the right of δ.

    Attributes
    ----------
    values : list of ndarray
        The input and the output of every link, as (14)–(17) give them. The way back needs them as they are: they are
        read-only on the way, and so are the errors.
    """

    __slots__ = ("function", "pulls_theta", "pulls_x", "values")

    def __init__(self, function: Function, x: Any) -> None:
        self.function, self.values = function, [x]
        # Side by side, and not in pairs: what the garbage collector must look at counts in a chain of thousands.
        self.pulls_x: list[Any] = []
        self.pulls_theta: list[Any] = []
        try:
            for f in function.functions:
                x.setflags(False)
                step = f.forward(x)
                if type(step) is not tuple or len(step) != 3 or not hasattr(step[0], "dtype"):
                    raise TypeError(f"it gave {_kind(step)}; it needs (y, pull_x, pull_theta), y an array")
                x, pull_x, pull_theta = step
                if type(x) not in _KINDS or x.dtype not in FLOATS:
                    x = as_array(x, "y", f.name)
                self.values.append(x)
                self.pulls_x.append(pull_x)
                self.pulls_theta.append(pull_theta)
        except _FAULTS as error:
            names, i = show.texts(function.functions), len(self.values) - 1
            before = f"{f'what {names[i - 1]} gave' if i else 'x'}, of shape {self.values[i].shape}"
            raise ValueError(f"{names[i]} cannot take {before}: {_said(error)}") from error

    def x(self, delta_y: ArrayLike) -> Array:
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
        return self._back(delta_y, theta=False)[0]

    def theta(self, delta_y: ArrayLike) -> Gradients:
        """Chain rule (10): δ_y ∂y/∂θ, a tuple with one gradient for each parameter, each of its parameter's shape.

        Takes and raises the same as :meth:`x`.
        """
        return self._back(delta_y, x=False)[1]

    def __call__(self, delta_y: ArrayLike) -> tuple[Array, Gradients]:
        """Both chain rules in one walk back: ``(δ_x, gradients)``. Takes and raises the same as :meth:`x`."""
        return self._back(delta_y)

    def _back(self, delta_y: ArrayLike, **want: bool) -> tuple[Array, Gradients]:
        y = self.values[-1]
        delta = frozen(shaped(delta_y, "delta", self.function, y.shape)).astype(y.dtype, copy=False)
        with quiet():
            deltas, gradients = self.back(delta, **want)
        return yours(deltas[0]), gradients

    def back(self, delta: Any, x: bool = True, theta: bool = True, end: Any = None) -> tuple[list[Array], Gradients]:
        """Carry an error back, (23)–(26), and collect the gradients, (19) and (20).

        Parameters
        ----------
        delta : ndarray
            The error at the end of the chain, or behind its first `end` links.
        x, theta : bool, optional
            Whether the error of the input, and the gradients, are wanted. For a first layer the former costs a matrix
            product that hardly anybody needs.

        Returns
        -------
        deltas : list of ndarray
            The errors of the values in data order.
        gradients : tuple of ndarray
            One for each parameter, in data order, which their receiver may change.
        """
        deltas, links = [delta], self.function.functions[:end]
        gradients: list[Array] = []
        try:
            for i in reversed(range(len(links))):
                delta.setflags(False)
                part, pull, like = "pull_theta", self.pulls_theta[i], links[i]._theta
                if theta and (like or pull):
                    gradients += map(yours, reversed(_sound(pull and pull(delta), like, part)))
                part, pull, like = "pull_x", self.pulls_x[i], self.values[i]
                if i or x:
                    deltas.append(delta := _sound(pull(delta), like, part))
        except _FAULTS as error:
            what = f"{show.texts(self.function.functions)[i]} cannot send back δ of shape {delta.shape}"
            raise ValueError(f"{what}: {error if part in str(error) else f'{part}: {_said(error)}'}") from error
        return deltas[::-1], tuple(gradients[::-1])


def _sound(given: Any, like: Any, part: str) -> Any:
    """What a pull gave, if it is floating-point numbers in the shape of `like`; or an error."""
    if not _fits(given, like):
        shapes = [it.shape for it in like] if type(like) is tuple else like.shape
        needs = f"{'a tuple of arrays' if type(like) is tuple else 'an ndarray'} of shape {shapes}"
        raise TypeError(f"it gave {_kind(given)}; it needs {part} to give {needs}")
    return given


def _fits(given: Any, like: Any) -> bool:
    """Whether a layer gave floating-point numbers in the shape of `like`, an array or a tuple of arrays."""
    if type(like) is tuple:
        return type(given) is tuple and len(given) == len(like) and all(map(_fits, given, like))
    return type(given) in _KINDS and given.shape == like.shape and given.dtype in FLOATS


def _said(error: Exception) -> str:
    """The words of an error; where there are none, as of a KeyError, which kind it is."""
    return repr(error) if isinstance(error, KeyError) or not str(error) else str(error)


def _kind(value: Any) -> str:
    """What a layer gave, in an error message."""
    if type(value) is tuple:
        return f"a tuple of {len(value)}: {', '.join(map(_kind, value))}"
    if not hasattr(value, "dtype"):
        return "None" if value is None else type(value).__name__
    dtype = "" if value.dtype in FLOATS else f" of {value.dtype}"
    return f"{type(value).__name__}{dtype} of shape {value.shape}"


class Family:
    """A function that waits for its parameters: the note's brackets ⟦ ⟧ of (3). ``family[theta]`` binds them.

    Numbers and arrays in the brackets are copied, so that the function owns them.

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
    ...         pull_a = lambda delta: ((delta * x).sum(),)
    ...         return a * x, lambda delta: a * delta, pull_a
    ...     return Function(forward, (a,), name="scale", symbols=("a",))
    >>> scale[3.0] @ [1.0, 2.0]
    array([3., 6.])
    """

    __array_ufunc__ = None
    __iter__ = None  # else Python would try family[0], family[1] and so on, without an end

    def __init__(self, bind: Callable[..., Function]) -> None:
        self._bind, self._signature = bind, signature(bind, follow_wrapped=False)
        self.name: str = getattr(bind, "__name__", "f")
        # Carries name and docstring over, and lets doctest, inspect and Sphinx see the family as a function.
        update_wrapper(cast(Any, self), bind)

    def __getitem__(self, arguments: Any) -> Function:
        arguments = kept(arguments if isinstance(arguments, tuple) else (arguments,))
        try:
            self._signature.bind(*arguments)
        except TypeError as error:
            takes = f"{self.name}[{', '.join(self._signature.parameters)}]"
            raise TypeError(f"{takes}: {error}; got {len(arguments)} (a tuple is several: write a list)") from None
        f = self._bind(*arguments)
        if isinstance(f, Composition):
            return f
        if not isinstance(f, Function):
            raise TypeError(f"{self.name}: a family must return a Function; got {type(f).__name__}")
        # It may be one that others know, such as σ: theirs stays as it is.
        bound = object.__new__(type(f))

        def rebind(*theta: Any) -> Function:
            firsts = alike(arguments[: len(theta)], f._theta)
            return self[(*theta, *arguments[len(theta) :])] if firsts else f

        bound.__dict__.update(f.__dict__, _made=(self, arguments), _rebind=f._rebind or rebind)
        return bound

    def __repr__(self) -> str:
        return show.printable(f"{self.name}[·]")

    def __reduce__(self) -> str:
        return self.name

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise TypeError(f"{self.name} has no parameters yet: write {self.name}[...] @ x, not {self.name}(x)")

    __matmul__ = __rmatmul__ = __array__ = __call__


@Family
def _held(f: Function) -> Function:
    return Function(lambda x: (*f.forward(x)[:2], None), name=str(f), latex=show.latex((f,)))
