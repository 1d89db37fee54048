"""What PyTorch and JAX really print: for the book's page "Coming from PyTorch or JAX".

    python -m benchmarks.peers        saves book/_data/peers.json

Three things, each run for real:

* `names`: a line of chainbp, one of PyTorch and one of JAX that are said to do the same; their results are compared.
* `windows`: Lp pooling of small windows and its gradient, by each library, as it prints them.
* `cure`: a pooling in PyTorch that is right where `torch.nn.LPPool2d` is not, compared with chainbp on random windows.
"""

from __future__ import annotations

import contextlib
import io
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np

import chainbp
from benchmarks.harness import BOOK_DATA, Json, about, save

RESULTS = BOOK_DATA / "peers.json"

# What the lines below work on. A sample is a column in chainbp, a row in the frameworks.
SETTING = """
rng = np.random.default_rng(0)
W, b, x = rng.normal(size=(3, 4)), rng.normal(size=3), rng.normal(size=(4, 5))
images, K, a = rng.normal(size=(2, 3, 6, 6)), rng.normal(size=(4, 3, 3, 3)), rng.normal(size=4)
positive = np.abs(images)
labels = np.array([2, 0, 1, 1, 2])
one_hot = np.eye(3)[:, labels]
t = np.eye(3)[:, 0]
"""

# Name, chainbp, PyTorch, JAX. A last axis is turned where rows stand for columns.
NAMES = [
    ("weighted sum", "rho[W, b] @ x", "F.linear(x.T, W, b).T", "(x.T @ W.T + b).T"),
    ("sigmoid", "sigma @ x", "torch.sigmoid(x)", "jax.nn.sigmoid(x)"),
    ("tanh", "tanh @ x", "torch.tanh(x)", "jnp.tanh(x)"),
    ("rectifier", "relu @ x", "torch.relu(x)", "jax.nn.relu(x)"),
    ("softmax", "softmax @ x", "torch.softmax(x, dim=0)", "jax.nn.softmax(x, axis=0)"),
    (
        "a chain",
        "sigma @ rho[W, b] @ x",
        "nn.Sequential(linear(W, b), nn.Sigmoid())(x.T).T",
        "jax.nn.sigmoid(x.T @ W.T + b).T",
    ),
    (
        "Lp pooling of a vector",
        "eta[3.0] @ x",
        "torch.linalg.vector_norm(x, ord=3.0, dim=0)",
        "jnp.linalg.norm(x, ord=3.0, axis=0)",
    ),
    (
        "Lp pooling of images, of numbers ≥ 0",
        "lp_pool2d[3.0, 2] @ positive",
        "nn.LPPool2d(3.0, 2)(positive)",
        'lax.reduce_window(positive**3.0, 0.0, lax.add, (1, 1, 2, 2), (1, 1, 2, 2), "VALID") ** (1 / 3.0)',
    ),
    (
        "convolution",
        "conv2d[K, a] @ images",
        "F.conv2d(images, K, a)",
        'lax.conv(images, K, (1, 1), "VALID") + a[:, None, None]',
    ),
    ("images to columns", "flatten @ images", "torch.flatten(images, 1).T", "images.reshape(len(images), -1).T"),
    ("squared error", "squared_error[t] @ b", 'F.mse_loss(b, t, reduction="sum")', "jnp.sum((t - b) ** 2)"),
    (
        "cross entropy of logits",
        "softmax_cross_entropy[one_hot] @ rho[W] @ x",
        'F.cross_entropy((W @ x).T, labels, reduction="sum")',
        "-jnp.sum(one_hot * jax.nn.log_softmax(W @ x, axis=0))",
    ),
    (
        "gradients of a loss",
        "backprop(squared_error[t] @ sigma @ rho[W], x[:, 0]).gradients[0]",
        "torch.autograd.grad(((t - torch.sigmoid(W @ x[:, 0])) ** 2).sum(), W)[0]",
        "jax.grad(lambda W: ((t - jax.nn.sigmoid(W @ x[:, 0])) ** 2).sum())(W)",
    ),
    (
        "vector-Jacobian product",
        "sigma.vjp(b)[1].x(t)",
        "torch.func.vjp(torch.sigmoid, b)[1](t)[0]",
        "jax.vjp(jax.nn.sigmoid, b)[1](t)[0]",
    ),
    ("Jacobian", "sigma.jacobian(b)", "torch.func.jacrev(torch.sigmoid)(b)", "jax.jacrev(jax.nn.sigmoid)(b)"),
    (
        "gradient check",
        "bool(check_gradient(squared_error[t] @ sigma, b))",
        "torch.autograd.gradcheck(lambda b: ((t - torch.sigmoid(b)) ** 2).sum(), b)",
        "checked(lambda b: ((t - jax.nn.sigmoid(b)) ** 2).sum(), b)",
    ),
    (
        "a held part",
        "backprop(squared_error[t] @ rho[np.eye(3)] @ sigma @ rho[W].fixed(), x[:, 0]).gradients[0]",
        "held(t, torch.eye(3, dtype=torch.float64), torch.sigmoid(W.detach() @ x[:, 0]))",
        "jax.grad(lambda V: jnp.sum((t - V @ lax.stop_gradient(jax.nn.sigmoid(W @ x[:, 0]))) ** 2))(jnp.eye(3))",
    ),
]

WINDOWS = [
    ("negative", "negative entries", [-1.0, 2.0, -3.0, 1.0], [1, 2, 2.5, 3], "float64"),
    ("zeros", "a window of zeros", [0.0, 0.0, 0.0, 0.0], [0.5, 1, 2, 3], "float64"),
    ("large-p", "a large p", [0.1, 0.1, 0.05, 0.1], [10, 50, 100], "float32"),
    ("large-p-of-10", "a large p", [10.0, 10.0, 5.0, 10.0], [10, 50, 100], "float32"),
    ("ends", "numbers near the ends of float32", [1e30, 1e30, 0.0, 0.0], [2, 3], "float32"),
    ("ties", "p = ∞, with ties", [2.0, 2.0, 1.0, 0.0], [float("inf")], "float64"),
]

CURE = '''
def lp_pool2d(y, p, size, stride=None):
    """Lp pooling of (N, C, H, W) for 1 <= p < inf: any sign, any size of numbers, any p."""
    stride = stride or size
    windows = y.unfold(2, size, stride).unfold(3, size, stride).abs()
    largest = windows.amax(dim=(-2, -1), keepdim=True).detach()
    ratios = windows / torch.where(largest > 0, largest, 1)
    total = (ratios**p).sum(dim=(-2, -1)).clamp_min(1)
    return largest[..., 0, 0] * total ** (1 / p)
'''


def main() -> None:
    """Run, compare, save."""
    try:
        import jax
        import torch
    except ImportError as missing:
        raise SystemExit(f"{missing}: `make bench` installs it; {RESULTS.name} is left as it is") from missing
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    torch.manual_seed(0)
    results: Json = {
        **about("python -m benchmarks.peers"),
        "names": [_compared(*row) for row in NAMES],
        "windows": [_pooled(*row) for row in WINDOWS],
        "cure": _cure(),
    }
    print(f"{len(results['names'])} lines of chainbp agree with PyTorch's and JAX's.")
    for row in results["windows"]:
        print(f"\n{row['about']}: {row['y']}, {row['dtype']}")
        for p, prints in row["prints"].items():
            for name, text in prints.items():
                print(f"  p = {p}  {name}: {text}")
    save(RESULTS, results)


# ---- names ----


def _compared(name: str, ours: str, torch_line: str, jax_line: str) -> Json:
    """The lines, once they are known to give the same."""
    expected = np.asarray(eval(ours, _chainbp_names()))
    for line, names in ((torch_line, _torch_names()), (jax_line, _jax_names())):
        got = eval(line, names)
        got = np.asarray(got.detach() if hasattr(got, "detach") else got)
        if got.shape != expected.shape or not np.allclose(got, expected, rtol=1e-12, atol=1e-12):
            raise AssertionError(f"{name}: {line} is not {ours}")
    return {"name": name, "chainbp": ours, "torch": torch_line, "jax": jax_line}


def _setting() -> dict[str, Any]:
    names: dict[str, Any] = {"np": np}
    exec(SETTING, names)
    return names


def _chainbp_names() -> dict[str, Any]:
    return vars(chainbp) | _setting()


def _torch_names() -> dict[str, Any]:
    import torch
    from torch import nn
    from torch.nn import functional as F

    def linear(W: Any, b: Any) -> Any:
        layer = nn.Linear(W.shape[1], W.shape[0], dtype=W.dtype)
        layer.weight, layer.bias = nn.Parameter(W), nn.Parameter(b)
        return layer

    def held(t: Any, V: Any, y: Any) -> Any:
        V.requires_grad_()
        return torch.autograd.grad(((t - V @ y) ** 2).sum(), V)[0]

    arrays = {k: torch.from_numpy(v) for k, v in _setting().items() if isinstance(v, np.ndarray)}
    for name in ("W", "b"):
        arrays[name].requires_grad_()
    return {"torch": torch, "nn": nn, "F": F, "linear": linear, "held": held, **arrays}


def _jax_names() -> dict[str, Any]:
    import jax
    import jax.numpy as jnp
    from jax import lax
    from jax.test_util import check_grads

    def checked(f: Callable[[Any], Any], x: Any) -> bool:
        check_grads(f, (x,), order=1, modes=("rev",))
        return True

    arrays = {k: jnp.asarray(v) for k, v in _setting().items() if isinstance(v, np.ndarray)}
    return {"jax": jax, "jnp": jnp, "lax": lax, "checked": checked, **arrays}


# ---- windows ----

TORCH_CODE = """
y = torch.tensor({y}, dtype=torch.{dtype}, requires_grad=True)
z = torch.nn.LPPool2d({p}, 2)(y.reshape(1, 1, 2, 2))
z.sum().backward()
print(z.item(), y.grad.tolist())
"""
NORM_CODE = """
y = torch.tensor({y}, dtype=torch.{dtype}, requires_grad=True)
z = torch.linalg.vector_norm(y, ord={p})
z.backward()
print(z.item(), y.grad.tolist())
"""
JAX_CODE = """
y = jnp.array({y}, dtype=jnp.{dtype})
z, gradient = jax.value_and_grad(lambda y: jnp.sum(jnp.abs(y) ** {p}) ** (1 / {p}))(y)
print(z.item(), gradient.tolist())
"""
GEM_CODE = """
y = torch.tensor({y}, dtype=torch.{dtype}, requires_grad=True)
z = y.clamp(min=1e-6).pow({p}).mean().pow(1 / {p})
z.backward()
print(z.item(), y.grad.tolist())
"""
CODES = {
    "torch.nn.LPPool2d": TORCH_CODE,
    "torch.linalg.vector_norm": NORM_CODE,
    "JAX, the formula": JAX_CODE,
    "GeM, clamped at 1e-6": GEM_CODE,
}


def _pooled(key: str, about_it: str, y: list[float], orders: list[float], dtype: str) -> Json:
    """What each library prints: z, and the gradient. An error is printed, too."""
    prints = {
        str(p): {name: _printed(code.format(y=y, p=p, dtype=dtype)) for name, code in CODES.items()} for p in orders
    }
    return {"key": key, "about": about_it, "y": y, "dtype": dtype, "prints": prints}


def _printed(code: str) -> str:
    import jax
    import jax.numpy as jnp
    import torch

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            exec(code, {"torch": torch, "jax": jax, "jnp": jnp, "inf": float("inf")})
        except Exception as error:  # whatever a library answers is what a reader would see
            print(f"{type(error).__name__}: {error}".splitlines()[0])
    return out.getvalue().strip()


# ---- cure ----


def _cure() -> Json:
    """The code of the cure, once it is known to agree with chainbp."""
    import torch

    names: dict[str, Any] = {"torch": torch}
    exec(CURE, names)
    rng = np.random.default_rng(0)
    for p, size, stride in [(1.0, 2, 2), (2.5, 2, 2), (3.0, 3, 2), (50.0, 2, 1), (300.0, 2, 2)]:
        y = rng.normal(size=(2, 3, 7, 7)) * 10.0 ** rng.integers(-20, 20, size=(2, 3, 1, 1))
        y[0, 0] = 0
        y[1, 1, :, ::3] = 0
        _compare(names["lp_pool2d"], y, p, size, stride)
    for _, _, window, orders, dtype in WINDOWS:
        for p in orders:
            if 1 <= p < np.inf:
                _compare(names["lp_pool2d"], np.array(window, dtype).reshape(1, 1, 2, 2), float(p), 2, 2)
    return {"code": textwrap.dedent(CURE).strip()}


def _compare(pool: Callable[..., Any], y: Any, p: float, size: int, stride: int) -> None:
    """Value and gradient of a pooling in PyTorch beside chainbp's."""
    import torch

    near = 1e-11 if y.dtype == np.float64 else 1e-4
    expected, pull = chainbp.lp_pool2d[p, size, stride].vjp(y)
    x = torch.from_numpy(y).requires_grad_()
    z = pool(x, p, size, stride)
    delta = np.random.default_rng(0).normal(size=expected.shape).astype(y.dtype)
    (errors,) = torch.autograd.grad(z, x, torch.from_numpy(delta))
    np.testing.assert_allclose(z.detach(), expected, rtol=near)
    np.testing.assert_allclose(errors, pull.x(delta), rtol=near, atol=near / 10)


if __name__ == "__main__":
    main()
