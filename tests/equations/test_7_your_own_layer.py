"""The formulas of chapter 7 and of GeM, each held against mpmath, central differences or another way to compute it."""

from __future__ import annotations

from functools import partial

import mpmath
import numpy as np
import pytest
from judges import differences, entropy, exact_gradient, exact_slope, windows

from chainbp import Function, conv2d, eta, lp_pool2d, rho, sigma, softmax, tanh

NEAR = {"rtol": 1e-9, "atol": 1e-13}
DIALS = [0.3, 1.0, 2.5, 8.0]


def lse(r, y):
    """(G3) word for word, at mpmath's precision."""
    return mpmath.log(mpmath.fsum(mpmath.exp(r * mpmath.mpf(v)) for v in y) / len(y)) / r


def gem(p, y):
    """(G1) word for word, at mpmath's precision."""
    return (mpmath.fsum(abs(mpmath.mpf(v)) ** p for v in y) / len(y)) ** (1 / mpmath.mpf(p))


@pytest.mark.parametrize("samples", [1, 4])
def test_our_layer_contract(samples):
    rng = np.random.default_rng(samples)
    W, X, delta = rng.normal(size=(2, 3)), rng.normal(size=(3, samples)), rng.normal(size=(2, samples))
    layer = tanh @ rho[W]
    delta_x, (dW,) = layer.vjp(X)[1](delta)
    for k in range(samples):
        np.testing.assert_allclose(delta_x[:, k], delta[:, k] @ layer.jacobian(X[:, k]), **NEAR)

    def loss(W):
        return np.sum(delta * np.tanh(W @ X))

    np.testing.assert_allclose(dW, differences(loss, W).reshape(W.shape), rtol=1e-6, atol=1e-9)
    one_by_one = sum(layer.vjp(X[:, k])[1].theta(delta[:, k])[0] for k in range(samples))
    np.testing.assert_allclose(dW, one_by_one, **NEAR)


def test_our_softplus():
    for x in [-1000.0, -40.0, -1.0, 0.0, 1e-9, 2.0, 40.0, 1000.0]:
        with mpmath.workdps(500):
            exact = float(mpmath.log(1 + mpmath.exp(mpmath.mpf(x))))
        stable = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
        np.testing.assert_allclose(stable, exact, rtol=1e-15)


def test_our_softplus_slope():
    for x in np.linspace(-8, 8, 33):
        exact = exact_slope(lambda v: mpmath.log(1 + mpmath.exp(v)), x)
        np.testing.assert_allclose(sigma(x), exact, rtol=1e-13)


def mixture(s, y):
    """(Y4) with a = σ(s), at mpmath's precision."""
    a = 1 / (1 + mpmath.exp(-mpmath.mpf(s)))
    y = [mpmath.mpf(v) for v in y]
    return a * max(y) + (1 - a) * mpmath.fsum(y) / len(y)


def mixture_weights(s, y):
    """(Y5), in NumPy."""
    a, wins = sigma(s), y == y.max()
    return a * wins / wins.sum() + (1 - a) / len(y)


@pytest.mark.parametrize("s", [-40.0, -1.0, 0.0, 2.5])
def test_our_mixture(s):
    for y in windows(8):
        a = sigma(s)
        z = a * y.max() + (1 - a) * y.mean()
        np.testing.assert_allclose(z, float(mixture(s, y)), **NEAR)
        np.testing.assert_allclose(mixture_weights(s, y) @ y, z, **NEAR)
        assert y.mean() <= z + 1e-12
        assert z <= y.max() + 1e-12


@pytest.mark.parametrize("s", [-40.0, -1.0, 0.0, 2.5])
def test_our_mixture_gradient(s):
    for y in windows(8):
        np.testing.assert_allclose(mixture_weights(s, y), exact_gradient(partial(mixture, s), y), **NEAR)
    # Where k tie, moving all of them together moves the largest: their weights sum to what one would have alone.
    tied = np.array([2.0, -1.0, 2.0, 0.5])
    np.testing.assert_allclose(mixture_weights(s, tied)[[0, 2]].sum(), sigma(s) + (1 - sigma(s)) / 2)
    np.testing.assert_allclose(mixture_weights(s, tied).sum(), 1)


@pytest.mark.parametrize("s", [-3.0, -1.0, 0.0, 2.5])
def test_our_mixture_slope(s):
    for y in windows(8):
        a = sigma(s)
        slope = a * (1 - a) * (y.max() - y.mean())
        np.testing.assert_allclose(slope, exact_slope(lambda dial, y=y: mixture(dial, y), s), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("r", DIALS)
def test_our_lse(r):
    for y in windows(8):
        z = np.log(np.mean(np.exp(r * y))) / r
        np.testing.assert_allclose(z, float(lse(r, y)), **NEAR)
        assert y.mean() <= z <= y.max()
        with mpmath.workdps(60):
            np.testing.assert_allclose(float(lse(mpmath.mpf("1e-12"), y)), y.mean(), rtol=1e-9)
            np.testing.assert_allclose(float(lse(mpmath.mpf(10**6), y)), y.max(), rtol=1e-5)


@pytest.mark.parametrize("r", DIALS)
def test_our_lse_gradient(r):
    for y in windows(8):
        np.testing.assert_allclose(softmax(r * y), exact_gradient(partial(lse, r), y), **NEAR)


@pytest.mark.parametrize("r", DIALS)
def test_our_lse_slope(r):
    for y in windows(8):
        w, z = softmax(r * y), float(lse(r, y))
        exact = exact_slope(lambda dial, y=y: lse(dial, y), r)
        np.testing.assert_allclose((w @ y - z) / r, exact, rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose((np.log(len(y)) - entropy(w)) / r**2, exact, rtol=1e-8, atol=1e-12)
        assert exact > 0


@pytest.mark.parametrize("shift", [0.0, -1e4, 1e4])
@pytest.mark.parametrize("r", DIALS)
def test_our_lse_shift(r, shift):
    for y in windows(8) + shift:
        m = y.max()
        z = m + np.log(np.mean(np.exp(r * (y - m)))) / r
        with mpmath.workdps(60):
            np.testing.assert_allclose(z, float(lse(r, y)), rtol=1e-14)


@pytest.mark.parametrize("p", DIALS)
def test_our_gem(p):
    for y in windows(8):
        np.testing.assert_allclose(len(y) ** (-1 / p) * eta[p](y), float(gem(p, y)), **NEAR)


@pytest.mark.parametrize("p", DIALS)
def test_our_gem_gradients(p):
    for y in windows(8):
        n, z = len(y), float(gem(p, y))
        norm, pull = eta[p].vjp(y)
        exact = exact_gradient(partial(gem, p), y)
        np.testing.assert_allclose(n ** (-1 / p) * pull.x(1.0), exact, **NEAR)
        np.testing.assert_allclose(np.sign(y) / n * (np.abs(y) / z) ** (p - 1), exact, **NEAR)
        by_p = n ** (-1 / p) * (pull.theta(1.0)[0] + np.log(n) / p**2 * norm)
        np.testing.assert_allclose(by_p, exact_slope(lambda dial, y=y: gem(dial, y), p), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("p", DIALS)
def test_our_gem_lse(p):
    for y in windows(8):
        with mpmath.workdps(40):
            logs = [mpmath.log(abs(mpmath.mpf(v))) for v in y]
            assert mpmath.almosteq(mpmath.exp(lse(p, logs)), gem(p, y), rel_eps=mpmath.mpf("1e-35"))


FILTERS = np.random.default_rng(2).normal(size=(3, 2, 2, 2))


@pytest.mark.parametrize("f", [tanh, conv2d[FILTERS], lp_pool2d[3.0, 2] @ conv2d[FILTERS]], ids=str)
def test_our_dot_test(f):
    def sides(f, h=1e-6):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(2, 2, 5, 7))
        v = rng.normal(size=x.shape)
        y, pull = f.vjp(x)
        delta = rng.normal(size=y.shape)
        moved = (f(x + h * v) - f(x - h * v)) / (2 * h)
        return np.vdot(delta, moved), np.vdot(pull.x(delta), v)

    forward, backward = sides(f)
    np.testing.assert_allclose(forward, backward, rtol=1e-6)

    def wrong_at_one_entry(x):
        y, pull = f.vjp(x)

        def pull_x(delta):
            error = pull.x(delta)
            error[1, 0, 2, 3] *= 2
            return error

        return y, pull_x, None

    forward, backward = sides(Function(wrong_at_one_entry))
    assert abs(forward - backward) > 1e-4 * abs(forward)


@pytest.mark.parametrize("r", DIALS)
def test_our_shift(r):
    for y in windows(8):
        with mpmath.workdps(40):
            moved = lse(r, [mpmath.mpf(v) + 3 for v in y]) - lse(r, y)
            assert mpmath.almosteq(moved, 3, rel_eps=mpmath.mpf("1e-35"))
        np.testing.assert_allclose(sum(exact_gradient(partial(lse, r), y)), 1, rtol=1e-12)
    # GeM scales and does not shift.
    assert abs(sum(exact_gradient(partial(gem, 3), windows(8)[0])) - 1) > 0.01
