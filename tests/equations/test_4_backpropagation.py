"""The formulas of chapter 4, each computed without backprop and then held against it."""

from __future__ import annotations

import numpy as np
import pytest
from judges import complex_gradient, complex_step, logistic

from chainbp import backprop, rho, sigma, squared_error

SEEDS = range(4)
NEAR = {"rtol": 1e-9, "atol": 1e-13}


class Deep:
    """A chain of weighted sums and sigmoids before a squared error: in chainbp, and as plain NumPy steps."""

    def __init__(self, depth: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        widths = rng.integers(1, 5, size=depth + 1)
        self.weights = [rng.normal(size=(n, m)) for m, n in zip(widths, widths[1:])]
        self.x = rng.normal(size=widths[0])
        self.t = rng.normal(size=widths[-1])
        net = sigma @ rho[self.weights[0]]
        for W in self.weights[1:]:
            net = sigma @ rho[W] @ net
        self.bp = backprop(squared_error[self.t] @ net, self.x)
        self.steps = []  # every box, in data order, as a NumPy function
        for W in self.weights:
            self.steps += [lambda h, W=W: W @ h, logistic]
        self.steps.append(lambda z: np.sum((self.t - z) ** 2))
        self.h = [self.x]
        for step in self.steps:
            self.h.append(step(self.h[-1]))

    def rest(self, i):
        """The loss as a function of h_i."""

        def loss(h):
            for step in self.steps[i:]:
                h = step(h)
            return h

        return loss


@pytest.fixture(params=[(depth, seed) for depth in (1, 2, 5, 12) for seed in SEEDS], ids=str)
def net(request):
    return Deep(*request.param)


def test_our_forward_recursion(net):
    assert len(net.bp.hidden) == len(net.h) - 1
    for ours, theirs in zip(net.h, net.bp.hidden):
        np.testing.assert_allclose(theirs, ours, **NEAR)
    np.testing.assert_allclose(net.bp.loss, net.h[-1], **NEAR)


def test_our_backward_recursion(net):
    delta = np.ones((1, 1))
    for i in range(len(net.steps), 0, -1):
        delta = delta @ complex_step(net.steps[i - 1], net.h[i - 1])  # the row times the Jacobian of box i
        np.testing.assert_allclose(delta, complex_step(net.rest(i - 1), net.h[i - 1]), **NEAR)
        np.testing.assert_allclose(net.bp.deltas[i - 1], delta[0], **NEAR)


def test_our_gradient(net):
    for layer, (W, gradient) in enumerate(zip(net.weights, net.bp.gradients)):
        i = 2 * layer + 1  # the box of this weight, counted from 1
        h = net.h[i - 1]
        delta = complex_step(net.rest(i), net.h[i])
        product = (delta @ complex_step(lambda W, h=h: W @ h, W)).reshape(W.shape)
        np.testing.assert_allclose(gradient, product, **NEAR)
        whole = complex_gradient(lambda W, h=h, i=i: net.rest(i)(W @ h), W)
        np.testing.assert_allclose(gradient, whole, **NEAR)


def test_our_step_through_a_layer(net):
    for layer, W in enumerate(net.weights):
        h = net.h[2 * layer + 2]
        row = net.bp.deltas[2 * layer + 2] @ np.diag(h * (1 - h)) @ W
        np.testing.assert_allclose(net.bp.deltas[2 * layer], row, **NEAR)


def test_our_vanishing_bound(net):
    for layer, W in enumerate(net.weights):
        before, after = net.bp.deltas[2 * layer], net.bp.deltas[2 * layer + 2]
        assert np.linalg.norm(before) <= np.linalg.svd(W)[1][0] / 4 * np.linalg.norm(after) * (1 + 1e-12)


def test_our_vanishing_bound_is_reached():
    # At 0 the slope of the sigmoid is 1/4, and a row along the first singular direction is stretched most.
    W = np.diag([3.0, 1.0])
    _, pull = (sigma @ rho[W]).vjp(np.zeros(2))
    np.testing.assert_allclose(np.linalg.norm(pull.x([1.0, 0.0])), 3 / 4)
