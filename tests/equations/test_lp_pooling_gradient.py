"""The formulas of "Gradient of Lp and GeM pooling", written out by hand and held against a complex step or mpmath."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from judges import complex_gradient, complex_step, entropy, exact_norm, exact_slope, lp_norm, shares, windows

from chainbp import eta

ORDERS = [0.5, 1.0, 1.5, 2.0, 3.0, 4.7, 10.0]
NEAR = {"rtol": 1e-10, "atol": 1e-13}


def lp(y, p):
    return np.sum((y * y) ** (p / 2)) ** (1 / p)  # also of complex numbers


def gem(y, p):
    return np.mean((y * y) ** (p / 2)) ** (1 / p)


@pytest.mark.parametrize("p", ORDERS)
def test_our_two_forms(p):
    for y in windows():
        np.testing.assert_allclose(lp(y, p), exact_norm(p, y), rtol=1e-13)
        np.testing.assert_allclose(gem(y, p), len(y) ** (-1 / p) * (eta[p] @ y), rtol=1e-13)


@pytest.mark.parametrize("p", ORDERS)
def test_our_derivatives_by_an_entry(p):
    for y in windows():
        r = np.abs(y) / lp(y, p)
        np.testing.assert_allclose(np.sign(y) * r ** (p - 1), complex_gradient(partial(lp, p=p), y), **NEAR)
        r = np.abs(y) / gem(y, p)
        np.testing.assert_allclose(np.sign(y) / len(y) * r ** (p - 1), complex_gradient(partial(gem, p=p), y), **NEAR)


@pytest.mark.parametrize("p", ORDERS)
def test_our_derivatives_by_p(p):
    for y in windows():
        w, n = shares(y, p), len(y)
        slope = -lp(y, p) / p**2 * entropy(w)
        np.testing.assert_allclose(slope, exact_slope(lambda p, y=y: lp_norm(p, y), p), **NEAR)
        np.testing.assert_allclose(slope, eta[p].vjp(y)[1].theta(1.0)[0], **NEAR)
        mean = gem(y, p) / p**2 * (np.log(n) - entropy(w))
        exact = exact_slope(lambda p, y=y, n=n: lp_norm(p, y) * n ** (-1 / p), p)
        np.testing.assert_allclose(mean, exact, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("p", ORDERS)
def test_our_forward_mode(p):
    rng, h = np.random.default_rng(0), 1e-30
    for y in windows():
        dy, dp = rng.normal(size=y.shape), rng.normal()
        z, pull = eta[p].vjp(y)
        along = pull.x(1.0) @ dy + pull.theta(1.0)[0] * dp
        moved = np.imag(lp(y + 1j * h * dy, p + 1j * h * dp)) / h
        np.testing.assert_allclose(along, moved, **NEAR)
        assert z > 0


@pytest.mark.parametrize("p", ORDERS)
def test_our_hessian(p):
    def gradient(y):
        return lp(y, p) ** (1 - p) * y * (y * y) ** (p / 2 - 1)

    for y in windows():
        z, g = lp(y, p), gradient(y)
        r = np.abs(y) / z
        H = (p - 1) / z * (np.diag(r ** (p - 2)) - np.outer(g, g))
        np.testing.assert_allclose(H, complex_step(gradient, y), rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(H @ y, 0, atol=1e-9)
