"""The formulas of chapter 6, each written out by hand or in mpmath and held against chainbp."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from judges import complex_gradient, differences, exact_gradient, exact_norm, exact_slope, lp_norm

from chainbp import Function, backprop, conv2d, flatten, lp_pool2d, rho, softmax_cross_entropy, tanh

SEEDS = range(4)
WINDOWS = [(2, 2), (2, 1), (3, 1), (3, 2), (2, 3)]
NEAR = {"rtol": 1e-9, "atol": 1e-12}


def correlate(x, K):
    """The sum over the filter's entries, each times the part of x that it meets: all places at once."""
    rows, columns = (m - k + 1 for m, k in zip(x.shape, K.shape))
    return sum(K[u, v] * x[u : u + rows, v : v + columns] for u, v in np.ndindex(K.shape))


class Slid:
    """One filter on one picture of random sizes, an error for its result, and the sum of both as a loss."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.K = rng.normal(size=(2 + seed % 2, 1 + seed // 2))
        self.x = rng.normal(size=(4 + seed % 3, 5))
        self.rows, self.columns = (m - k + 1 for m, k in zip(self.x.shape, self.K.shape))
        self.delta = rng.normal(size=(self.rows, self.columns))
        out, self.pull = conv2d[self.K[None, None]].vjp(self.x[None, None])
        self.y = out[0, 0]
        self.of_K = self.pull.theta(self.delta[None, None])[0][0, 0]
        self.of_x = self.pull.x(self.delta[None, None])[0, 0]

    def loss(self, K, x):
        """Σ δ y, whose gradients are what the pulls give: linear in K and in x, so differences are exact."""
        return np.sum(self.delta * correlate(x, K))


@pytest.fixture(params=SEEDS)
def slid(request):
    return Slid(request.param)


def gradient(f, at):
    """That of a number which is linear in each entry: no step is too large."""
    return differences(f, at, h=0.5).reshape(at.shape)


def test_our_conv(slid):
    np.testing.assert_allclose(slid.y, correlate(slid.x, slid.K), **NEAR)
    for i, j in np.ndindex(slid.y.shape):
        written_out = sum(slid.K[u, v] * slid.x[i + u, j + v] for u, v in np.ndindex(slid.K.shape))
        np.testing.assert_allclose(slid.y[i, j], written_out, **NEAR)


def test_our_conv_matrix(slid):
    W = np.zeros((slid.y.size, slid.x.size))
    for row, (i, j) in enumerate(np.ndindex(slid.y.shape)):
        for column, (k, m) in enumerate(np.ndindex(slid.x.shape)):
            if 0 <= k - i < slid.K.shape[0] and 0 <= m - j < slid.K.shape[1]:
                W[row, column] = slid.K[k - i, m - j]
    assert np.count_nonzero(W) == slid.y.size * slid.K.size
    layer = conv2d[slid.K[None, None]]
    as_columns = Function(
        lambda x: (
            (layer @ x.reshape(1, 1, *slid.x.shape)).ravel(),
            lambda delta: layer.vjp(x.reshape(1, 1, *slid.x.shape))[1].x(delta.reshape(1, 1, *slid.y.shape)).ravel(),
            None,
        )
    )
    np.testing.assert_allclose(as_columns @ slid.x.ravel(), W @ slid.x.ravel(), **NEAR)
    np.testing.assert_allclose(as_columns.jacobian(slid.x.ravel()), W, **NEAR)


def test_our_conv_gradient(slid):
    truth = gradient(lambda K: slid.loss(K, slid.x), slid.K)
    for u, v in np.ndindex(slid.K.shape):
        written_out = sum(slid.delta[i, j] * slid.x[i + u, j + v] for i, j in np.ndindex(slid.delta.shape))
        np.testing.assert_allclose(written_out, truth[u, v], **NEAR)
    np.testing.assert_allclose(slid.of_K, truth, **NEAR)


def test_our_conv_delta(slid):
    truth = gradient(lambda x: slid.loss(slid.K, x), slid.x)
    for k, m in np.ndindex(slid.x.shape):
        written_out = sum(
            slid.K[u, v] * slid.delta[k - u, m - v]
            for u, v in np.ndindex(slid.K.shape)
            if 0 <= k - u < slid.rows and 0 <= m - v < slid.columns
        )
        np.testing.assert_allclose(written_out, truth[k, m], **NEAR)
    np.testing.assert_allclose(slid.of_x, truth, **NEAR)


@pytest.mark.parametrize("seed", SEEDS)
def test_our_conv_patches(seed):
    rng = np.random.default_rng(seed)
    samples, channels, filters, h, w = 2 + seed % 2, 1 + seed, 3, 2, 1 + seed % 3
    x = rng.normal(size=(samples, channels, 4, 5))
    K, b = rng.normal(size=(filters, channels, h, w)), rng.normal(size=filters)
    y, pull = conv2d[K, b].vjp(x)
    delta = rng.normal(size=y.shape)
    places = [(n, i, j) for n in range(samples) for i in range(y.shape[2]) for j in range(y.shape[3])]
    P = np.stack([x[n, :, i : i + h, j : j + w].ravel() for n, i, j in places], axis=1)
    flat = K.reshape(filters, -1)
    columns = np.stack([delta[n, :, i, j] for n, i, j in places], axis=1)
    np.testing.assert_allclose(flat @ P + b[:, None], np.stack([y[n, :, i, j] for n, i, j in places], axis=1), **NEAR)
    of_K, of_b = pull.theta(delta)
    np.testing.assert_allclose((columns @ P.T).reshape(K.shape), of_K, **NEAR)
    np.testing.assert_allclose(columns.sum(axis=1), of_b, **NEAR)
    of_patches = flat.T @ columns
    errors = np.zeros(x.shape)
    for column, (n, i, j) in enumerate(places):
        errors[n, :, i : i + h, j : j + w] += of_patches[:, column].reshape(channels, h, w)
    np.testing.assert_allclose(errors, pull.x(delta), **NEAR)

    def loss(K, x):
        layers = ((n, o, c) for n in range(samples) for o in range(filters) for c in range(channels))
        return sum(np.sum(delta[n, o] * correlate(x[n, c], K[o, c])) for n, o, c in layers)

    np.testing.assert_allclose(of_K, gradient(lambda K: loss(K, x), K), **NEAR)
    np.testing.assert_allclose(errors, gradient(lambda x: loss(K, x), x), **NEAR)


def cut(y, size, stride):
    """The windows of y, each with where it stands."""
    rows, columns = ((m - size) // stride + 1 for m in y.shape)
    for i, j in np.ndindex(rows, columns):
        yield (i, j), np.s_[stride * i : stride * i + size, stride * j : stride * j + size]


def exact_loss(y, delta, p, size, stride):
    """Σ δ z at mpmath's precision."""
    return mpmath.fsum(float(delta[at]) * lp_norm(p, y[here].flat) for at, here in cut(y, size, stride))


def sheet(seed, shape=(5, 6)):
    """A map with both signs and no entry near zero."""
    rng = np.random.default_rng(seed)
    return rng.choice([-1, 1], size=shape) * rng.uniform(0.2, 2, size=shape), rng


@pytest.mark.parametrize("p", [0.7, 1.0, 2.0, 3.5, 12.0])
@pytest.mark.parametrize(("size", "stride"), WINDOWS)
def test_our_pool_windows(p, size, stride):
    y, _ = sheet(0)
    z = lp_pool2d[p, size, stride] @ y
    assert z.shape == tuple((m - size) // stride + 1 for m in y.shape)
    for at, here in cut(y, size, stride):
        np.testing.assert_allclose(z[at], exact_norm(p, y[here]), rtol=1e-14)


@pytest.mark.parametrize("p", [0.7, 1.0, 2.0, 3.5])
@pytest.mark.parametrize(("size", "stride"), WINDOWS)
def test_our_pool_delta(p, size, stride):
    y, rng = sheet(1, (4, 5))
    z, pull = lp_pool2d[p, size, stride].vjp(y)
    delta = rng.normal(size=z.shape)
    written_out = np.zeros(y.shape)
    for at, here in cut(y, size, stride):
        written_out[here] += delta[at] * np.sign(y[here]) * (np.abs(y[here]) / z[at]) ** (p - 1)

    def loss(entries):
        return exact_loss(np.array(entries, dtype=object).reshape(y.shape), delta, p, size, stride)

    truth = exact_gradient(loss, y.ravel()).reshape(y.shape)
    np.testing.assert_allclose(written_out, truth, **NEAR)
    np.testing.assert_allclose(pull.x(delta), truth, **NEAR)


@pytest.mark.parametrize(("size", "stride"), WINDOWS)
def test_our_pool_slope(size, stride):
    rng = np.random.default_rng(2)
    orders = np.array([0.8, 1.5, 4.0])
    y = rng.choice([-1, 1], size=(2, 3, 4, 5)) * rng.uniform(0.2, 2, size=(2, 3, 4, 5))
    z, pull = lp_pool2d[orders, size, stride].vjp(y)
    delta = rng.normal(size=z.shape)
    written_out, truth = np.zeros(3), np.zeros(3)
    for n, c in np.ndindex(2, 3):
        p = orders[c]
        for at, here in cut(y[n, c], size, stride):
            w = (np.abs(y[n, c][here]) / z[n, c][at]) ** p
            written_out[c] += delta[n, c][at] * z[n, c][at] / p**2 * np.sum(w * np.log(w))
        truth[c] += exact_slope(lambda q: exact_loss(y[n, c], delta[n, c], q, size, stride), p)  # noqa: B023
    np.testing.assert_allclose(written_out, truth, **NEAR)
    np.testing.assert_allclose(pull.theta(delta)[0], truth, **NEAR)


def by_hand(theta, c, x):
    """(V9) of one image with loops; complex numbers pass, since no y is 0 and |y| is taken by its sign."""
    K1, b1, p, K2, b2, W, b = theta
    maps = []
    for o in range(len(K1)):
        y = np.array([[np.sum(K1[o, 0] * x[0, i : i + 3, j : j + 3]) + b1[o] for j in range(6)] for i in range(6)])
        size = y * np.sign(y.real)
        z = [[np.sum(size[i : i + 2, j : j + 2] ** p) ** (1 / p) for j in (0, 2, 4)] for i in (0, 2, 4)]
        maps.append(c * np.array(z))
    z = np.array(maps)
    features = [
        np.tanh(np.sum(K2[o] * z[:, i : i + 2, j : j + 2]) + b2[o])
        for o in range(len(K2))
        for i in range(2)
        for j in range(2)
    ]
    return W @ np.array(features) + b


@pytest.mark.parametrize("seed", SEEDS)
def test_our_digits_network(seed):
    rng = np.random.default_rng(seed)
    x, t, c = rng.uniform(size=(1, 1, 8, 8)), np.eye(10)[:, [seed]], 0.8
    theta = [rng.normal(size=(2, 1, 3, 3)), rng.normal(size=2), np.array(1.0 + seed)]
    theta += [rng.normal(size=(3, 2, 2, 2)) / 4, rng.normal(size=3), rng.normal(size=(10, 12)), rng.normal(size=10)]
    K1, b1, p, K2, b2, W, b = theta
    scale = Function(lambda z: (c * z, lambda delta: c * delta, None))
    network = rho[W, b] @ flatten @ tanh @ conv2d[K2, b2] @ scale @ lp_pool2d[p, 2] @ conv2d[K1, b1]
    np.testing.assert_allclose((network @ x)[:, 0], by_hand(theta, c, x[0]), **NEAR)

    def loss(theta):
        logits = by_hand(theta, c, x[0])
        return np.log(np.sum(np.exp(logits))) - logits[seed]

    bp = backprop(softmax_cross_entropy[t] @ network, x)
    for which, gradient in enumerate(bp.gradients):
        truth = complex_gradient(lambda part: loss([*theta[:which], part, *theta[which + 1 :]]), theta[which])  # noqa: B023
        np.testing.assert_allclose(gradient, truth, rtol=1e-8, atol=1e-12)
