"""What PyTorch and JAX really print: for the book's page "Coming from PyTorch or JAX".

    python -m benchmarks.peers        saves book/_data/peers.json

The code is in `peers.toml`. Each piece is run for real, and compared with chainbp:

* `names`: a line of chainbp, one of PyTorch and one of JAX that are said to do the same;
* `network`: the gradients of a small network, as either prints them;
* `training`: a loop with `torch.optim.SGD`, beside `train`;
* `windows`: Lp pooling of small windows and its gradient, as each prints them, and whether they are right;
* `cure`: a pooling in PyTorch that is right where `torch.nn.LPPool2d` is not, on random windows.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import json
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import chainbp
from benchmarks.harness import BOOK_DATA, Json, about, jax_on_cpu, save
from benchmarks.reference import Edge, fails

RESULTS = BOOK_DATA / "peers.json"
CODE = tomllib.loads(Path(__file__).with_name("peers.toml").read_text(encoding="utf-8"))
POOLINGS: dict[str, str] = CODE["poolings"]
CHAINBP, *_, GEM = POOLINGS
# How far results of lines that do the same may lie apart.
AGREE = 1e-12


def main() -> None:
    """Run, compare, save."""
    record(RESULTS)


def record(path: Path) -> None:
    """Run everything and save it; without the frameworks say so, and leave the file as it is."""
    try:
        libraries()
    except ImportError as missing:
        raise SystemExit(
            f"benchmarks.peers runs PyTorch and JAX, and {missing.name} is not installed. `make bench` installs both. "
            f"{path.name} is left as it is."
        ) from missing
    results: Json = {
        **about("python -m benchmarks.peers"),
        "names": [_compared(*row) for row in CODE["names"]],
        "network": _network(),
        "training": _training(),
        "source": _source(),
        "windows": [_pooled_window(**row) for row in CODE["windows"]],
        "cure": _cure(),
    }
    save(path, results)


@cache
def libraries() -> dict[str, Any]:
    """The names that a piece of code may use."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    jax = jax_on_cpu()
    importlib.import_module("jax.test_util")
    names = {"torch": torch, "nn": nn, "F": F, "jax": jax, "jnp": jax.numpy, "lax": jax.lax}
    return {**names, "np": np, "chainbp": chainbp, "inf": float("inf")}


def printed(code: str, **parts: Any) -> str:
    """What a piece of code prints, once its parts are filled in."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), np.errstate(all="ignore"):
        exec(code.format(**parts), dict(libraries()))
    return out.getvalue().strip()


def numbers_in(text: str) -> list[float]:
    """The numbers of a printed array."""
    for mark in ("tensor(", "[", "]", ")", ","):
        text = text.replace(mark, " ")
    return [float(word) for word in text.split()]


# ---- names ----


def arrays() -> dict[str, Any]:
    """What the lines of `names` work on."""
    names: dict[str, Any] = {"np": np}
    exec(CODE["setting"], names)
    return {name: value for name, value in names.items() if isinstance(value, np.ndarray)}


def ours(line: str) -> Any:
    """What a line of chainbp gives."""
    return plain(eval(line, {**vars(chainbp), **arrays()}))


def _names(convert: str) -> dict[str, Any]:
    """What the lines of a peer may use, with the arrays made its own by a function of it."""
    names = libraries() | {name: eval(convert, libraries())(array) for name, array in arrays().items()}
    if convert == "torch.from_numpy":
        exec(CODE["setting_torch"], names)
    return names


def _compared(name: str, line: str, torch_line: str, jax_line: str) -> Json:
    """The lines, once they are known to give the same, and what PyTorch's gave."""
    by_torch = plain(eval(torch_line, _names("torch.from_numpy")))
    for got in (by_torch, plain(eval(jax_line, _names("jnp.asarray")))):
        if not agrees(got, ours(line)):
            raise AssertionError(f"{name}: a peer gave {got}, and {line} {ours(line)}")
    return {"name": name, "chainbp": line, "torch": torch_line, "jax": jax_line, "gives": json.dumps(by_torch)}


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


# ---- a network, and its training ----


def _network() -> Json:
    """What either prints for the gradients, of the sum and of the mean of the squared errors."""
    network, code = CODE["network"], CODE["network_code"]
    sums = {name: printed(text, **network, reduction="sum") for name, text in code.items()}
    mean = printed(code["torch"], **network, reduction="mean")
    expected = np.concatenate([g.ravel() for g in network_gradients()])
    for text, factor in [*((text, 1) for text in sums.values()), (mean, 8)]:
        np.testing.assert_allclose(numbers_in(text), expected / factor, rtol=0, atol=6e-5)
    shown = {name: text.format(**network, reduction="sum").strip() for name, text in code.items()}
    return {**network, "code": shown, "prints": sums, "mean": mean}


def network_gradients() -> tuple[Any, ...]:
    """The same gradients by chainbp, whose samples are columns."""
    W1, W2, X, T = (np.array(array) for array in CODE["network"].values())
    return chainbp.backprop(chainbp.squared_error[T.T] @ chainbp.two_layer(W1, W2), X.T).gradients


def _training() -> Json:
    """The loop, once it is known to end where `train` ends."""
    names = _names("torch.from_numpy")
    exec(CODE["training"], names)
    got = plain(names["W"])
    if not agrees(got, trained()):
        raise AssertionError(f"optim.SGD ended at {got}, train at {trained()}")
    return {"code": CODE["training"].strip(), "gives": json.dumps(got)}


def trained() -> Any:
    """What `train` makes of the same."""
    W, X, T = (arrays()[name] for name in "WXT")
    settings: Any = {"steps": 20, "rate": 0.1, "momentum": 0.9, "progress": False}
    return plain(chainbp.train(chainbp.rho[W], chainbp.squared_error, X, T, **settings).network.parameters[0])


# ---- windows ----


def _source() -> str:
    """The two lines with the powers of lp_pool2d, as they stand in the installed PyTorch."""
    marks = (".pow(norm_type), kernel_size, stride", "relu(")
    lines = inspect.getsource(libraries()["F"].lp_pool2d).splitlines()
    return "\n".join(line.strip().removeprefix("return ") for line in lines if any(mark in line for mark in marks))


def pooled(name: str, y: Sequence[float], p: float, dtype: str) -> str:
    """What one way of pooling prints for a window: ``z [∂z/∂y, ...]``."""
    return printed(POOLINGS[name], y=y, p=p, dtype=dtype, n=len(y))


def _pooled_window(key: str, about: str, y: list[float], p: list[float], dtype: str) -> Json:
    """What each prints, and whether it is right."""
    prints: Json = {}
    for order in p:
        texts = {name: pooled(name, y, order, dtype) for name in POOLINGS}
        case = Edge(about, y, order, dtype)
        prints[str(order)] = {name: {"text": text, "right": right(name, text, case)} for name, text in texts.items()}
    return {"key": key, "about": about, "y": y, "dtype": dtype, "prints": prints}


def right(name: str, text: str, case: Edge) -> bool:
    """Whether a printed result is true; GeM's after the mean is made a sum."""
    factor = len(case.y) ** (1 / case.p) if name == GEM else 1
    z, *gradient = np.array(numbers_in(text)) * factor
    return not fails(case, z, gradient)


# ---- cure ----


def _cure() -> Json:
    """The code of the cure, once it is known to agree with chainbp."""
    names = dict(libraries())
    exec(CODE["cure"], names)
    ties = names["torch"].tensor([2.0, -2.0, 1.0], requires_grad=True)
    ties.abs().amax().backward()
    assert ties.grad.tolist() == [0.5, -0.5, 0.0], "amax does not share among ties"
    rng = np.random.default_rng(0)
    for p, size, stride in [(1.0, 2, 2), (1.5, 2, 1), (2.5, 2, 2), (3.0, 3, 2), (50.0, 2, 1), (300.0, 2, 2)]:
        y = rng.normal(size=(2, 20, 7, 7)) * 10.0 ** rng.integers(-300, 300, size=(2, 20, 1, 1))
        y[0, 0] = 0
        y[1, :, :, ::3] = 0
        _compare(names["lp_pool2d"], y, p, size, stride)
    for row in CODE["windows"]:
        for p in row["p"]:
            if 1 <= p < np.inf:
                _compare(names["lp_pool2d"], np.array(row["y"], row["dtype"]).reshape(1, 1, 2, 2), float(p), 2, 2)
    return {"code": CODE["cure"].strip()}


def _compare(pool: Any, y: Any, p: float, size: int, stride: int) -> None:
    """Value and gradients of a pooling in PyTorch, that of p among them, beside chainbp's."""
    torch = libraries()["torch"]
    near = 1e-11 if y.dtype == np.float64 else 1e-4
    expected, pull = chainbp.lp_pool2d[p, size, stride].vjp(y)
    x, order = torch.from_numpy(y).requires_grad_(), torch.tensor(p, dtype=torch.float64, requires_grad=True)
    z = pool(x, order, size, stride)
    delta = np.random.default_rng(0).normal(size=expected.shape).astype(y.dtype)
    errors, of_p = torch.autograd.grad(z, (x, order), torch.from_numpy(delta))
    np.testing.assert_allclose(z.detach(), expected, rtol=near, atol=0)
    np.testing.assert_allclose(errors, pull.x(delta), rtol=near, atol=near / 10)
    # The total is nearly 1 for a large p, and its logarithm loses digits; chainbp's does not.
    np.testing.assert_allclose(of_p, pull.theta(delta)[0], rtol=max(near, 1e-6))


if __name__ == "__main__":
    main()
