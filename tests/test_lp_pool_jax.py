"""`lp_pool_jax.py`, which the book offers to download, where JAX is installed."""

from functools import cache, partial

import frameworks
import numpy as np
import pytest

from chainbp import lp_pool2d

jax = pytest.importorskip("jax", reason="JAX is not installed (`make frameworks` installs it)")
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_enable_x64", True)
jnp = jax.numpy
ours = frameworks.load("lp_pool_jax")
# Where nothing is asked that the compiler's optimizations could change.
quickly = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def signed(*shape, dtype=np.float64):
    """Normal numbers, a third of them zero, and some windows too."""
    rng = np.random.default_rng(0)
    y = rng.standard_normal(shape).astype(dtype)
    y[rng.random(shape) < 0.3] = 0
    y[..., :3, :3] = 0
    return y


@jax.jit
def compiled(y, p):
    z, pull = jax.vjp(ours.lp_norm, y, p)
    return z, *pull(jnp.ones_like(z))


def everything(windows, orders):
    """z, ∂z/∂y and ∂z/∂p of windows along the first axis, filled up with zeros, so that one length is compiled."""
    filled = np.zeros((16, 1024), windows.dtype)
    for start in range(0, len(orders), 1024):
        part = windows[:, start : start + 1024]
        filled[:] = 0
        filled[: len(part), : part.shape[1]] = part
        p = np.resize(orders[start : start + 1024], 1024)
        z, gradient, slope = map(np.asarray, compiled(filled, p))
        assert not gradient[len(part) :].any()
        count = part.shape[1]
        yield z[:count], gradient[: len(part), :count], slope[:count]


@cache
def pooled(*windows):
    """The same through `lp_pool2d`: a function of y, p and δ."""
    return jax.jit(lambda y, p, delta: (lambda z, pull: (z, *pull(delta)))(*jax.vjp(pool(*windows), y, p)))


def pool(*windows):
    return lambda y, p: ours.lp_pool2d(y, p, *windows)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("count", [5000])
def test_random_windows_keep_the_contract(dtype, count):
    checked = 0
    for windows, orders in frameworks.random_windows(count, dtype, seed=1):
        found = [np.concatenate(parts, -1) for parts in zip(*everything(windows, orders))]
        # XLA makes zeros of subnormal results.
        assert list(frameworks.complaints(windows, orders, *found, subnormal=False)) == []
        checked += len(orders)
    assert checked >= count


def test_no_edge_case_fails():
    def pool(y, p):
        [(z, gradient, _)] = everything(y[:, None], np.array([p], y.dtype))
        return z.item(), np.ravel(gradient)

    assert list(frameworks.edges_failed(pool)) == []


@pytest.mark.parametrize("p", [1.0, 1.3, 3.0, 60.0, 0.7, np.inf])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_overlapping_windows_agree_with_chainbp(p, dtype):
    y, delta = signed(2, 3, 9, 8, dtype=dtype), signed(2, 3, 7, 6, dtype=dtype)
    expected, pull = lp_pool2d[p, 3, 1].vjp(y)
    near = 60 * np.finfo(dtype).eps  # sums of nine errors
    z, of_y, of_p = pooled(3, 1)(y, dtype(p), delta)
    assert z.dtype == of_y.dtype == dtype
    np.testing.assert_allclose(z, expected, rtol=near)
    np.testing.assert_allclose(of_y, pull.x(delta), rtol=near, atol=near)
    np.testing.assert_allclose(of_p, pull.theta(delta)[0], rtol=near, atol=10 * near)


def test_conventions():
    y = np.array([[[0.0, 0.0, 2.0, -2.0, np.inf, 1.0, np.nan, 1.0]]])
    back = pooled((1, 2))
    for p in (0.5, 1.0, 3.0, np.inf):
        z, of_y, _ = back(y, p, np.array([[[1.0, 1.0, 1.0, 0.0]]]))
        np.testing.assert_array_equal(z[0, 0, np.array([0, 2, 3])], [0, np.inf, np.nan])
        np.testing.assert_array_equal(of_y[0, 0, np.array([0, 1, 4, 6, 7])], [0, 0, 1, 0, 0])
    np.testing.assert_array_equal(of_y[0, 0, 2:4], [0.5, -0.5])


@pytest.mark.parametrize(("p", "windows"), [(2.5, (2,)), (2.5, (3, 2, 1)), ([1.5, 3.0], ((3, 2), (1, 2), 1, True))])
def test_both_derivatives_pass_jaxs_own_check(p, windows):
    from jax.test_util import check_grads

    y = np.random.default_rng(0).standard_normal((1, 2, 4, 5))
    check_grads(jax.jit(pool(*windows)), (y, jnp.array(p)), order=2, modes=["rev"])


def squares(y, p):
    """Of z times the gradients too: to differentiate twice is to differentiate z again as well."""
    z, pull = jax.vjp(pool(3, 2, 1), y, p)
    return sum(jnp.sum(g**2) for g in pull(z))


twice = quickly(jax.value_and_grad(squares, (0, 1)))


@pytest.mark.parametrize("p", [1.0, 2.5, np.inf])
def test_both_derivatives_stay_finite_among_padding_and_zero_windows(p):
    y, orders = signed(1, 2, 6, 6), jnp.array([p, 2.0])
    value, found = twice(y, orders)
    assert value > 0
    assert all(jnp.isfinite(second).all() for second in found)
    if p < np.inf:
        step = 1e-6
        slope = (twice(y, orders.at[1].add(step))[0] - twice(y, orders.at[1].add(-step))[0]) / (2 * step)
        np.testing.assert_allclose(found[1][1], slope, rtol=1e-6)


def test_both_derivatives_pass_jaxs_own_check_without_jit_and_with_padding():
    from jax.test_util import check_grads

    check_grads(pool(3, 2, 1), (np.random.default_rng(0).standard_normal((1, 1, 5, 6)), jnp.array(2.5)), 2, ["rev"])


def test_both_derivatives_are_the_same_without_jit():
    y, orders = signed(1, 2, 6, 6), jnp.array([2.5, 2.0])
    for parts in zip(*map(jax.tree.leaves, (jax.value_and_grad(squares, (0, 1))(y, orders), twice(y, orders)))):
        np.testing.assert_allclose(*parts, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("length", "windows"), [(5, (3, 2, 1)), (8, (2, 3, 0)), (8, (3, 4, 1))])
@pytest.mark.parametrize("ceil", [False, True])
def test_padding_and_ceil_mode_are_those_of_pytorch(length, windows, ceil):
    size, stride, pad = windows
    count = (length + 2 * pad - size + (stride - 1) * ceil) // stride + 1
    if (count - 1) * stride >= length + pad:
        count -= 1
    y = np.random.default_rng(0).standard_normal((2, length))
    padded = np.pad(np.abs(y), ((0, 0), (pad, 10)))
    expected = np.stack([padded[:, i * stride : i * stride + size].max(1) for i in range(count)], 1)
    found = quickly(lambda y: ours.lp_pool1d(y, jnp.inf, *windows, ceil))(y)
    np.testing.assert_array_equal(found, expected)


def test_vmap_half_precision_and_gem():
    y = signed(4, 2, 6, 6, dtype=np.float32)
    pooling = quickly(three := lambda y: ours.lp_pool2d(y, 3.0, 2))
    exact = pooling(y)
    np.testing.assert_allclose(quickly(jax.vmap(three))(y), exact, rtol=1e-6)
    for dtype in (jnp.bfloat16, jnp.float16):
        z = pooling(jnp.asarray(y, dtype))
        assert z.dtype == dtype
        np.testing.assert_allclose(z.astype(float), exact, rtol=0.02, atol=1e-3)
    published = jnp.mean(jnp.maximum(y, 1e-6) ** 3, (-2, -1)) ** (1 / 3)
    np.testing.assert_allclose(quickly(lambda y: ours.gem(y, 3.0))(y), published, rtol=1e-5)
    sizes = quickly(lambda y: ours.gem(y, 2.0, eps=None))(y)
    np.testing.assert_allclose(sizes, np.sqrt(np.mean(y**2, (-2, -1))), rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda y: ours.lp_pool2d(y, 0.0, 2), "p must be greater than 0"),
        (lambda y: ours.lp_pool2d(y, [1.0, 2.0, 3.0], 2), "one for each of 2 channels"),
        (lambda y: ours.lp_pool2d(y, 2.0, 9), "does not fit"),
        (lambda y: ours.lp_pool2d(y, 2.0, (1, 2, 3)), "kernel_size must be"),
        (lambda y: ours.lp_pool2d(y.astype(int), 2.0, 2), "of floats"),
    ],
)
def test_bad_input_gets_a_clear_error(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call(np.ones((1, 2, 4, 4)))


def test_a_p_that_is_not_positive_gives_nan_where_its_value_is_not_known():
    assert jnp.isnan(jax.jit(pool(2))(np.ones((1, 2, 4, 4)), jnp.array([1.0, -1.0]))[0, 1]).all()
