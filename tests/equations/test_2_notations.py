"""Equations (1)–(8): the notation, each held against NumPy written out by hand."""

import math

import numpy as np
import pytest
from judges import differences

from chainbp import Family, Function, rho, sigma


@pytest.fixture(params=range(3))
def rng(request):
    return np.random.default_rng(request.param)


def test_eq_1(rng):
    x = rng.normal(scale=3, size=(4, 3))
    by_hand = [[1 / (1 + math.exp(-value)) for value in row] for row in x]
    np.testing.assert_allclose(sigma @ x, by_hand, rtol=1e-14)


@pytest.mark.parametrize("x", [-700.0, -3.0, 0.0, 0.5, 40.0])
def test_eq_2(x):
    assert sigma(x) == pytest.approx(1 / (1 + math.exp(-x)), rel=1e-14)


def test_eq_3(rng):
    W, x = rng.normal(size=(2, 3)), rng.normal(size=3)
    bound = rho[W]
    assert isinstance(rho, Family)
    assert isinstance(bound, Function)
    np.testing.assert_array_equal(bound.parameters[0], W)
    np.testing.assert_allclose(bound(x), [sum(W[n, m] * x[m] for m in range(3)) for n in range(2)], rtol=1e-13)


def test_eq_4(rng):
    W, x = rng.normal(size=(2, 3)), rng.normal(size=3)
    f, g = rho[W], sigma
    np.testing.assert_array_equal(g @ f @ x, g(f(x)))
    assert not np.allclose(g @ f @ x, f(g(x)))


def test_eq_5(rng):
    W, V, x = rng.normal(size=(4, 3)), rng.normal(size=(2, 4)), rng.normal(size=3)
    chain = rho[V] @ rho[W]
    np.testing.assert_array_equal(chain @ x, rho[V](rho[W](x)))
    np.testing.assert_allclose(chain @ x, V @ (W @ x), rtol=1e-12)
    assert [theta.shape for theta in chain.parameters] == [(4, 3), (2, 4)]


def test_eq_6(rng):
    W, x = rng.normal(size=(4, 3)), rng.normal(size=3)
    np.testing.assert_allclose(sigma @ rho[W] @ x, 1 / (1 + np.exp(-np.einsum("nm,m->n", W, x))), rtol=1e-13)


def test_eq_7(rng):
    W, b, X = rng.normal(size=(4, 3)), rng.normal(size=4), rng.normal(size=(3, 5))
    np.testing.assert_allclose(rho[W] @ X, np.einsum("nm,mk->nk", W, X), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(rho[W, b] @ X, np.einsum("nm,mk->nk", W, X) + b[:, None], rtol=1e-12, atol=1e-14)


def test_eq_8(rng):
    W, x = rng.normal(size=(2, 3)), rng.normal(size=3)
    layer = sigma @ rho[W]
    np.testing.assert_allclose(layer.jacobian(x), differences(layer, x), rtol=1e-7, atol=1e-9)
