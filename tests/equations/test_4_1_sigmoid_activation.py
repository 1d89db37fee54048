"""The formulas of chapter 4.1, each written out by hand and held against chainbp on random networks."""

from __future__ import annotations

import numpy as np
import pytest
from judges import complex_gradient, complex_step, logistic

from chainbp import Function, backprop, cross_entropy, rho, sigma, squared_error, two_layer

SEEDS = range(5)
NEAR = {"rtol": 1e-10, "atol": 1e-12}


class Net:
    """A random two-layer network, run forward in NumPy."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        inputs, units, outputs = rng.permutation([2, 3, 4]) + rng.integers(0, 3)
        self.x = rng.normal(size=inputs)
        self.W1 = rng.normal(size=(units, inputs))
        self.W2 = rng.normal(size=(outputs, units))
        self.t = rng.uniform(size=outputs)
        self.yp = self.W1 @ self.x
        self.y = logistic(self.yp)
        self.zp = self.W2 @ self.y
        self.z = logistic(self.zp)
        self.loss = squared_error[self.t] @ two_layer(self.W1, self.W2)
        self.bp = backprop(self.loss, self.x)


@pytest.fixture(params=SEEDS)
def net(request):
    return Net(request.param)


def cost(net, z):
    return np.sum((net.t - z) ** 2)


def of_W1(net):
    return lambda W: cost(net, logistic(net.W2 @ logistic(W @ net.x)))


def of_W2(net):
    return lambda W: cost(net, logistic(W @ net.y))


def jacobians(net):
    """∂L/∂z, ∂z/∂z', ∂z'/∂y, ∂y/∂y' by complex step: what the products of (19)–(26) are made of."""
    return (
        complex_step(lambda z: cost(net, z), net.z),
        complex_step(logistic, net.zp),
        complex_step(lambda y: net.W2 @ y, net.y),
        complex_step(logistic, net.yp),
    )


def test_eq_11(net):
    y = sigma @ rho[net.W1] @ net.x
    np.testing.assert_allclose(y, [1 / (1 + np.exp(-row @ net.x)) for row in net.W1], **NEAR)
    np.testing.assert_allclose(y, sigma(rho[net.W1](net.x)), **NEAR)


def test_eq_12(net):
    assert isinstance(rho[net.W1], Function)
    by_hand = [sum(w * v for w, v in zip(row, net.x, strict=True)) for row in net.W1]
    np.testing.assert_allclose(rho[net.W1](net.x), by_hand, **NEAR)


def test_eq_13(net):
    z = sigma @ rho[net.W2] @ sigma @ rho[net.W1] @ net.x
    np.testing.assert_allclose(z, logistic(net.W2 @ logistic(net.W1 @ net.x)), **NEAR)
    np.testing.assert_allclose(z, two_layer(net.W1, net.W2) @ net.x, **NEAR)


def test_eq_14(net):
    np.testing.assert_allclose(net.bp.hidden[4], 1 / (1 + np.exp(-net.bp.hidden[3])), **NEAR)


def test_eq_15(net):
    np.testing.assert_allclose(net.bp.hidden[3], np.einsum("nj,j->n", net.W2, net.bp.hidden[2]), **NEAR)


def test_eq_16(net):
    np.testing.assert_allclose(net.bp.hidden[2], 1 / (1 + np.exp(-net.bp.hidden[1])), **NEAR)


def test_eq_17(net):
    np.testing.assert_allclose(net.bp.hidden[1], np.einsum("nj,j->n", net.W1, net.x), **NEAR)
    assert len(net.bp.hidden) == 5


def test_eq_18(net):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(net.x.size, 6))
    T = rng.uniform(size=(net.t.size, 6))
    Z = logistic(net.W2 @ logistic(net.W1 @ X))
    by_hand = sum((T[n, k] - Z[n, k]) ** 2 for n in range(net.t.size) for k in range(6))
    bp = backprop(squared_error[T] @ two_layer(net.W1, net.W2), X)
    np.testing.assert_allclose(bp.loss, by_hand, **NEAR)
    single = [backprop(squared_error[T[:, k]] @ two_layer(net.W1, net.W2), X[:, k]) for k in range(6)]
    for i, gradient in enumerate(bp.gradients):
        np.testing.assert_allclose(gradient, sum(one.gradients[i] for one in single), **NEAR)


def test_eq_19(net):
    dL_dz, dz_dzp, _, _ = jacobians(net)
    dzp_dW2 = complex_step(lambda W: W @ net.y, net.W2)
    product = (dL_dz @ dz_dzp @ dzp_dW2).reshape(net.W2.shape)
    np.testing.assert_allclose(product, complex_gradient(of_W2(net), net.W2), **NEAR)
    np.testing.assert_allclose(product, net.bp.gradients[1], **NEAR)
    printed = (dL_dz @ dzp_dW2).reshape(net.W2.shape)
    assert not np.allclose(printed, net.bp.gradients[1], rtol=0.5)


def test_eq_20(net):
    dL_dz, dz_dzp, dzp_dy, dy_dyp = jacobians(net)
    dyp_dW1 = complex_step(lambda W: W @ net.x, net.W1)
    product = (dL_dz @ dz_dzp @ dzp_dy @ dy_dyp @ dyp_dW1).reshape(net.W1.shape)
    np.testing.assert_allclose(product, complex_gradient(of_W1(net), net.W1), **NEAR)
    np.testing.assert_allclose(product, net.bp.gradients[0], **NEAR)


def test_eq_21(net):
    dL_dz, dz_dzp, _, _ = jacobians(net)
    np.testing.assert_allclose((dL_dz @ dz_dzp)[0], net.bp.deltas[3], **NEAR)


def test_eq_22(net):
    dL_dz, dz_dzp, dzp_dy, dy_dyp = jacobians(net)
    np.testing.assert_allclose((dL_dz @ dz_dzp @ dzp_dy @ dy_dyp)[0], net.bp.deltas[1], **NEAR)


def test_eq_23(net):
    np.testing.assert_allclose(complex_gradient(lambda z: cost(net, z), net.z), net.bp.deltas[4], **NEAR)


def test_our_squared_error_delta(net):
    delta = squared_error[net.t].jacobian(net.z)
    np.testing.assert_allclose(delta, [-2 * (net.t - net.z)], **NEAR)
    np.testing.assert_allclose(delta, complex_step(lambda z: cost(net, z), net.z), **NEAR)


def test_eq_24(net):
    measured = complex_gradient(lambda zp: cost(net, logistic(zp)), net.zp)
    np.testing.assert_allclose(measured, net.bp.deltas[3], **NEAR)
    np.testing.assert_allclose(measured, net.bp.deltas[4] @ complex_step(logistic, net.zp), **NEAR)
    assert not np.allclose(measured, net.bp.deltas[4], rtol=0.5)


def test_eq_25(net):
    measured = complex_gradient(lambda y: cost(net, logistic(net.W2 @ y)), net.y)
    np.testing.assert_allclose(measured, net.bp.deltas[2], **NEAR)
    np.testing.assert_allclose(measured, net.bp.deltas[3] @ net.W2, **NEAR)


def test_eq_26(net):
    measured = complex_gradient(lambda yp: cost(net, logistic(net.W2 @ logistic(yp))), net.yp)
    np.testing.assert_allclose(measured, net.bp.deltas[1], **NEAR)
    np.testing.assert_allclose(measured, net.bp.deltas[2] @ complex_step(logistic, net.yp), **NEAR)


def test_our_cross_entropy_delta(net):
    def entropy(zp):
        z = logistic(zp)
        return -np.sum(net.t * np.log(z) + (1 - net.t) * np.log(1 - z))

    bp = backprop(cross_entropy[net.t] @ two_layer(net.W1, net.W2), net.x)
    np.testing.assert_allclose(bp.deltas[3], net.z - net.t, **NEAR)
    np.testing.assert_allclose(bp.deltas[3], complex_gradient(entropy, net.zp), **NEAR)


def test_our_sigmoid_derivative():
    x = np.linspace(-30, 30, 241)
    measured = np.diag(complex_step(logistic, x))
    s = sigma(x)
    np.testing.assert_allclose(np.exp(-x) / (1 + np.exp(-x)) ** 2, measured, rtol=1e-12)
    # 1 − σ has lost digits where σ is nearly 1.
    np.testing.assert_allclose(s * (1 - s), measured, rtol=1e-10, atol=1e-15)


def test_eq_27(net):
    right = np.diag(net.z * (1 - net.z))
    np.testing.assert_allclose(right, complex_step(logistic, net.zp), **NEAR)
    np.testing.assert_allclose(right, sigma.jacobian(net.zp), **NEAR)
    printed = np.diag(net.zp * (1 - net.zp))
    assert not np.allclose(printed, sigma.jacobian(net.zp), rtol=0.01)


def test_eq_28(net):
    np.testing.assert_allclose(rho[net.W2].jacobian(net.y), complex_step(lambda y: net.W2 @ y, net.y), **NEAR)
    np.testing.assert_allclose(rho[net.W2].jacobian(net.y), net.W2, **NEAR)
    delta = net.bp.deltas[3]
    np.testing.assert_allclose(rho[net.W2].vjp(net.y)[1].x(delta), net.W2.T @ delta, **NEAR)


def test_eq_29(net):
    right = np.diag(net.y * (1 - net.y))
    np.testing.assert_allclose(right, complex_step(logistic, net.yp), **NEAR)
    np.testing.assert_allclose(right, sigma.jacobian(net.yp), **NEAR)
    printed = np.diag(net.yp * (1 - net.yp))
    assert not np.allclose(printed, sigma.jacobian(net.yp), rtol=0.01)


def collapses(W, into, delta):
    """δ times the array ∂(W x)/∂W with its three indices, and the outer product δ xᵀ."""
    tensor = complex_step(lambda W: W @ into, W).reshape(W.shape[0], *W.shape)
    return np.einsum("n,nij->ij", delta, tensor), delta[:, None] @ into[None, :]


def test_eq_30(net):
    contracted, outer = collapses(net.W2, net.y, net.bp.deltas[3])
    np.testing.assert_allclose(contracted, outer, **NEAR)
    np.testing.assert_allclose(net.bp.gradients[1], outer, **NEAR)


def test_eq_31(net):
    contracted, outer = collapses(net.W1, net.x, net.bp.deltas[1])
    np.testing.assert_allclose(contracted, outer, **NEAR)
    np.testing.assert_allclose(net.bp.gradients[0], outer, **NEAR)


def test_our_backward_columns(net):
    delta_z = -2 * (net.t - net.z)
    delta_zp = delta_z * net.z * (1 - net.z)
    delta_y = net.W2.T @ delta_zp
    delta_yp = delta_y * net.y * (1 - net.y)
    for ours, theirs in zip([delta_yp, delta_y, delta_zp, delta_z], net.bp.deltas[1:5], strict=True):
        np.testing.assert_allclose(ours, theirs, **NEAR)
    dW2, dW1 = np.outer(delta_zp, net.y), np.outer(delta_yp, net.x)
    np.testing.assert_allclose(dW2, complex_gradient(of_W2(net), net.W2), **NEAR)
    np.testing.assert_allclose(dW1, complex_gradient(of_W1(net), net.W1), **NEAR)
