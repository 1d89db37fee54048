"""The formulas of chapter 1, held against judges that know no chain rule."""

from __future__ import annotations

import numpy as np
import pytest
from judges import complex_gradient, logistic

from chainbp import backprop, rho, sigma, squared_error, train


@pytest.mark.parametrize(("x", "w", "t"), [(2.0, 0.5, 0.0), (3.0, 0.0, 1.0), (-1.3, 2.1, 0.4)])
def test_our_scalar_walk(x, w, t):
    z = logistic(w * x)
    delta_z = -2 * (t - z)
    delta_zp = delta_z * z * (1 - z)
    bp = backprop(squared_error[[t]] @ sigma @ rho[[[w]]], [x])
    np.testing.assert_allclose([delta_zp, delta_z], [bp.deltas[1][0], bp.deltas[2][0]], rtol=1e-14)
    np.testing.assert_allclose(delta_zp * x, bp.gradients[0][0, 0], rtol=1e-14)
    truth = complex_gradient(lambda w: (t - logistic(w[0] * x)) ** 2, np.array([w]))
    np.testing.assert_allclose(delta_zp * x, truth[0], rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_our_update(seed):
    rng = np.random.default_rng(seed)
    W, x, t = rng.normal(size=(2, 3)), rng.normal(size=(3, 1)), rng.normal(size=(2, 1))
    gradient = complex_gradient(lambda W: np.sum((t - logistic(W @ x)) ** 2), W)
    # One sample, so that the sum of (18) is the mean that train steps along.
    step = train(sigma @ rho[W], squared_error, x, t, steps=1, rate=0.01, progress=False)
    np.testing.assert_allclose(step.network.parameters[0], W - 0.01 * gradient, rtol=1e-10)
    loss = squared_error[t] @ sigma
    assert loss @ rho[W - 0.01 * gradient] @ x < loss @ rho[W] @ x
