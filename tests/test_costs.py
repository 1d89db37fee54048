"""The costs: values, gradients, and what they refuse."""

import mpmath
import numpy as np
import pytest
from judges import EPS, differences

from chainbp import (
    backprop,
    cross_entropy,
    rho,
    sigma,
    sigmoid_cross_entropy,
    softmax,
    softmax_cross_entropy,
    squared_error,
)


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


@pytest.mark.parametrize("z", [1e-320, 1e-310, 1e-300, 1e-20, 1e-9, 0.3, 1 - 1e-9])
@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_cross_entropy_keeps_its_digits(t, z):
    with mpmath.workdps(400):
        exact = mpmath.mpf(z)
        loss = -t * mpmath.log(exact) - (1 - mpmath.mpf(t)) * mpmath.log(1 - exact)
        slope = (exact - t) / (exact * (1 - exact))
    if abs(slope) > np.finfo(float).max:
        with pytest.raises(ValueError, match="infinite"):
            cross_entropy[[t]]([z])
        return
    got, pull = cross_entropy[[t]].vjp([z])
    assert abs(got - loss) <= 3 * EPS * loss
    np.testing.assert_allclose(pull.x(1.0), [float(slope)], rtol=4 * EPS)


@pytest.mark.parametrize(
    ("x", "dtype"), [(-709.0, "float64"), (-700.0, "float64"), (-88.0, "float32"), (-80.0, "float32")]
)
def test_a_probability_may_be_as_small_as_floats_are(x, dtype):
    deltas = backprop(cross_entropy[[1.0]] @ sigma, np.array([x], dtype)).deltas
    np.testing.assert_allclose(deltas[0], [-1.0], rtol=3 * float(np.finfo(dtype).eps))
    assert deltas[0].dtype == dtype


@pytest.mark.parametrize("shape", [(), (3,), (3, 4)])
def test_sigmoid_cross_entropy(rng, shape):
    t, z = rng.uniform(size=shape), rng.normal(size=shape)
    loss, pull = sigmoid_cross_entropy[t].vjp(z)
    assert loss == pytest.approx(cross_entropy[t](sigma(z)), rel=1e-13)
    np.testing.assert_allclose(np.ravel(pull.x(3.0)), 3 * differences(sigmoid_cross_entropy[t], z)[0], atol=1e-8)


@pytest.mark.parametrize("z", [-800.0, -36.0, -30.0, -1e-9, 0.0, 0.7, 30.0, 40.0, 800.0, 1e300])
@pytest.mark.parametrize("t", [0.0, 1.0, 0.25])
def test_sigmoid_cross_entropy_against_mpmath(t, z):
    loss, pull = sigmoid_cross_entropy[[t]].vjp([z])
    with mpmath.workdps(30):
        exact = mpmath.mpf(z)
        tail = mpmath.log1p(mpmath.exp(-abs(exact)))
        true = t * (max(-exact, 0) + tail) + (1 - mpmath.mpf(t)) * (max(exact, 0) + tail)
        assert abs(loss - true) <= 3 * EPS * true + 5e-324
        slope = float((1 - mpmath.mpf(t)) / (1 + mpmath.exp(-exact)) - t / (1 + mpmath.exp(exact)))
    np.testing.assert_allclose(pull.x(1.0), [slope], rtol=4 * EPS, atol=2e-308)


def test_an_infinite_logit_costs_only_where_it_is_wrong():
    loss, pull = sigmoid_cross_entropy[[1.0, 0.0]].vjp([np.inf, -np.inf])
    assert loss == 0
    np.testing.assert_array_equal(pull.x(1.0), [0, 0])
    assert sigmoid_cross_entropy[[0.0]]([np.inf]) == sigmoid_cross_entropy[[1.0]]([-np.inf]) == np.inf
    assert sigmoid_cross_entropy[[0.5]]([np.inf]) == np.inf
    assert np.isnan(sigmoid_cross_entropy[[0.5]]([np.nan]))


def test_our_own_probabilities_are_targets(rng):
    """Σt is 1 but for rounding, and the gradient is that of the loss as it is."""
    logits = (3 * rng.normal(size=(1000, 20))).astype(np.float32)
    t, z = softmax @ logits, rng.normal(size=(1000, 20))
    loss, pull = softmax_cross_entropy[t].vjp(z)
    assert np.isfinite(loss)
    # Along (1, 1, …) the loss changes by Σt − 1 for each sample, however little: it is linear there.
    whole = t.astype(float).sum(axis=0)
    np.testing.assert_allclose(pull.x(1.0).sum(axis=0), 0, atol=1e-15 * 1000)
    np.testing.assert_allclose(pull.x(1.0), (softmax @ z) * whole - t, rtol=0, atol=1e-15)
    t = np.array([0.5004, 0.3, 0.2])
    slope = differences(softmax_cross_entropy[t], [0.3, -1.0, 2.0], h=1e-5)[0]
    np.testing.assert_allclose(softmax_cross_entropy[t].vjp([0.3, -1.0, 2.0])[1].x(1.0), slope, atol=1e-9)
    with pytest.raises(ValueError, match="sum to 1"):
        softmax_cross_entropy[[0.6, 0.4015]]


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
