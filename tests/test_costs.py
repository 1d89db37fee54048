"""The costs: values, gradients, and what they refuse."""

import numpy as np
import pytest

from chainbp import backprop, cross_entropy, rho, sigma, squared_error


@pytest.mark.parametrize("shape", [(), (3,), (3, 4)])
def test_squared_error(rng, central, shape):
    t, z = rng.normal(size=shape), rng.normal(size=shape)
    loss, pull = squared_error[t].vjp(z)
    assert loss == pytest.approx(((t - z) ** 2).sum())
    np.testing.assert_allclose(pull.x(1.0), -2 * (t - z), rtol=1e-14)
    np.testing.assert_allclose(np.ravel(pull.x(3.0)), 3 * central(squared_error[t], z)[0], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("shape", [(), (3,), (3, 4)])
def test_cross_entropy(rng, central, shape):
    t, z = rng.uniform(size=shape), rng.uniform(0.05, 0.95, size=shape)
    loss, pull = cross_entropy[t].vjp(z)
    assert loss == pytest.approx(-(t * np.log(z) + (1 - t) * np.log(1 - z)).sum())
    np.testing.assert_allclose(np.ravel(pull.x(1.0)), central(cross_entropy[t], z)[0], rtol=1e-6, atol=1e-8)


def test_cross_entropy_after_a_sigmoid_leaves_z_minus_t(rng):
    W, x, t = rng.normal(size=(3, 2)), rng.normal(size=2), np.array([1.0, 0.0, 0.3])
    bp = backprop(cross_entropy[t] @ sigma @ rho[W], x)
    np.testing.assert_allclose(bp.deltas[1], bp.hidden[2] - t, rtol=1e-12)


def test_cross_entropy_of_a_certain_and_right_unit_is_zero():
    loss, pull = cross_entropy[[0.0, 1.0]].vjp([0.0, 1.0])
    assert loss == pytest.approx(0, abs=1e-15)
    np.testing.assert_array_equal(pull.x(1.0), [0, 0])


@pytest.mark.parametrize(("t", "z"), [([1.0], [0.0]), ([0.0], [1.0]), ([0.5], [1.0])])
def test_cross_entropy_refuses_to_be_infinite(t, z):
    with pytest.raises(ValueError, match=r"cross_entropy\[t\].*infinite"):
        cross_entropy[t](z)
