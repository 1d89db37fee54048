"""The experiment of chapter 5: does a learned p pay, where a unit has to draw a diamond, a disk or a square?

    python -m benchmarks.shapes [--seeds N] [--output FILE]        saves book/_data/shapes.json

A seed draws the training points and the first weights, the same for every way of pooling: so two ways are compared seed
by seed. All are examined on the same 20,000 points. The shapes and the network are chapter 5's own code; it trains the
network of seed 0 itself, and finds the same numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.harness import BOOK_DATA, Json, about, from_page, options, progress, save
from chainbp import cross_entropy, eta, train

RESULTS = BOOK_DATA / "shapes.json"
COMMAND = "python -m benchmarks.shapes"
SEEDS = 20
SETTINGS: dict[str, Any] = {"steps": 700, "rate": 0.3, "momentum": 0.9}
# As the chapter has them.
SHAPES, _, _, questions, eta_above_1, start = from_page(
    "5-learning-p", "SHAPES", "CENTERS", "RADII", "questions", "eta_above_1", "start"
)
POOLINGS = {
    "p = 1": eta[np.ones(3), 2].fixed(),
    "p = 2": eta[np.full(3, 2.0), 2].fixed(),
    "p = ∞": eta[np.full(3, np.inf), 2].fixed(),
    "learned": eta_above_1[np.zeros(3), 2],
}


def run(kind: str, seed: int) -> Json:
    """Train one network; its wrong answers to each question in percent, and what became of its p.

    Beside each learned p are the directions of the unit's two weighted sums, in degrees from 0 to 180: along the axes a
    small p draws a diamond, along the diagonals a square. "uses" has a row for each question: how much each unit's part
    in the answer's logit varies over the exam (a standard deviation). A unit may have left its shape to another.
    """
    progress(f"{kind}, seed {seed}")
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
        V = trained.parameters[-2]
        z = trained.functions[1](trained.functions[0](exam))
        row["uses"] = [[round(float(use), 2) for use in uses] for uses in np.abs(V) * np.std(z, axis=1)]
    return row


def main() -> None:
    """Train everything and save it."""
    chosen = options(__doc__, RESULTS, seeds=SEEDS)
    rows = [run(kind, seed) for kind in POOLINGS for seed in range(chosen.seeds)]
    settings = {**SETTINGS, "seeds": chosen.seeds}
    save(chosen.output, {**about(COMMAND, peers=[]), "settings": settings, "rows": rows})


if __name__ == "__main__":
    main()
