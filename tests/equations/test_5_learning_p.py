"""The formulas of chapter 5, each written out by hand or in mpmath and held against chainbp."""

from __future__ import annotations

from functools import partial

import mpmath
import numpy as np
import pytest
from judges import entropy, exact_slope, lp_norm, shares, windows

from chainbp import Family, Function, check_gradient, eta, rho, squared_error

ORDERS = [0.5, 1.0, 1.5, 2.0, 3.0, 4.7, 10.0]
NEAR = {"rtol": 1e-9, "atol": 1e-13}


def log_z(y, p):
    """ln η_p(y), by (32) word for word, at mpmath's precision."""
    return mpmath.log(lp_norm(p, y))


def log_mean(y, p):
    return log_z(y, p) - mpmath.log(len(y)) / p


def test_our_entropy():
    for n in (1, 2, 7):
        even = np.full(n, 1 / n)
        np.testing.assert_allclose(entropy(even), np.log(n), atol=1e-15)
        assert entropy(np.eye(n)[0]) == 0
        for w in np.random.default_rng(n).dirichlet(np.ones(n), size=50):
            assert -1e-15 <= entropy(w) <= np.log(n) + 1e-15
    # Shared in two rounds, the rounds add up: Shannon's axiom, which singles out this function.
    groups = np.random.default_rng(0).dirichlet(np.ones(3))
    within = np.random.default_rng(1).dirichlet(np.ones(4), size=3)
    rounds = entropy(groups) + sum(share * entropy(w) for share, w in zip(groups, within))
    np.testing.assert_allclose(entropy((groups[:, None] * within).ravel()), rounds)
    # The entropy that eta uses, read back from its derivative.
    z, pull = eta[2.0].vjp(np.ones(7))
    np.testing.assert_allclose(-pull.theta(1.0)[0] * 4 / z, np.log(7))


@pytest.mark.parametrize("p", ORDERS)
def test_our_slope_two_terms(p):
    for y in windows():
        w, s = shares(y, p), np.sum(np.abs(y) ** p)
        two_terms = -np.log(s) / p**2 + np.sum(w * np.log(np.abs(y))) / p
        np.testing.assert_allclose(two_terms, exact_slope(partial(log_z, y), p), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("p", ORDERS)
def test_our_slope_entropy(p):
    for y in windows():
        truth = exact_slope(partial(log_z, y), p)
        z, pull = eta[p].vjp(y)
        np.testing.assert_allclose(-entropy(shares(y, p)) / p**2, truth, **NEAR)
        np.testing.assert_allclose(pull.theta(1.0)[0] / z, truth, **NEAR)


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("p", [1, 3, 20, 200])
def test_our_max_rate(k, p):
    rng = np.random.default_rng(k)
    for _ in range(20):
        losers = rng.uniform(0, 0.95, size=4)
        y = 2.5 * np.concatenate([np.ones(k), losers])
        with mpmath.workdps(60):
            rest = log_z(y, mpmath.mpf(p)) - mpmath.log(mpmath.mpf(2.5)) - mpmath.log(k) / p
            bound = mpmath.mpf(4) / (k * p) * mpmath.mpf(float(losers.max())) ** p
            assert mpmath.mpf("-1e-50") <= rest <= bound * (1 + mpmath.mpf("1e-12")) + mpmath.mpf("1e-50")
        np.testing.assert_allclose(np.log(eta[float(p)](y)), np.log(2.5) + np.log(k) / p + float(rest), rtol=1e-13)


@pytest.mark.parametrize("p", ORDERS)
def test_our_mean_slope(p):
    for y in windows():
        by_entropy = (np.log(len(y)) - entropy(shares(y, p))) / p**2
        np.testing.assert_allclose(by_entropy, exact_slope(partial(log_mean, y), p), **NEAR)
        assert by_entropy >= 0


@pytest.mark.parametrize("p", ORDERS)
def test_our_slope_inverse(p):
    for y in windows():

        def z_of_u(u, y=y):
            return mpmath.exp(log_z(y, 1 / u))

        z, pull = eta[p].vjp(y)
        truth = exact_slope(z_of_u, 1 / p)
        np.testing.assert_allclose(z * entropy(shares(y, p)), truth, rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(-(p**2) * pull.theta(1.0)[0], truth, rtol=1e-8, atol=1e-12)


@Family
def eta_above_1(s, n):
    p = 1 + np.exp(s)
    pool = eta[p, n]

    def forward(y):
        z, pull = pool.vjp(y)
        return z, pull.x, lambda d: ((p - 1) * pull.theta(d)[0],)

    return Function(forward, (s,), name="η", symbols=("s",))


def test_our_p_above_one():
    rng = np.random.default_rng(8)
    for _ in range(5):
        s, y = rng.normal(size=3), rng.normal(size=6)
        (by_chain_rule,) = eta_above_1[s, 2].vjp(y)[1].theta(np.ones(3))
        for j in range(3):

            def z(t, pair=y[2 * j : 2 * j + 2]):
                return mpmath.exp(log_z(pair, 1 + mpmath.exp(t)))

            np.testing.assert_allclose(by_chain_rule[j], exact_slope(z, s[j]), **NEAR)
    W = rng.normal(size=(6, 2))
    assert check_gradient(squared_error[np.ones(3)] @ eta_above_1[s, 2] @ rho[W], rng.normal(size=2))


def test_our_turned_square():
    pairs = np.random.default_rng(9).normal(size=(2, 200))
    turn = np.array([[1, 1], [1, -1]])
    np.testing.assert_allclose(eta[np.inf](pairs), eta[1.0](turn @ pairs) / 2, rtol=1e-14)
    np.testing.assert_allclose(np.maximum(*np.abs(pairs)), np.abs(turn @ pairs).sum(axis=0) / 2, rtol=1e-14)
