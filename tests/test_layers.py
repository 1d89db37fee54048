"""σ and ρ: values, derivatives, the ends of the float range."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainbp import rho, sigma

EPS = np.finfo(float).eps


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
