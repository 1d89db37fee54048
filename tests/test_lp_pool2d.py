"""Lp pooling over windows of images: against loops, against every window by itself, at the ends of the float range."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judges import EPS

from chainbp import check_gradient, eta, flatten, lp_pool2d, squared_error

EPS32 = float(np.finfo(np.float32).eps)
SHAPES = [((2, 2), (2, 2)), ((3, 3), (2, 2)), ((2, 3), (1, 2)), ((3, 1), (3, 2)), ((2, 2), (3, 3)), ((1, 1), (1, 1))]
ORDERS = [0.4, 1.0, 1.5, 2.0, 2.5, 3.0, 4.7, 10.0, 12.0, 50.0, np.inf]


def by_windows(y, p, size, stride, delta):
    """z, δ_y and ∂L/∂p by a loop over windows, each pooled by eta."""
    h, w = ((y.shape[axis] - size[axis]) // stride[axis] + 1 for axis in (0, 1))
    z, errors, slope = np.empty((h, w)), np.zeros(y.shape), 0.0
    for i in range(h):
        for j in range(w):
            window = np.s_[i * stride[0] : i * stride[0] + size[0], j * stride[1] : j * stride[1] + size[1]]
            z[i, j], pull = eta[p].vjp(y[window].ravel())
            errors[window] += pull.x(delta[i, j]).reshape(size)
            slope += pull.theta(delta[i, j])[0]
    return z, errors, slope


def images(rng, shape, zeros=0.3):
    return rng.normal(size=shape) * (rng.random(shape) > zeros)


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize(("size", "stride"), SHAPES)
def test_against_a_loop_over_windows(rng, p, size, stride):
    y = images(rng, (7, 9))
    z, pull = lp_pool2d[p, size, stride].vjp(y)
    delta = rng.normal(size=z.shape)
    expected, errors, slope = by_windows(y, p, size, stride, delta)
    np.testing.assert_allclose(z, expected, rtol=1e-14)
    np.testing.assert_allclose(pull.x(delta), errors, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(pull.theta(delta)[0], slope, rtol=1e-13, atol=1e-14)


def test_windows_that_reach_over_the_edge_are_left_out(rng):
    y = rng.normal(size=(5, 7))
    z, pull = lp_pool2d[2.0, 2].vjp(y)
    assert z.shape == (2, 3)
    errors = pull.x(np.ones((2, 3)))
    assert not errors[4].any()
    assert not errors[:, 6].any()
    np.testing.assert_array_equal(z, lp_pool2d[2.0, 2] @ y[:4, :6])
    assert (lp_pool2d[2.0, (2, 3), (3, 1)] @ y).shape == (2, 5)


def test_one_number_is_an_image():
    z, pull = lp_pool2d[2.0, 1].vjp([[-3.0]])
    assert (z, pull.x([[1.0]])) == (3.0, -1.0)


def test_a_stride_of_the_size_is_the_default(rng):
    y = rng.normal(size=(3, 2, 6, 6))
    np.testing.assert_array_equal(lp_pool2d[3.0, (3, 2)] @ y, lp_pool2d[3.0, (3, 2), (3, 2)] @ y)
    np.testing.assert_array_equal(lp_pool2d[3.0, 2, 1] @ y, lp_pool2d[3.0, [2, 2], (1, 1)] @ y)


@pytest.mark.parametrize("shape", [(6, 6), (3, 6, 6), (2, 3, 6, 6), (2, 2, 3, 6, 6)])
def test_leading_axes_are_kept(rng, shape):
    y = rng.normal(size=shape)
    z, pull = lp_pool2d[3.0, 2].vjp(y)
    assert z.shape == (*shape[:-2], 3, 3)
    delta = rng.normal(size=z.shape)
    errors = pull.x(delta)
    for index in np.ndindex(shape[:-2]):
        one, pull_one = lp_pool2d[3.0, 2].vjp(y[index])
        np.testing.assert_array_equal(z[index], one)
        np.testing.assert_array_equal(errors[index], pull_one.x(delta[index]))


def test_views_that_are_not_contiguous(rng):
    y = rng.normal(size=(6, 8, 4)).transpose(2, 0, 1)[:, ::-1, ::2]
    z, pull = lp_pool2d[3.0, 2].vjp(y)
    expected, expected_pull = lp_pool2d[3.0, 2].vjp(y.copy())
    np.testing.assert_array_equal(z, expected)
    np.testing.assert_array_equal(pull.x(z), expected_pull.x(z))


@pytest.mark.parametrize("side", [6, 60])
def test_one_order_for_each_channel(rng, side):
    """Small channels are pooled together, large ones each by itself."""
    y = images(rng, (2, 3, side, side))
    orders = np.array([1.0, 2.5, np.inf])
    z, pull = lp_pool2d[orders, 2].vjp(y)
    delta = rng.normal(size=z.shape)
    errors, (slopes,) = pull(delta)
    assert slopes.shape == (3,)
    for c, p in enumerate(orders):
        one, pull_one = lp_pool2d[p, 2].vjp(y[:, c])
        np.testing.assert_allclose(z[:, c], one, rtol=1e-14)
        np.testing.assert_allclose(errors[:, c], pull_one.x(delta[:, c]), rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(slopes[c], pull_one.theta(delta[:, c])[0], rtol=1e-13)


@pytest.mark.parametrize(("p", "stride"), [(0.7, 2), (3.0, 1), ([1.2, 7.0], 1)])
def test_check_gradient(rng, p, stride):
    y = rng.choice([-1, 1], (1, 2, 4, 4)) * rng.uniform(0.3, 1.5, (1, 2, 4, 4))
    pooling = lp_pool2d[p, 2, stride]
    assert check_gradient(squared_error[[0.5]] @ eta[2.0] @ flatten @ pooling, y)


def test_nothing_warns_and_nothing_is_nan():
    sizes = [0.0, 5e-324, 1e-310, 1e-300, 1e-30, 1.0, 1e30, 1e300, 1.7e308]
    y = np.array([[a, b] for a in sizes for b in sizes]).reshape(-1, 1, 2) * [[1], [-1]]
    with np.errstate(all="raise", under="ignore"):
        for p in [0.3, 0.5, 1, 1.01, 1.5, 2, 3, 4.7, 10, 50, 300, 1000, 5000, np.inf]:
            z, pull = lp_pool2d[p, 2].vjp(y)
            assert not np.isnan(z).any()
            largest = np.abs(y).max(axis=(1, 2))[:, None, None]
            assert (z >= largest * (1 - 1e-15)).all()
            assert np.isfinite(pull.x(np.zeros_like(z))).all()
            assert np.isfinite(pull.x(np.ones_like(z))).all()
            with np.errstate(over="ignore"):  # the sum over windows may lie beyond the largest float
                assert not np.isnan(pull.theta(np.ones_like(z))[0])


@pytest.mark.parametrize("p", [0.7, 1.0, 1.5, 2.0, 3.0, 4.7, 10.0, 60.0, np.inf])
@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 2)])
def test_float32_keeps_16_eps(rng, p, size, stride):
    y = (images(rng, (20, 8, 8)) * 10.0 ** rng.integers(-30, 30, size=(20, 1, 1))).astype(np.float32)
    one = np.zeros((20, 8 // stride - size + 2, 8 // stride - size + 2), np.float32)
    one[:, 1, 0] = 1
    with np.errstate(all="raise", under="ignore"):
        z, pull = lp_pool2d[p, size, stride].vjp(y)
        errors = pull.x(one)
    assert z.dtype == errors.dtype == np.float32
    exact, exact_pull = lp_pool2d[p, size, stride].vjp(y.astype(float))
    np.testing.assert_allclose(z, exact, rtol=16 * EPS32, atol=1e-44)
    np.testing.assert_allclose(errors, exact_pull.x(one), rtol=16 * EPS32, atol=EPS)
    np.testing.assert_allclose(pull.theta(one)[0], exact_pull.theta(one)[0], rtol=16 * EPS32)


def test_float32_has_room_for_high_orders(rng):
    """The powers of p = 100 fit into float64; what has no room in float32 is inf there, and nothing warns."""
    y = (images(rng, (3, 8, 8)) * 10).astype(np.float32)
    y[0, 0, 0] = 3e38
    with np.errstate(all="raise", under="ignore"):
        z, pull = lp_pool2d[100.0, 2].vjp(y)
        np.testing.assert_array_equal(z, (lp_pool2d[100.0, 2] @ y.astype(float)).astype(np.float32))
        assert pull.x(z).dtype == np.float32
        assert np.isinf(lp_pool2d[35.0, 2] @ np.full((2, 2), 3.4e38, np.float32))


@pytest.mark.parametrize("p", [0.5, 1.5, 2.0, 3.0, np.inf])
def test_inf_and_nan_stay_in_their_windows(p):
    y = np.ones((4, 4))
    y[0, 0], y[3, 3] = -np.inf, np.nan
    before = y.copy()
    z, pull = lp_pool2d[p, 2].vjp(y)
    np.testing.assert_array_equal(np.isinf(z), [[True, False], [False, False]])
    np.testing.assert_array_equal(np.isnan(z), [[False, False], [False, True]])
    errors = pull.x(np.ones((2, 2)))
    assert errors[0, 0] == -1
    assert np.isfinite(errors[:2]).all()
    assert np.isnan(errors[3, 3])
    slope = pull.theta([[1.0, 1.0], [1.0, 0.0]])[0]
    assert np.isfinite(slope)  # an error of 0 sends nothing
    finite = lp_pool2d[p, 2].vjp(np.where(np.isnan(y), 1, y))[1].theta([[1.0, 1.0], [1.0, 0.0]])[0]
    assert finite == pytest.approx(2 * lp_pool2d[p, 2].vjp(np.ones((2, 2)))[1].theta([[1.0]])[0], rel=1e-14)
    np.testing.assert_array_equal(y, before)


@pytest.mark.parametrize("large", [1e4, 1e200, np.inf])
@pytest.mark.parametrize(("size", "stride"), [((2, 2), (2, 2)), ((1, 2), (3, 3)), ((2, 2), (1, 1)), ((2, 1), (1, 3))])
def test_an_entry_in_no_window_gets_no_error_whatever_it_is(rng, size, stride, large):
    for p in (0.5, 1.0, 2.0, 3.0, 100.0, np.inf):
        y = images(rng, (5, 5))
        z, pull = lp_pool2d[p, size, stride].vjp(y)
        # Sums of numbers that are not 0 send an error to every entry that is in a window.
        free = lp_pool2d[1.0, size, stride].vjp(np.ones_like(y))[1].x(np.ones_like(z)) == 0
        errors = lp_pool2d[p, size, stride].vjp(np.where(free, large, y))[1].x(np.ones_like(z))
        np.testing.assert_array_equal(errors[free], 0)
        np.testing.assert_allclose(errors[~free], pull.x(np.ones_like(z))[~free], rtol=1e-13, atol=1e-14)


@given(st.floats(-1e3, 1e3), st.floats(1, 20), st.floats(1e-200, 1e200))
def test_an_error_of_any_size_comes_back(v, p, delta):
    y = np.array([[v, 1.0], [0.5, -1.0]])
    expected = eta[p].vjp(y.ravel())[1].x(1.0).reshape(2, 2) * delta
    np.testing.assert_allclose(lp_pool2d[p, 2].vjp(y)[1].x([[delta]]), expected, rtol=1e-13, atol=1e-300)


def test_an_error_so_large_that_its_product_overflows_on_the_way_comes_back():
    y = np.full((1, 2), 1e-60)
    errors = lp_pool2d[4.5, (1, 2)].vjp(y)[1].x([[1e200]])
    np.testing.assert_allclose(errors, 1e200 * 2 ** (1 / 4.5 - 1) * np.ones((1, 2)), rtol=1e-13)


def test_names(rng):
    assert repr(lp_pool2d[3.0, 2]) == "η_3(2×2)"
    assert repr(lp_pool2d[np.inf, (3, 2), 1]) == "η_∞(3×2, stride 1×1)"
    assert repr(lp_pool2d[[1.0, 2.0], 2]) == "η_p(2×2)"
    assert lp_pool2d[np.inf, 2]._repr_latex_() == r"$\displaystyle \eta_{\infty}^{2 \times 2}$"


def test_errors_near_the_ends_of_the_floats_come_back():
    """An error could overflow where windows overlap, before it meets a small power, or vanish before a large one."""
    middle = lp_pool2d[2.0, (1, 2), 1]
    np.testing.assert_array_equal(middle.vjp([[1.0, 0.0, 1.0]])[1].x([[1e308, 1e308]]), [[1e308, 0, 1e308]])
    errors = middle.vjp([[1.0, 0.1, 1.0]])[1].x([[1e308, 1e308]])
    assert errors[0, 1] == pytest.approx(1e308 / 5 / np.sqrt(1.01), rel=1e-14)
    errors = lp_pool2d[3.0, (1, 2)].vjp(np.full((1, 2), 1e8, "f4"))[1].x(np.array([[1e-35]], "f4"))
    np.testing.assert_allclose(errors, 1e-35 * 2 ** (1 / 3 - 1), rtol=1e-6)
