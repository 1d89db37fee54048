"""What PyTorch and JAX really print: for the book's page "Coming from PyTorch or JAX".

    python -m benchmarks.peers [--output FILE]        saves book/_data/peers.json

The code is in `peers.toml`. Each piece is run for real; `tests/book/test_peers.py` holds chainbp to what is recorded:

* `names`: a line of chainbp, one of PyTorch and one of JAX that are said to do the same;
* `network`: the gradients of a small network, as PyTorch prints them;
* `layer`: a layer of one's own, which passes the check of either;
* `training`: a loop with `torch.optim.SGD`, beside `train`;
* `windows`: Lp pooling of small windows and its gradient, as each prints them, and whether they are right.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import chainbp
from benchmarks.harness import BOOK_DATA, Json, about, jax_on_cpu, options, printed, save
from benchmarks.reference import Edge, fails

RESULTS = BOOK_DATA / "peers.json"
CODE = tomllib.loads(Path(__file__).with_name("peers.toml").read_text(encoding="utf-8"))
POOLINGS: dict[str, str] = CODE["poolings"]
CHAINBP, *_, GEM = POOLINGS
# How far results of lines that do the same may lie apart.
AGREE = 1e-12


def record(path: Path) -> None:
    """Run, compare and save everything; without the frameworks say so, and leave the file as it is."""
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
        "layer": _layer(),
        "source": _source(),
        "windows": [_windows(**row) for row in CODE["windows"]],
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


def numbers_in(text: str) -> list[float]:
    """The numbers of a printed array."""
    return [float(word) for word in re.sub(r"tensor|[\[\](),]", " ", text).split()]


# ---- names ----


def arrays() -> dict[str, Any]:
    """What the lines of `names` work on."""
    names: dict[str, Any] = {"np": np}
    exec(CODE["setting"], names)
    return {name: value for name, value in names.items() if isinstance(value, np.ndarray)}


def _names(convert: str) -> dict[str, Any]:
    """What the lines of a peer may use, with the arrays made its own by a function of it."""
    names = libraries() | {name: eval(convert, libraries())(array) for name, array in arrays().items()}
    if convert == "torch.from_numpy":
        exec(CODE["setting_torch"], names)
    return names


def _compared(name: str, line: str, torch_line: str, jax_line: str) -> Json:
    """The lines, and what PyTorch's gave, once it is known that JAX's gives the same; chainbp's has a test."""
    by_torch = plain(eval(torch_line, _names("torch.from_numpy")))
    by_jax = plain(eval(jax_line, _names("jnp.asarray")))
    if not agrees(by_jax, by_torch):
        raise AssertionError(f"{name}: PyTorch gave {by_torch}, JAX {by_jax}")
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
    """What PyTorch prints for the gradients of the sum of the squared errors, and of their mean."""
    network = CODE["network"]
    of_sum, of_mean = (CODE["network_code"].format(**network, reduction=each).strip() for each in ("sum", "mean"))
    return {**network, "code": of_sum, "prints": printed(of_sum, libraries()), "mean": printed(of_mean, libraries())}


def _training() -> Json:
    """The loop, and the weights at its end."""
    names = _names("torch.from_numpy")
    exec(CODE["training"], names)
    return {"code": CODE["training"].strip(), "gives": json.dumps(plain(names["W"]))}


def _layer() -> Json:
    """A layer of one's own for either, once it has passed their checks, which raise where a gradient is wrong."""
    for text in CODE["layer"].values():
        printed(text, libraries())
    return {name: text.strip() for name, text in CODE["layer"].items()}


# ---- windows ----


def _source() -> str:
    """The two lines with the powers of lp_pool2d, as they stand in the installed PyTorch."""
    marks = (".pow(norm_type), kernel_size, stride", "relu(")
    lines = inspect.getsource(libraries()["F"].lp_pool2d).splitlines()
    return "\n".join(line.strip().removeprefix("return ") for line in lines if any(mark in line for mark in marks))


def _windows(key: str, about: str, y: list[float], p: list[float], dtype: str) -> Json:
    """What each way of pooling makes of a window at each p."""
    prints = {str(q): {name: pooled(name, Edge(about, y, q, dtype)) for name in POOLINGS} for q in p}
    return {"key": key, "about": about, "y": y, "dtype": dtype, "prints": prints}


def pooled(name: str, case: Edge) -> Json:
    """What one way of pooling prints, ``z [∂z/∂y, ...]``, and whether it is right."""
    code = POOLINGS[name].format(y=case.y, p=case.p, dtype=case.dtype, n=len(case.y))
    text = printed(code, libraries())
    return {"text": text, "right": right(name, text, case)}


def right(name: str, text: str, case: Edge) -> bool:
    """Whether a printed result is true; GeM's after the mean is made a sum."""
    factor = len(case.y) ** (1 / case.p) if name == GEM else 1
    z, *gradient = np.array(numbers_in(text)) * factor
    return not fails(case, z, gradient)


if __name__ == "__main__":
    record(options(__doc__, RESULTS).output)
