# Copyright (c) 2026 The chainbp developers. MIT license: keep this line, and do what you like.
"""Lp pooling and GeM for PyTorch, with gradients that are right at zeros, ties, any scale, and for 0 < p ≤ ∞.

    pool = LpPool2d(3.0, kernel_size=2)                         # in the place of nn.LPPool2d(3.0, 2)
    pool = LpPool2d([3.0] * 64, kernel_size=2, learn_p=True)    # learns one p per channel

z = (Σ|y_i|^p)^(1/p), ∂z/∂y_i = sign(y_i) (|y_i|/z)^(p−1) and ∂z/∂p = −(z/p²) H(w), where H is the Shannon entropy of
the shares w_i = (|y_i|/z)^p. A window of zeros gives 0 and gets no gradient, nor does an entry 0 for p ≤ 1; at p = ∞
the largest share the gradient equally; an infinite entry gives ∞, NaN gives NaN.
"""

import torch
from torch import Tensor, nn, where
from torch.nn import functional as F


class _LpPool(torch.autograd.Function):
    """(N, C, H, W) to (N, C, h, w), p of shape (C, 1, 1) or (1, 1, 1).

    The powers are taken once for all windows that share an entry, of y divided by a power of two near the largest of
    its map. Where that loses digits that would be seen, the window is `left` to `_norms`.
    """

    @staticmethod
    def forward(ctx, y, p, size, stride):
        a, numbers = y.abs(), torch.finfo(y.dtype)
        top = a.amax((2, 3), keepdim=True)
        unit = where(top == 0, 1, top / torch.frexp(top).mantissa)
        r = (a / unit).masked_fill_(~(unit < torch.inf), 0)
        q = r ** (p - 1).clamp(min=0)  # serves forward and backward
        # Below p = 1.5, a derivative may be seen where the ratio is no normal float: let such windows have no sum.
        if torch.compiler.is_compiling() or (p < 1.5).any():
            faint = where(p < 1.5, torch.full_like(p, numbers.tiny), 0)
            r = where(r < faint, where(a > 0, torch.nan, 0), r)
        w = r.mul_(q)
        # A power that vanishes leaves a trace: only a window of zeros has the sum 0.
        s = F.avg_pool2d(torch.maximum(w, a.clamp_(max=numbers.tiny)), size, stride, divisor_override=1)
        # Compared with one number for each map: torch.compile joins masks of windows entry by entry.
        easy = (p >= 1) & (p < torch.inf) & (unit < torch.inf)
        least = size[0] * size[1] * numbers.tiny**0.5  # the traces are nothing beside it, and δ/s has room
        known = s >= where(easy, torch.full_like(unit, least), torch.inf)
        left = where(known, 0, s) != where(easy, 0, torch.nan)
        root = _root(where(known, s, 1), p)
        z = where(known, unit * root, 0)
        entropy, w = (torch.zeros_like(z), w) if ctx.needs_input_grad[1] else (None, None)
        _mend(z, entropy, y, p, w, left, [*size, *stride])
        ctx.save_for_backward(y, p, q.mul_(y.sign()), where(known, root / s, 0), left, z, entropy)
        ctx.windows = size, stride
        return z

    @staticmethod
    def backward(ctx, delta):
        (y, p, q, shared, left, z, entropy), (size, stride) = ctx.saved_tensors, ctx.windows
        if torch.is_grad_enabled():  # create_graph=True
            wanted = [x for x, needed in zip((y, p), ctx.needs_input_grad) if needed]
            found = iter(torch.autograd.grad(_smooth(y, p, size, stride), wanted, delta, create_graph=True))
            return tuple(next(found) if needed else None for needed in ctx.needs_input_grad)
        of_y = q * torch.ops.aten.avg_pool2d_backward(delta * shared, y, size, stride, (0, 0), False, True, 1)
        _send(of_y, delta, y, p, left, [*size, *stride])
        if not ctx.needs_input_grad[1]:
            return of_y, None, None, None
        # An error of 0 sends nothing, even from a NaN.
        of_p = where((delta == 0) | (entropy == 0), 0, -delta * (entropy / p / p) * z)
        return of_y, of_p.sum_to_size(p.shape), None, None


# torch.compile cannot follow what depends on data, and calls these two as they are.
@torch.library.custom_op("lp_pool_torch::mend", mutates_args=("z", "entropy"))
def _mend(
    z: Tensor, entropy: Tensor | None, y: Tensor, p: Tensor, w: Tensor | None, left: Tensor, windows: list[int]
) -> None:
    """Put in z of windows that are left; if p is learned, H of these, and of all others from w."""
    for at, entries in _windows(left if w is None else torch.ones_like(left), y, *windows):
        if left[at].any():
            norm, _, h = _norms(y.take(entries), p.expand(left.shape)[at])
            z[at] = where(left[at], norm, z[at])
        else:
            h = _entropy(w.take(entries))
        if entropy is not None:
            entropy[at] = h


@torch.library.custom_op("lp_pool_torch::send", mutates_args=("of_y",))
def _send(of_y: Tensor, delta: Tensor, y: Tensor, p: Tensor, left: Tensor, windows: list[int]) -> None:
    """Send the errors of windows that are left, but for errors of 0, back to their entries."""
    for at, entries in _windows(left & (delta != 0), y, *windows):
        gradient = _norms(y.take(entries), p.expand(left.shape)[at])[1]
        of_y.put_(entries, delta[at] * gradient, accumulate=True)


def _windows(wanted, y, height, width, down, across):
    """Where windows stand, and where in y their entries, on a first axis: as many at a time as fit a cache."""
    place = torch.arange(height * width, device=y.device)[:, None]
    place = place // width * y.shape[3] + place % width
    for part in filter(len, wanted.nonzero().split(max(1, 2**16 // len(place)))):
        at = image, channel, row, column = part.unbind(1)
        row = (image * y.shape[1] + channel) * y.shape[2] + row * down
        yield at, row * y.shape[3] + column * across + place


def _norms(y: Tensor, p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """z, ∂z/∂y and H of windows along the first axis, each divided by its own largest."""
    numbers, top = torch.finfo(y.dtype), y.detach().abs().amax(0)
    even = (top == 0) | (top == torch.inf)
    m = where(even, 1, top)
    a = where(y == 0, m, y.abs())  # so that no power, and no derivative of one, is infinite
    steep = ~even & (p > (1000 if y.dtype == torch.float64 else 100))  # the power of a number below 2 may be infinite
    # Division by a power of two is exact. Below p = 1, the root would show what is lost of 1 + tiny.
    unit = where((p < 1) | steep, m, m / (2 * torch.frexp(m).mantissa))
    r = (a / unit).clamp(min=numbers.tiny)
    q = where(p < 1, r**p / r, r ** (p - 1))
    # A steep power shows how r was rounded; its logarithm, of an exact difference, does not.
    log = torch.log1p((a - m) / m)
    q = where(steep, where(log == 0, 1, torch.exp((p - 1) * log)), q)
    # Below p = 2, the power of a ratio that is no normal float may be one; the ratio's fourth root always is.
    faint = (a / unit < numbers.tiny) & (p < 2)
    fourth = a.sqrt().sqrt() / unit.sqrt().sqrt()
    q, w = where(faint, (fourth**p / fourth) ** 4, q), where(faint, (fourth**p) ** 4, q * r)
    q, w = (where(even, (y.abs() == top).to(y.dtype), where(y == 0, 0, x)) for x in (q, w))
    root = _root(s := w.sum(0), p)
    # A derivative beyond the largest float becomes the largest.
    gradient = y.sign() * where(q == 0, q, q * (root / s)).clamp(max=numbers.max)
    return where(even, top, unit * root), gradient, where(even, 0, _entropy(w))


def _entropy(w: Tensor) -> Tensor:
    """Shannon's H of w/Σw, as ln(1 + Σ u) − Σ u ln u/(1 + Σ u), u = w/max w without the largest: nothing cancels."""
    top, place = w.max(0, keepdim=True)
    u = (w / where(top == 0, 1, top)).scatter_(0, place, 0.0)
    rest = u.sum(0)
    return rest.log1p() - torch.xlogy(u, u).sum(0) / (1 + rest)


def _root(s: Tensor, p: Tensor) -> Tensor:
    """s^(1/p), with what is lost when 1/p is rounded, which a large power would show."""
    one, half = 1 / p, 2.0 ** (27 if p.dtype == torch.float64 else 12) + 1
    a, c = (half * x - (half * x - x) for x in (p, one))  # half of the digits: their products are exact
    lost = (1 - a * c - (p - a) * c - a * (one - c) - (p - a) * (one - c)) / p
    return s**one * (1 + lost.detach().nan_to_num(0, 0, 0) * s.log())


def _smooth(y, p, size, stride):
    """z from operations that can be differentiated twice, away from zeros, ties and infinities."""
    places = y.unfold(2, size[0], stride[0]).unfold(3, size[1], stride[1]).flatten(4).movedim(4, 0)
    z = _norms(places, where(p < torch.inf, p, 1))[0]
    kinks = _norms(places.detach(), p.detach())[1]
    return where((z > 0) & (z < torch.inf) & (p < torch.inf), z, (places * kinks).sum(0))  # Euler: z = Σ y_i ∂z/∂y_i


def lp_pool2d(y, p, kernel_size, stride=None, padding=0, ceil_mode=False):
    """Lp pooling of (C, H, W) or (N, C, H, W), with one order p, or one for each channel: a number or a tensor.

    kernel_size, stride (the same by default) and padding (of zeros) are an int or a pair. With ceil_mode, windows may
    reach over the end, as in nn.MaxPool2d. float16 and bfloat16 are computed in float32.
    """
    if not y.is_floating_point() or y.ndim not in (3, 4):
        raise TypeError(f"lp_pool2d takes (C, H, W) or (N, C, H, W) of floats; got {tuple(y.shape)} of {y.dtype}")
    size, padding = _pair(kernel_size, "kernel_size", 1), _pair(padding, "padding", 0)
    stride = size if stride is None else _pair(stride, "stride", 1)
    p, more = _orders(p, y), []
    for length, k, s, pad in reversed([*zip(y.shape[-2:], size, stride, padding)]):
        if length + 2 * pad < k or 2 * pad > k:
            raise ValueError(f"a window of {k} does not fit {length} entries, padded by {pad} (at most half of it)")
        steps = (length + 2 * pad - k + (s - 1) * ceil_mode) // s
        steps -= steps * s >= length + pad  # the last window begins in y or the padding before it
        more += [pad, max(pad, steps * s + k - length - pad)]
    images = y.to(p.dtype).reshape(-1, *y.shape[-3:])
    z = _LpPool.apply(F.pad(images, more) if any(more) else images, p, size, stride)
    return z.reshape(*y.shape[:-2], *z.shape[-2:]).to(y.dtype)


def _pair(value, name, least):
    pair = [value] * 2 if isinstance(value, int) else list(value)
    if len(pair) != 2 or not all(isinstance(n, int) and n >= least for n in pair):
        raise ValueError(f"{name} must be an integer of at least {least}, or a pair of them; got {value!r}")
    return pair


def _orders(p, y):
    """p as a tensor of shape (C, 1, 1) or (1, 1, 1); NaN where it is not positive and that cannot be said."""
    p = torch.as_tensor(p, dtype=torch.promote_types(y.dtype, torch.float32), device=y.device)
    if p.ndim > 1 or p.numel() not in (1, y.shape[-3]):
        raise ValueError(f"p must be one order, or one for each of {y.shape[-3]} channels; got shape {tuple(p.shape)}")
    if not torch.compiler.is_compiling() and not (p > 0).all():
        raise ValueError(f"p must be greater than 0, or inf; got {p.tolist()}")
    return where(p > 0, p, torch.nan).reshape(-1, 1, 1)


def lp_pool1d(y, p, kernel_size, stride=None, padding=0, ceil_mode=False):
    """The same of (C, L) or (N, C, L)."""
    if y.ndim not in (2, 3):
        raise TypeError(f"lp_pool1d takes (C, L) or (N, C, L); got {tuple(y.shape)}")
    stride = kernel_size if stride is None else stride
    return lp_pool2d(y.unsqueeze(-2), p, (1, kernel_size), (1, stride), (0, padding), ceil_mode).squeeze(-2)


def gem(y, p, eps=1e-6):
    """The generalized mean (Σ y_i^p / n)^(1/p) of each map, (C, H, W) to (C, 1, 1) or (N, C, H, W) to (N, C, 1, 1).

    As in the code in use, entries below eps, negative ones among them, count as eps and get no gradient. Without that
    (eps=None) it is the mean of |y_i|^p, and its derivative by p is (z/p²)(ln n − H(w)).
    """
    z = lp_pool2d(y if eps is None else y.clamp(min=eps), p, y.shape[-2:])
    return (z * (y.shape[-2] * y.shape[-1]) ** (-1 / _orders(p, y))).to(y.dtype)


class _Pool(nn.Module):
    """A module with orders p, of shape (1,), or (C,) for one in each channel: a Parameter if they are learned.

    A p that is not learned is no part of the state_dict, so that of a network with nn.LPPool2d can be loaded.
    """

    def __init__(self, p, learn_p, **arguments):
        super().__init__()
        p = torch.as_tensor(p, dtype=torch.get_default_dtype()).clone().reshape(-1)
        _orders(p, p[:, None, None])  # an error if they are none
        if learn_p:
            self.p = nn.Parameter(p)
        else:
            self.register_buffer("p", p, persistent=False)
        self.arguments = arguments

    def forward(self, y):
        return self.pool(y, self.p, **self.arguments)

    def extra_repr(self):
        return ", ".join(f"{name}={value}" for name, value in {"p": self.p.tolist(), **self.arguments}.items())


class LpPool2d(_Pool):
    """`lp_pool2d` with the arguments of nn.LPPool2d, and two more."""

    pool = staticmethod(lp_pool2d)

    def __init__(self, norm_type, kernel_size, stride=None, ceil_mode=False, padding=0, learn_p=False):
        windows = {"kernel_size": kernel_size, "stride": stride, "padding": padding, "ceil_mode": ceil_mode}
        super().__init__(norm_type, learn_p, **windows)


class LpPool1d(LpPool2d):
    """`lp_pool1d` with the arguments of nn.LPPool1d, and two more."""

    pool = staticmethod(lp_pool1d)


class GeM(_Pool):
    """`gem` with a p that is learned, as published: checkpoints with a `p` of shape (1,) can be loaded."""

    pool = staticmethod(gem)

    def __init__(self, p=3.0, eps=1e-6, learn_p=True):
        super().__init__(p, learn_p, eps=eps)
