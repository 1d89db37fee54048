"""σ and its relatives, and ρ: values, derivatives, the ends of the float range."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judges import EPS, differences

from chainbp import relu, rho, sigma, softmax, tanh


@given(st.floats(-700, 700))
def test_sigma_is_accurate(x):
    with mpmath.workdps(400):
        true = 1 / (1 + mpmath.exp(-mpmath.mpf(x)))
        assert abs(mpmath.mpf(float(sigma(x))) - true) <= 2 * EPS * true


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigma_never_overflows_or_warns(dtype):
    x = np.array([-np.inf, np.finfo(dtype).min, -1e4, 0, 1e4, np.finfo(dtype).max, np.inf], dtype=dtype)
    with np.errstate(all="raise", under="ignore"):
        y, pull = sigma.vjp(x)
        slope = pull.x(np.ones_like(x))
    np.testing.assert_array_equal(y, [0, 0, 0, 0.5, 1, 1, 1])
    np.testing.assert_array_equal(slope, [0, 0, 0, 0.25, 0, 0, 0])
    assert y.dtype == dtype
    assert np.isnan(sigma(np.nan))


@given(st.floats(-30, 30))
def test_sigma_derivative_is_that_of_its_output(x):
    y, pull = sigma.vjp(x)
    slope = (1 / (1 + np.exp(-(x + 1e-30j)))).imag / 1e-30
    assert pull.x(1.0) == pytest.approx(y * (1 - y), rel=1e-15)
    assert pull.x(1.0) == pytest.approx(slope, rel=1e-9, abs=1e-15)


@given(st.floats(-30, 30))
def test_tanh_is_a_stretched_sigmoid(x):
    y, pull = tanh.vjp(x)
    assert y == pytest.approx(2 * sigma(2 * x) - 1, abs=1e-15)
    assert pull.x(1.0) == pytest.approx(4 * sigma.vjp(2 * x)[1].x(1.0), abs=1e-15)


def test_the_ends_of_tanh_and_relu():
    x = np.array([-np.inf, -1e300, 0.0, 1e300, np.inf, np.nan])
    with np.errstate(all="raise", under="ignore"):
        y, pull = tanh.vjp(x)
        np.testing.assert_array_equal(y, [-1, -1, 0, 1, 1, np.nan])
        np.testing.assert_array_equal(pull.x(np.ones(6)), [0, 0, 1, 0, 0, np.nan])
        y, pull = relu.vjp(x)
        np.testing.assert_array_equal(y, [0, 0, 0, 1e300, np.inf, np.nan])
        np.testing.assert_array_equal(pull.x(np.ones(6)), [0, 0, 0, 1, 1, 0])


@pytest.mark.parametrize("layer", [tanh, relu, softmax])
def test_the_dtype_is_kept(layer):
    y, pull = layer.vjp(np.array([1.0, -1.0], np.float32))
    assert y.dtype == pull.x(y).dtype == np.float32


@pytest.mark.parametrize("layer", [tanh, relu, softmax])
@pytest.mark.parametrize("shape", [(4,), (4, 3)])
def test_against_central_differences(rng, layer, shape):
    x, delta = rng.normal(size=shape), rng.normal(size=shape)
    expected = delta.ravel() @ differences(layer, x)
    np.testing.assert_allclose(layer.vjp(x)[1].x(delta).ravel(), expected, rtol=1e-6, atol=1e-9)


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=5))
def test_softmax_gives_probabilities(x):
    with np.errstate(all="raise", under="ignore"):
        y, pull = softmax.vjp(x)
    assert y.sum() == pytest.approx(1, rel=1e-14)
    assert (y >= 0).all()
    np.testing.assert_allclose(pull.x(np.ones(len(x))), 0, atol=1e-15)  # a shift of all logits changes nothing


def softmax_error_in_units_of_its_bound(x, delta):
    """The error of softmax's pull beside what its docstring promises; both grow by rounding in N terms."""
    _, pull = softmax.vjp(x)
    with np.errstate(all="raise", under="ignore"):
        got = pull.x(delta)
    with mpmath.workdps(50):
        logits, errors = [[mpmath.mpf(float(v)) for v in a] for a in (x, delta)]
        powers = [mpmath.exp(v - max(logits)) for v in logits]
        shares = [v / mpmath.fsum(powers) for v in powers]
        below, n = min(745, max(x) / 2 - min(x) / 2), len(x)
        spread = max(errors) - min(errors)
        ratios = []
        for share, error, pulled in zip(shares, errors, got, strict=True):
            gaps = [w * (error - other) for w, other in zip(shares, errors)]
            bound = EPS * (below + n + 4) * (1 + 2 / max(shares)) * share * mpmath.fsum(map(abs, gaps))
            # A probability below the smallest normal number has no digits to keep.
            bound += 4 * n * mpmath.mpf(5e-324) * (spread + 1)
            ratios.append(float(abs(pulled - share * mpmath.fsum(gaps)) / bound))
    return max(ratios)


def test_the_errors_of_softmax_keep_their_digits(rng):
    for case in range(1000):
        n = int(rng.integers(1, 8))
        x = rng.normal(size=n) * 10 ** rng.uniform(-3, 3.5)
        delta = rng.normal(size=n) * 10 ** rng.uniform(-300, 300)
        if case % 3 == 1:
            delta = delta * 10 ** rng.uniform(-8, 8, size=n)
        elif case % 3 == 2:  # nearly equal: a shift of all errors changes nothing
            delta = delta[0] * (1 + 1e-9 * rng.normal(size=n))
        assert softmax_error_in_units_of_its_bound(x, delta) <= 1


@pytest.mark.parametrize(
    ("x", "delta"),
    [
        ([0.0, -50.0], [1.0, 1 / 3]),
        ([0.0, -300.0, -301.0], [1e10, 1e10 + 1, -1.0]),
        ([0.0, 0.1, -1.0], [1e308, -1.7e308, 1.7e308]),
        ([0.0, 0.0], [np.finfo(float).max, np.finfo(float).min]),
        ([700.0, 0.0, 30.0], [np.finfo(float).max, np.finfo(float).min, 0.0]),
        ([1e308, -1e308], [1.0, -1.0]),
    ],
)
def test_the_errors_of_softmax_at_the_ends(x, delta):
    assert softmax_error_in_units_of_its_bound(x, delta) <= 1
    batch = softmax.vjp(np.stack([x, np.zeros(len(x))], axis=1))[1].x(np.stack([delta, np.ones(len(x))], axis=1))
    np.testing.assert_array_equal(batch[:, 0], softmax.vjp(x)[1].x(delta))
    np.testing.assert_array_equal(batch[:, 1], 0)


def test_softmax_of_an_impossible_class():
    np.testing.assert_array_equal(softmax([0.0, -np.inf, 0.0]), [0.5, 0, 0.5])


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 6)])
@pytest.mark.parametrize("bias", [False, True])
def test_rho_against_loops(rng, shape, bias):
    W, b, x = rng.normal(size=(2, 3)), rng.normal(size=2), rng.normal(size=shape)
    layer = rho[W, b] if bias else rho[W]
    y, pull = layer.vjp(x)
    delta = rng.normal(size=y.shape)
    dx, (dW, *rest) = pull(delta)

    columns, deltas = x.reshape(3, -1), delta.reshape(2, -1)
    for k in range(columns.shape[1]):
        for n in range(2):
            expected = sum(W[n, m] * columns[m, k] for m in range(3)) + (b[n] if bias else 0)
            assert y.reshape(2, -1)[n, k] == pytest.approx(expected)
        for m in range(3):
            expected = sum(deltas[n, k] * W[n, m] for n in range(2))
            assert dx.reshape(3, -1)[m, k] == pytest.approx(expected)
    for n in range(2):
        for m in range(3):
            assert dW[n, m] == pytest.approx(sum(deltas[n, k] * columns[m, k] for k in range(columns.shape[1])))
    if bias:
        np.testing.assert_allclose(rest[0], deltas.sum(axis=1))
    assert dx.shape == x.shape
    assert dW.shape == W.shape
