"""Wrong use: the message names the function, what was given, and what was needed.

Each row is a call, as a reader would write it, and what its message must say.
"""

import numpy as np
import pytest

import chainbp
from chainbp import Family, Function, backprop, check_gradient, rho, sigma, squared_error, tanh

W = np.ones((2, 3))
X, T = np.ones((3, 4)), np.ones((2, 4))
loss = squared_error[np.ones(2)] @ sigma @ rho[W]
K = np.ones((4, 3, 2, 2))


class Series:
    """What pandas' is to us: it holds numbers, and multiplies whatever can be made an array."""

    def __array__(self, *_, **__):
        return np.array([1.0, 2.0])

    def __matmul__(self, other):
        return np.asarray(self) @ np.asarray(other)


SHAPES = [
    ("rho[W] @ [1.0, 2.0]", ["ρ[W]", "(2, 3)", "(3,) or (3, K)", "(2,)"]),
    ("rho[W] @ np.ones((3, 4, 5))", ["ρ[W]", "(3, 4, 5)"]),
    ("rho[W] @ 1.0", ["ρ[W]", "()"]),
    ("rho[[1.0, 2.0]]", ["ρ[W]", "matrix", "(2,)"]),
    ("rho[np.ones((0, 3))]", ["ρ[W]", "(0, 3)"]),
    ("rho[W, np.ones(3)]", ["ρ[W, b]", "(2, 3)", "(2,)", "(3,)"]),
    ("rho[[[1.0, 2.0], [3.0]]]", ["ρ[W]: W", "rows of different lengths"]),
    ("sigma @ [[1.0, 2.0], [3.0]]", ["σ: x", "rows of different lengths"]),
    ("squared_error[np.ones(2)] @ np.ones(3)", ["‖t − ·‖²", "(2,)", "(3,)"]),
    ("squared_error[np.ones((2, 3, 4))]", ["squared_error", "(2, 3, 4)"]),
    ("squared_error[[]]", ["squared_error", "at least one entry"]),
    ("(squared_error[T] @ sigma @ rho[W]) @ np.ones((3, 5))", ["‖t − ·‖²", "σ", "(2, 5)", "(2, 4)"]),
    ("cross_entropy[np.ones(2)] @ np.ones((2, 2))", ["H(t, ·)", "(2,)", "(2, 2)"]),
    ("eta[2] @ []", ["η_2", "at least one entry", "(0,)"]),
    ("eta[2] @ np.ones((0, 3))", ["η_2", "(0, 3)"]),
    ("eta[2] @ 1.0", ["η_2", "()"]),
    ("eta[2] @ np.ones((2, 2, 2))", ["η_2", "(2, 2, 2)"]),
    ("eta[2, 4] @ np.ones(6)", ["4 rows", "(6,)"]),
    ("sigma.vjp([1.0, 2.0])[1].x([1.0])", ["σ: delta", "(2,)", "(1,)"]),
    ("sigma.vjp([1.0, 2.0])[1].x(1.0)", ["σ: delta", "(2,)", "()"]),
    ("rho[W].vjp(np.ones(3))[1].theta(np.ones((2, 1)))", ["ρ[W]: delta", "(2,)", "(2, 1)"]),
    ("eta[2].jacobian(X)", ["η_2", "one sample", "(3, 4)"]),
    ("Function(lambda x: (x[None], lambda d: d[0], None)).jacobian(X[0])", ["one sample", "(1, 4)"]),
    ("sigma.jacobian(X)", ["σ", "one sample", "(3, 4)"]),
    ("backprop(sigma @ rho[W], np.ones(3))", ["one number", "(2,)", "squared_error[t] @"]),
    ("backprop(loss, [1.0])", ["ρ[W]", "(3,)", "(1,)"]),
    ("loss.with_parameters([])", ["1 parameters", "got 0"]),
    ("loss.with_parameters(None)", ["1 parameters", "got NoneType"]),
    ("check_gradient(loss, [])", ["check_gradient: x", "one at least", "(0,)"]),
    ("train(sigma @ rho[W], squared_error, X, T[:, :3])", ["train", "(3, 4)", "(2, 3)"]),
    ("train(sigma @ rho[W], squared_error, np.ones(3), np.ones(2))", ["train", "(3,)"]),
    ("train(flatten @ conv2d[K], squared_error, np.ones((5, 3, 4, 4)), T)", ["(5, 3, 4, 4)", "(2, 4)"]),
    ("train(sigma @ rho[W], squared_error, X, T, rate=[0.1, 0.2])", ["train: rate", "1, one for each"]),
    ("train(sigma @ rho[W], squared_error, X, T, rate=[[0.1], [0.2, 0.3]])", ["train: rate", "1, one for each"]),
    ("train(sigma @ rho[W], squared_error, X, T, steps=10**14)", ["train: steps", "below 1000000000"]),
    ("eta[[2.0, 3.0], 2] @ np.ones(6)", ["2 groups", "groups of 2", "(6,)"]),
    ("lp_pool2d[2, 3] @ np.ones((2, 5))", ["η_2(3×3)", "3×3", "H ≥ 3", "(2, 5)"]),
    ("lp_pool2d[2, 2] @ np.ones(5)", ["η_2(2×2)", "(..., H ≥ 2, W ≥ 2)", "(5,)"]),
    ("lp_pool2d[2, 2] @ np.ones((0, 4, 4))", ["η_2(2×2)", "at least one", "(0, 4, 4)"]),
    ("lp_pool2d[2, 2] @ np.ones((2, 3, 4, 1))", ["η_2(2×2)", "W ≥ 2", "(2, 3, 4, 1)"]),
    ("lp_pool2d[[1.0, 2.0], 2] @ np.ones((3, 4, 4))", ["2 orders", "(..., 2, H, W)", "(3, 4, 4)"]),
    ("lp_pool2d[[1.0, 2.0], 2] @ np.ones((4, 4))", ["2 orders", "(4, 4)"]),
    ("lp_pool2d[2, (2, 2, 2)]", ["lp_pool2d: size", "pair", "(2, 2, 2)"]),
    ("conv2d[np.ones((2, 2))]", ["conv2d[K]: K", "(O, C, h, w)", "(2, 2)"]),
    ("conv2d[K, np.ones(3)]", ["conv2d[K, b]", "(4, 3, 2, 2)", "(4,)", "(3,)"]),
    ("conv2d[K] @ np.ones((1, 2, 5, 5))", ["conv2d[K]", "(N ≥ 1, 3, H ≥ 2, W ≥ 2)", "(1, 2, 5, 5)"]),
    ("conv2d[K] @ np.ones((1, 3, 1, 5))", ["H ≥ 2", "(1, 3, 1, 5)"]),
    ("conv2d[K] @ np.ones((3, 5, 5))", ["(N ≥ 1, 3, H ≥ 2, W ≥ 2)", "(3, 5, 5)"]),
    ("flatten @ np.ones((2, 3))", ["flatten", "(N, C, H, W)", "(2, 3)"]),
    ("softmax @ np.ones((2, 3, 4))", ["softmax", "(N,) or (N, K)", "(2, 3, 4)"]),
    ("softmax @ []", ["softmax", "at least one entry"]),
    ("softmax_cross_entropy[np.eye(3)] @ np.ones((3, 2))", ["H(t, softmax ·)", "(3, 3)", "(3, 2)"]),
    ("rho[[[1.0, 2.0]]] @ sigma @ rho[W] @ [1.0]", ["ρ[W⁽¹⁾]", "x", "(1,)", "(3,) or (3, K)"]),
    (
        "rho[[[1.0, 2.0]]] @ sigma @ rho[np.ones((3, 3))] @ [1.0, 2.0, 3.0]",
        ["ρ[W⁽²⁾]", "what σ gave", "(3,)", "W of shape (1, 2)", "(2,) or (2, K)"],
    ),
    ("rho[np.ones((2, 5))] @ eta[2] @ rho[W] @ X", ["ρ[W⁽²⁾]", "what η_2 gave", "(4,)", "(5,)"]),
    ("eta[2, 4] @ sigma @ np.ones(6)", ["η_2", "what σ gave", "(6,)", "4 rows"]),
    ("eta[[1.0, 2.0], 3] @ rho[W] @ X", ["η_p", "what ρ[W] gave", "(2, 4)", "3 rows"]),
    ("squared_error[1.0] @ rho[W] @ np.ones(3)", ["‖t − ·‖² cannot take what ρ[W] gave, of shape (2,)", "()"]),
    ("backprop(squared_error[T] @ rho[W], X[:, :3])", ["‖t − ·‖² cannot take what ρ[W] gave", "(2, 3)", "(2, 4)"]),
    ("sigma.with_parameters([1.0])", ["σ", "0 parameters", "got 1"]),
    ("backprop(squared_error[np.ones((2, 4))] @ rho[W], np.ones((3, 0)))", ["(2, 0)", "(2, 4)"]),
    ("softmax @ np.ones((3, 0))", ["softmax", "(3, 0)", "at least one entry"]),
    ("eta[2] @ np.ones((3, 0))", ["η_2", "(3, 0)", "at least one entry"]),
    ("conv2d[K] @ np.ones((0, 3, 5, 5))", ["conv2d[K]", "(0, 3, 5, 5)", "N ≥ 1"]),
    ("flatten @ np.ones((0, 3, 5, 5))", ["flatten", "(0, 3, 5, 5)", "at least one image"]),
    ("train(rho[W], squared_error, np.ones((3, 0)), np.ones((2, 0)))", ["train", "(3, 0)", "(2, 0)"]),
    ("sigmoid_cross_entropy[np.ones(2)] @ np.ones(3)", ["H(t, σ ·)", "(2,)", "(3,)"]),
    ("softmax_cross_entropy[1.0]", ["softmax_cross_entropy", "shape ()"]),
]
VALUES = [
    ("eta[0]", ["η_p: p", "greater than 0", "0"]),
    ("eta[-1.5]", ["η_p: p", "-1.5"]),
    ("eta[np.nan]", ["η_p: p", "nan"]),
    ("eta[[2.0, 3.0]]", ["η_p: p", "one number", "[2. 3.]"]),
    ("eta[[2.0, -3.0], 2]", ["η_p: p", "one for each group", "-3."]),
    ("eta[[], 2]", ["η_p: p", "[]"]),
    ("lp_pool2d[0, 2]", ["lp_pool2d: p", "greater than 0", "0"]),
    ("lp_pool2d[[1.0, np.nan], 2]", ["lp_pool2d: p", "each channel", "nan"]),
    ("lp_pool2d[2, 0]", ["lp_pool2d: size", "greater than 0", "0"]),
    ("lp_pool2d[2, 2, (1, -1)]", ["lp_pool2d: stride", "-1"]),
    ("softmax_cross_entropy[[0.5, 0.6]]", ["softmax_cross_entropy", "sum to 1"]),
    ("softmax_cross_entropy[[1.5, -0.5]]", ["softmax_cross_entropy", "probabilities", "-0.5"]),
    ("softmax_cross_entropy[[np.nan, 1.0]]", ["softmax_cross_entropy", "nan"]),
    ("eta[2, 0]", ["η_p", "greater than 0", "0"]),
    ("lp_network(W, -np.inf)", ["η_p: p", "-inf"]),
    ("cross_entropy[[2.0]]", ["cross_entropy: t", "[0, 1]", "2.0"]),
    ("cross_entropy[[np.nan]]", ["cross_entropy: t", "nan"]),
    ("cross_entropy[[1.0]] @ [1.5]", ["H(t, ·)", "[0, 1]", "1.5"]),
    ("cross_entropy[[1.0]] @ [np.nan]", ["H(t, ·)", "nan"]),
    ("check_gradient(loss, [np.nan, 0.0, 0.0])", ["check_gradient: x", "finite numbers, one at least; got inf or NaN"]),
    ("check_gradient(loss, np.ones(3), tolerance=0)", ["check_gradient", "tolerance", "0"]),
    ("train(sigma @ rho[W], squared_error, X, T, steps=0)", ["train: steps", "0"]),
    ("train(sigma @ rho[W], squared_error, X, T, rate=-1)", ["train: rate", "-1"]),
    ("train(sigma @ rho[W], squared_error, X, T, rate=np.nan)", ["train: rate", "nan"]),
    ("train(sigma @ rho[W], squared_error, X, T, batch=5)", ["train: batch", "below 5", "got 5"]),
    ("train(sigma @ rho[W], squared_error, X, T, momentum=1)", ["train: momentum", "1"]),
    ("train(sigma, squared_error, T, T)", ["train", "σ", "no parameters"]),
    ("cross_entropy[[1.0]] @ [0.0]", ["H(t, ·)", "infinite", "sigmoid_cross_entropy"]),
    ("cross_entropy[[0.0]] @ [1.0]", ["H(t, ·)", "infinite"]),
    ("cross_entropy[[0.5]] @ [1.0]", ["H(t, ·)", "infinite"]),
    ("sigmoid_cross_entropy[[1.5]]", ["sigmoid_cross_entropy: t", "[0, 1]", "1.5"]),
    ("sigmoid_cross_entropy[[-0.1, 0.0]]", ["sigmoid_cross_entropy: t", "[0, 1]", "-0.1"]),
    ("check_gradient(loss, np.ones(3), tolerance=np.nan)", ["check_gradient", "tolerance", "nan"]),
    ("train(sigma @ rho[W], squared_error, X, T, rate=0)", ["train: rate", "0"]),
    ("train(sigma @ rho[W], squared_error, X, T, rate=np.inf)", ["train: rate", "inf"]),
    ("train(sigma @ rho[W], squared_error, X, T, rate=10**400)", ["train: rate", "below 1e+308"]),
    ("train(sigma @ rho[W], squared_error, X, T, batch=0)", ["train: batch", "0"]),
    ("train(sigma @ rho[W], squared_error, X, T, momentum=-0.1)", ["train: momentum", "-0.1"]),
    ("train(sigma @ rho[W], squared_error, X, T, seed=-1)", ["train: seed", "-1"]),
]
TYPES = [
    ('sigma @ "abc"', ["σ: x", "real numbers", "str"]),
    ("sigma @ [1j]", ["σ: x", "real numbers", "complex"]),
    ("sigma @ None", ["σ: x", "real numbers", "NoneType"]),
    ('rho[np.array([["a"]])]', ["ρ[W]: W", "real numbers"]),
    ("rho[1j * W]", ["ρ[W]: W", "complex"]),
    ('rho[W, "b"]', ["ρ[W, b]", "str"]),
    ('eta["2"]', ["η_p: p", "str"]),
    ("eta[2j]", ["η_p: p", "complex"]),
    ("eta[2, 1.5]", ["group size n", "1.5"]),
    ("eta[2, True]", ["group size n", "True"]),
    ('lp_pool2d["2", 2]', ["lp_pool2d: p", "str"]),
    ("lp_pool2d[2, 2.0]", ["lp_pool2d: size", "integer", "2.0"]),
    ('lp_pool2d[2, 2, (1, "1")]', ["lp_pool2d: stride", "'1'"]),
    ('conv2d["K"]', ["conv2d[K]: K", "str"]),
    ('conv2d[K, "b"]', ["conv2d[K, b]", "str"]),
    ('softmax_cross_entropy["t"]', ["softmax_cross_entropy: t", "str"]),
    ('train(sigma @ rho[W], squared_error, X, T, rate=["1"])', ["train: rate", "number", "'1'"]),
    ('squared_error["t"]', ["squared_error: t", "str"]),
    ("cross_entropy[None]", ["cross_entropy: t", "NoneType"]),
    ('two_layer("W1", W)', ["two_layer: W1", "str"]),
    ('sigma.vjp([1.0])[1].x("d")', ["σ: delta", "str"]),
    ("backprop(np.sin, [1.0])", ["backprop", "Function", "ufunc"]),
    ('backprop(loss, "x")', ["backprop: x", "str"]),
    ("check_gradient(np.sin, [1.0])", ["check_gradient", "Function", "ufunc"]),
    ('check_gradient(loss, np.ones(3), tolerance="1")', ["check_gradient", "tolerance", "'1'"]),
    ("train(np.sin, squared_error, X, T)", ["train", "Function", "ufunc"]),
    ("train(sigma @ rho[W], np.sin, X, T)", ["train: cost", "squared_error"]),
    ("train(sigma @ rho[W], squared_error, X, T, steps=1.5)", ["train: steps", "integer", "1.5"]),
    ("train(sigma @ rho[W], [squared_error], X, T)", ["train: cost must be a family", "[squared_error[·]]"]),
    ('train(sigma @ rho[W], "squared_error", X, T)', ["train: cost must be a family"]),
    ("lp_pool2d[2.0, 'ab']", ["lp_pool2d: size", "integer", "'ab'"]),
    ('train(sigma @ rho[W], squared_error, X, T, rate="1")', ["train: rate", "number", "'1'"]),
    ("train(sigma @ rho[W], squared_error, X, T, rate={0.1})", ["train: rate", "number", "{0.1}"]),
    ("sigma @ np.sin", ["σ @ <ufunc 'sin'>", "numbers, or a chainbp Function"]),
    ("sigma @ rho[W] @ (lambda x: x)", ["σ ∘ ρ[W] @ <function <lambda>", "chainbp Function"]),
    ("sigma @ rho", ["rho[...]"]),
    ("rho @ sigma", ["rho", "no parameters yet"]),
    ("rho(X)", ["rho", "rho[...]"]),
    ("X @ sigma", ["σ is a function", "σ @ x"]),
    ("[1.0] @ rho[W]", ["ρ[W] is a function"]),
    ("rho[sigma]", ["σ is a function, where an array is wanted"]),
    ("lp_pool2d[2.0]", ["lp_pool2d[p, size, stride]", "got 1 ("]),
    ("lp_pool2d[2.0, 2, 2, 2]", ["lp_pool2d[p, size, stride]", "got 4 ("]),
    ("conv2d[K, np.ones(4), 2]", ["conv2d[K, b]", "got 3"]),
    ("eta[2.0, 2, 2]", ["eta[p, n]", "got 3"]),
    ("eta[()]", ["eta[p, n]", "got 0 ("]),
    ("rho[[1.0], [1.0], [1.0]]", ["rho[W, b]", "got 3"]),
    ("squared_error[1.0, 0.0]", ["squared_error[t]", "got 2", "write a list"]),
    ("cross_entropy[1.0, 0.0]", ["cross_entropy[t]", "got 2"]),
    ("softmax_cross_entropy[1.0, 0.0]", ["softmax_cross_entropy[t]", "got 2"]),
    ("sigma @ np.float16([1.0])", ["σ: x", "float64 or float32", "float16", ".astype"]),
    ("sigma @ np.longdouble([1.0])", ["σ: x", "float64 or float32", ".astype"]),
    ("rho[np.float16(W)]", ["ρ[W]: W", "float16"]),
    ("eta[2.0] @ np.ma.array([3.0, 4.0, 1e10], mask=[0, 0, 1])", ["η_2: x", "masked"]),
    ("eta[2.0] @ [3.0, np.ma.masked]", ["η_2: x", "masked"]),
    ("squared_error[np.ma.array([1.0], mask=[1])]", ["squared_error: t", "masked"]),
    ("Series() @ sigma", ["σ @ x"]),
    ("list(squared_error)", ["Family", "not iterable"]),
    ("[v for v in eta]", ["Family", "not iterable"]),
    ("1.0 in rho", ["Family", "not iterable"]),
    ("eta @ X", ["eta", "no parameters yet", "eta[...]"]),
    ("X @ eta", ["eta", "no parameters yet", "eta[...]"]),
    ("check_gradient(loss, np.ones(3), tolerance=True)", ["check_gradient", "tolerance", "True"]),
    ("train(sigma @ rho[W], squared_error, X, T, batch=1.5)", ["train: batch", "integer", "1.5"]),
    ("train(sigma @ rho[W], squared_error, X, T, momentum='0.5')", ["train: momentum", "number", "'0.5'"]),
    ("train(sigma @ rho[W], squared_error, X, T, seed=1.5)", ["train: seed", "integer", "1.5"]),
    ("Family(lambda a: a)[1.0]", ["a family must return a Function", "float"]),
]


def check(error, call, parts):
    with pytest.raises(error) as caught:
        eval(call, vars(chainbp) | {"np": np} | globals())
    for part in parts:
        assert part in str(caught.value)


def ids(rows):
    return [call for call, _ in rows]


@pytest.mark.parametrize(("call", "parts"), SHAPES, ids=ids(SHAPES))
def test_wrong_shapes(call, parts):
    check(ValueError, call, parts)


@pytest.mark.parametrize(("call", "parts"), VALUES, ids=ids(VALUES))
def test_wrong_values(call, parts):
    check(ValueError, call, parts)


@pytest.mark.parametrize(("call", "parts"), TYPES, ids=ids(TYPES))
def test_wrong_types(call, parts):
    check(TypeError, call, parts)


UNMASKED = ["rho[[np.ma.array([1.0, 2.0], mask=[1, 0])]]", "sigma @ [[np.ma.masked, 1.0], [1.0, 2.0]]"]


@pytest.mark.filterwarnings("ignore:Warning")
@pytest.mark.parametrize("call", UNMASKED)
def test_a_mask_in_a_list_is_not_forgotten(call):
    check(TypeError, call, ["masked"])


# ---- a reader's own layer ----

# What it gives forward; two of them give it back in the middle of a chain.
FORWARD = {
    "(x, lambda d: d)": ["pull_x"],
    "None": ["pull_x", "gave None;"],
    "[x]": ["pull_x"],
    "x": ["pull_x"],
    "(x * 1j, lambda d: d, None)": ["real numbers", "complex"],
    "([1.0, 2.0, 3.0], lambda d: d, None)": ["pull_x", "list"],
    "(1.0, lambda d: d, None)": ["pull_x", "float"],
    "(np.ones(7)[x.astype(int) + 9], lambda d: d, None)": ["out of bounds"],
    "(1 / 0, lambda d: d, None)": ["division by zero"],
    "(undefined(x), lambda d: d, None)": ["undefined"],
    "({}['the gain'] * x, lambda d: d, None)": ["KeyError('the gain')"],
    "exec('assert 1 > 2, \"it takes x > 0\"')": ["it takes x > 0"],
    "exec('raise RuntimeError(\"on the wrong device\")')": ["on the wrong device"],
    "(np.ma.masked_less(x, 2), lambda d: d, None)": ["y is masked"],
}
BACK = {
    "d[:2]": ["pull_x", "(3,)", "gave ndarray of shape (2,)"],
    "d * 1j": ["pull_x", "gave ndarray of complex128 of shape (3,)"],
    "d[:, None]": ["pull_x", "(3,)", "(3, 1)"],
    "d[7]": ["pull_x", "out of bounds"],
    "d['a']": ["pull_x", "indices"],
    "1.0": ["pull_x", "(3,)", "float"],
    "None": ["pull_x", "(3,)", "gave None;"],
    "d @ np.ones((2, 2))": ["pull_x", "matmul"],
    "{}['gain'] * d": ["pull_x", "KeyError('gain')"],
    "np.ma.masked_less(d, 2)": ["pull_x", "gave MaskedArray of shape (3,); it needs pull_x to give an ndarray"],
}
THETA = {
    "(np.array(1.0),)": ["pull_theta", "tuple of 1", "[(), ()]"],
    "(np.array(1.0),) * 3": ["pull_theta", "tuple of 3", "[(), ()]"],
    "np.ones(2)": ["pull_theta", "tuple", "ndarray"],
    "[np.array(1.0), np.array(1.0)]": ["pull_theta", "tuple", "list"],
    "(np.ones(3), np.array(1.0))": ["pull_theta", "()", "(3,)"],
    "None": ["pull_theta", "tuple", "gave None;"],
    "(1.0, 2.0)": ["pull_theta", "float"],
    "d[9]": ["pull_theta", "out of bounds"],
}


def own(give="(x, lambda d: d, None)", back=None, theta=None):
    """A layer that gives, or sends back, what the text says."""

    def forward(x):
        if back:
            return x, lambda d: eval(back, {"np": np}, {"d": d}), None
        if theta:
            return x, lambda d: d, lambda d: eval(theta, {"np": np}, {"d": d})
        return eval(give, {"np": np}, {"x": x})

    return Function(forward, (1.0, 2.0) if theta else (), name="mine", symbols=("a", "b") if theta else ())


@pytest.mark.parametrize("give", FORWARD)
def test_a_forward_that_fails_is_named(give):
    with pytest.raises((ValueError, TypeError, RuntimeError)) as caught:
        (tanh @ own(give) @ tanh) @ np.ones(3)
    for part in ["mine", "what tanh gave", "(3,)", *FORWARD[give]]:
        assert part in str(caught.value)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("back", BACK)
def test_a_pull_x_that_fails_is_named(back):
    with pytest.raises((ValueError, TypeError, RuntimeError)) as caught:
        backprop(squared_error[np.ones(3)] @ tanh @ own(back=back) @ tanh, np.ones(3))
    for part in ["mine cannot send back δ of shape (3,)", *BACK[back]]:
        assert part in str(caught.value)


@pytest.mark.parametrize("theta", THETA)
def test_a_pull_theta_that_fails_is_named(theta):
    with pytest.raises((ValueError, TypeError, RuntimeError)) as caught:
        backprop(squared_error[np.ones(3)] @ tanh @ own(theta=theta) @ tanh, np.ones(3))
    for part in ["mine[a, b] cannot send back δ of shape (3,)", *THETA[theta]]:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("theta", "pulls", "parts"),
    [((), (None, None), ["pull_x", "None"]), ((1.0,), (lambda d: d, None), ["gave None;", "pull_theta", "[()]"])],
    ids=["pull_x", "pull_theta"],
)
def test_a_pull_that_is_missing_is_named(theta, pulls, parts):
    with pytest.raises(ValueError, match="cannot send back") as caught:
        backprop(squared_error[np.ones(3)] @ Function(lambda x: (x, *pulls), theta) @ tanh, np.ones(3))
    assert all(part in str(caught.value) for part in parts), caught.value


def test_what_a_layer_says_itself_is_said_alone():
    with pytest.raises(ValueError, match="only ones") as caught:
        own("exec('raise ValueError(\"only ones\")')") @ np.ones(3)
    assert str(caught.value) == "mine cannot take x, of shape (3,): only ones"


@pytest.mark.parametrize(
    "rebind",
    [
        None,
        lambda a: a,
        lambda a: Function(lambda x: x, (2 * a,)),
        lambda a: Function(lambda x: x, (a,), symbols=("W",)),
        lambda a: sigma @ Function(lambda x: x, (a,)),
    ],
    ids=["none", "no function", "other numbers", "another function", "a chain"],
)
def test_a_function_that_cannot_change_its_parameters_says_so(rebind):
    f = Function(lambda x: (x, lambda d: d, lambda d: (d,)), (1.0,), name="mine", rebind=rebind)
    with pytest.raises(TypeError, match=r"mine cannot change its parameters .*: .* a family .*, or give rebind"):
        f.with_parameters([3.0])


def move(loss, x):
    loss.with_parameters([2 * theta for theta in loss.parameters]) @ x


@pytest.mark.parametrize("ask", [move, check_gradient])
def test_a_family_that_has_a_constant_before_its_parameter_says_so(ask):
    @Family
    def shifted(c, g):
        return Function(lambda x: (g * x + c, lambda d: g * d, lambda d: (d * x,)), (g,), name="shifted")

    with pytest.raises(TypeError, match=r"shifted.* cannot change its parameters .*: .* first in \[ \], in this order"):
        ask(squared_error[[1.0, 2.0]] @ shifted[0.1, [1.0, 3.0]], [0.5, 2.0])


@pytest.mark.parametrize("parameters", [1.0, np.ones(3), np.ones(1)], ids=str)
def test_parameters_without_their_comma_are_refused(parameters):
    with pytest.raises(TypeError, match=r"mine: parameters must be a tuple, such as \(p,\); got (float|ndarray)"):
        Function(lambda x: (x, lambda d: d, None), (parameters), name="mine")


@pytest.mark.parametrize("symbols", [("a",), ("a", "b", "c")], ids=len)
def test_each_parameter_has_its_symbol(symbols):
    with pytest.raises(ValueError, match="needs a symbol for each of its 2 parameters"):
        Function(lambda x: (x, lambda d: d, None), (1.0, 2.0), name="mine", symbols=symbols)


def test_too_little_memory_is_not_the_layer_s_fault():
    def forward(x):
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match=r"^no room$"):
        Function(forward) @ [1.0]
