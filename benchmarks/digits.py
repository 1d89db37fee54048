"""The experiments of "Which p?": small convolutional networks on scikit-learn's digits, twenty seeds of each kind.

    python -m benchmarks.digits [--seeds N] [--output FILE]        saves book/_data/digits.json

A seed draws the split into training and test digits, the first weights and the batches, the same for every kind: so two
kinds are compared seed by seed. The split and the network are chapter 6's own code; it trains the network of seed 0
itself, and finds the same number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from benchmarks.harness import BOOK_DATA, Array, Json, about, from_page, options, progress, save
from chainbp import Family, Function, flatten, lp_pool2d, rho, softmax_cross_entropy, train

RESULTS = BOOK_DATA / "digits.json"
COMMAND = "python -m benchmarks.digits"
SEEDS = 20
SETTINGS: dict[str, Any] = {"steps": 500, "batch": 64, "momentum": 0.9}
RATES = (0.05, 0.1)
# Pixels alone learn best at a higher rate; of these they may take the one that suits them.
PIXEL_RATES = (0.05, 0.1, 0.2, 0.5, 1.0)
PIXELS = "pixels only"
# As the chapter has them.
split, _, network = from_page("6-convolution", "split", "times", "digits_network")


# ---- the data ----


class Digits:
    """The split of one seed: images (N, 1, 8, 8) in [0, 1], labels, and one-hot columns of the training set."""

    def __init__(self, seed: int) -> None:
        digits = load_digits()
        images, labels = digits.images[:, None] / 16, digits.target
        training, test = split(labels, 4, seed)
        self.X, self.X_test, self.labels_test = images[training], images[test], labels[test]
        self.T = np.eye(10)[:, labels[training]]


# ---- the networks ----


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


START = np.full(8, 2.0)
HELD = {
    "p = 1": lp_pool2d[1.0, 2].fixed(),
    "p = 2": lp_pool2d[2.0, 2].fixed(),
    "p = 4": lp_pool2d[4.0, 2].fixed(),
    "p = ∞": lp_pool2d[np.inf, 2].fixed(),
}
POOLED = HELD | {
    "learned": lp_pool2d[START, 2],
    "learned, mean form": mean_pool2d[START],
    "as printed": signless(),
}


def start(kind: str, X: Array, seed: int) -> Function:
    """The network of a kind before its training."""
    if kind == PIXELS:
        return rho[np.zeros((10, 64)), np.zeros(10)] @ flatten
    return network(POOLED[kind], X, seed)


# ---- the runs ----


def run(kind: str, seed: int, rate: float) -> Json:
    """Train one network, and count the test digits that it reads; none, where its training broke down."""
    progress(f"{kind}, rate {rate}, seed {seed}")
    data = Digits(seed)
    row: Json = {"kind": kind, "rate": rate, "seed": seed, "reads": None}
    first = start(kind, data.X, seed)
    settings = {"rate": rate, "seed": seed, "progress": False, **SETTINGS}
    try:
        trained = train(first, softmax_cross_entropy, data.X, data.T, **settings).network
    except FloatingPointError:
        return row
    row["reads"] = int(np.sum(np.argmax(trained @ data.X_test, axis=0) == data.labels_test))
    if kind.startswith("learned"):
        row["p"] = [round(float(p), 4) for p in trained.parameters[2]]
    return row


def plan() -> list[tuple[str, float]]:
    """Every pooling at the first rate; the held p also at the others, to see whether the rate decides."""
    first, *others = RATES
    again = [(kind, rate) for rate in others for kind in HELD]
    return [(PIXELS, rate) for rate in PIXEL_RATES] + [(kind, first) for kind in POOLED] + again


def main() -> None:
    """Train everything and save it."""
    chosen = options(__doc__, RESULTS, seeds=SEEDS)
    rows = [run(kind, seed, rate) for kind, rate in plan() for seed in range(chosen.seeds)]
    settings = {**SETTINGS, "rates": RATES, "seeds": chosen.seeds, "test digits": len(Digits(0).X_test)}
    save(chosen.output, {**about(COMMAND, peers=["scikit-learn"]), "settings": settings, "rows": rows})


if __name__ == "__main__":
    main()
