"""Composition, brackets, pulls and Jacobians: chainbp.function."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judges import differences

from chainbp import (
    Composition,
    Family,
    Function,
    backprop,
    check_gradient,
    cross_entropy,
    eta,
    rho,
    sigma,
    squared_error,
    train,
)

seeds = st.integers(0, 10_000)
widths = st.lists(st.integers(1, 5), min_size=2, max_size=5)


def network(seed, sizes):
    """A chain of sigmoid layers of these widths, and an input for it."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=sizes[0])
    net = sigma
    layers = [sigma @ rho[rng.normal(size=(n, m)), rng.normal(size=n)] for m, n in zip(sizes, sizes[1:])]
    net = layers[0]
    for layer in layers[1:]:
        net = layer @ net
    return net, x, rng


def test_the_lines_of_the_issue(rng):
    W1, W2 = rng.normal(size=(4, 3)), rng.normal(size=(2, 4))
    for x in (rng.normal(size=3), rng.normal(size=(3, 5))):
        z = sigma @ rho[W2] @ sigma @ rho[W1] @ x
        by_hand = 1 / (1 + np.exp(-W2 @ (1 / (1 + np.exp(-W1 @ x)))))
        np.testing.assert_allclose(z, by_hand, rtol=1e-13)
    v = rng.normal(size=5)
    z, pull = eta[3.0].vjp(v)
    dv, (dp,) = pull(1.0)
    np.testing.assert_array_equal(dv, pull.x(1.0))
    np.testing.assert_array_equal(dp, pull.theta(1.0)[0])
    assert eta[3.0].parameters == (3.0,)
    assert sigma.jacobian(x[:, 0]).shape == (3, 3)


@given(seeds, widths)
def test_composition_is_associative(seed, sizes):
    net, x, rng = network(seed, sizes)
    links = net.functions
    cut = len(links) // 2
    first, last = Composition(links[:cut]) if cut else links[0], Composition(links[max(cut, 1) :])
    y, pull = net.vjp(x)
    again, pull_again = (last @ first).vjp(x)
    np.testing.assert_array_equal(y, again)
    delta = rng.normal(size=y.shape)
    np.testing.assert_array_equal(pull.x(delta), pull_again.x(delta))
    # and the chain rule (9) itself: the pull of a chain is the chain of the pulls, backward
    middle, pull_first = first.vjp(x)
    _, pull_last = last.vjp(middle)
    np.testing.assert_allclose(pull.x(delta), pull_first.x(pull_last.x(delta)), rtol=1e-12, atol=1e-15)


@given(seeds, widths, st.floats(-5, 5), st.floats(-5, 5))
def test_pull_is_linear(seed, sizes, a, b):
    net, x, rng = network(seed, sizes)
    y, pull = net.vjp(x)
    u, v = rng.normal(size=y.shape), rng.normal(size=y.shape)
    np.testing.assert_allclose(pull.x(a * u + b * v), a * pull.x(u) + b * pull.x(v), rtol=1e-10, atol=1e-12)
    for mixed, gu, gv in zip(pull.theta(a * u + b * v), pull.theta(u), pull.theta(v)):
        np.testing.assert_allclose(mixed, a * gu + b * gv, rtol=1e-10, atol=1e-12)


@given(seeds, widths)
def test_adjoint_identity(seed, sizes):
    """⟨v, J u⟩ = ⟨Jᵀ v, u⟩, with J u from a central difference along u."""
    net, x, rng = network(seed, sizes)
    y, pull = net.vjp(x)
    u, v, h = rng.normal(size=x.shape), rng.normal(size=y.shape), 1e-5
    Ju = (net(x + h * u) - net(x - h * u)) / (2 * h)
    assert np.vdot(v, Ju) == pytest.approx(np.vdot(pull.x(v), u), rel=1e-6, abs=1e-8)


@given(seeds, widths)
def test_complex_step(seed, sizes):
    """The derivative of each layer along a direction, to machine precision, by a step into the complex plane."""
    net, x, rng = network(seed, sizes)
    u, h = rng.normal(size=x.shape), 1e-30

    def complex_forward(x):
        for W, b in zip(net.parameters[::2], net.parameters[1::2]):
            x = 1 / (1 + np.exp(-(W @ x + b)))
        return x

    y, pull = net.vjp(x)
    v = rng.normal(size=y.shape)
    Ju = complex_forward(x + 1j * h * u).imag / h
    assert np.vdot(v, Ju) == pytest.approx(np.vdot(pull.x(v), u), rel=1e-10, abs=1e-13)


@given(seeds, widths, st.integers(1, 6))
def test_batch_is_sum_of_samples(seed, sizes, samples):
    net, _, rng = network(seed, sizes)
    X = rng.normal(size=(sizes[0], samples))
    Y, pull = net.vjp(X)
    delta = rng.normal(size=Y.shape)
    dX, gradients = pull(delta)
    total = [np.zeros_like(theta) for theta in net.parameters]
    for k in range(samples):
        y, pull_k = net.vjp(X[:, k])
        np.testing.assert_allclose(y, Y[:, k], rtol=1e-12)
        dx, g = pull_k(delta[:, k])
        np.testing.assert_allclose(dx, dX[:, k], rtol=1e-10, atol=1e-13)
        total = [t + one for t, one in zip(total, g)]
    for whole, parts in zip(gradients, total):
        np.testing.assert_allclose(whole, parts, rtol=1e-10, atol=1e-13)


def test_jacobian_against_central_differences(rng):
    net, x, _ = network(1, [4, 3, 2])
    np.testing.assert_allclose(net.jacobian(x), differences(net, x), rtol=1e-6, atol=1e-9)
    assert eta[3].jacobian(x).shape == (1, 4)
    assert sigma.jacobian(0.5).shape == (1, 1)


def test_chains_are_flat_and_in_data_order(rng):
    f, g, h = rho[rng.normal(size=(4, 3))], sigma, rho[rng.normal(size=(2, 4))]
    assert ((h @ g) @ f).functions == (h @ (g @ f)).functions == (f, g, h)
    assert [theta.shape for theta in (h @ g @ f).parameters] == [(4, 3), (2, 4)]
    assert (h @ g @ f).parameter_names == ("W⁽¹⁾", "W⁽²⁾")


def test_a_parameter_without_a_symbol_is_theta_and_has_its_layer():
    half = Function(lambda x: (x, lambda d: d, lambda d: (0 * d, 0 * d)), (1.0, 2.0), name="half")
    assert half.parameter_names == ("θ", "θ")
    assert (half @ sigma @ half @ rho[[[1.0]]]).parameter_names == ("W", "θ⁽¹⁾", "θ⁽¹⁾", "θ⁽²⁾", "θ⁽²⁾")
    assert repr(half @ half) == "half ∘ half"


@pytest.mark.parametrize(
    ("kinds", "names"),
    [
        ([("W", "b"), ("W", "b")], ["W⁽¹⁾", "b⁽¹⁾", "W⁽²⁾", "b⁽²⁾"]),
        ([("K", "b"), ("W", "b")], ["K⁽¹⁾", "b⁽¹⁾", "W⁽²⁾", "b⁽²⁾"]),
        ([("W",), ("p",), ("W", "b")], ["W⁽¹⁾", "p", "W⁽²⁾", "b⁽²⁾"]),
        ([("a", "b"), ("b", "c"), ("c",), ("d",)], ["a⁽¹⁾", "b⁽¹⁾", "b⁽²⁾", "c⁽²⁾", "c⁽³⁾", "d"]),
        ([("K", "b"), ("W",), ("W", "b")], ["K⁽¹⁾", "b⁽¹⁾", "W⁽²⁾", "W⁽³⁾", "b⁽³⁾"]),
    ],
    ids=["two of a kind", "a second symbol", "one between", "each with the next", "by way of others"],
)
def test_layers_that_share_a_symbol_are_numbered_whatever_they_are_called(kinds, names):
    links = [Function(lambda x: (x, None, None), (1.0,) * len(s), name=f"f{i}", symbols=s) for i, s in enumerate(kinds)]
    chain = Composition(links)
    assert list(chain.parameter_names) == names
    assert all(name in repr(chain) for name in names)


def test_a_rebind_may_give_a_chain_of_one():
    f = Function(eta[2.0].forward, (2.0,), name="mine", symbols=("p",), rebind=lambda p: eta[1.0].with_parameters([p]))
    assert f.with_parameters([1.0]) @ [3.0, 4.0] == 7.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(rng, dtype):
    W1, W2, x = (rng.normal(size=s).astype(dtype) for s in ((4, 3), (2, 4), (3, 5)))
    net = sigma @ rho[W2] @ eta[2.5, 1] @ sigma @ rho[W1]
    y, pull = net.vjp(x)
    dx, (dW1, _, dW2) = pull(np.ones(y.shape))
    assert {y.dtype, dx.dtype, dW1.dtype, dW2.dtype} == {np.dtype(dtype)}


def test_float32_stays_through_backprop_and_training_whatever_the_labels(rng):
    W, b, X = (rng.normal(size=s).astype(np.float32) for s in ((2, 3), 2, (3, 5)))
    net = sigma @ rho[W, b]
    T = np.zeros((2, 5))
    bp = backprop(squared_error[T] @ net, X)
    assert {g.dtype for g in (*bp.gradients, *bp.deltas)} == {np.dtype(np.float32)}
    trained = train(net, cross_entropy, X, T, steps=3, rate=np.float64(0.1), progress=False).network
    assert {theta.dtype for theta in trained.parameters} == {np.dtype(np.float32)}


def test_a_chain_has_a_forward_of_its_own():
    net, x, rng = network(2, [3, 4, 2])
    y, pull_x, pull_theta = net.forward(x)
    expected, pull = net.vjp(x)
    delta = rng.normal(size=2)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(pull_x(delta), pull.x(delta))
    for got, gradient in zip(pull_theta(delta), pull.theta(delta), strict=True):
        np.testing.assert_array_equal(got, gradient)


def test_a_family_may_give_a_chain(rng):
    dense = Family(lambda W, b: sigma @ rho[W, b])
    W, b = rng.normal(size=(2, 3)), rng.normal(size=2)
    assert dense[W, b] == sigma @ rho[W, b]


def test_a_family_takes_what_its_decorated_author_takes():
    def scale(a, b):
        return Function(lambda x: (a * b * x, lambda delta: a * b * delta, None))

    squared = Family(functools.wraps(scale)(lambda a: scale(a, a)))
    assert squared[3.0] @ 2.0 == 18


def test_integers_become_float64():
    assert (rho[[[1, 2]]] @ [3, 4]).dtype == np.float64
    assert rho[[[1, 2]]].parameters[0].dtype == np.float64


def test_with_parameters_and_fixed(rng):
    W1, W2, x = rng.normal(size=(4, 3)), rng.normal(size=(2, 4)), rng.normal(size=3)
    net = eta[3] @ rho[W2] @ sigma @ rho[W1]
    doubled = net.with_parameters([2 * W1, 3 * W2, 5.0])
    np.testing.assert_array_equal(doubled @ x, eta[5.0] @ rho[3 * W2] @ sigma @ rho[2 * W1] @ x)
    np.testing.assert_array_equal(net.parameters[0], W1)

    held = eta[3].fixed() @ rho[W2] @ sigma @ rho[W1].fixed()
    assert [theta.shape for theta in held.parameters] == [(2, 4)]
    assert held @ x == net @ x
    np.testing.assert_array_equal(held.vjp(x)[1].x(1.0), net.vjp(x)[1].x(1.0))
    assert net.fixed().parameters == ()
    np.testing.assert_array_equal(net.vjp(x)[1].theta(1.0)[1], held.vjp(x)[1].theta(1.0)[0])


def test_pull_computes_only_what_is_asked():
    calls = []

    def forward(x):
        return (
            x.copy(),
            lambda delta: calls.append("x") or delta,
            lambda delta: calls.append("theta") or (np.array(delta.sum()),),
        )

    spy = Function(forward, (1.0,), name="spy", symbols=("a",))
    _, pull = (spy @ spy).vjp([1.0, 2.0])
    pull.theta([1.0, 1.0])
    assert sorted(calls) == ["theta", "theta", "x"]  # the first layer's δ_x is not computed
    calls.clear()
    pull.x([1.0, 1.0])
    assert calls == ["x", "x"]
    calls.clear()
    (spy.fixed() @ spy).vjp([1.0, 2.0])[1].theta([1.0, 1.0])
    assert sorted(calls) == ["theta", "x"]


def test_a_family_of_your_own(rng):
    @Family
    def scale(a):
        """scale[a](x) = a x"""

        def forward(x):
            return a * x, lambda delta: a * delta, lambda delta: (np.asarray((delta * x).sum()),)

        return Function(forward, (a,), name="scale", symbols=("a",))

    loss = squared_error[rng.normal(size=3)] @ sigma @ scale[1.5]
    assert check_gradient(loss, rng.normal(size=3))
    assert "scale[a]" in repr(loss)
    assert scale.__doc__ == "scale[a](x) = a x"


def test_a_family_tells_what_it_takes_but_leaves_the_errors_of_its_author_alone():
    @Family
    def scale(a, n=1):
        return max(a, n, key=None, how="wrong")

    with pytest.raises(TypeError, match=r"^scale\[a, n\].* got 3 "):
        scale[1, 2, 3]
    with pytest.raises(TypeError, match="how"):
        scale[1, 2]
