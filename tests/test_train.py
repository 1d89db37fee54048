"""Gradient descent."""

import numpy as np
import pytest

from chainbp import (
    Family,
    Function,
    backprop,
    conv2d,
    cross_entropy,
    eta,
    flatten,
    lp_network,
    lp_pool2d,
    relu,
    rho,
    sigma,
    softmax_cross_entropy,
    squared_error,
    train,
    two_layer,
)


@pytest.fixture
def xor():
    return np.array([[0, 0, 1, 1], [0, 1, 0, 1.0]]), np.array([[0, 1, 1, 0.0]])


@pytest.fixture
def net(rng):
    return sigma @ rho[rng.normal(size=(1, 4)), np.zeros(1)] @ sigma @ rho[rng.normal(size=(4, 2)), np.zeros(4)]


@pytest.mark.parametrize("cost", [squared_error, cross_entropy])
def test_learns_xor(net, xor, cost):
    X, T = xor
    before = [theta.copy() for theta in net.parameters]
    result = train(net, cost, X, T, steps=3000, rate=2.0, momentum=0.5, progress=False)
    assert np.abs(result.network @ X - T).max() < 0.1
    assert len(result.history) == 3000
    assert result.history[-1] < result.history[0] / 20
    for now, then in zip(net.parameters, before):
        np.testing.assert_array_equal(now, then)


def test_a_step_is_the_one_it_says(net, xor):
    X, T = xor
    network, velocity = net, [0 * theta for theta in net.parameters]
    for _ in range(3):
        gradients = backprop(squared_error[T] @ network, X).gradients
        velocity = [0.9 * v + g / 4 for v, g in zip(velocity, gradients)]
        network = network.with_parameters([theta - 0.3 * v for theta, v in zip(network.parameters, velocity)])
    trained = train(net, squared_error, X, T, steps=3, rate=0.3, momentum=0.9, progress=False).network
    for got, expected in zip(trained.parameters, network.parameters):
        np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_a_seed_decides_the_batches(net, xor):
    X, T = xor
    runs = [train(net, squared_error, X, T, steps=40, batch=2, seed=s, progress=False).history for s in (1, 1, 2)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_what_the_defaults_are(net, xor):
    said = train(net, squared_error, *xor, batch=2, steps=1000, rate=0.1, momentum=0.0, seed=0, progress=False)
    np.testing.assert_array_equal(train(net, squared_error, *xor, batch=2, progress=False).history, said.history)


@pytest.mark.parametrize("samples", [6, 7])
def test_every_sample_is_seen_once_each_time_around_and_a_remainder_waits(rng, samples):
    seen = []

    @Family
    def spy(t):
        seen.append(np.atleast_1d(t))
        return squared_error[t]

    X, T = rng.normal(size=(2, samples)), np.arange(float(samples))
    train(eta[2.0] @ rho[np.eye(2)], spy, X, T, steps=6, batch=2, progress=False)
    for epoch in (seen[:3], seen[3:]):
        assert [len(t) for t in epoch] == [2, 2, 2]
        assert len(set(np.concatenate(epoch))) == 6


def test_fixed_parts_stay(rng):
    W = rng.normal(size=(3, 2))
    X = rng.normal(size=(2, 30))
    T = lp_network(W, 2.5) @ X
    start = eta[4.0].fixed() @ sigma @ rho[W + 0.1]
    result = train(start, squared_error, X, T, steps=20, progress=False)
    assert len(result.network.parameters) == 1
    assert "η_4" in repr(result.network)


def test_p_can_be_learned(rng):
    W, X = rng.normal(size=(3, 2)), rng.normal(size=(2, 50))
    T = eta[2.5] @ sigma @ rho[W] @ X
    result = train(eta[6.0] @ sigma @ rho[W].fixed(), squared_error, X, T, steps=500, rate=3.0, progress=False)
    assert result.network.parameters[0] == pytest.approx(2.5, abs=1e-3)


def test_images_come_one_after_the_other(rng):
    """Two kinds of images that differ in the place of one bright row."""
    labels = rng.integers(0, 2, 60)
    X = 0.1 * rng.normal(size=(60, 1, 5, 5))
    X[np.arange(60), 0, 1 + 2 * labels] += 1
    network = rho[0.1 * rng.normal(size=(2, 8)), np.zeros(2)] @ flatten @ lp_pool2d[[2.0, 3.0], 2] @ relu
    network = network @ conv2d[rng.normal(size=(2, 1, 2, 2)), np.zeros(2)]
    T = np.eye(2)[:, labels]
    result = train(network, softmax_cross_entropy, X, T, steps=100, batch=20, rate=0.2, progress=False)
    assert ((result.network @ X).argmax(axis=0) == labels).all()


def test_a_rate_for_each_parameter(rng):
    X = rng.normal(size=(2, 5))
    T = np.ones(5)
    start = eta[3.0] @ rho[np.eye(2)]
    (W, p), both = start.parameters, backprop(squared_error[T] @ start, X).gradients
    moved = train(start, squared_error, X, T, steps=1, rate=[0.1, 2.0], progress=False).network.parameters
    np.testing.assert_allclose(moved[0], W - 0.1 * both[0] / 5, rtol=1e-14)
    np.testing.assert_allclose(moved[1], p - 2.0 * both[1] / 5, rtol=1e-14)


@pytest.mark.parametrize("rate", [np.float32(0.5), np.array(0.5), np.array([0.5])], ids=["float32", "array", "list"])
def test_a_rate_may_be_a_number_of_numpy(rate):
    data = [[1.0]], [[3.0]]
    ours, theirs = (train(rho[[[0.0]]], squared_error, *data, steps=2, rate=r, progress=False) for r in (0.5, rate))
    assert ours.network == theirs.network


def test_a_step_out_of_range_is_told(rng):
    X = rng.normal(size=(2, 5))
    with pytest.raises(ValueError, match=r"step 0 .*range.* p must be one number greater than 0"):
        train(eta[1.0], squared_error, X, 10 * np.ones(5), steps=3, rate=100.0, progress=False)


def test_divergence_is_told(rng):
    X = 1e3 * rng.normal(size=(2, 5))
    with pytest.raises(FloatingPointError, match=r"step .* smaller rate"):
        train(rho[rng.normal(size=(1, 2))], squared_error, X, np.zeros((1, 5)), steps=500, rate=1e3, progress=False)


def test_a_gradient_that_is_nan_from_the_start_is_no_matter_of_the_rate(rng):
    broken = Function(lambda x: (x, lambda delta: delta * np.nan, None))
    with pytest.raises(FloatingPointError, match=r"step 0; ask check_gradient"):
        train(broken @ rho[np.eye(2)], squared_error, rng.normal(size=(2, 5)), np.zeros((2, 5)), progress=False)


def test_progress_bar_ends_the_same_way_each_time(net, xor, capsys):
    X, T = xor
    ends = []
    for _ in range(2):
        train(net, squared_error, X, T, steps=50)
        ends.append(capsys.readouterr().out.rstrip("\n").split("\r")[-1])
    assert ends[0] == ends[1]
    assert "|━━" in ends[0]
    assert len(ends[0]) <= 60
    assert "50/50" in ends[0]
    assert ends[0].startswith("loss 0.")


def test_repr(net, xor):
    assert "3 steps, mean loss" in repr(train(net, squared_error, *xor, steps=3, progress=False))


def test_ready_made_networks(rng):
    W1, W2, x = rng.normal(size=(4, 3)), rng.normal(size=(2, 4)), rng.normal(size=3)
    np.testing.assert_array_equal(two_layer(W1, W2) @ x, sigma @ rho[W2] @ sigma @ rho[W1] @ x)
    assert lp_network(W1, 3) @ x == eta[3] @ sigma @ rho[W1] @ x
