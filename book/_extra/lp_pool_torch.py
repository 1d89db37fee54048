# Copyright (c) 2026 The chainbp developers. MIT license: keep this line, and do what you like.
"""Lp pooling and GeM for PyTorch, with gradients that are right at zeros, ties, any scale, and for 0 < p ≤ ∞.

    pool = LpPool2d(3.0, kernel_size=2)                         # in the place of nn.LPPool2d(3.0, 2)
    pool = LpPool2d([3.0] * 64, kernel_size=2, learn_p=True)    # learns one p per channel

z = (Σ|y_i|^p)^(1/p), ∂z/∂y_i = sign(y_i) (|y_i|/z)^(p−1) and ∂z/∂p = −(z/p²) H(w), where H is the Shannon entropy of
the shares w_i = (|y_i|/z)^p. A window of zeros gives 0 and gets no gradient, nor does an entry 0 for p ≤ 1; at p = ∞
the largest share the gradient equally; an infinite entry gives ∞, NaN gives NaN.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_STEEPEST = {torch.float32: 100.0, torch.float64: 1000.0}  # up to this p, the p-th power of a number below 2 is finite


class _LpPool(torch.autograd.Function):
    """(N, C, H, W) to (N, C, h, w), p of shape (C, 1, 1) or (1, 1, 1).

    The powers are taken once for all windows that share an entry, of y divided by a power of two near the largest of
    all. Where that loses digits that would be seen, the window is `left` to `_norms`, which divides by its own largest.
    """

    @staticmethod
    def forward(ctx, y, p, size, stride):
        numbers, n = torch.finfo(y.dtype), size[0] * size[1]
        r, sign = y.abs(), y.sign()
        top = r.amax()
        unit = torch.where(top == 0, 1, top / torch.frexp(top).mantissa)
        r = torch.fmin(r.div_(unit), torch.ones_like(top))  # also where unit is not finite
        q = r ** (p - 1).clamp(0, numbers.max)  # serves forward and backward
        w = r.mul_(q)
        # No entry vanishes without a trace.
        s = _sums(torch.maximum(w, sign.abs().mul_(numbers.tiny)), size, stride)
        # Below p = 1.5, a derivative may be seen where the ratio is no normal float.
        easy = ((p == 1) | (p >= 1.5)) & (p < torch.inf) & (unit < torch.inf)
        zero = (s == 0) & easy
        known = (s >= numbers.tiny / numbers.eps) & (s <= n) & easy
        root = _root(torch.where(known, s, 1), p)
        z = torch.where(known, unit * root, 0)
        left = ~(known | zero)
        _mend_z(z, y, p, left, size, stride)
        ctx.save_for_backward(y, p, z, unit, q.mul_(sign), torch.where(known, root / s, 0), left)
        ctx.windows = size, stride
        return z

    @staticmethod
    def backward(ctx, delta):
        y, p, z, unit, q, shared, left = ctx.saved_tensors
        if torch.is_grad_enabled():  # create_graph=True
            return *_differentiable(delta, y, p, z, *ctx.windows), None, None
        of_y = of_p = None
        if ctx.needs_input_grad[0]:
            of_y = q * _spread(delta * shared, y, *ctx.windows)
            _mend_gradient(of_y, delta, y, p, left, *ctx.windows)
        if ctx.needs_input_grad[1]:
            slopes = _slopes(y, p, z, unit, q, left, *ctx.windows)
            of_p = torch.where(delta == 0, 0, delta * slopes).sum_to_size(p.shape)
        return of_y, of_p, None, None


# ---- windows that share an entry ----


def _sums(y: Tensor, size, stride) -> Tensor:
    """The sum of each window."""
    return F.avg_pool2d(y, size, stride, divisor_override=1)


def _spread(delta: Tensor, y: Tensor, size, stride) -> Tensor:
    """To each entry of y, the sum of the errors of its windows."""
    return torch.ops.aten.avg_pool2d_backward(delta, y, size, stride, (0, 0), False, True, 1)


# ---- windows by themselves, with their entries along the first axis ----


def _norms(y: Tensor, p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """z, ∂z/∂y and ∂z/∂p of each window."""
    a, numbers = y.abs(), torch.finfo(y.dtype)
    top = a.amax(0)
    plain = (top > 0) & (top < torch.inf)  # and not NaN
    m = torch.where(plain, top, 1)
    steep = p > _STEEPEST[y.dtype]
    # Division by a power of two is exact. Below p = 1, the root would show what is lost of 1 + tiny.
    unit = torch.where((p < 1) | steep, m, m / (2 * torch.frexp(m).mantissa))
    r = torch.where(plain, a / unit, torch.where(top.isnan(), torch.nan, (a == top).to(a.dtype)))
    q = torch.where(p < 1, torch.where(r > 0, r**p / r, 0 * r), r ** (p - 1))
    # A steep power shows how r was rounded; its logarithm, of an exact difference, does not.
    log = torch.log1p((a - m) / m)
    q = torch.where(steep & plain, torch.where(log == 0, 1, torch.exp((p - 1) * log)), q)
    w = q * r
    # Below p = 2, the power of a ratio that is no normal float may be one; the ratio's fourth root always is.
    faint = plain & (a > 0) & (r < numbers.tiny) & (p < 2)
    fourth = torch.where(faint, a.sqrt().sqrt() / unit.sqrt().sqrt(), 1)
    q, w = torch.where(faint, (fourth**p / fourth) ** 4, q), torch.where(faint, (fourth**p) ** 4, w)

    s = w.sum(0)
    root = _root(s, p)
    z = torch.where(plain, unit * root, top)
    # A derivative beyond the largest float becomes the largest, so that no error of 0 times it is NaN.
    gradient = y.sign() * torch.where(q == 0, q, q * (root / s)).clamp(max=numbers.max)
    slope = torch.where(plain & (p < torch.inf), _entropy(w) * root / p / p * unit, torch.where(top.isnan(), top, 0))
    return z, gradient, -slope


def _entropy(w: Tensor) -> Tensor:
    """Shannon's H of w/Σw, as ln(1 + Σ u) − Σ u ln u/(1 + Σ u), u = w/max w without the largest: nothing cancels."""
    top, place = w.max(0, keepdim=True)
    u = (w / top).scatter_(0, place, 0.0)
    rest = u.sum(0)
    return rest.log1p() - torch.xlogy(u, u).sum(0) / (1 + rest)


def _root(s: Tensor, p: Tensor) -> Tensor:
    """s^(1/p), with what is lost when 1/p is rounded, which a large power would show."""
    one = 1 / p

    def halves(x):  # Veltkamp's: the products of halves are exact
        c = x * (2**27 + 1 if x.dtype == torch.float64 else 2**12 + 1)
        return c - (c - x), x - (c - (c - x))

    (a, b), (c, d) = halves(p), halves(one)
    lost = torch.nan_to_num((1 - a * c - b * c - a * d - b * d) / p, 0.0, 0.0, 0.0)
    return s**one * (1 + lost * s.log())


def _windows(y: Tensor, size, stride) -> Tensor:
    """All windows, their entries along a new first axis."""
    places = y.unfold(-2, size[0], stride[0]).unfold(-2, size[1], stride[1])
    return places.movedim((-2, -1), (0, 1)).flatten(0, 1)


def _some(which: Tensor, size, stride):
    """Some windows, a few at a time: where they are, and where their entries are."""
    place = torch.arange(size[0] * size[1], device=which.device)[:, None]
    for part in which.nonzero().split(max(1, 2**16 // len(place))):
        image, channel, row, column = part.unbind(1)
        rows, columns = row * stride[0] + place // size[1], column * stride[1] + place % size[1]
        yield (image, channel, row, column), (image, channel, rows, columns)


# Opaque to torch.compile, which cannot follow what depends on the data.


@torch.library.custom_op("lp_pool_torch::mend_z", mutates_args=["z"])
def _mend_z(z: Tensor, y: Tensor, p: Tensor, left: Tensor, size: list[int], stride: list[int]) -> None:
    """Fill in the norms of windows that are left."""
    for where, entries in _some(left, size, stride):
        z[where] = _norms(y[entries], p.expand(z.shape)[where])[0]


@torch.library.custom_op("lp_pool_torch::mend_gradient", mutates_args=["of_y"])
def _mend_gradient(
    of_y: Tensor, delta: Tensor, y: Tensor, p: Tensor, left: Tensor, size: list[int], stride: list[int]
) -> None:
    """Add what goes back from windows that are left; an error of 0 sends nothing, even from a NaN."""
    for where, entries in _some(left & (delta != 0), size, stride):
        gradient = _norms(y[entries], p.expand(delta.shape)[where])[1]
        of_y.index_put_(entries, delta[where] * gradient, accumulate=True)


@torch.library.custom_op("lp_pool_torch::slopes", mutates_args=())
def _slopes(
    y: Tensor, p: Tensor, z: Tensor, unit: Tensor, q: Tensor, left: Tensor, size: list[int], stride: list[int]
) -> Tensor:
    """∂z/∂p of each window."""
    slopes = torch.zeros_like(z)
    for image in range(len(y)):  # one by one: overlapping windows hold many copies of their entries
        entropy = _entropy(_windows((y[image] / unit * q[image]).abs(), size, stride))
        slopes[image] = torch.where(z[image] == 0, 0, -entropy * z[image] / p / p)
    for where, entries in _some(left, size, stride):
        slopes[where] = _norms(y[entries], p.expand(z.shape)[where])[2]
    return slopes


@_slopes.register_fake
def _(y, p, z, unit, q, left, size, stride):
    return torch.empty_like(z)


def _differentiable(delta, y, p, z, size, stride):
    """Both gradients from operations that can be differentiated again, away from zeros, ties and infinities."""
    with torch.enable_grad():
        places = _windows(y, size, stride)
        smooth = (places != 0) & (z > 0) & (z < torch.inf) & (p < torch.inf)
        r = torch.where(smooth, places.abs(), 1) / torch.where(smooth, z, 1)
        order = torch.where(p < torch.inf, p, 1)
        kinks = torch.where(p < torch.inf, 0, _norms(places.detach(), p.detach().expand(z.shape))[1])
        gradient = torch.where(smooth, places.sign() * r ** (order - 1), kinks)
        entropy = -torch.where(smooth, r**order * order * r.log(), 0).sum(0)
        (of_y,) = torch.autograd.grad(places, y, gradient * delta, create_graph=True)
        return of_y, (-delta * z / order**2 * entropy).sum_to_size(p.shape)


# ---- functions and modules ----


def lp_pool2d(y, p, kernel_size, stride=None, padding=0, ceil_mode=False):
    """Lp pooling of (C, H, W) or (N, C, H, W), with one order p, or one for each channel: a number or a tensor.

    kernel_size, stride (the same by default) and padding (of zeros) are an int or a pair. With ceil_mode, windows may
    reach over the end, as in nn.MaxPool2d. float16 and bfloat16 are computed in float32.
    """
    if not y.is_floating_point() or y.ndim not in (3, 4):
        raise TypeError(f"lp_pool2d takes (C, H, W) or (N, C, H, W) of floats; got {tuple(y.shape)} of {y.dtype}")
    size, padding = _pair(kernel_size, "kernel_size", 1), _pair(padding, "padding", 0)
    stride = size if stride is None else _pair(stride, "stride", 1)
    dtype = torch.promote_types(y.dtype, torch.float32)
    p = torch.as_tensor(p, dtype=dtype, device=y.device)
    if p.ndim > 1 or p.numel() not in (1, y.shape[-3]):
        raise ValueError(f"p must be one order, or one for each of {y.shape[-3]} channels; got shape {tuple(p.shape)}")
    if not torch.compiler.is_compiling() and not (p > 0).all():
        raise ValueError(f"p must be greater than 0, or inf; got {p.tolist()}")
    p = torch.where(p > 0, p, torch.nan)
    more = []
    for axis in (1, 0):
        length, k, s, pad = y.shape[axis - 2], size[axis], stride[axis], padding[axis]
        if length + 2 * pad < k or 2 * pad > k:
            raise ValueError(f"a window of {k} does not fit {length} entries, padded by {pad} (at most half of it)")
        count = (length + 2 * pad - k) // s + 1
        if ceil_mode and (length + 2 * pad - k) % s and count * s < length + pad:
            count += 1  # a last window, which begins in y or the padding before it
        more += [pad, max(pad, (count - 1) * s + k - length - pad)]
    images = y.to(dtype).reshape(-1, *y.shape[-3:])
    images = F.pad(images, more) if any(more) else images
    pool = _LpPool.apply if images.numel() else lambda y, p, *windows: _sums(y, *windows)  # no image, no norm
    z = pool(images, p.reshape(-1, 1, 1), size, stride)
    return z.reshape(*y.shape[:-2], *z.shape[-2:]).to(y.dtype)


def _pair(value, name, least):
    pair = [value] * 2 if isinstance(value, int) else list(value)
    if len(pair) != 2 or not all(isinstance(n, int) and n >= least for n in pair):
        raise ValueError(f"{name} must be an integer of at least {least}, or a pair of them; got {value!r}")
    return pair


def lp_pool1d(y, p, kernel_size, stride=None, padding=0, ceil_mode=False):
    """The same of (C, L) or (N, C, L)."""
    if y.ndim not in (2, 3):
        raise TypeError(f"lp_pool1d takes (C, L) or (N, C, L); got {tuple(y.shape)}")
    stride = kernel_size if stride is None else stride
    return lp_pool2d(y.unsqueeze(-2), p, (1, kernel_size), (1, stride), (0, padding), ceil_mode).squeeze(-2)


def gem(y, p, eps=1e-6):
    """The generalized mean (Σ y_i^p / n)^(1/p) of each map, (C, H, W) to (C, 1, 1) or (N, C, H, W) to (N, C, 1, 1).

    As in the literature, entries below eps, negative ones among them, count as eps and get no gradient. Without that
    (eps=None) it is the mean of |y_i|^p, and its derivative by p is (z/p²)(ln n − H(w)).
    """
    z = lp_pool2d(y if eps is None else y.clamp(min=eps), p, y.shape[-2:])
    p = torch.as_tensor(p, dtype=torch.promote_types(y.dtype, torch.float32), device=y.device)
    return (z * (y.shape[-2] * y.shape[-1]) ** (-1 / p.reshape(-1, 1, 1))).to(y.dtype)


class _Ordered(nn.Module):
    """A module with an order p, of shape (1,), or (C,) for one in each channel; a Parameter if it is learned.

    A p that is not learned is no part of the state_dict, so that of a network with nn.LPPool2d can be loaded.
    """

    def __init__(self, p, learn_p):
        super().__init__()
        p = torch.as_tensor(p, dtype=torch.get_default_dtype()).clone().reshape(-1)
        if not p.numel() or not (p > 0).all():
            raise ValueError(f"p must be greater than 0, or inf; got {p.tolist()}")
        if learn_p:
            self.p = nn.Parameter(p)
        else:
            self.register_buffer("p", p, persistent=False)


class LpPool2d(_Ordered):
    """`lp_pool2d` with the arguments of nn.LPPool2d, and two more."""

    pool = staticmethod(lp_pool2d)

    def __init__(self, norm_type, kernel_size, stride=None, ceil_mode=False, padding=0, learn_p=False):
        super().__init__(norm_type, learn_p)
        self.windows = kernel_size, stride, padding, ceil_mode

    def forward(self, y):
        return self.pool(y, self.p, *self.windows)

    def extra_repr(self):
        return "p={}, kernel_size={}, stride={}, padding={}, ceil_mode={}".format(self.p.tolist(), *self.windows)


class LpPool1d(LpPool2d):
    """`lp_pool1d` with the arguments of nn.LPPool1d, and two more."""

    pool = staticmethod(lp_pool1d)


class GeM(_Ordered):
    """`gem` with a p that is learned, as published: checkpoints with a `p` of shape (1,) can be loaded."""

    def __init__(self, p=3.0, eps=1e-6, learn_p=True):
        super().__init__(p, learn_p)
        self.eps = eps

    def forward(self, y):
        return gem(y, self.p, self.eps)

    def extra_repr(self):
        return f"p={self.p.tolist()}, eps={self.eps}"
