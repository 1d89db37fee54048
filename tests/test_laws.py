"""What holds for all functions of chainbp, whichever they are: each law for every layer and every cost."""

import copy
import gc
import io
import os
import pickle
import re
import subprocess
import sys
import tracemalloc
import warnings
from math import fsum
from pathlib import Path

import numpy as np
import pytest

import chainbp
from chainbp import (
    Composition,
    Family,
    Function,
    backprop,
    check_gradient,
    conv2d,
    eta,
    flatten,
    lp_pool2d,
    rho,
    sigma,
    softmax,
    squared_error,
)

# Every function with the shape of an input, as a call in the arrays of `numbers`.
LAYERS = {
    "sigma": (3, 4),
    "tanh": (3, 4),
    "relu": (3, 4),
    "softmax": (3, 4),
    "rho[W]": (3, 4),
    "rho[W, b]": (3,),
    "eta[p]": (4, 3),
    "eta[p, 2]": (4, 3),
    "eta[P, 2]": (4,),
    "eta[np.inf]": (4,),
    "eta[0.5]": (4,),
    "lp_pool2d[p, 2]": (2, 2, 4, 4),
    "lp_pool2d[p, 2, 1]": (4, 5),
    "lp_pool2d[P, 2, (2, 1)]": (3, 2, 4, 4),
    "lp_pool2d[np.inf, 2, 1]": (1, 4, 4),
    "lp_pool2d[0.5, 2]": (1, 4, 4),
    "conv2d[K]": (2, 1, 4, 4),
    "conv2d[K, b]": (2, 1, 4, 4),
    "flatten": (2, 1, 3, 2),
    "two_layer(W, V)": (3, 4),
    "lp_network(W, p)": (3, 4),
    "rho[W].fixed()": (3,),
    "(rho[V] @ sigma.fixed() @ rho[W, b]).fixed()": (3,),
    "lp_pool2d[p, 2, 1].fixed() @ tanh @ conv2d[K]": (2, 1, 5, 4),
    "twice[p]": (3,),
}
COSTS = {
    "squared_error[t]": (2, 3),
    "cross_entropy[t]": (2, 3),
    "sigmoid_cross_entropy[t]": (2, 3),
    "softmax_cross_entropy[t / t.sum(axis=0)]": (2, 3),
    "cross_entropy[t] @ sigma @ rho[W] @ tanh": (3, 3),
}
EVERY = LAYERS | COSTS


@Family
def twice(p):
    """A reader's own: 2 p x."""
    return Function(
        lambda x: (2 * p * x, lambda d: 2 * p * d, lambda d: (np.array(2 * np.vdot(d, x), x.dtype),)),
        (p,),
        name="twice",
        symbols=("p",),
    )


def numbers(dtype=np.float64):
    """Arrays to make functions of."""
    rng = np.random.default_rng(3)
    sizes = {"W": (2, 3), "V": (1, 2), "b": 2, "K": (2, 1, 2, 2)}
    arrays = {name: rng.normal(size=size) for name, size in sizes.items()}
    arrays |= {"p": np.array(2.5), "P": np.array([1.5, 3.0]), "t": rng.uniform(0.1, 0.9, size=(2, 3))}
    return {name: a.astype(dtype) for name, a in arrays.items()}


def make(call, arrays=None):
    return eval(call, vars(chainbp) | {"np": np, "twice": twice} | (arrays or numbers()))


def sample(call, dtype=np.float64):
    return np.random.default_rng(4).uniform(0.1, 0.9, size=EVERY[call]).astype(dtype)


def results(f, x, delta=None):
    """Everything that f says at x."""
    y, pull = f.vjp(x)
    delta = np.linspace(-1, 2, np.size(y), dtype=y.dtype).reshape(np.shape(y)) if delta is None else delta
    return [f(x), y, pull.x(delta), *pull.theta(delta), *pull(delta)[1]]


def alike(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        np.testing.assert_array_equal(a, b)


def assert_read_only(*arrays):
    for a in arrays:
        if isinstance(a, np.ndarray):  # numbers always are
            with pytest.raises(ValueError, match="read-only"):
                a[...] = -1


every = pytest.mark.parametrize("call", EVERY)


def test_every_function_is_here():
    for name in chainbp.__all__:
        if isinstance(getattr(chainbp, name), (Family, Function)):
            assert any(re.search(rf"\b{name}\b", call) for call in EVERY), name


@every
def test_its_gradients_are_those_of_central_differences(call):
    half_square = Function(lambda y: (np.vdot(y, y) / 2, lambda delta: delta * y, None), name="½‖·‖²")  # of any shape
    loss = make(call) if call in COSTS else half_square @ make(call)
    assert check_gradient(loss, sample(call)).ok


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_and_the_shapes_are_kept(call, dtype):
    f, x = make(call, numbers(dtype)), sample(call, dtype)
    y, pull = f.vjp(x)
    delta = np.ones(np.shape(y))  # of whatever dtype
    assert f(x).dtype == y.dtype == pull.x(delta).dtype == dtype
    assert pull.x(delta).shape == x.shape
    assert [(g.dtype, g.shape) for g in pull.theta(delta)] == [(theta.dtype, theta.shape) for theta in f.parameters]
    if call in COSTS:
        bp = backprop(f, x)
        assert {a.dtype for a in (*bp.hidden, *bp.deltas, *bp.gradients)} == {np.dtype(dtype)}
        assert type(bp.loss) is float


# ---- ownership ----


def as_loss(f, x):
    """f, with a cost behind it if it is none."""
    y = np.asarray(f(x))
    if y.ndim > 2:
        f = flatten @ f if y.ndim == 4 else Function(lambda z: (z[0], lambda d: d[None], None)) @ f
        y = f(x)
    return f if y.ndim == 0 and not f.parameters else squared_error[np.zeros_like(y)] @ f


@every
def test_a_function_owns_its_numbers(call):
    arrays, x = numbers(), sample(call)
    f = make(call, arrays)
    before = [theta.copy() for theta in f.parameters] + results(f, x)
    for a in arrays.values():
        a[...] = 0.77
    alike([*f.parameters, *results(f, x)], before)
    assert_read_only(*f.parameters)


@every
def test_what_went_forward_is_remembered_as_it_was(call):
    f, x = make(call), sample(call)
    y, pull = f.vjp(x)
    assert_read_only(y)
    delta = np.linspace(-1, 2, np.size(y)).reshape(np.shape(y))
    before = pull.x(delta).copy(), [g.copy() for g in pull.theta(delta)]
    x[...] = 0.33
    alike([pull.x(delta), *pull.theta(delta)], [before[0], *before[1]])
    again = pull(delta)
    delta[...] = 5.0  # what came out before does not follow
    alike([again[0], *again[1]], [before[0], *before[1]])


@every
def test_results_are_the_caller_s(call):
    f, x = make(call), sample(call)
    delta = np.linspace(-1, 2, np.size(f(x))).reshape(np.shape(f(x)))
    _, pull = f.vjp(x)
    before = [np.copy(r) for r in (f(x), pull.x(delta), *pull.theta(delta), *pull(delta)[1])]
    kept = x.copy(), delta.copy()
    for result in (f(x), pull.x(delta), *pull.theta(delta), pull(delta)[0], *pull(delta)[1]):
        if isinstance(result, np.ndarray):
            result[...] = 9.0  # it may be written to
    alike([f(x), pull.x(delta), *pull.theta(delta), *pull(delta)[1]], before)
    alike([x, delta], kept)


@every
def test_backprop_owns_what_it_tells(call):
    arrays, x = numbers(), sample(call)
    loss = as_loss(make(call, arrays), x)
    first, later = backprop(loss, x), backprop(loss, x)
    expected = [first.loss, *first.hidden, *first.deltas, *first.gradients]
    expected = [np.copy(a) for a in expected]
    for a in (x, *arrays.values()):
        a[...] = 0.77
    for g in later.gradients:
        g[...] = 0.0
    # δ_x is computed only now.
    alike([later.loss, *later.hidden, *later.deltas, *first.gradients], expected)
    assert_read_only(*later.hidden, *later.deltas)


def test_the_loop_that_everyone_writes():
    W = np.array([[1.0, 2.0], [3.0, 4.0]])
    bp = backprop(squared_error[[0.0, 0.0]] @ sigma @ rho[W], [0.1, 0.2])
    expected = W.T @ bp.deltas[1]
    again = backprop(squared_error[[0.0, 0.0]] @ sigma @ rho[W], [0.1, 0.2])
    W -= 10 * again.gradients[0]
    np.testing.assert_allclose(again.deltas[0], expected, rtol=1e-14)


COPIES = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": lambda f: pickle.loads(pickle.dumps(f))}


@every
@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_equal(call, how):
    f, x = make(call), sample(call)
    g = COPIES[how](f)
    assert f == g
    assert hash(f) == hash(g)
    assert str(f) == str(g)
    alike([*g.parameters, *results(g, x)], [*f.parameters, *results(f, x)])
    if any(np.isfinite(theta).any() for theta in f.parameters):
        changed = g.with_parameters([theta + 1 for theta in g.parameters])
        assert changed != f
        assert changed == f.with_parameters([theta + 1 for theta in f.parameters])
        assert f == make(call)  # made of equal numbers


def test_float32_makes_another_function_of_arrays_and_not_of_one_number():
    assert rho[np.float32([[1.0]])] != rho[[[1.0]]] == rho[[[1]]]
    assert eta[np.float32([1.0, 2.0]), 2] != eta[[1.0, 2.0], 2]
    assert eta[np.float32(3)] == eta[3.0] == eta[3]
    assert rho[[[np.nan]]] == rho[[[np.nan]]] != rho[[[1.0]]]


def test_unlike_things_in_brackets_make_unlike_functions():
    around = Family(lambda inner: Function(sigma.forward))
    things = [sigma, None, "σ", 1.0, np.ones(2)]
    for i, one in enumerate(things):
        assert [around[one] == around[other] for other in things] == [i == k for k in range(len(things))]


class Gain(Function):
    """A reader's own class: a x, its forward a method."""

    def __init__(self, a):
        super().__init__(self.run, (a,), name="gain", symbols=("a",))

    def run(self, x):
        a = self.parameters[0]
        return a * x, lambda d: a * d, lambda d: (d * x,)


@pytest.mark.parametrize("how", COPIES)
def test_a_class_of_the_reader_s_can_be_copied(how):
    f, x = Gain([2.0, 3.0]), np.array([0.5, -1.0])
    g = COPIES[how](f)
    assert type(g) is Gain
    alike([*g.parameters, *results(g, x)], [*f.parameters, *results(f, x)])
    assert_read_only(*g.parameters)


def test_a_parameter_keeps_its_shape():
    f = make("rho[W]")
    f.parameters[0].shape = (6,)
    assert f.parameters[0].shape == (2, 3)
    assert f @ np.ones(3) == pytest.approx(numbers()["W"].sum(axis=1))


def test_what_differs_is_unequal():
    calls = [
        "sigma", "tanh", "relu", "rho[W]", "rho[W + 1]", "rho[np.float32(W)]", "rho[W, b]", "rho[W].fixed()",
        "eta[2.0]", "eta[3.0]", "eta[2.0, 2]", "eta[2.0, 3]", "eta[P, 2]", "lp_pool2d[2.0, 2]", "lp_pool2d[2.0, 2, 1]",
        "lp_pool2d[2.0, (2, 3)]", "conv2d[K]", "conv2d[K, b]", "squared_error[t]", "squared_error[t + 1]",
        "squared_error[t[0]]", "cross_entropy[t]", "sigmoid_cross_entropy[t]", "sigma @ rho[W]", "rho[V] @ sigma",
        "rho[V] @ sigma @ rho[W]", "(rho[V] @ sigma @ rho[W]).fixed()", "two_layer(W, V)", "twice[p]",
    ]  # fmt: skip
    functions = [make(call) for call in calls]
    for i, f in enumerate(functions):
        assert f == make(calls[i])
        assert [f == g for g in functions] == [i == j for j in range(len(calls))], calls[i]
        assert f != "σ"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_whatever_standard_output_can_print_nothing_is_lost(monkeypatch, encoding):
    """Not the training behind a progress bar either."""
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", out)
    net, X, T = sigma @ rho[np.eye(2)], np.ones((2, 3)), np.zeros((2, 3))
    trained = chainbp.train(net, squared_error, X, T, steps=3)
    loss = squared_error[T] @ trained.network
    things = [net, rho, trained, backprop(loss, X), check_gradient(loss, X), squared_error[T] @ eta[np.inf]]
    for thing in things:
        print(thing)
    out.flush()
    text = out.buffer.getvalue().decode(encoding)
    assert "3/3" in text
    assert ("━" if encoding == "utf-8" else "#") in text
    assert all(("σ" if encoding == "utf-8" else r"\N{GREEK SMALL LETTER SIGMA}") in repr(f) for f in (net, trained))


def test_the_layout_of_an_array_does_not_matter(rng):
    K, x = rng.normal(size=(2, 2, 3, 2)), rng.normal(size=(2, 3, 4, 4))
    filters = K.transpose(3, 2, 0, 1)  # a view, in neither order
    f = conv2d[filters]
    before = results(f, x)
    K[...] = 0
    alike(results(f, x), before)
    y = rng.normal(size=(2, 4, 8, 10))
    for view in (y[:, ::-1, ::2], y.transpose(1, 0, 3, 2), np.asfortranarray(y), y.astype(">f8")):
        alike(results(lp_pool2d[2.5, 2], view), results(lp_pool2d[2.5, 2], view.astype(float, order="C")))
    W = rng.normal(size=(3, 4))
    for view in (W[::-1, ::2], W.T[:2], np.asfortranarray(W)):
        x = rng.normal(size=(view.shape[1], 5)).T.copy().T
        alike(results(rho[view], x)[2:], results(rho[view.copy()], x.copy())[2:])


# ---- np.seterr is the user's, and does not matter where results are finite ----


def extreme():
    tiny, huge = 1e-310, 1e300
    return [
        ("sigma", [-800.0, 800.0, -1e308]),
        ("tanh", [1e308, -tiny]),
        ("relu", [tiny, -huge]),
        ("softmax", [1e308, -1e308, 0.0]),
        ("rho[[[1e-200, 1e-300]]]", [1e-200, tiny]),
        ("eta[2.5]", [huge, -tiny, 1.0]),
        ("eta[0.5]", [1e-300, 1.0, 5e-324]),
        ("eta[5e-324]", [700.0, 0.0]),
        ("eta[300.0, 2]", [huge, tiny, tiny, -tiny]),
        ("eta[np.inf]", [0.0, 0.0]),
        ("lp_pool2d[2.5, 2]", [[huge, tiny, 0.0, 0.0], [1.0, 2.0, 0.0, 0.0]]),
        ("lp_pool2d[100.0, 2, 1]", [[huge, tiny, 0.0], [1.0, 2.0, 0.0]]),
        ("lp_pool2d[0.7, 2]", [[1.0, tiny], [1.0, 2.0]]),
        ("squared_error[[1e-200, 1.0]]", [2e-200, tiny]),
        ("cross_entropy[[1.0, 0.0, 1.0]]", [2e-38, 0.0, 1.0]),
        ("sigmoid_cross_entropy[[1.0, 0.0, 0.5]]", [-800.0, 800.0, 0.0]),
        ("softmax_cross_entropy[[1.0, 0.0]]", [-1e308, 0.0]),
        ("cross_entropy[[1.0]] @ sigma", [-700.0]),
    ]


@pytest.mark.parametrize(("call", "x"), [*((c, None) for c in EVERY), *extreme()], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_user_s_seterr_does_not_make_finite_results_raise(call, x, dtype):
    if x is None:
        f, x = make(call, numbers(dtype)), sample(call, dtype)
    else:
        f, x = make(call), np.clip(x, -np.finfo(dtype).max, np.finfo(dtype).max).astype(dtype)
    if call.startswith("cross_entropy[[1.0]]") and dtype == np.float32:
        x = x / 8
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        strict = results(f, x, 0.0 * np.asarray(f(x)) + np.asarray(1, dtype))
        if call in COSTS:
            strict += [*backprop(f, x).deltas]
    with np.errstate(all="ignore"):
        loose = results(f, x, 0.0 * np.asarray(f(x)) + np.asarray(1, dtype))
        if call in COSTS:
            loose += [*backprop(f, x).deltas]
    alike(strict, loose)


@pytest.mark.parametrize("mode", ["raise", "warn", "ignore"])
def test_the_user_s_seterr_is_left_as_it_was(mode):
    with np.errstate(all=mode):
        before = np.geterr()
        backprop(squared_error[np.zeros(3)] @ sigma, [-800.0, 0.0, 1.0])
        with pytest.raises(ValueError, match="cannot take"):
            eta[2.0] @ []
        assert np.geterr() == before


# ---- locality ----

P = [0.5, 1.0, 1.5, 2.0, 3.0, 4.7, 10.0, 100.0, np.inf]
WINDOWS = [[1.0, -2.0, 0.5, 3.0], [3e-5, 3e-5, -1e-5, 0.0], [0.0, 0.0, 0.0, 0.0], [1e30, 1.0, -1e-30, 1e-30]]
ELSEWHERE = [np.nan, np.inf, -np.inf, "huge", "tiny", 0.0, 1.0]


def elsewhere(shape, what, dtype):
    """Numbers that stand in other windows."""
    sizes = {"huge": (300, 38), "tiny": (-300, -38)}
    if what in sizes:
        signs = np.random.default_rng(0).choice([-1, 1], shape)
        return (signs * 10.0 ** sizes[what][dtype == np.float32]).astype(dtype)
    return np.full(shape, what, dtype)


def of_one(f, y, window, place):
    """z, ∂z/∂y and ∂z/∂p of one window of many: the δ of the others is 0."""
    z, pull = f.vjp(y)
    delta = np.zeros_like(z)
    delta[place] = 1
    return np.asarray(z)[place], pull.x(delta)[window], pull.theta(delta)[0]


def only(f, y):
    z, pull = f.vjp(y)
    return np.ravel(z)[0], pull.x(np.ones_like(z)), pull.theta(np.ones_like(z))[0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("p", P)
def test_a_window_is_what_it_is_alone(p, dtype):
    for what in ELSEWHERE:
        # A window of NaN makes ∂L/∂p NaN, even where its δ is 0.
        told = 2 if what != what else 3
        for numbers in WINDOWS:
            own = np.array(numbers, dtype)
            square, alone = own.reshape(2, 2), only(lp_pool2d[p, 2], own.reshape(2, 2))
            for stride, side in ((2, 6), (1, 5)):
                if p == 1 and what != what and stride == 1:
                    continue  # see below
                images = elsewhere((2, side, side), what, dtype)
                images[1, 2:4, 2:4] = square
                at = 2 // stride
                one = of_one(lp_pool2d[p, 2, stride], images, np.s_[1, 2:4, 2:4], (1, at, at))
                alike(one[:told], alone[:told])
            alone = only(eta[p], own)
            columns = elsewhere((4, 3), what, dtype)
            columns[:, 1] = own
            alike(of_one(eta[p], columns, np.s_[:, 1], (1,))[:told], alone[:told])
            groups = elsewhere((12,), what, dtype)
            groups[4:8] = own
            alike(of_one(eta[p, 4], groups, np.s_[4:8], (1,))[:told], alone[:told])
            both = elsewhere((8, 2), what, dtype)
            both[4:, 1] = own
            alike(of_one(eta[p, 4], both, np.s_[4:, 1], (1, 1))[:told], alone[:told])


def test_at_p_1_nan_does_not_reach_its_neighbors():
    errors = lp_pool2d[1.0, (1, 2), 1].vjp([[1.0, 2.0, np.nan]])[1].x([[1.0, 0.0]])
    np.testing.assert_array_equal(errors[0, :2], [1.0, 1.0])


@pytest.mark.parametrize("p", P)
def test_an_order_of_its_own_is_what_it_is_alone(p):
    """Here NaN in another group or channel leaves even ∂L/∂p alone."""
    for what in ELSEWHERE:
        own = np.array(WINDOWS[0])
        groups = np.concatenate([own, elsewhere((4,), what, float)])
        z, pull = eta[[p, 3.0], 4].vjp(groups)
        alone = only(eta[p], own)
        alike([z[0], pull.x([1.0, 0.0])[:4], pull.theta([1.0, 0.0])[0][0]], alone)
        channels = np.stack([own.reshape(2, 2), elsewhere((2, 2), what, float)])
        z, pull = lp_pool2d[[p, 3.0], 2].vjp(channels)
        delta = np.array([1.0, 0.0]).reshape(2, 1, 1)
        alone = only(lp_pool2d[p, 2], own.reshape(2, 2))
        alike([z[0, 0, 0], pull.x(delta)[0], pull.theta(delta)[0][0]], alone)


@pytest.mark.parametrize("p", [0.5, 2.0, 2.5, 4.7, np.inf])
@pytest.mark.parametrize(
    ("shape", "size", "stride"), [((70, 64, 64), 3, 2), ((1, 300, 400), 4, 3), ((300, 8, 9), 2, 1)]
)
def test_an_image_of_many_is_what_it_is_alone(rng, p, shape, size, stride):
    """More than are computed at a time."""
    y = rng.normal(size=shape)
    f = lp_pool2d[p, size, stride]
    z, pull = f.vjp(y)
    delta = rng.normal(size=z.shape)
    errors = pull.x(delta)
    for k in range(0, len(y), 23):
        one, pull_one = f.vjp(y[k])
        alike([z[k], errors[k]], [one, pull_one.x(delta[k])])
    for i, j in ((0, 0), (z.shape[1] // 2, 0), (z.shape[1] - 1, z.shape[2] - 1)):
        window = y[-1, i * stride : i * stride + size, j * stride : j * stride + size]
        np.testing.assert_allclose(z[-1, i, j], f @ window.copy(), rtol=1e-15)


@pytest.mark.parametrize("call", ["sigma", "tanh", "relu", "softmax"])
def test_a_sample_is_what_it_is_alone(call):
    f = make(call)
    for what in ELSEWHERE:
        X = elsewhere((4, 3), what, float)
        X[:, 1] = own = np.array([0.3, -800.0, 2.0, 0.0])
        with np.errstate(invalid="ignore"):
            y, pull = f.vjp(X)
            delta = np.ones((4, 3)) * [[1.0], [2.0], [-1.0], [3.0]]
            alike([y[:, 1], pull.x(delta)[:, 1]], [f(own), f.vjp(own)[1].x(delta[:, 1])])


# ---- sums ----


def test_sums_along_the_first_axis_are_sharp():
    rng = np.random.default_rng(0)
    y = rng.uniform(0.5, 1.5, size=(3 * 10**5, 2))
    eps = np.finfo(float).eps
    for p in (3.0, 0.5):
        z, pull = eta[p].vjp(y)
        true = np.array([fsum((column**p).tolist()) for column in y.T]) ** (1 / p)
        np.testing.assert_allclose(z, true, rtol=8 * eps)
        np.testing.assert_allclose(pull.x([1.0, 1.0]), (y / true) ** (p - 1), rtol=16 * eps)
    x = rng.normal(size=(20000, 64)).astype(np.float32)
    y, pull = softmax.vjp(x)
    exact = softmax @ x.astype(float)
    eps = float(np.finfo(np.float32).eps)
    assert (np.abs(y - exact) <= 6 * eps * exact).all()
    delta = rng.uniform(0.5, 1.5, size=x.shape).astype(np.float32)
    error = softmax.vjp(x.astype(float))[1].x(delta)
    spread = exact * np.abs(delta - (exact * delta).sum(axis=0)) + exact
    assert (np.abs(pull.x(delta) - error) <= 6 * eps * spread).all()


# ---- work ----


def peak(run):
    tracemalloc.start()
    result = run()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return result, most


@pytest.mark.parametrize("p", [0.5, 2.5, np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_overlapping_windows_are_not_stacked(p, dtype):
    """A copy of each window would take 1024 times the memory of the image."""
    x = np.random.default_rng(0).normal(size=(1, 1, 64, 64)).astype(dtype)
    pooling = lp_pool2d[np.array(p, dtype), 32, 1]
    loss = squared_error[np.zeros((33 * 33, 1), dtype)] @ flatten @ pooling
    _, most = peak(lambda: backprop(loss, x).deltas)
    # A few blocks, and a row of each window.
    assert most < 8 * 2**20 + 5 * 32 * x.nbytes


@pytest.mark.parametrize("p", [0.5, 2.5, np.inf])
def test_a_huge_stride_or_a_huge_image_with_few_windows_is_no_work(p):
    for y in (np.ones((3, 3)), np.ones((2, 3, 50))):
        z, pull = lp_pool2d[p, 2, 10**7].vjp(y)
        np.testing.assert_array_equal(np.ravel(z), eta[p] @ np.ones(4))
        assert (pull.x(np.ones_like(z)) != 0).sum() == 4 * z.size


@pytest.mark.parametrize("x", [np.zeros(2), [0.0, 0.0]], ids=["array", "list"])
def test_a_chain_of_ten_thousand_is_walked_once_and_not_written_down(monkeypatch, x):
    calls = []

    def forward(x):
        calls.append("forward")
        return x * 1, lambda delta: calls.append("back") or delta * 1, None

    def fail(*_):
        raise AssertionError("the text of a chain is for whoever reads it")

    link = Function(forward, name="h")
    chain = Composition([link] * 10_000)
    for name in ("text", "texts", "latex"):
        monkeypatch.setattr(f"chainbp.show.{name}", fail)
    loss = squared_error[np.ones(2)] @ chain
    bp = backprop(loss, x)
    assert calls == ["forward"] * 10_000 + ["back"] * 9_999
    np.testing.assert_array_equal(bp.deltas[0], [-2.0, -2.0])
    assert calls.count("back") == 10_000
    chain(x)
    chain.vjp(x)[1].x(x)
    assert len(calls) == 50_000


def test_a_long_chain_leaves_the_garbage_collector_little_to_look_at():
    """A pull, its closure and the cell in it, but nothing that only holds them together."""
    chain = Composition([sigma] * 1000)
    chain.vjp([0.0, 1.0])  # what is made once is made now
    gc.collect()
    before = len(gc.get_objects())
    run = chain.vjp([0.0, 1.0])
    assert len(gc.get_objects()) - before < 3.1 * 1000
    del run


def test_no_jacobian_is_formed():
    """The Jacobians of one layer would take 8·1000·1000·100 bytes for this batch; the whole run takes far less."""
    x = np.zeros((1000, 100))
    _, most = peak(lambda: backprop(squared_error[x] @ sigma @ sigma @ sigma, x))
    assert most < 20 * x.nbytes


# ---- without the fast road ----


WITHOUT_IT = """
import sys
sys.modules["chainbp.images"] = None
import chainbp.lp, chainbp.pooling
assert chainbp.pooling.pool is chainbp.lp.pool
"""


@pytest.mark.parametrize(
    "then",
    [
        pytest.param(
            "from chainbp import check_gradient, lp_pool2d, rho, squared_error\n"
            "chain = squared_error[[[4.0]]] @ lp_pool2d[3, 2] @ rho[[[1.0, 2.0], [0.5, -1.0]]]\n"
            "assert check_gradient(chain, [[1.0, 2.0], [3.0, -1.0]])",
            id="some",
        ),
        pytest.param(
            "import pytest\n"
            "options = ['-q', '-x', '-p', 'no:cacheprovider', '-p', 'no:xdist']\n"
            "sys.exit(pytest.main([*options, 'tests/test_pooling.py', 'tests/test_lp_pool2d.py']))",
            id="all",
            marks=pytest.mark.soak,
        ),
    ],
)
def test_the_package_works_without_the_fast_road(then):
    root = Path(__file__).parents[1]
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_IT + then],
        cwd=root,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert run.returncode == 0, run.stdout + run.stderr
