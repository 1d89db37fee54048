"""What PyTorch and JAX really print: for the book's page "Coming from PyTorch or JAX".

    python -m benchmarks.peers        saves book/_data/peers.json

Five things, each run for real:

* `names`: a line of chainbp, one of PyTorch and one of JAX that are said to do the same; their results are compared.
* `network`: the gradients of a small network, as either prints them, compared with chainbp's.
* `training`: a loop with `torch.optim.SGD`, compared with `train`.
* `windows`: Lp pooling of small windows and its gradient, as each prints them, and whether they are right.
* `cure`: a pooling in PyTorch that is right where `torch.nn.LPPool2d` is not, compared with chainbp on random windows.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import chainbp
from benchmarks.edges import Edge, fails
from benchmarks.harness import BOOK_DATA, Json, about, save

RESULTS = BOOK_DATA / "peers.json"

# How far results of lines that do the same may lie apart.
AGREE = 1e-12

# What the lines of NAMES work on, in float64. PyTorch has a `layer` besides: an nn.Linear that holds W and b.
SETTING = """
rng = np.random.default_rng(0)
W, b, V = rng.normal(size=(3, 4)), rng.normal(size=3), rng.normal(size=(2, 3))
x, X = rng.normal(size=4), rng.normal(size=(4, 5))
T, labels = rng.normal(size=(3, 5)), np.array([2, 0, 1, 1, 2])
one_hot = np.eye(3)[:, labels]
images, K, a = rng.normal(size=(2, 2, 4, 4)), rng.normal(size=(3, 2, 3, 3)), rng.normal(size=3)
positive, delta = np.abs(images), rng.normal(size=3)
"""

# What it is, then chainbp, PyTorch, JAX.
NAMES = [
    ("weighted sum", "rho[W, b] @ X", "layer(X.T).T", "(X.T @ W.T + b).T"),
    ("sigmoid", "sigma @ x", "torch.sigmoid(x)", "jax.nn.sigmoid(x)"),
    ("tanh, relu", "tanh @ relu @ x", "torch.tanh(torch.relu(x))", "jnp.tanh(jax.nn.relu(x))"),
    ("softmax of each sample", "softmax @ X", "torch.softmax(X.T, 1).T", "jax.nn.softmax(X.T).T"),
    (
        "a chain",
        "sigma @ rho[W, b] @ X",
        "nn.Sequential(layer, nn.Sigmoid())(X.T).T",
        "jax.nn.sigmoid(X.T @ W.T + b).T",
    ),
    (
        "Lp pooling of a vector",
        "eta[3.0] @ x",
        "torch.linalg.vector_norm(x, ord=3.0)",
        "jnp.linalg.norm(x, ord=3.0)",
    ),
    (
        "Lp pooling of images ≥ 0",
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
    ("images to columns", "flatten @ images", "torch.flatten(images, 1).T", "images.reshape(2, -1).T"),
    ("squared error", "squared_error[T] @ X[:3]", 'F.mse_loss(X[:3], T, reduction="sum")', "jnp.sum((T - X[:3]) ** 2)"),
    (
        "cross entropy of logits",
        "softmax_cross_entropy[one_hot] @ X[:3]",
        'F.cross_entropy(X[:3].T, labels, reduction="sum")',
        "-jnp.sum(one_hot * jax.nn.log_softmax(X[:3], axis=0))",
    ),
    (
        "gradient of a loss",
        "backprop(squared_error[T] @ sigma @ rho[W], X).gradients[0]",
        "torch.autograd.grad(((T - torch.sigmoid(W @ X)) ** 2).sum(), W)[0]",
        "jax.grad(lambda W: jnp.sum((T - jax.nn.sigmoid(W @ X)) ** 2))(W)",
    ),
    (
        "error δ of a hidden variable",
        "backprop(squared_error[T] @ sigma @ rho[W], X).deltas[1]",
        "torch.func.grad(lambda y: ((T - torch.sigmoid(y)) ** 2).sum())(W @ X)",
        "jax.grad(lambda y: jnp.sum((T - jax.nn.sigmoid(y)) ** 2))(W @ X)",
    ),
    (
        "chain rule (9)",
        "(sigma @ rho[W]).vjp(x)[1].x(delta)",
        "torch.func.vjp(lambda x: torch.sigmoid(W @ x), x)[1](delta)[0]",
        "jax.vjp(lambda x: jax.nn.sigmoid(W @ x), x)[1](delta)[0]",
    ),
    (
        "chain rule (10)",
        "(sigma @ rho[W]).vjp(x)[1].theta(delta)[0]",
        "torch.func.vjp(lambda W: torch.sigmoid(W @ x), W)[1](delta)[0]",
        "jax.vjp(lambda W: jax.nn.sigmoid(W @ x), W)[1](delta)[0]",
    ),
    (
        "Jacobian",
        "(sigma @ rho[W]).jacobian(x)",
        "torch.func.jacrev(lambda x: torch.sigmoid(W @ x))(x)",
        "jax.jacrev(lambda x: jax.nn.sigmoid(W @ x))(x)",
    ),
    (
        "a layer held fixed",
        "[g.shape for g in backprop(squared_error[T[:2]] @ rho[V] @ rho[W].fixed(), X).gradients]",
        "[g.shape for g in torch.autograd.grad(((T[:2] - V @ W.detach() @ X) ** 2).sum(), [V])]",
        "[g.shape for g in [jax.grad(lambda V: jnp.sum((T[:2] - V @ lax.stop_gradient(W) @ X) ** 2))(V)]]",
    ),
    (
        "parameters, in order",
        "[p.shape for p in (sigma @ rho[V] @ sigma @ rho[W, b]).parameters]",
        "[p.shape for p in nn.Sequential(layer, nn.Sigmoid(), nn.Linear(3, 2, bias=False)).parameters()]",
        '[p.shape for p in jax.tree.leaves([{"W": W, "b": b}, {"V": V}])]',
    ),
    (
        "gradient check",
        "check_gradient(squared_error[delta] @ sigma, b).ok",
        "torch.autograd.gradcheck(lambda b: ((delta - torch.sigmoid(b)) ** 2).sum(), b)",
        "jax.test_util.check_grads(lambda b: jnp.sum((delta - jax.nn.sigmoid(b)) ** 2), (b,), order=1)",
    ),
]

# A network of two layers, twelve weights, four samples.
NETWORK = {
    "W1": [[0.5, -1.0], [1.5, 0.25], [-0.75, 1.0]],
    "W2": [[1.0, -0.5, 0.75], [-1.5, 0.5, 1.25]],
    "samples": [[1.0, 2.0], [0.5, -1.0], [-1.5, 0.25], [2.0, 1.0]],
    "targets": [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]],
}
NETWORK_TORCH = """
W1 = torch.tensor({W1}, requires_grad=True)
W2 = torch.tensor({W2}, requires_grad=True)
X = torch.tensor({samples})  # a sample is a row
T = torch.tensor({targets})
z = torch.sigmoid(torch.sigmoid(X @ W1.T) @ W2.T)
loss = F.mse_loss(z, T, reduction="{reduction}")
loss.backward()
print(W1.grad)
print(W2.grad)
"""
NETWORK_JAX = """
W1, W2 = jnp.array({W1}), jnp.array({W2})
X, T = jnp.array({samples}), jnp.array({targets})
def loss(W1, W2):
    z = jax.nn.sigmoid(jax.nn.sigmoid(X @ W1.T) @ W2.T)
    return jnp.{reduction}((z - T) ** 2)
print(*jax.grad(loss, argnums=(0, 1))(W1, W2), sep="\\n")
"""

# What `train(rho[W], squared_error, X, T, steps=20, rate=0.1, momentum=0.9)` does.
TRAINING = """
optimizer = torch.optim.SGD([W], lr=0.1, momentum=0.9)
for step in range(20):
    optimizer.zero_grad()
    loss = ((T - W @ X) ** 2).sum() / X.shape[1]
    loss.backward()
    optimizer.step()
"""

WINDOWS = [
    ("negative", "negative entries", [-1.0, 2.0, -3.0, 1.0], [1, 2, 2.5, 3], "float64"),
    ("zeros", "a window of zeros", [0.0, 0.0, 0.0, 0.0], [0.5, 1, 2, 3], "float64"),
    ("small", "a large p", [0.1, 0.1, 0.05, 0.1], [10, 50, 100], "float32"),
    ("large", "a large p", [10.0, 10.0, 5.0, 10.0], [10, 50, 100], "float32"),
    ("ends", "large numbers", [1e30, 1e30, 0.0, 0.0], [2, 3], "float32"),
    ("ties", "ties at p = ∞", [2.0, -2.0, 1.0, 0.0], [float("inf")], "float64"),
]
CHAINBP = "chainbp"
GEM = "GeM, clamped at 10⁻⁶"
POOLINGS = {
    CHAINBP: """
y = np.array({y}, dtype=np.{dtype}).reshape(2, 2)
z, pull = chainbp.lp_pool2d[{p}, 2].vjp(y)
print(z.item(), pull.x(np.ones_like(z)).ravel().tolist())
""",
    "torch.nn.LPPool2d": """
y = torch.tensor({y}, dtype=torch.{dtype}, requires_grad=True)
z = torch.nn.LPPool2d({p}, 2)(y.reshape(1, 1, 2, 2))
z.sum().backward()
print(z.item(), y.grad.tolist())
""",
    "torch.linalg.vector_norm": """
y = torch.tensor({y}, dtype=torch.{dtype}, requires_grad=True)
z = torch.linalg.vector_norm(y, ord={p})
z.backward()
print(z.item(), y.grad.tolist())
""",
    "jnp.linalg.norm": """
y = jnp.array({y}, dtype=jnp.{dtype})
z, gradient = jax.value_and_grad(lambda y: jnp.linalg.norm(y, ord={p}))(y)
print(z.item(), gradient.tolist())
""",
    "(32) as written, in JAX": """
y = jnp.array({y}, dtype=jnp.{dtype})
z, gradient = jax.value_and_grad(lambda y: jnp.sum(jnp.abs(y) ** {p}) ** (1 / {p}))(y)
print(z.item(), gradient.tolist())
""",
    GEM: """
y = torch.tensor({y}, dtype=torch.{dtype}, requires_grad=True)
z = y.clamp(min=1e-6).pow({p}).mean().pow(1 / {p})
z.backward()
print(z.item(), y.grad.tolist())
""",
}

CURE = '''
def lp_pool2d(y, p, size, stride=None):
    """Lp pooling of (N, C, H, W), for 1 <= p < inf."""
    stride = stride or size
    windows = y.unfold(2, size, stride).unfold(3, size, stride).abs()
    largest = windows.amax(dim=(-2, -1), keepdim=True).detach()
    ratios = windows / torch.where(largest > 0, largest, 1)
    total = (ratios**p).sum(dim=(-2, -1)).clamp_min(1)
    return largest[..., 0, 0] * total ** (1 / p)
'''


def main() -> None:
    """Run, compare, save."""
    for row in record(RESULTS)["windows"]:
        print(f"\n{row['about']}: {row['y']}, {row['dtype']}")
        for p, prints in row["prints"].items():
            for name, found in prints.items():
                print(f"  p = {p}  {name}: {found['text']}{'' if found['right'] else '  WRONG'}")


def record(path: Path) -> Json:
    """Run everything and save it; without the frameworks say so, and leave the file as it is."""
    try:
        import jax
        import torch  # noqa: F401
    except ImportError as missing:
        raise SystemExit(
            f"benchmarks.peers runs PyTorch and JAX, and {missing.name} is not installed. `make bench` installs both. "
            f"{path.name} is left as it is."
        ) from missing
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    results: Json = {
        **about("python -m benchmarks.peers"),
        "names": [_compared(*row) for row in NAMES],
        "network": _network(),
        "training": _training(),
        "source": _source(),
        "windows": [_pooled(*row) for row in WINDOWS],
        "cure": _cure(),
    }
    save(path, results)
    return results


# ---- names ----


def _compared(name: str, ours: str, torch_line: str, jax_line: str) -> Json:
    """The lines, once they are known to give the same, and what PyTorch's gave."""
    row = {"name": name, "chainbp": ours, "torch": torch_line, "jax": jax_line}
    expected = plain(eval(ours, chainbp_names()))
    results = {"torch": plain(eval(torch_line, _torch_names())), "jax": plain(eval(jax_line, _jax_names()))}
    for peer, got in results.items():
        if not agrees(got, expected):
            raise AssertionError(f"{name}: {row[peer]} gave {got}, and {ours} {expected}")
    return {**row, "gives": json.dumps(results["torch"])}


def agrees(got: Any, expected: Any) -> bool:
    """Whether two results have one shape, and entries that differ by nothing but rounding."""
    if got == expected:  # lists of shapes are no arrays
        return True
    return np.shape(got) == np.shape(expected) and bool(np.allclose(got, expected, rtol=AGREE, atol=AGREE))


def plain(result: Any) -> Any:
    """A result as JSON holds it. JAX's check of gradients returns nothing where all is well, and raises otherwise."""
    if result is None:
        return True
    if isinstance(result, list):
        return [list(entry) for entry in result]
    return np.asarray(result.detach() if hasattr(result, "detach") else result).tolist()


def _setting() -> dict[str, Any]:
    names: dict[str, Any] = {"np": np}
    exec(SETTING, names)
    return {name: value for name, value in names.items() if isinstance(value, np.ndarray)}


def chainbp_names() -> dict[str, Any]:
    """What a line of chainbp may use."""
    return {**vars(chainbp), **_setting()}


def _torch_names() -> dict[str, Any]:
    import torch
    from torch import nn
    from torch.nn import functional as F

    arrays = {name: torch.from_numpy(array) for name, array in _setting().items()}
    for name in ("W", "b", "V"):
        arrays[name].requires_grad_()
    layer = nn.Linear(4, 3, dtype=torch.float64)
    layer.weight, layer.bias = nn.Parameter(arrays["W"]), nn.Parameter(arrays["b"])
    return {"torch": torch, "nn": nn, "F": F, "layer": layer, **arrays}


def _jax_names() -> dict[str, Any]:
    import jax
    import jax.numpy as jnp
    import jax.test_util
    from jax import lax

    arrays = {name: jnp.asarray(array) for name, array in _setting().items()}
    return {"jax": jax, "jnp": jnp, "lax": lax, **arrays}


# ---- a network, and its training ----


def _network() -> Json:
    """What either prints for the gradients, of the sum and of the mean of the squared errors."""
    sums = {
        name: _printed(code.format(**NETWORK, reduction="sum").strip())
        for name, code in (("torch", NETWORK_TORCH), ("jax", NETWORK_JAX))
    }
    mean = _printed(NETWORK_TORCH.format(**NETWORK, reduction="mean"))
    expected = np.concatenate([g.ravel() for g in network_gradients()])
    for name, text, factor in [*((name, text, 1) for name, text in sums.items()), ("the mean", mean, 8)]:
        if not np.allclose(numbers_in(text), expected / factor, atol=6e-5):
            raise AssertionError(f"{name}: {text} beside {expected / factor}")
    code = {
        "torch": NETWORK_TORCH.format(**NETWORK, reduction="sum").strip(),
        "jax": NETWORK_JAX.format(**NETWORK, reduction="sum").strip(),
    }
    return {**NETWORK, "code": code, "prints": sums, "mean": mean}


def network_gradients() -> tuple[Any, ...]:
    """The same gradients by chainbp, whose samples are columns."""
    W1, W2, X, T = (np.array(NETWORK[name]) for name in ("W1", "W2", "samples", "targets"))
    net = chainbp.two_layer(W1, W2)
    return chainbp.backprop(chainbp.squared_error[T.T] @ net, X.T).gradients


def numbers_in(text: str) -> list[float]:
    """The numbers of a printed array."""
    for mark in ("tensor(", "[", "]", ")", ","):
        text = text.replace(mark, " ")
    return [float(word) for word in text.split()]


def _training() -> Json:
    """The loop, once it is known to end where `train` ends."""
    names = _torch_names()
    exec(TRAINING, names)
    got, expected = plain(names["W"]), plain(trained().parameters[0])
    if not agrees(got, expected):
        raise AssertionError(f"optim.SGD ended at {got}, train at {expected}")
    return {"code": TRAINING.strip(), "gives": json.dumps(got)}


def trained() -> chainbp.Function:
    """What `train` makes of the same."""
    names = chainbp_names()
    W, X, T = names["W"], names["X"], names["T"]
    settings: Any = {"steps": 20, "rate": 0.1, "momentum": 0.9, "progress": False}
    return chainbp.train(chainbp.rho[W], chainbp.squared_error, X, T, **settings).network


# ---- windows ----


def _source() -> str:
    """The two lines with the powers of lp_pool2d, as they stand in the installed PyTorch."""
    from torch.nn import functional as F

    marks = (".pow(norm_type), kernel_size, stride", "relu(")
    lines = inspect.getsource(F.lp_pool2d).splitlines()
    return "\n".join(line.strip().removeprefix("return ") for line in lines if any(mark in line for mark in marks))


def _pooled(key: str, about_it: str, y: list[float], orders: list[float], dtype: str) -> Json:
    """What each prints, z and the gradient, and whether it is right."""
    prints: Json = {}
    for p in orders:
        case = Edge(about_it, y, p, dtype)
        texts = {name: _printed(code.format(y=y, p=p, dtype=dtype)) for name, code in POOLINGS.items()}
        prints[str(p)] = {name: {"text": text, "right": right(name, text, case)} for name, text in texts.items()}
    return {"key": key, "about": about_it, "y": y, "dtype": dtype, "prints": prints}


def right(name: str, text: str, case: Edge) -> bool:
    """Whether a printed result is true by the judge of `benchmarks.edges`; GeM's after the mean is made a sum."""
    z, gradient = value_and_gradient(text)
    factor = len(case.y) ** (1 / case.p) if name == GEM else 1
    return not fails(case, z * factor, np.array(gradient) * factor)


def value_and_gradient(text: str) -> tuple[float, list[float]]:
    """The numbers of a printed ``z [∂z/∂y, ...]``."""
    z, *gradient = numbers_in(text)
    return z, gradient


def _printed(code: str) -> str:
    import jax
    import jax.numpy as jnp
    import torch
    from torch.nn import functional as F

    out = io.StringIO()
    names = {"torch": torch, "F": F, "jax": jax, "jnp": jnp, "np": np, "chainbp": chainbp, "inf": float("inf")}
    with contextlib.redirect_stdout(out):
        exec(code, names)
    return out.getvalue().strip()


# ---- cure ----


def _cure() -> Json:
    """The code of the cure, once it is known to agree with chainbp."""
    import torch

    names: dict[str, Any] = {"torch": torch}
    exec(CURE, names)
    rng = np.random.default_rng(0)
    for p, size, stride in [(1.0, 2, 2), (1.5, 2, 1), (2.5, 2, 2), (3.0, 3, 2), (50.0, 2, 1), (300.0, 2, 2)]:
        y = rng.normal(size=(2, 20, 7, 7)) * 10.0 ** rng.integers(-300, 300, size=(2, 20, 1, 1))
        y[0, 0] = 0
        y[1, :, :, ::3] = 0
        _compare(names["lp_pool2d"], y, p, size, stride)
    for _, _, window, orders, dtype in WINDOWS:
        for p in orders:
            if 1 <= p < np.inf:
                _compare(names["lp_pool2d"], np.array(window, dtype).reshape(1, 1, 2, 2), float(p), 2, 2)
    ties = rng.integers(-2, 3, size=(2, 3, 7, 7)).astype(float)
    _compare(lambda y, p, *window: _windows(y, *window).amax(dim=(-2, -1)), ties, np.inf, 2, 2)
    return {"code": CURE.strip()}


def _windows(y: Any, size: int, stride: int) -> Any:
    return y.unfold(2, size, stride).unfold(3, size, stride).abs()


def _compare(pool: Callable[..., Any], y: Any, p: float, size: int, stride: int) -> None:
    """Value and gradients of a pooling in PyTorch beside chainbp's; that of p, too, where p is finite."""
    import torch

    near = 1e-11 if y.dtype == np.float64 else 1e-4
    expected, pull = chainbp.lp_pool2d[p, size, stride].vjp(y)
    x, order = torch.from_numpy(y).requires_grad_(), torch.tensor(p, dtype=torch.float64, requires_grad=True)
    z = pool(x, p, size, stride)
    delta = np.random.default_rng(0).normal(size=expected.shape).astype(y.dtype)
    (errors,) = torch.autograd.grad(z, x, torch.from_numpy(delta))
    np.testing.assert_allclose(z.detach(), expected, rtol=near, atol=0)
    np.testing.assert_allclose(errors, pull.x(delta), rtol=near, atol=near / 10)
    if np.isinf(p):
        return
    (of_p,) = torch.autograd.grad(pool(x, order, size, stride), order, torch.from_numpy(delta))
    # The total is nearly 1 for a large p, and its logarithm loses digits; chainbp's does not.
    np.testing.assert_allclose(of_p, pull.theta(delta)[0], rtol=max(near, 1e-6))


if __name__ == "__main__":
    main()
