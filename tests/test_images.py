"""The fast road for windows of images, held to the careful one."""

import numpy as np
import pytest

from chainbp import lp

images = pytest.importorskip("chainbp.images", reason="the package works without it")

ORDERS = [1.0, 1.5, 1.999, 2.0, 2.5, 3.0, 4.7, 10.0, 17.0, 100.0]
SHAPES = [((2, 2), (2, 2)), ((3, 3), (2, 2)), ((2, 3), (3, 1)), ((1, 1), (1, 1))]


def compare(y, p, size, stride):
    """Both roads: z, the error of one window in each image, and ∂z/∂p, to 8 eps in float64, to 16 in float32."""
    fast, careful = images.pool(y, p, size, stride), lp.pool(y.astype(float), p, size, stride)
    numbers = np.finfo(y.dtype)
    near = {"rtol": (16 if y.dtype == np.float32 else 8) * float(numbers.eps)}
    with np.errstate(over="ignore", under="ignore"):
        np.testing.assert_allclose(fast.z, careful.z.astype(y.dtype), **near, atol=float(numbers.smallest_subnormal))
        negligible = np.finfo(float).eps * careful.z / p**2 + float(np.finfo(float).tiny)
        slopes, expected = fast.slope(), careful.slope()
        off = np.subtract(slopes, expected, out=np.zeros_like(slopes), where=slopes != expected)  # both may be -inf
        assert (np.abs(off) <= near["rtol"] * np.abs(expected) + negligible).all()
    for at in np.ndindex(careful.z.shape[1:]):
        delta = np.zeros_like(careful.z)
        delta[(slice(None), *at)] = 1
        error = fast.pull(delta.astype(y.dtype))
        assert error.dtype == y.dtype
        np.testing.assert_allclose(error, careful.pull(delta), **near, atol=np.finfo(float).eps)


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("spread", [0, 30, 300])
@pytest.mark.parametrize(("size", "stride"), SHAPES)
def test_windows_of_all_kinds(rng, p, spread, size, stride):
    """Among ordinary windows some whose powers overflow, vanish, or are zero."""
    exponents = rng.choice([-1, 0, 0, 0, 1], size=(40, 5, 6)) * rng.uniform(0, spread, (40, 5, 6))
    y = rng.normal(size=(40, 5, 6)) * (rng.random((40, 5, 6)) > 0.3) * 10.0**exponents
    compare(y, p, size, stride)
    with np.errstate(over="ignore"):
        narrow = y.astype(np.float32)
    compare(np.where(np.isfinite(narrow), narrow, 0), p, size, stride)


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_windows_at_the_margins_of_what_is_safe(rng, p, dtype):
    """Powers near the smallest normal number, near one that still has digits in a sum, and near the largest."""
    numbers = np.finfo(dtype)
    tiny, eps, most = map(float, (numbers.tiny, numbers.eps, numbers.max))
    for power in (tiny, tiny / eps, tiny**0.5, most**0.5, most * eps**2, most * eps, most):
        size = np.exp(np.log(power) / p)
        with np.errstate(over="ignore"):
            y = rng.choice([-1, 1], (60, 2, 4)) * np.minimum(size * 10 ** rng.uniform(-2, 1, (60, 2, 4)), most)
        compare(y.astype(dtype), p, (2, 2), (2, 2))
        # Beside a one: what is lost of the small may be seen in a derivative, of the large in the sum.
        y[:, 0, ::2] = 1
        compare(y.astype(dtype), p, (2, 2), (2, 2))


@pytest.mark.parametrize("p", [1.5, 2.0, 3.0, 4.7])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_errors_at_the_ends_of_the_floats(p, dtype):
    """An error could overflow before it meets a small power, or vanish before it meets a large one."""
    numbers = np.finfo(dtype)
    for size in (1e-9, 1.0, 1e9):
        y = np.full((1, 1, 2), size, dtype)
        for delta in (float(numbers.max), float(numbers.tiny) * 4, 1.0, 0.0):
            (error,) = images.pool(y, p, (1, 2), (1, 2)).pull(np.full((1, 1, 1), delta, dtype))
            expected = delta * lp.pool(y.astype(float), p, (1, 2), (1, 2)).pull(np.ones((1, 1, 1)))[0]
            np.testing.assert_allclose(error, expected, rtol=16 * float(numbers.eps), atol=float(numbers.tiny) / 100)
