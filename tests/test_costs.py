"""The costs: values, gradients, and what they refuse."""

import mpmath
import numpy as np
import pytest
from judges import differences

from chainbp import backprop, cross_entropy, rho, sigma, softmax, softmax_cross_entropy, squared_error


@pytest.mark.parametrize("shape", [(), (3,), (3, 4)])
def test_squared_error(rng, shape):
    t, z = rng.normal(size=shape), rng.normal(size=shape)
    loss, pull = squared_error[t].vjp(z)
    assert loss == pytest.approx(((t - z) ** 2).sum())
    np.testing.assert_allclose(pull.x(1.0), -2 * (t - z), rtol=1e-14)
    np.testing.assert_allclose(np.ravel(pull.x(3.0)), 3 * differences(squared_error[t], z)[0], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("shape", [(), (3,), (3, 4)])
def test_cross_entropy(rng, shape):
    t, z = rng.uniform(size=shape), rng.uniform(0.05, 0.95, size=shape)
    loss, pull = cross_entropy[t].vjp(z)
    assert loss == pytest.approx(-(t * np.log(z) + (1 - t) * np.log(1 - z)).sum())
    np.testing.assert_allclose(np.ravel(pull.x(1.0)), differences(cross_entropy[t], z)[0], rtol=1e-6, atol=1e-8)


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
    with pytest.raises(ValueError, match=r"H\(t, ·\) cannot take .*infinite"):
        cross_entropy[t](z)


@pytest.mark.parametrize("shape", [(3,), (3, 4)])
def test_softmax_cross_entropy(rng, shape):
    t, z = softmax(rng.normal(size=shape)), rng.normal(size=shape)
    loss, pull = softmax_cross_entropy[t].vjp(z)
    assert loss == pytest.approx(-(t * np.log(softmax(z))).sum())
    np.testing.assert_allclose(pull.x(2.0), 2 * (softmax(z) - t), rtol=1e-14)
    np.testing.assert_allclose(np.ravel(pull.x(1.0)), differences(softmax_cross_entropy[t], z)[0], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("z", [[800.0, 0.0], [-800.0, 0.0], [1e308, -1e308], [40.0, 0.0], [1e-9, 0.0], [0.0, -np.inf]])
def test_softmax_cross_entropy_is_accurate_where_softmax_saturates(z):
    with np.errstate(all="raise", under="ignore"):
        loss, pull = softmax_cross_entropy[[1.0, 0.0]].vjp(z)
    with mpmath.workdps(50):
        gap = mpmath.mpf(z[1]) - mpmath.mpf(z[0])
        true = mpmath.log1p(mpmath.exp(gap)) if gap < 1e6 else gap
        share = 1 / (1 + mpmath.exp(-gap)) if abs(gap) < 1e6 else mpmath.mpf(gap > 0)
        assert abs(loss - true) <= 4e-16 * max(true, 1)
        np.testing.assert_allclose(pull.x(1.0), [-float(share), float(share)], rtol=1e-15, atol=3e-16)


@pytest.mark.parametrize("shape", [(3,), (3, 2)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_soft_targets_at_the_ends_of_the_floats(shape, dtype):
    largest = np.finfo(dtype).max
    z, t, y = (np.empty(shape, d) for d in (dtype, float, float))
    z.T[:], t.T[:], y.T[:] = [largest, -largest, 0], [0.75, 0.125, 0.125], [1, 0, 0]
    with np.errstate(all="raise", under="ignore"):
        loss, pull = softmax_cross_entropy[t].vjp(z)
        error = pull.x(1.0)
    # 1/8 of twice the largest float, and 1/8 of it, in each column.
    assert loss == pytest.approx(0.375 * float(largest) * (z.size // 3), rel=2 * float(np.finfo(dtype).eps))
    np.testing.assert_array_equal(error, y - t)


@pytest.mark.parametrize("size", [1.0, 30.0, 1e3, 1e300, 1e308])
def test_the_cost_of_soft_targets_is_accurate(rng, size):
    for _ in range(100):
        t, z = softmax(rng.normal(size=4)), size * rng.uniform(-1, 1, size=4)
        with mpmath.workdps(50):
            logits = [mpmath.mpf(v) for v in z]
            log_sum = mpmath.log(mpmath.fsum(mpmath.exp(v - max(logits)) for v in logits)) + max(logits)
            true = mpmath.fsum(mpmath.mpf(w) * (log_sum - v) for w, v in zip(t, logits))
            loss = softmax_cross_entropy[t](z)
            # A cost beyond the largest float is inf.
            assert abs(loss - true) <= 2e-15 * true if true < 1.797e308 else loss == np.inf


@pytest.mark.parametrize("gap", [5.0, 30.0, 50.0, 300.0])
def test_a_sure_and_right_answer_keeps_its_small_cost_and_its_small_error(gap):
    loss, pull = softmax_cross_entropy[[1.0, 0.0]].vjp([0.0, -gap])
    assert loss == pytest.approx(np.log1p(np.exp(-gap)), rel=1e-15, abs=0)
    np.testing.assert_allclose(pull.x(1.0), [-sigma(-gap), sigma(-gap)], rtol=4e-16)


def test_an_impossible_class_costs_only_where_it_is_the_target():
    assert softmax_cross_entropy[[1.0, 0.0]]([0.0, -np.inf]) == 0
    assert softmax_cross_entropy[[0.0, 1.0]]([0.0, -np.inf]) == np.inf
