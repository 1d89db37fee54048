"""Convolution: against loops, against a weighted sum with shared weights, and its way back."""

import numpy as np
import pytest

from chainbp import backprop, check_gradient, conv2d, flatten, lp_pool2d, rho, softmax_cross_entropy, tanh


def by_loops(K, b, x):
    samples, _, H, W = x.shape
    filters, channels, height, width = K.shape
    y = np.empty((samples, filters, H - height + 1, W - width + 1))
    for n, o, i, j in np.ndindex(*y.shape):
        y[n, o, i, j] = b[o] + sum(
            K[o, c, u, v] * x[n, c, i + u, j + v] for c in range(channels) for u in range(height) for v in range(width)
        )
    return y


def as_matrix(f, shape):
    """The matrix of a linear function of an image."""
    columns = []
    for index in np.ndindex(*shape):
        x = np.zeros(shape)
        x[index] = 1
        columns.append(np.ravel(f @ x))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    ("kernel", "image"),
    [((3, 2, 2, 3), (4, 2, 5, 4)), ((1, 1, 1, 1), (1, 1, 1, 1)), ((2, 3, 4, 4), (2, 3, 4, 6))],
)
def test_against_loops(rng, bias, kernel, image):
    K, x = rng.normal(size=kernel), rng.normal(size=image)
    b = rng.normal(size=kernel[0]) if bias else np.zeros(kernel[0])
    layer = conv2d[K, b] if bias else conv2d[K]
    np.testing.assert_allclose(layer @ x, by_loops(K, b, x), rtol=1e-13, atol=1e-14)


def test_the_way_back_is_that_of_the_matrix(rng):
    K, shape = rng.normal(size=(3, 2, 2, 3)), (2, 2, 4, 5)
    matrix = as_matrix(conv2d[K], shape)
    x = rng.normal(size=shape)
    y, pull = conv2d[K].vjp(x)
    delta = rng.normal(size=y.shape)
    np.testing.assert_allclose(np.ravel(pull.x(delta)), matrix.T @ np.ravel(delta), rtol=1e-12, atol=1e-14)


def test_the_gradient_of_a_shared_weight_is_the_sum_over_its_edges(rng):
    """∂L/∂K from the gradient of the full matrix of weights: entries that are one weight are added."""
    K, shape = rng.normal(size=(2, 1, 2, 2)), (1, 1, 4, 4)
    x = rng.normal(size=shape)
    y, pull = conv2d[K].vjp(x)
    delta = rng.normal(size=y.shape)
    (full,) = rho[as_matrix(conv2d[K], shape)].vjp(np.ravel(x))[1].theta(np.ravel(delta))
    expected = np.empty_like(K)
    for index in np.ndindex(*K.shape):
        one = np.zeros_like(K)
        one[index] = 1
        expected[index] = (full * as_matrix(conv2d[one], shape)).sum()
    np.testing.assert_allclose(pull.theta(delta)[0], expected, rtol=1e-12)


def test_check_gradient_of_a_whole_network(rng):
    x, t = rng.normal(size=(2, 1, 5, 4)), np.eye(3)[:, [0, 2]]
    network = rho[rng.normal(size=(3, 8)), rng.normal(size=3)] @ flatten
    network = network @ lp_pool2d[[1.5, 5.0], 2] @ tanh @ conv2d[rng.normal(size=(2, 1, 2, 1)), rng.normal(size=2)]
    loss = softmax_cross_entropy[t] @ network
    report = check_gradient(loss, x)
    assert report, report
    assert [c.name for c in report.comparisons] == ["x", "K⁽¹⁾", "b⁽¹⁾", "p", "W⁽²⁾", "b⁽²⁾"]
    bp = backprop(loss, x)
    assert [g.shape for g in bp.gradients] == [theta.shape for theta in network.parameters]
    assert [d.shape for d in bp.deltas] == [h.shape for h in bp.hidden]


def test_float32_stays_float32(rng):
    K, x = rng.normal(size=(2, 1, 3, 3)).astype(np.float32), rng.normal(size=(2, 1, 5, 5)).astype(np.float32)
    y, pull = conv2d[K, np.zeros(2, np.float32)].vjp(x)
    errors, gradients = pull(np.ones_like(y))
    assert {a.dtype for a in (y, errors, *gradients)} == {np.dtype(np.float32)}


def test_neither_input_nor_parameters_are_changed(rng):
    K, b, x = rng.normal(size=(2, 1, 3, 3)), rng.normal(size=2), rng.normal(size=(2, 1, 5, 5))
    kept = [a.copy() for a in (K, b, x)]
    y, pull = conv2d[K, b].vjp(x)
    delta = np.ones_like(y)
    pull(delta)
    for now, then in zip((K, b, x, delta), (*kept, np.ones_like(y))):
        np.testing.assert_array_equal(now, then)


def test_flatten_puts_each_image_into_a_column(rng):
    x = rng.normal(size=(3, 2, 4, 5))
    y, pull = flatten.vjp(x)
    assert y.shape == (40, 3)
    for n in range(3):
        np.testing.assert_array_equal(y[:, n], x[n].ravel())
    np.testing.assert_array_equal(pull.x(y), x)
