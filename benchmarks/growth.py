"""What backprop costs beside the forward pass, in time and memory: of every layer, and against size and depth."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

import chainbp
from benchmarks.harness import Contestant, Json, progress, race
from chainbp import Function, conv2d, lp_pool2d, rho, sigma

# By what they are given; lp_pool2d and eta learn p, and the windows of the last ones overlap a thousandfold.
LAYERS = {
    "columns": ["rho[W, b]", "sigma", "tanh", "relu", "softmax", "eta[3.0]", "eta[3.0, 4]"],
    "images": ["flatten", "conv2d[K, c]", "lp_pool2d[3.0, 2]", "lp_pool2d[4.7, 3, 2]"],
    "image": [f"lp_pool2d[{p}, 32, 1]" for p in ("0.5", "1.0", "3.0", "4.7", "inf")],
}
SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000, 4_000_000)
DEPTHS = (1, 2, 4, 8, 16, 32, 64)
WIDTH, BATCH = 128, 128


def measure(seconds: float) -> Json:
    """By layer, by size of the data (float32) and by depth; of very deep chains, whether each layer costs the same."""
    rng = np.random.default_rng(0)
    layers = {name: cost(name, *layer, seconds) for name, layer in every_layer(rng).items()}
    elements: Json = {}
    kernels = np.full((8, 8, 3, 3), 0.1, "float32")
    for name, function, image in (
        ("lp_pool2d[4.7, 2]", lp_pool2d[4.7, 2].fixed(), (1, 32, 32)),
        ("conv2d, 8 filters 3×3", conv2d[kernels], (8, 16, 16)),
    ):
        images = [rng.standard_normal((max(1, round(n / np.prod(image))), *image)).astype("float32") for n in SIZES]
        elements[name] = [{"elements": x.size, **cost(f"{name}, {x.size}", function, x, seconds)} for x in images]
    depth = []
    for n in DEPTHS:
        weights = rng.standard_normal((n, WIDTH, WIDTH)) / np.sqrt(WIDTH)
        chain = reduce(Function.__matmul__, (sigma @ rho[W] for W in weights))
        depth.append({"depth": n, **cost(f"{n} layers", chain, rng.standard_normal((WIDTH, BATCH)), seconds)})
    chains = {n: reduce(Function.__matmul__, [sigma] * n) for n in (100, 10_000)}
    deep = {n: cost(f"{n} layers", chain, np.ones(2), seconds) for n, chain in chains.items()}
    return {"layers": layers, "elements": elements, "depth": depth, "deep": deep}


def every_layer(rng: np.random.Generator) -> dict[str, tuple[Function, Any]]:
    """By name: the layer, and what it is given."""
    given = {"columns": (512, 256), "images": (16, 8, 32, 32), "image": (256, 256)}
    shapes = given | {"W": (512, 512), "b": (512,), "K": (8, 8, 3, 3), "c": (8,)}
    names = vars(chainbp) | {name: rng.standard_normal(shape) for name, shape in shapes.items()} | {"inf": np.inf}
    return {layer: (eval(layer, dict(names)), names[x]) for x, layers in LAYERS.items() for layer in layers}


def cost(name: str, function: Function, x: Any, seconds: float) -> Json:
    """Seconds and peak bytes of a forward pass, and of one with the way back: the errors and every gradient."""
    progress(f"backprop beside the forward pass: {name}")
    delta = np.ones_like(function(x))
    runs = [lambda: function(x), lambda: function.vjp(x)[1](delta)]
    found = race([Contestant(name, run) for name, run in zip(("forward", "gradient"), runs)], seconds / 8)
    return {**found["seconds"], "ratio": found["ratios"]["gradient"], "bytes": [*map(peak, runs)]}


def peak(run: Callable[[], object]) -> int:
    """The most that a call holds at a time."""
    tracemalloc.start()
    run()
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found
