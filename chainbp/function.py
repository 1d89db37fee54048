"""Sections 2 and 3 of the paper: functions, ∘, ⟦ ⟧, and the two chain rules.

``f @ g`` is the paper's f ∘ g, ``family[theta]`` is its f⟦θ⟧, and ``f.vjp(x)`` gives a value together with
the two ways back: chain rule (9) for the argument and chain rule (10) for the parameters. A layer is made
from one function, ``forward(x) -> (y, pull_x, pull_theta)``; everything else in the package follows from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import update_wrapper
from inspect import Parameter, signature
from typing import Any, TypeAlias, cast, overload

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
PullX: TypeAlias = Callable[[Array], Array]
PullTheta: TypeAlias = Callable[[Array], tuple[Array, ...]]
Forward: TypeAlias = Callable[[Array], tuple[Any, PullX, PullTheta | None]]
Pulls: TypeAlias = list[tuple[PullX, PullTheta | None]]

_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def as_array(value: Any, what: str) -> Array:
    """Turn `value` into a real floating array, or say what is wrong with it.

    Parameters
    ----------
    value : array_like
        Numbers of any shape. Floating dtypes are kept; booleans and integers become float64.
    what : str
        How an error message should call the value, such as ``"ρ[W]: W"``.

    Raises
    ------
    TypeError
        If `value` holds anything but real numbers (strings, complex numbers, None, objects).
    ValueError
        If `value` is ragged: rows of different lengths.
    """
    if type(value) is np.ndarray and value.dtype.kind == "f":
        return value
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{what} must be a rectangular array of numbers; got rows of different lengths") from error
    if array.dtype.kind == "f":
        return array
    if array.dtype.kind in "biu":
        return array.astype(np.float64)
    kind = "complex numbers" if array.dtype.kind == "c" else f"{type(value).__name__} of dtype {array.dtype}"
    raise TypeError(f"{what} must be real numbers; got {kind}")


def run_forward(functions: Sequence[Function], x: Array) -> tuple[list[Array], Pulls]:
    """Run a chain of functions forward, as (14)–(17) do, and keep what the way back needs.

    Parameters
    ----------
    functions : sequence of Function
        The links, in the order in which the data meets them.
    x : ndarray
        The input, already checked by :func:`as_array`.

    Returns
    -------
    values : list of ndarray
        The input and the output of every link: one entry more than there are links.
    pulls : list of (pull_x, pull_theta)
        One pair for each link.
    """
    values, pulls = [x], []
    # An overflow of exp(-x) in the sigmoid is harmless: 1/(1 + inf) = 0 is the right answer. Entering errstate
    # once for a whole chain, not once a layer, matters for small networks.
    with np.errstate(over="ignore"):
        for i, f in enumerate(functions):
            try:
                y, pull_x, pull_theta = f.forward(values[-1])
            except ValueError as error:
                if i == 0:
                    raise
                raise ValueError(
                    f"{f.describe()} cannot take what {functions[i - 1].describe()} gave, "
                    f"shape {np.shape(values[-1])}: {error}"
                ) from error
            values.append(y)
            pulls.append((pull_x, pull_theta))
    return values, pulls


def run_backward(pulls: Pulls, delta: Array) -> tuple[list[Array], tuple[Array, ...]]:
    """Carry an error back through a chain, as (23)–(26) do.

    Parameters
    ----------
    pulls : list of (pull_x, pull_theta)
        What :func:`run_forward` kept.
    delta : ndarray
        The error at the end of the chain, of the shape of the chain's output.

    Returns
    -------
    deltas : list of ndarray
        The errors at the *outputs* of the links, in data order. The error at the chain's own input is left
        out: for a first layer it costs a matrix product that hardly anybody needs.
    gradients : tuple of ndarray
        One gradient for each parameter, in data order.
    """
    deltas, gradients = [delta], []
    for i in range(len(pulls) - 1, -1, -1):
        pull_x, pull_theta = pulls[i]
        if pull_theta is not None:
            gradients.append(pull_theta(delta))
        if i > 0:
            delta = pull_x(delta)
            deltas.append(delta)
    return deltas[::-1], tuple(g for group in reversed(gradients) for g in group)


class Pull:
    """The way back through a function at one point: what the paper writes to the right of δ.

    Attributes
    ----------
    shape : tuple of int
        The shape that an error must have: that of the function's output.
    """

    __slots__ = ("_dtype", "_name", "_pulls", "shape")

    def __init__(self, pulls: Pulls, y: Any, name: str) -> None:
        self._pulls = pulls
        self._name = name
        self._dtype = np.asarray(y).dtype
        self.shape: tuple[int, ...] = np.shape(y)

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
        deltas, _ = run_backward([(pull, None) for pull, _ in self._pulls], self._checked(delta_y))
        return self._pulls[0][0](deltas[0])

    def theta(self, delta_y: npt.ArrayLike) -> tuple[Array, ...]:
        """Chain rule (10): δ_y ∂y/∂θ, a tuple with one gradient for each parameter, each of its parameter's shape.

        Takes and raises the same as :meth:`x`.
        """
        return run_backward(self._pulls, self._checked(delta_y))[1]

    def __call__(self, delta_y: npt.ArrayLike) -> tuple[Array, tuple[Array, ...]]:
        """Both chain rules in one walk back: ``(δ_x, gradients)``. Takes and raises the same as :meth:`x`."""
        deltas, gradients = run_backward(self._pulls, self._checked(delta_y))
        return self._pulls[0][0](deltas[0]), gradients

    def _checked(self, delta: npt.ArrayLike) -> Array:
        array = as_array(delta, f"{self._name}: delta").astype(self._dtype, copy=False)
        if array.shape != self.shape:
            raise ValueError(
                f"{self._name}: delta must have the shape of the output, {self.shape}; got shape {array.shape}"
            )
        return array


class Function:
    """A differentiable map y = f⟦θ⟧(x), eq. (3).

    Call it, apply it with ``f @ x``, compose it with ``f @ g`` (the paper's f ∘ g, eq. (4): g acts first).

    Parameters
    ----------
    forward : callable
        ``forward(x) -> (y, pull_x, pull_theta)``. ``pull_x(delta)`` is δ_x of the shape of x, chain rule (9);
        ``pull_theta(delta)`` is a tuple with one gradient for each parameter, chain rule (10), or None in place
        of the function where there are no parameters.
    parameters : tuple of array_like, optional
        θ. They are not copied.
    name, latex : str, optional
        The symbol in plain text and in LaTeX.
    symbols : tuple of str, optional
        The parameters' symbols, one for each, as they stand in the brackets.
    brackets : bool, optional
        False where the name shows the parameters already, as η_3 does.
    rebind : callable, optional
        ``rebind(*parameters)`` makes the same function with other parameters; training and
        :func:`~chainbp.check_gradient` need it.
    accepts : collection of int, optional
        The numbers of rows that x may have; 0 stands for one number per sample. None means any.
    gives : int or callable, optional
        The number of rows of y, 0 for one number per sample, or a function that tells it from the rows of x.
        None means as many as x has.
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
        accepts: Sequence[int] | None = None,
        gives: int | Callable[[int], int] | None = None,
    ) -> None:
        self.forward = forward
        self.name = name
        self.latex = latex if latex is not None else rf"\operatorname{{{name}}}".replace("_", r"\_")
        self.symbols = symbols
        self.brackets = brackets and bool(symbols)
        self.accepts = accepts
        self.gives = gives
        self._parameters = tuple(as_array(theta, f"{name}: a parameter") for theta in parameters)
        self._rebind = rebind

    @property
    def functions(self) -> tuple[Function, ...]:
        """The links of the chain in the order in which the data meets them; of a single function, itself."""
        return (self,)

    @property
    def parameters(self) -> tuple[Array, ...]:
        """θ: the parameters in the order in which the data meets them (W⁽¹⁾ before W⁽²⁾)."""
        return self._parameters

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """A symbol for each parameter, such as W⁽¹⁾; θ where the function was given none."""
        return self.symbols or ("θ",) * len(self.parameters)

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
            If the function was made without ``rebind``.
        """
        self._check_count(parameters)
        if not parameters:
            return self
        if self._rebind is None:
            raise TypeError(f"{self} cannot change its parameters: it was made without rebind")
        return self._rebind(*parameters)

    def fixed(self) -> Function:
        """Return the same map with its parameters held: it has none to learn, and their gradients are not computed."""
        forward = self.forward
        return Function(
            lambda x: (*forward(x)[:2], None),
            name=str(self),
            latex=self._latex(),
            accepts=self.accepts,
            gives=self.gives,
        )

    def __call__(self, x: npt.ArrayLike) -> Any:
        """y = f(x).

        Parameters
        ----------
        x : array_like
            One sample of shape (M,), or a batch of shape (M, K) with one sample per column.

        Raises
        ------
        TypeError, ValueError
            If x is not real numbers, or has a shape that the function cannot take.
        """
        return run_forward(self.functions, as_array(x, f"{self}: x"))[0][-1]

    def vjp(self, x: npt.ArrayLike) -> tuple[Any, Pull]:
        """The value, and the way back: vector-Jacobian products without a Jacobian.

        Returns
        -------
        y : ndarray
            f(x).
        pull : Pull
            ``pull.x(delta_y)`` is chain rule (9), ``pull.theta(delta_y)`` chain rule (10), ``pull(delta_y)`` both.

        Raises
        ------
        TypeError, ValueError
            As for a call.
        """
        values, pulls = run_forward(self.functions, as_array(x, f"{self}: x"))
        return values[-1], Pull(pulls, values[-1], str(self))

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
        x = as_array(x, f"{self}: x")
        y, pull = self.vjp(x)
        if x.ndim > 1 or np.ndim(y) > 1:
            raise ValueError(
                f"{self}: the Jacobian (8) is defined for one sample, x of shape (M,); "
                f"got x of shape {x.shape} and y of shape {np.shape(y)}"
            )
        rows = np.eye(np.size(y), dtype=np.asarray(y).dtype)
        return np.reshape([pull.x(row.reshape(np.shape(y))) for row in rows], (np.size(y), x.size))

    @overload
    def __matmul__(self, other: Function) -> Function: ...
    @overload
    def __matmul__(self, other: npt.ArrayLike) -> Any: ...
    def __matmul__(self, other: Any) -> Any:
        """f ∘ g, eq. (4), where `other` is a function; f(x) where it is an array.

        Raises
        ------
        ValueError
            If the two functions do not fit; the message names them.
        TypeError
            If `other` is neither a function nor numbers.
        """
        if isinstance(other, Function):
            return Composition(other.functions + self.functions)
        if isinstance(other, Family):
            raise TypeError(f"{self} ∘ {other}: {other.name} has no parameters yet; write {other.name}[...]")
        if callable(other):
            raise TypeError(
                f"{self} ∘ {getattr(other, '__name__', other)}: only a chainbp Function can be composed, "
                "because the chain rule needs its derivative; got a plain callable"
            )
        return self(other)

    def __rmatmul__(self, other: Any) -> Any:
        raise TypeError(f"an array cannot stand to the left of a function: write {self} @ x, not x @ {self}")

    def describe(self) -> str:
        """The function's text with the shapes of its parameters, for error messages."""
        shapes = [f"{s} of shape {theta.shape}" for s, theta in zip(self.symbols, self.parameters) if theta.ndim]
        return f"{self} with {' and '.join(shapes)}" if shapes else str(self)

    def __repr__(self) -> str:
        return self._text()

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self._latex()}$"

    def _text(self, index: int = 0) -> str:
        mark = _superscript(index)
        return self.name + (f"[{', '.join(s + mark for s in self.symbols)}]" if self.brackets else "")

    def _latex(self, index: int = 0) -> str:
        mark = f"^{{({index})}}" if index else ""
        inside = ", ".join(rf"\mathbf{{{s}}}{mark}" for s in self.symbols)
        return self.latex + (rf"[\![{inside}]\!]" if self.brackets else "")

    def _check_count(self, parameters: Sequence[Any]) -> None:
        if len(parameters) != len(self.parameters):
            raise ValueError(f"{self} has {len(self.parameters)} parameters; got {len(parameters)}")


class Composition(Function):
    """A chain of functions, eqs. (4) and (5). Made by ``f @ g``; chains of chains are one flat chain.

    Parameters
    ----------
    functions : tuple of Function
        The links in the order in which the data meets them.

    Raises
    ------
    ValueError
        If two links do not fit.
    """

    def __init__(self, functions: tuple[Function, ...]) -> None:
        self._functions = functions
        self.symbols = ()
        self.accepts = functions[0].accepts
        self.gives = self._fit()

    @property
    def functions(self) -> tuple[Function, ...]:
        return self._functions

    @property
    def parameters(self) -> tuple[Array, ...]:
        return tuple(theta for f in self._functions for theta in f.parameters)

    def with_parameters(self, parameters: Sequence[npt.ArrayLike]) -> Function:
        self._check_count(parameters)
        rest, functions = list(parameters), []
        for f in self._functions:
            n = len(f.parameters)
            functions.append(f.with_parameters(rest[:n]))
            del rest[:n]
        return Composition(tuple(functions))

    def fixed(self) -> Function:
        return Composition(tuple(f.fixed() if f.parameters else f for f in self._functions))

    def _fit(self) -> int | None:
        """Check that each link takes the rows that the one before gives; return the rows of the last."""
        rows, source = None, 0
        for i, f in enumerate(self._functions):
            if rows is not None and f.accepts is not None and rows not in f.accepts:
                before = " ∘ ".join(g.describe() for g in reversed(self._functions[source:i]))
                raise ValueError(
                    f"{f.describe()} does not fit after {before}: "
                    f"it needs {' or '.join(map(_rows, f.accepts))}, but gets {_rows(rows)}"
                )
            if callable(f.gives):
                rows, source = None if rows is None else f.gives(rows), i
            elif f.gives is not None:
                rows, source = f.gives, i
            elif rows is None and f.accepts is not None:
                rows, source = f.accepts[0], i
        return rows

    def __repr__(self) -> str:
        return " ∘ ".join(reversed([f._text(i) for f, i in self._numbered()]))

    def _latex(self, index: int = 0) -> str:
        return r" \circ ".join(reversed([f._latex(i) for f, i in self._numbered()]))

    @property
    def parameter_names(self) -> tuple[str, ...]:
        return tuple(s + _superscript(i) for f, i in self._numbered() for s in f.parameter_names)

    def _numbered(self) -> list[tuple[Function, int]]:
        """The links with the paper's layer numbers, counted in data order, where a symbol stands more than once."""
        symbols = [(f.name, f.symbols[:1]) for f in self._functions if f.symbols]
        seen: dict[Any, int] = {}
        numbered = []
        for f in self._functions:
            key = (f.name, f.symbols[:1])
            seen[key] = seen.get(key, 0) + 1
            numbered.append((f, seen[key] if symbols.count(key) > 1 else 0))
        return numbered


def _superscript(index: int) -> str:
    return f"⁽{index}⁾".translate(_SUPERSCRIPT) if index else ""


def _rows(n: int) -> str:
    return f"{n} row{'s' if n > 1 else ''}" if n else "one number per sample"


class Family:
    """A function that waits for its parameters: the paper's brackets ⟦ ⟧ of (3). ``family[theta]`` binds them.

    Parameters
    ----------
    bind : callable
        ``bind(*parameters) -> Function``. Its name and docstring become the family's, and its signature tells what may
        stand in the brackets. Anything else there raises a TypeError.

    Examples
    --------
    >>> from chainbp import Family, Function
    >>> @Family
    ... def scale(a):
    ...     '''scale[a](x) = a x'''
    ...     def forward(x):
    ...         return a * x, lambda delta: a * delta, lambda delta: ((delta * x).sum(),)
    ...     return Function(forward, (a,), name="scale", symbols=("a",), rebind=lambda a: scale[a])
    >>> scale[3.0] @ [1.0, 2.0]
    array([3., 6.])
    """

    __array_ufunc__ = None

    def __init__(self, bind: Callable[..., Function]) -> None:
        self._bind = bind
        self.name: str = getattr(bind, "__name__", "f")
        # Carries name and docstring over, and lets doctest, inspect and Sphinx see the family as a function.
        update_wrapper(cast(Any, self), bind)

    def __getitem__(self, parameters: Any) -> Function:
        arguments = parameters if isinstance(parameters, tuple) else (parameters,)
        try:
            return self._bind(*arguments)
        except TypeError:
            try:
                signature(self._bind).bind(*arguments)
            except TypeError:
                raise TypeError(self._miscounted(len(arguments))) from None
            raise

    def _miscounted(self, given: int) -> str:
        takes = signature(self._bind).parameters.values()
        needed = [p.name for p in takes if p.default is Parameter.empty]
        optional = [p.name for p in takes if p.default is not Parameter.empty]
        text = f"{self.name}[{', '.join(needed + optional)}] needs {' and '.join(needed)}"
        text += f", and {' and '.join(optional)} may follow" if optional else ""
        text += f"; got {given} argument{'' if given == 1 else 's'}"
        # The likeliest cause: a tuple of numbers, or of rows, in place of an array.
        return text + (" (a tuple counts as several: write a list)" if given > len(takes) else "")

    def __call__(self, *arguments: Any) -> Any:
        raise TypeError(f"{self.name} needs its parameters first: write {self.name}[...] @ x, not {self.name}(x)")

    def __repr__(self) -> str:
        return f"{self.name}[·]"

    def __matmul__(self, other: Any) -> Any:
        raise TypeError(f"{self.name} has no parameters yet; write {self.name}[...]")

    __rmatmul__ = __matmul__
