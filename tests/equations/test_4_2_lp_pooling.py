"""The formulas of chapter 4.2, each written out by hand or in mpmath and held against chainbp."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from judges import complex_gradient, exact_gradient, exact_norm, exact_slope, logistic, lp_norm, shares, windows

from chainbp import backprop, eta, lp_network, squared_error

SEEDS = range(5)
ORDERS = [0.5, 1.0, 1.5, 2.0, 3.0, 4.7, 10.0]
NEAR = {"rtol": 1e-9, "atol": 1e-12}


class Net:
    """A random network with Lp pooling, run forward in NumPy."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.x = rng.normal(size=3 + seed % 2)
        self.W = rng.normal(size=(4, self.x.size))
        self.p = rng.uniform(0.8, 5)
        self.t = rng.uniform()
        self.yp = self.W @ self.x
        self.y = logistic(self.yp)
        self.z = np.sum(self.y**self.p) ** (1 / self.p)
        self.bp = backprop(squared_error[self.t] @ lp_network(self.W, self.p), self.x)

    def cost_of_z(self, z):
        return (self.t - z) ** 2

    def cost_of_y(self, y):
        return self.cost_of_z(np.sum(y**self.p) ** (1 / self.p))

    def cost_of_yp(self, yp):
        return self.cost_of_y(logistic(yp))

    def cost_of_W(self, W):
        return self.cost_of_yp(W @ self.x)


@pytest.fixture(params=SEEDS)
def net(request):
    return Net(request.param)


@pytest.mark.parametrize("p", ORDERS)
def test_eq_32(p):
    for y in windows(20):
        np.testing.assert_allclose(eta[p](y), exact_norm(p, y), rtol=1e-14)


def test_eq_32_at_its_ends():
    for y in windows(20):
        np.testing.assert_allclose(eta[1](y), np.abs(y).sum(), rtol=1e-14)
        np.testing.assert_allclose(eta[2](y), np.linalg.norm(y), rtol=1e-14)
        assert eta[np.inf](y) == np.abs(y).max()


@pytest.mark.parametrize("p", ORDERS)
def test_eq_33(p):
    for y in windows(10):
        truth = exact_gradient(partial(lp_norm, p), y)
        printed = np.sum(np.abs(y) ** p) ** (1 / p - 1) * np.abs(y) ** (p - 1)
        np.testing.assert_allclose(printed * np.sign(y), truth, **NEAR)
        np.testing.assert_allclose(eta[p].vjp(y)[1].x(1.0), truth, **NEAR)
        np.testing.assert_allclose(eta[p].jacobian(y), [truth], **NEAR)
        if (y < 0).any():
            assert not np.allclose(printed, truth, rtol=0.1)


@pytest.mark.parametrize("p", ORDERS)
def test_our_lp_gradient(p):
    for y in windows(10):
        r = np.abs(y) / exact_norm(p, y)
        np.testing.assert_allclose(np.sign(y) * r ** (p - 1), exact_gradient(partial(lp_norm, p), y), **NEAR)


@pytest.mark.parametrize("p", [*ORDERS, 300.0, np.inf])
def test_our_euler(p):
    for y in windows(20):
        z, pull = eta[p].vjp(y)
        np.testing.assert_allclose(y @ pull.x(1.0), z, rtol=1e-12)


@pytest.mark.parametrize("p", [*ORDERS, 400.0])
@pytest.mark.parametrize("size", [1e-200, 0.1, 10.0, 1e200])
def test_our_scaling(p, size):
    for y in windows(5) * size:
        m = np.abs(y).max()
        scaled = m * np.sum((np.abs(y) / m) ** p) ** (1 / p)
        np.testing.assert_allclose(scaled, exact_norm(p, y), rtol=1e-12)
        np.testing.assert_allclose(eta[p](y), scaled, rtol=1e-12)


def test_eq_34(net):
    np.testing.assert_allclose(lp_network(net.W, net.p) @ net.x, net.z, **NEAR)


def test_eq_35(net):
    y = net.bp.hidden[2]
    np.testing.assert_allclose(net.bp.hidden[3], exact_norm(net.p, y), **NEAR)


def test_eq_36(net):
    np.testing.assert_allclose(net.bp.hidden[2], logistic(net.bp.hidden[1]), **NEAR)


def test_eq_37(net):
    np.testing.assert_allclose(net.bp.hidden[1], np.einsum("nj,j->n", net.W, net.x), **NEAR)
    assert len(net.bp.hidden) == 4


def test_eq_38(net):
    np.testing.assert_allclose(net.bp.deltas[3], complex_gradient(net.cost_of_z, net.z), **NEAR)
    np.testing.assert_allclose(net.bp.deltas[3], -2 * (net.t - net.z), **NEAR)


def test_eq_39(net):
    np.testing.assert_allclose(net.bp.deltas[2], complex_gradient(net.cost_of_y, net.y), **NEAR)
    by_hand = net.bp.deltas[3] * exact_gradient(partial(lp_norm, net.p), net.y)
    np.testing.assert_allclose(net.bp.deltas[2], by_hand, **NEAR)


def test_eq_40(net):
    np.testing.assert_allclose(net.bp.deltas[1], complex_gradient(net.cost_of_yp, net.yp), **NEAR)
    np.testing.assert_allclose(net.bp.deltas[1], net.bp.deltas[2] @ np.diag(net.y * (1 - net.y)), **NEAR)


def test_eq_41(net):
    truth = complex_gradient(net.cost_of_W, net.W)
    np.testing.assert_allclose(net.bp.gradients[0], truth, **NEAR)
    np.testing.assert_allclose(net.bp.deltas[1][:, None] @ net.x[None, :], truth, **NEAR)


@pytest.mark.parametrize("p", ORDERS)
def test_our_lp_slope_in_p(p):
    for y in windows(10):
        truth = exact_slope(lambda q, y=y: lp_norm(q, y), p)
        z, pull = eta[p].vjp(y)
        w = shares(y, p)
        np.testing.assert_allclose(z / p * (np.sum(w * np.log(np.abs(y))) - np.log(z)), truth, rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(z / p**2 * np.sum(w * np.log(w)), truth, rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(pull.theta(1.0)[0], truth, **NEAR)
