"""The experiments of "Which p?": small convolutional networks on scikit-learn's digits, twenty seeds of each kind.

    python -m benchmarks.digits [--seeds N]        saves book/_data/digits.json

A seed draws the split into training and test digits, the first weights and the batches, the same for every kind: so two
kinds are compared seed by seed. Chapter 6 trains the network of seed 0 itself, and finds the same number.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

from benchmarks.harness import BOOK_DATA, Json, about, progress, save
from chainbp import Family, Function, conv2d, flatten, lp_pool2d, rho, softmax_cross_entropy, tanh, train

RESULTS = BOOK_DATA / "digits.json"
COMMAND = "python -m benchmarks.digits"
SEEDS = 20
SETTINGS: dict[str, Any] = {"steps": 500, "batch": 64, "momentum": 0.9}
RATES = (0.05, 0.1)
CHANNELS = (8, 16)

Array = npt.NDArray[np.float64]


# ---- the data ----


def split(labels: npt.NDArray[Any], part: int, seed: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Two sets of indices. The second gets one in `part` of each digit."""
    rng = np.random.default_rng(seed)
    own = [rng.permutation(np.flatnonzero(labels == d)) for d in range(10)]
    second = np.concatenate([some[: len(some) // part] for some in own])
    return np.setdiff1d(np.arange(len(labels)), second), np.sort(second)


class Digits:
    """The split of one seed: images (N, 1, 8, 8) in [0, 1], labels, and one-hot columns of the training set."""

    def __init__(self, seed: int) -> None:
        digits = load_digits()
        images, labels = digits.images[:, None] / 16, digits.target
        training, test = split(labels, 4, seed)
        self.X, self.X_test, self.labels_test = images[training], images[test], labels[test]
        self.T = np.eye(10)[:, labels[training]]


# ---- the networks ----


def times(c: float) -> Function:
    """Multiply by the number c."""
    return Function(lambda z: (c * z, lambda delta: c * delta, None), name="times")


def network(pooling: Function, X: Array, seed: int, frozen: bool = False) -> Function:
    """(V9) with random weights, which are the same for each pooling; frozen, only the last weighted sum can learn."""
    rng = np.random.default_rng(seed)
    first, second = CHANNELS
    K1 = rng.normal(size=(first, 1, 3, 3)) / 3
    K2 = rng.normal(size=(second, first, 2, 2)) / np.sqrt(4 * first)
    W = rng.normal(size=(10, 4 * second)) / np.sqrt(4 * second)
    maps = pooling @ conv2d[K1, np.zeros(first)]
    c = 1 / np.sqrt(np.mean((maps @ X) ** 2))  # measured, then fixed
    features = tanh @ conv2d[K2, np.zeros(second)] @ times(c) @ maps
    return rho[W, np.zeros(10)] @ flatten @ (features.fixed() if frozen else features)


@Family
def mean_pool2d(p: Array) -> Function:
    """The mean form 4^(-1/p) η_p over 2 × 2 windows, one p for each channel."""

    def forward(y: Array) -> tuple[Any, ...]:
        factor = 4 ** (-1 / p)[:, None, None]
        z, pull = lp_pool2d[p, 2].vjp(y)

        def pull_p(delta: Array) -> tuple[Array]:
            of_factor = np.sum(factor * delta * z, axis=(0, 2, 3)) * np.log(4) / p**2
            return (pull.theta(factor * delta)[0] + of_factor,)

        return factor * z, lambda delta: pull.x(factor * delta), pull_p

    return Function(forward, (p,), name="mean", symbols=("p",))


def signless() -> Function:
    """η_2 with (33) as it is printed: without the sign."""

    def forward(y: Array) -> tuple[Any, ...]:
        z, pull = lp_pool2d[2.0, 2].vjp(y)
        return z, lambda delta: np.where(y < 0, -1.0, 1.0) * pull.x(delta), None

    return Function(forward, name="η as printed")


def held(p: float) -> Function:
    return lp_pool2d[p, 2].fixed()


START = np.full(CHANNELS[0], 2.0)
POOLED: dict[str, Callable[[], Function]] = {
    "p = 1": lambda: held(1.0),
    "p = 2": lambda: held(2.0),
    "p = 4": lambda: held(4.0),
    "p = ∞": lambda: held(np.inf),
    "learned": lambda: lp_pool2d[START, 2],
    "learned, mean form": lambda: mean_pool2d[START],
    "as printed": signless,
}
HELD = [kind for kind in POOLED if kind.startswith("p = ")]


def start(kind: str, X: Array, seed: int) -> Function:
    """The network of a kind before its training."""
    if kind == "pixels only":
        return rho[np.zeros((10, 64)), np.zeros(10)] @ flatten
    if kind == "random filters":
        return network(held(2.0), X, seed, frozen=True)
    return network(POOLED[kind](), X, seed)


# ---- the runs ----


def run(kind: str, seed: int, rate: float) -> Json:
    """Train one network, and count the test digits that it reads; none, where its training broke down."""
    data = Digits(seed)
    row: Json = {"kind": kind, "rate": rate, "seed": seed}
    first = start(kind, data.X, seed)
    try:
        trained = train(
            first, softmax_cross_entropy, data.X, data.T, rate=rate, seed=seed, progress=False, **SETTINGS
        ).network
        reads = int(np.sum(np.argmax(trained @ data.X_test, axis=0) == data.labels_test))
    except FloatingPointError:
        return {**row, "reads": None}
    row["reads"] = reads
    if kind.startswith("learned"):
        row["p"] = [round(float(p), 4) for p in trained.parameters[2]]
    return row


def plan() -> list[tuple[str, float]]:
    """Every kind at the first rate; the held p also at the others, to see whether the rate decides."""
    kinds = ["pixels only", *POOLED, "random filters"]
    return [*((kind, RATES[0]) for kind in kinds), *((kind, rate) for rate in RATES[1:] for kind in HELD)]


def main() -> None:
    """Train everything and save it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    seeds = parser.parse_args().seeds
    rows = []
    for kind, rate in plan():
        progress(f"{kind}, rate {rate}")
        rows += [run(kind, seed, rate) for seed in range(seeds)]
    settings = {**SETTINGS, "rates": RATES, "channels": CHANNELS, "seeds": seeds, "test digits": len(Digits(0).X_test)}
    save(RESULTS, {**about(COMMAND, peers=["scikit-learn"]), "settings": settings, "rows": rows})


if __name__ == "__main__":
    main()
