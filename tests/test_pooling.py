"""Lp pooling: (32), (33), ∂/∂p, the ends of p and of the float range, and the conventions of its docstring."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from judges import EPS, differences, lp_reference

from benchmarks.reference import Reference, errors
from chainbp import eta

entries = st.floats(-100, 100).filter(lambda v: v == 0 or abs(v) > 1e-3)
windows = arrays(float, st.integers(1, 6), elements=entries)
orders = st.floats(0.3, 300)
LARGEST = np.finfo(float).max


@pytest.mark.parametrize("p", [0.3, 0.5, 0.9, 1, 1.3, 2, 3, 4.7, 10, 37, 100, 300, 1000, 1500])
@pytest.mark.parametrize("spread", [0, 20, 150])
def test_8_eps(p, spread):
    rng = np.random.default_rng(int(p * 10))
    for _ in range(10):
        y = rng.choice([-1, 1], 4) * 10.0 ** rng.uniform(-1, 1, 4) * 10.0 ** rng.integers(-150, 150)
        y *= 10.0 ** rng.integers(-spread, spread + 1, 4)
        z, pull = eta[p].vjp(y)
        off = errors([z, *pull.theta(1.0), *pull.x(1.0)], Reference(*lp_reference(y, p)), p, "float64")
        assert np.nanmax(off) <= 8, y


@given(windows, orders)
def test_euler(y, p):
    """Σ y_i ∂z/∂y_i = z: η_p is homogeneous."""
    z, pull = eta[p].vjp(y)
    assert np.vdot(y, pull.x(1.0)) == pytest.approx(z, rel=1e-12)


@given(windows, orders, st.integers(-500, 500))
def test_scale_invariance_is_exact_for_powers_of_two(y, p, exponent):
    z, pull = eta[p].vjp(y)
    scaled, scaled_pull = eta[p].vjp(np.ldexp(y, exponent))
    assume(0 < abs(z) < 1e100)
    assert scaled == np.ldexp(z, exponent)
    np.testing.assert_array_equal(pull.x(1.0), scaled_pull.x(1.0))


@given(windows, orders, st.floats(0.01, 100))
def test_scale_invariance(y, p, c):
    assert eta[p](c * y) == pytest.approx(c * eta[p](y), rel=1e-12)


@given(windows)
def test_the_ends_are_sum_and_max(y):
    assert eta[1](y) == pytest.approx(np.abs(y).sum(), rel=1e-14)
    assert eta[np.inf](y) == np.abs(y).max()
    assert eta[1e6](y) == pytest.approx(np.abs(y).max(), rel=1e-5)
    np.testing.assert_array_equal(eta[1].vjp(y)[1].x(1.0), np.sign(y))


@given(windows, st.floats(0.3, 50), st.floats(1.01, 4))
def test_z_falls_as_p_grows(y, p, factor):
    assert eta[p * factor](y) <= eta[p](y) * (1 + 1e-13)
    assert eta[p].vjp(y)[1].theta(1.0)[0] <= 0


@given(windows, orders, st.randoms())
def test_order_of_entries_does_not_matter(y, p, random):
    order = list(range(len(y)))
    random.shuffle(order)
    assert eta[p](y[order]) == pytest.approx(eta[p](y), rel=1e-14)
    np.testing.assert_allclose(eta[p].vjp(y[order])[1].x(1.0), eta[p].vjp(y)[1].x(1.0)[order], rtol=1e-12)


@pytest.mark.parametrize("p", [0.5, 1.5, 2, 3, 7.3, 40])
def test_against_central_differences(rng, p):
    y = rng.choice([-1, 1], 5) * rng.uniform(0.5, 2, 5)
    _, pull = eta[p].vjp(y)
    np.testing.assert_allclose(pull.x(1.0), differences(eta[p], y)[0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(pull.theta(1.0)[0], differences(lambda p: eta[p](y), p)[0, 0], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("p", [0.3, 0.9, 1, 1.5, 2, 3, 60, 1000, 3000, np.inf])
def test_conventions(p):
    def both(y):
        with np.errstate(all="raise", under="ignore"):
            z, pull = eta[p].vjp(y)
            return z, pull.x(1.0), pull.theta(1.0)[0]

    z, dy, dp = both([0.0, 0.0, 0.0])  # a window of zeros
    assert (z, dp) == (0, 0)
    np.testing.assert_array_equal(dy, [0, 0, 0])

    z, dy, _ = both([0.0, -2.0])  # a zero inside a window
    assert z == 2
    np.testing.assert_array_equal(dy, [0, -1])

    z, dy, dp = both([1.0, -np.inf])  # an infinite entry
    assert (z, dp) == (np.inf, 0)
    np.testing.assert_array_equal(dy, [p == 1, -1])

    z, dy, dp = both([1.0, np.nan])
    assert np.isnan(z)
    assert np.isnan(dy[1])


def test_ties_share_the_gradient_at_infinity():
    z, pull = eta[np.inf].vjp([3.0, -3.0, 1.0, 3.0])
    assert z == 3
    np.testing.assert_allclose(pull.x(1.0), [1 / 3, -1 / 3, 0, 1 / 3], rtol=1e-15)


@pytest.mark.parametrize("p", [1, 1.5, 2, 3, 50, 400, 1000, 5000, np.inf])
@pytest.mark.parametrize("size", [5e-324, 1e-310, 1e-300, 1e-30, 1.0, 1e30, 1e300, 1.7e308])
def test_no_power_overflows(p, size):
    y = np.array([size, -size / 2])
    with np.errstate(all="raise", under="ignore"):
        z, pull = eta[p].vjp(y[:1])
        assert z == pytest.approx(size, rel=1e-15)
        assert pull.x(1.0) == pytest.approx([1.0], rel=1e-14)
        if size < 1e308:  # a sum beyond the largest float is inf, and rightly so
            z, pull = eta[p].vjp(y)
            assert np.isfinite(z)
            assert size <= z <= 1.5 * size * (1 + 4 * EPS) + 5e-324
            assert np.isfinite(pull.x(1.0)).all()


@pytest.mark.parametrize("p", [1.5, 3, 50, 1000])
@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_float32(p, size):
    y = np.array([1.0, -0.9, 0.1], dtype=np.float32) * np.float32(size)
    z, pull = eta[p].vjp(y)
    assert z.dtype == pull.x(1.0).dtype == np.float32
    exact, exact_pull = eta[p].vjp(y.astype(float))
    assert z == np.float32(exact)
    np.testing.assert_array_equal(pull.x(1.0), exact_pull.x(1.0).astype(np.float32))


def test_batches_and_groups(rng):
    Y = rng.normal(size=(6, 4))
    z, pull = eta[3.0].vjp(Y)
    assert z.shape == (4,)
    delta = rng.normal(size=4)
    for k in range(4):
        one, pull_k = eta[3.0].vjp(Y[:, k])
        assert one == z[k]
        np.testing.assert_allclose(pull.x(delta)[:, k], pull_k.x(delta[k]), rtol=1e-14)
    slopes = [eta[3.0].vjp(Y[:, k])[1].theta(delta[k])[0] for k in range(4)]
    assert pull.theta(delta)[0] == pytest.approx(sum(slopes))

    grouped, grouped_pull = eta[3.0, 2].vjp(Y)
    assert grouped.shape == (3, 4)
    for i in range(3):
        np.testing.assert_allclose(grouped[i], eta[3.0](Y[2 * i : 2 * i + 2]), rtol=1e-15)
    delta = rng.normal(size=(3, 4))
    np.testing.assert_allclose(grouped_pull.x(delta)[2:4], eta[3.0].vjp(Y[2:4])[1].x(delta[1]), rtol=1e-14)


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0, 4.7, np.inf])
@pytest.mark.parametrize("columns", [(), (3,)])
def test_many_groups(rng, p, columns):
    """Among them groups of zeros, and such as need scaling; each gives what it gives alone."""
    y = rng.normal(size=(600, *columns)) * 10.0 ** rng.choice([0, 0, 0, -290, 290], (600, *columns))
    y[:30] = 0
    z, pull = eta[p, 3].vjp(y)
    delta = rng.normal(size=z.shape)
    errors, (slope,) = pull(delta)
    assert (z.shape, errors.shape) == ((200, *columns), y.shape)
    slopes = 0.0
    for i in range(200):
        group = np.s_[3 * i : 3 * i + 3]
        one, pull_one = eta[p].vjp(y[group])
        np.testing.assert_allclose(z[i], one, rtol=1e-15)
        np.testing.assert_allclose(errors[group], pull_one.x(delta[i]), rtol=1e-14, atol=1e-291)
        slopes += pull_one.theta(delta[i])[0]
    assert slope == pytest.approx(slopes, rel=1e-12)


def test_many_groups_of_float32(rng):
    y = rng.normal(size=600).astype(np.float32)
    z, pull = eta[2.5, 3].vjp(y)
    exact, exact_pull = eta[2.5, 3].vjp(y.astype(float))
    assert z.dtype == pull.x(z).dtype == np.float32
    np.testing.assert_allclose(z, exact, rtol=5e-7)
    np.testing.assert_allclose(pull.x(np.ones_like(z)), exact_pull.x(np.ones_like(exact)), rtol=2e-6)


def test_one_order_for_each_group(rng):
    Y = rng.normal(size=(6, 4))
    orders = np.array([0.7, 2.0, np.inf])
    for y in (Y, Y[:, 0]):
        z, pull = eta[orders, 2].vjp(y)
        delta = rng.normal(size=z.shape)
        errors, (slopes,) = pull(delta)
        assert slopes.shape == (3,)
        for i, p in enumerate(orders):
            one, pull_one = eta[p].vjp(y[2 * i : 2 * i + 2])
            np.testing.assert_allclose(z[i], one, rtol=1e-15)
            np.testing.assert_allclose(errors[2 * i : 2 * i + 2], pull_one.x(delta[i]), rtol=1e-14)
            np.testing.assert_allclose(slopes[i], pull_one.theta(delta[i])[0], rtol=1e-14)


@pytest.mark.parametrize("p", [0.3, 0.5, 0.9, 0.98, 1.01, 1.5, 1.9])
@pytest.mark.parametrize(
    "y",
    [
        [1e300, 1e-300, 1.0],
        [1e-5, -1e-320, 1e-310],
        [1.5e308, 0.5, -1.0],
        [1e10, 5e-324],
        [1e150, -1e149, 5e-324],
        [1e300, -1e299, 5e-324],
    ],
    ids=str,
)
def test_entries_beyond_each_other_s_range(p, y):
    """Ratios below the smallest float, whose powers are ordinary numbers."""
    z, pull = eta[p].vjp(y)
    true = Reference(*lp_reference(y, p, digits=700))
    off = errors([z, *pull.theta(1.0), *pull.x(1.0)], true, p, "float64")
    assert np.isnan(off[0]) == (z == np.inf)
    assert np.nanmax(off) <= 8
    # A derivative beyond the largest float becomes the largest float.
    np.testing.assert_array_equal(np.abs(pull.x(1.0))[np.isnan(off[2:])], LARGEST)


@pytest.mark.parametrize("p", [0.01, 0.05, 0.1])
def test_what_is_tiny_beside_the_largest_counts_where_p_is_small(p):
    """(1e-310)^0.01 is 0.0008, and its root is seen in z."""
    z, pull = eta[p].vjp([1.0, 1e-310])
    true, slopes, of_p = lp_reference([1.0, 1e-310], p, digits=700)
    assert true > 1 + 1e-16
    near = {"rtol": 8 * EPS * 0.3 / p, "atol": 0}
    np.testing.assert_allclose([z, *pull.theta(1.0)], [float(true), float(of_p)], **near)
    np.testing.assert_allclose(pull.x(1.0), [float(v) for v in slopes], **near)


def test_a_z_beyond_the_largest_float_is_inf():
    with np.errstate(all="raise", under="ignore"):
        assert eta[1e-3]([1.0, 1.0, 1.0]) == np.inf
