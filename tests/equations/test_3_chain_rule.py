"""The formulas of chapter 3, each computed without the pulls of chainbp and then held against them."""

from __future__ import annotations

import numpy as np
import pytest
from judges import complex_gradient, complex_step, logistic

from chainbp import Function, rho, sigma, squared_error

SEEDS = range(5)
NEAR = {"rtol": 1e-10, "atol": 1e-12}


class Chain:
    """L ∘ g⟦V⟧ ∘ f⟦W⟧ with f = ρ⟦W⟧ and g = ρ⟦V⟧ ∘ σ, in chainbp and once more in plain NumPy."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        m, h, n = rng.permutation([2, 3, 5]) + rng.integers(0, 3)
        self.x = rng.normal(size=m)
        self.W = rng.normal(size=(h, m))
        self.V = rng.normal(size=(n, h))
        self.t = rng.normal(size=n)
        self.f, self.g, self.L = rho[self.W], rho[self.V] @ sigma, squared_error[self.t]
        self.y = self.W @ self.x
        self.z = self.V @ logistic(self.y)
        self.delta = rng.normal(size=n)

    def numpy_g(self, y):
        return self.V @ logistic(y)

    def numpy_L(self, z):
        return np.sum((self.t - z) ** 2)


@pytest.fixture(params=SEEDS)
def chain(request):
    return Chain(request.param)


def test_our_sum_over_roads(chain):
    dg_df = complex_step(chain.numpy_g, chain.y)
    df_dx = complex_step(lambda x: chain.W @ x, chain.x)
    roads = np.zeros((len(chain.z), len(chain.x)))
    for i, j in np.ndindex(roads.shape):
        for h in range(len(chain.y)):
            roads[i, j] += dg_df[i, h] * df_dx[h, j]
    np.testing.assert_allclose(roads, complex_step(lambda x: chain.numpy_g(chain.W @ x), chain.x), **NEAR)
    np.testing.assert_allclose((chain.g @ chain.f).jacobian(chain.x), roads, **NEAR)


def test_eq_9(chain):
    df_dx = complex_step(lambda x: chain.W @ x, chain.x)
    product = complex_step(chain.numpy_L, chain.z) @ complex_step(chain.numpy_g, chain.y) @ df_dx
    whole = complex_step(lambda x: chain.numpy_L(chain.numpy_g(chain.W @ x)), chain.x)
    np.testing.assert_allclose(product, whole, **NEAR)
    factors = chain.L.jacobian(chain.z) @ chain.g.jacobian(chain.y) @ chain.f.jacobian(chain.x)
    np.testing.assert_allclose(factors, whole, **NEAR)
    _, pull = (chain.L @ chain.g @ chain.f).vjp(chain.x)
    np.testing.assert_allclose(pull.x(1.0), whole[0], **NEAR)


def test_eq_10(chain):
    def last_factor(W):
        return W @ chain.x

    row = complex_step(chain.numpy_L, chain.z) @ complex_step(chain.numpy_g, chain.y)
    product = (row @ complex_step(last_factor, chain.W)).reshape(chain.W.shape)
    whole = complex_gradient(lambda W: chain.numpy_L(chain.numpy_g(W @ chain.x)), chain.W)
    np.testing.assert_allclose(product, whole, **NEAR)
    np.testing.assert_allclose(np.outer(row[0], chain.x), whole, **NEAR)  # what the block collapses to
    _, pull = (chain.L @ chain.g @ chain.f).vjp(chain.x)
    dW, dV = pull.theta(1.0)
    np.testing.assert_allclose(dW, whole, **NEAR)
    of_V = complex_gradient(lambda V: chain.numpy_L(V @ logistic(chain.y)), chain.V)
    np.testing.assert_allclose(dV, of_V, **NEAR)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("length", [1, 2, 5, 9])
def test_our_chain_of_n(seed, length):
    rng = np.random.default_rng(seed)
    widths = rng.integers(1, 5, size=length + 1)
    x = rng.normal(size=widths[0])
    matrices = [rng.normal(size=(n, m)) for m, n in zip(widths, widths[1:])]
    product, h = np.eye(widths[0]), x
    for W in matrices:
        s = logistic(W @ h)
        product, h = (s * (1 - s))[:, None] * W @ product, s

    def run(x):
        for W in matrices:
            x = logistic(W @ x)
        return x

    np.testing.assert_allclose(product, complex_step(run, x), **NEAR)
    functions = [f for W in matrices for f in (rho[W], sigma)]
    composed = functions[0]
    for f in functions[1:]:
        composed = f @ composed
    np.testing.assert_allclose(composed.jacobian(x), product, **NEAR)


def test_our_pull(chain):
    sine = Function(lambda x: (np.sin(x), lambda delta: delta * np.cos(x), None), name="sin")
    for function, numpy_function, at in [
        (chain.f, lambda x: chain.W @ x, chain.x),
        (sigma, logistic, chain.y),
        (sine, np.sin, chain.y),
        (chain.g, chain.numpy_g, chain.y),
    ]:
        value, pull = function.vjp(at)
        delta = np.random.default_rng(0).normal(size=value.shape)
        np.testing.assert_allclose(pull.x(delta), delta @ complex_step(numpy_function, at), **NEAR)


def test_our_pull_of_composition(chain):
    pull_f = chain.f.vjp(chain.x)[1]
    pull_g = chain.g.vjp(chain.y)[1]
    pull_gf = (chain.g @ chain.f).vjp(chain.x)[1]
    by_matrix = chain.delta @ complex_step(lambda x: chain.numpy_g(chain.W @ x), chain.x)
    np.testing.assert_allclose(pull_f.x(pull_g.x(chain.delta)), by_matrix, **NEAR)
    np.testing.assert_allclose(pull_gf.x(chain.delta), by_matrix, **NEAR)
