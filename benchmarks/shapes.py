"""The experiment of chapter 5: does a learned p pay, where a unit has to draw a diamond, a disk or a square?

    python -m benchmarks.shapes [--seeds N]        saves book/_data/shapes.json

A seed draws the training points and the first weights, the same for every way of pooling: so two ways are compared seed
by seed. All are examined on the same 20,000 points. Chapter 5 trains the network of seed 0 itself, and finds the same
numbers.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness import BOOK_DATA, Json, about, progress, save
from chainbp import Family, Function, cross_entropy, eta, rho, sigma, train

RESULTS = BOOK_DATA / "shapes.json"
COMMAND = "python -m benchmarks.shapes"
SEEDS = 20
SETTINGS: dict[str, Any] = {"steps": 700, "rate": 0.3, "momentum": 0.9}
SHAPES = {"diamond": 1.0, "disk": 2.0, "square": np.inf}
CENTERS = np.array([[-0.4, 0.3], [0.3, 0.4], [0.1, -0.4]])
RADII = [1.4, 1.1, 1.0]

Array = npt.NDArray[np.float64]


def questions(count: int, seed: tuple[int, ...]) -> tuple[Array, Array]:
    """Points of the plane, and which of the three shapes each is in."""
    points = np.random.default_rng(seed).uniform(-2, 2, size=(2, count))
    inside = [
        eta[p](points - center[:, None]) < radius for p, center, radius in zip(SHAPES.values(), CENTERS, RADII)
    ]
    return points, np.array(inside, dtype=float)


@Family
def eta_above_1(s: Array, n: int) -> Function:
    """η_p over groups of n, with p = 1 + e^s."""
    p = 1 + np.exp(s)
    pool = eta[p, n]

    def forward(y: Array) -> tuple[Any, ...]:
        z, pull = pool.vjp(y)
        return z, pull.x, lambda delta: ((p - 1) * pull.theta(delta)[0],)

    return Function(forward, (s,), name="η", symbols=("s",))


POOLINGS = {
    "p = 1": eta[np.ones(3), 2].fixed(),
    "p = 2": eta[np.full(3, 2.0), 2].fixed(),
    "p = ∞": eta[np.full(3, np.inf), 2].fixed(),
    "learned": eta_above_1[np.zeros(3), 2],
}


def start(seed: int, pooling: Function) -> Function:
    """Three units around the origin, with a little noise."""
    rng = np.random.default_rng(seed)
    W = np.tile(np.eye(2), (3, 1)) + 0.3 * rng.normal(size=(6, 2))
    b = 0.3 * rng.normal(size=6)
    V = -3 * np.eye(3) + 0.3 * rng.normal(size=(3, 3))
    return sigma @ rho[V, 3 * np.ones(3)] @ pooling @ rho[W, b]


def run(kind: str, seed: int) -> Json:
    """Train one network; its wrong answers to each question in percent, and what became of its p.

    Beside each learned p are the directions of the unit's two weighted sums, in degrees from 0 to 180: along the axes a
    small p draws a diamond, along the diagonals a square.
    """
    points, inside = questions(300, (0, seed))
    exam, exam_inside = questions(20_000, (1, 0))
    first = start(seed, POOLINGS[kind])
    trained = train(first, cross_entropy, points, inside, progress=False, **SETTINGS).network
    wrong = 100 * np.mean((trained @ exam > 0.5) != exam_inside, axis=1)
    row: Json = {"kind": kind, "seed": seed, "wrong": [round(float(w), 3) for w in wrong]}
    if kind == "learned":
        row["p"] = [round(float(p), 3) for p in 1 + np.exp(trained.functions[1].parameters[0])]
        W = trained.parameters[0]
        degrees = np.degrees(np.arctan2(W[:, 1], W[:, 0])) % 180
        row["directions"] = [[round(float(a), 1) for a in pair] for pair in degrees.reshape(-1, 2)]
    return row


def main() -> None:
    """Train everything and save it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    seeds = parser.parse_args().seeds
    rows = []
    for kind in POOLINGS:
        progress(kind)
        rows += [run(kind, seed) for seed in range(seeds)]
    save(RESULTS, {**about(COMMAND, peers=[]), "settings": {**SETTINGS, "points": 300, "seeds": seeds}, "rows": rows})


if __name__ == "__main__":
    main()
