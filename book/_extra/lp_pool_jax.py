# Copyright (c) 2026 The chainbp developers. MIT license: keep this line, and do what you like.
"""Lp pooling and GeM for JAX, with gradients that are right at zeros, ties, any scale, and for 0 < p ≤ ∞.

    z = lp_pool2d(y, 3.0, 2)                    # (N, C, H, W), windows of 2×2; p may be learned
    z = lp_pool2d(y, jnp.full(64, 3.0), 2)      # one p per channel

z = (Σ|y_i|^p)^(1/p), ∂z/∂y_i = sign(y_i) (|y_i|/z)^(p−1) and ∂z/∂p = −(z/p²) H(w), where H is the Shannon entropy of
the shares w_i = (|y_i|/z)^p. A window of zeros gives 0 and gets no gradient, nor does an entry 0 for p ≤ 1; at p = ∞
the largest share the gradient equally; an infinite entry gives ∞, NaN gives NaN. Gradients can be differentiated again,
in reverse mode. They work under jit and vmap. XLA takes subnormal numbers for zeros on most devices.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


@jax.custom_vjp
def lp_norm(y, p):
    """(32) along the first axis of y, with p of a shape that broadcasts with the others."""
    return _norms(y, p)[0]


def _forward(y, p):
    return lp_norm(y, p), (y, p)  # not `_norms`: whoever differentiates twice differentiates this z as well


def _backward(saved, delta):
    gradient, slope = _derivatives(*saved)
    # An error of 0 sends nothing back, even from a NaN.
    of_y, of_p = (jnp.where(delta == 0, 0, delta * d) for d in (gradient, slope))
    return of_y, _summed_to(of_p, jnp.shape(saved[1]))


lp_norm.defvjp(_forward, _backward)


def _summed_to(of_p, shape):
    """The sum over all axes that broadcasting made."""
    of_p = of_p.sum(tuple(range(of_p.ndim - len(shape))))
    return of_p.sum(tuple(i for i, n in enumerate(shape) if n == 1 != of_p.shape[i]), keepdims=True)


def _norms(y, p):
    """z, ∂z/∂y and ∂z/∂p of windows along the first axis."""
    a, numbers = jnp.abs(y), jnp.finfo(y.dtype)
    small, large = a.max(0) < 1, a.max(0) > numbers.max / 8  # where XLA would flush a number, or 1/unit, to zero
    a = jnp.where(small, _lifted(a), jnp.where(large, a / 4, a))
    drop = jnp.where(small, 2.0 ** -(numbers.nmant + 2), jnp.where(large, 4, 1)).astype(a.dtype)
    top = a.max(0)
    plain = (top > 0) & (top < jnp.inf)  # and not NaN
    m = jnp.where(plain, top, 1)
    # Up to these p, the p-th power of a number below 2 is finite.
    steep = p > (1000 if y.dtype == jnp.float64 else 100)
    # Division by a power of two is exact. Below p = 1, the root would show what is lost of 1 + tiny.
    unit = jnp.where((p < 1) | steep, m, m / (2 * jnp.frexp(m)[0]))
    r = jnp.where(plain, a / unit, jnp.where(jnp.isnan(top), jnp.nan, (a == top).astype(a.dtype)))
    q = jnp.where(p < 1, jnp.where(r > 0, r**p / r, 0 * r), r ** (p - 1))
    # A steep power shows how r was rounded; its logarithm, of an exact difference, does not.
    log = jnp.log1p((a - m) / m)
    q = jnp.where(steep & plain, jnp.where(log == 0, 1, jnp.exp((p - 1) * log)), q)
    w = q * r
    # Below p = 2, the power of a ratio that is no normal float may be one; the ratio's fourth root always is.
    faint = plain & (a > 0) & (r < numbers.tiny) & (p < 2)
    fourth = jnp.where(faint, jnp.sqrt(jnp.sqrt(a)) / jnp.sqrt(jnp.sqrt(unit)), 1)
    q, w = jnp.where(faint, (fourth**p / fourth) ** 4, q), jnp.where(faint, (fourth**p) ** 4, w)

    s = w.sum(0)
    root = _root(s, p)
    z = jnp.where(plain, unit * root * drop, top)
    # A derivative beyond the largest float becomes the largest, so that no error of 0 times it is NaN.
    sign = jnp.where(jnp.isnan(y), y, jnp.where(a > 0, jnp.where(jnp.signbit(y), -1, 1), 0))
    gradient = sign * jnp.minimum(jnp.where(q == 0, q, q * (root / s)), numbers.max)
    slope = -_entropy(w) * root / p / p * unit * drop
    return z, gradient, jnp.where(plain & (p < jnp.inf), slope, jnp.where(jnp.isnan(top), top, 0))


def _lifted(a):
    """a below 1, times a power of two that leaves nothing subnormal: XLA would take that for zero."""
    numbers = jnp.finfo(a.dtype)
    bits = lax.bitcast_convert_type(a, f"int{numbers.bits}")
    subnormal = bits < 2**numbers.nmant
    return jnp.where(subnormal, bits.astype(a.dtype) * (4 * numbers.tiny), a * 2.0 ** (numbers.nmant + 2))


def _entropy(w):
    """Shannon's H of w/Σw, as ln(1 + Σ u) − Σ u ln u/(1 + Σ u), u = w/max w without the largest: nothing cancels."""
    place = w.argmax(0, keepdims=True)
    top = jnp.take_along_axis(w, place, 0)
    u = jnp.where(jnp.arange(len(w)).reshape(-1, *[1] * (w.ndim - 1)) == place, 0, w / top)
    rest = u.sum(0)
    return jnp.log1p(rest) - (u * jnp.log(jnp.where(u > 0, u, 1))).sum(0) / (1 + rest)


def _root(s, p):
    """s^(1/p), with what is lost when 1/p is rounded, which a large power would show."""
    one = 1 / p
    bits = jnp.finfo(s.dtype).nmant // 2
    a, c = (lax.reduce_precision(x, jnp.finfo(s.dtype).nexp, bits) for x in (p, one))  # so that products are exact
    lost = jnp.nan_to_num((1 - a * c - (p - a) * c - a * (one - c) - (p - a) * (one - c)) / p, posinf=0, neginf=0)
    return s**one * (1 + lost * jnp.log(s))


@jax.custom_jvp
def _derivatives(y, p):
    return _norms(y, p)[1:]


@_derivatives.defjvp
def _differentiated_again(primals, tangents):
    """What `_norms` computes with care, from operations that JAX can differentiate, away from zeros and ties."""

    def smooth(y, p):
        finite = p < jnp.inf
        order = jnp.where(finite, p, 1)
        top = lax.stop_gradient(jnp.abs(y).max(0))
        alive = (y != 0) & (top < jnp.inf) & finite
        r = jnp.where(alive, jnp.abs(jnp.where(alive, y, 1)) / jnp.where(top > 0, top, 1), 1)
        w = jnp.where(alive, r**order, 0)
        s = jnp.where(w.sum(0) > 0, w.sum(0), 1)
        entropy = jnp.log(s) - (w * order * jnp.log(r)).sum(0) / s
        gradient = jnp.where(alive, jnp.sign(y) * r ** (order - 1) * s ** (1 / order - 1), 0)
        return gradient, -top * s ** (1 / order) / order**2 * entropy

    return _derivatives(*primals), jax.jvp(smooth, primals, tangents)[1]


# ---- pooling ----


def lp_pool2d(y, p, kernel_size, stride=None, padding=0, ceil_mode=False):
    """Lp pooling of (..., C, H, W) with one order p, or one for each channel, shape (C,).

    kernel_size, stride (the same by default) and padding (of zeros) are an int or a pair. With ceil_mode, windows may
    reach over the end, as in PyTorch's nn.MaxPool2d. float16 and bfloat16 are computed in float32. p ≤ 0 is refused, or
    gives NaN where its value is not known, under jit.
    """
    y = jnp.asarray(y)
    if not jnp.issubdtype(y.dtype, jnp.floating) or y.ndim < 3:
        raise TypeError(f"lp_pool2d takes (..., C, H, W) of floats; got {y.shape} of {y.dtype}")
    size, padding = _pair(kernel_size, "kernel_size", 1), _pair(padding, "padding", 0)
    stride = size if stride is None else _pair(stride, "stride", 1)
    dtype = jnp.promote_types(y.dtype, jnp.float32)
    p = _order(p, y.shape[-3]).astype(dtype)
    more, index = [(0, 0)] * (y.ndim - 2), []
    for length, k, s, pad in zip(y.shape[-2:], size, stride, padding):
        if length + 2 * pad < k or 2 * pad > k:
            raise ValueError(f"a window of {k} does not fit {length} entries, padded by {pad} (at most half of it)")
        count = (length + 2 * pad - k) // s + 1
        if ceil_mode and (length + 2 * pad - k) % s and count * s < length + pad:
            count += 1  # a last window, which begins in y or the padding before it
        more.append((pad, max(pad, (count - 1) * s + k - length - pad)))
        index.append(np.arange(k)[:, None] + s * np.arange(count))
    down, across = index
    # Entry i, j of each window: gathered, so that windows may overlap.
    places = jnp.pad(y.astype(dtype), more)[..., down[:, None, :, None], across[None, :, None, :]]
    places = jnp.moveaxis(places, (-4, -3), (0, 1)).reshape(-1, *y.shape[:-2], down.shape[1], across.shape[1])
    return lp_norm(places, p).astype(y.dtype)


def lp_pool1d(y, p, kernel_size, stride=None, padding=0, ceil_mode=False):
    """The same of (..., C, L)."""
    stride = kernel_size if stride is None else stride
    return lp_pool2d(y[..., None, :], p, (1, kernel_size), (1, stride), (0, padding), ceil_mode)[..., 0, :]


def gem(y, p, eps=1e-6):
    """The generalized mean (Σ y_i^p / n)^(1/p) of each map, (..., C, H, W) to (..., C).

    As in the code in use, entries below eps, negative ones among them, count as eps and get no gradient. Without that
    (eps=None) it is the mean of |y_i|^p, and its derivative by p is (z/p²)(ln n − H(w)).
    """
    z = lp_pool2d(y if eps is None else jnp.maximum(y, eps), p, y.shape[-2:])[..., 0, 0]
    n = jnp.asarray(y.shape[-2] * y.shape[-1], jnp.promote_types(y.dtype, jnp.float32))
    return (z * n ** (-1 / _order(p, y.shape[-3])[..., 0, 0])).astype(y.dtype)


def _order(p, channels):
    """p as an array of shape (1, 1, 1) or (C, 1, 1), NaN where it is not positive."""
    p = jnp.asarray(p, float)
    if p.ndim > 1 or p.size not in (1, channels):
        raise ValueError(f"p must be one order, or one for each of {channels} channels; got shape {p.shape}")
    if not isinstance(p, jax.core.Tracer) and not (p > 0).all():
        raise ValueError(f"p must be greater than 0, or inf; got {p}")
    return jnp.where(p > 0, p, jnp.nan).reshape(-1, 1, 1)


def _pair(value, name, least):
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if len(pair) != 2 or not all(isinstance(n, int) and n >= least for n in pair):
        raise ValueError(f"{name} must be an integer of at least {least}, or a pair of them; got {value!r}")
    return pair
