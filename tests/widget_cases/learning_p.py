"""The slope in p."""

import numpy as np

from chainbp import eta

EXAMPLE = "learning_p(y=[4, -3, 2, 1], p=2)"
TIMED = ["p", "y0"]


def expected(shown: dict[str, float]) -> dict[str, float]:
    p = shown["p"]
    y = np.array([shown[f"y.{i}"] for i in range(sum(name.startswith("y.") for name in shown))])
    z, pull = eta[p].vjp(y)
    numbers = {"p": p, "z": z, "slope": pull.theta(1.0)[0]}
    # Not as the figure has them: from powers of ratios, or by counting those that tie.
    ratios = np.abs(y) / np.abs(y).max() if y.any() else np.ones(len(y))
    powers = np.where(ratios == 1, 1.0, 0.0) if np.isinf(p) else ratios**p
    w = powers / powers.sum()
    H = -np.sum(w * np.log(w, out=np.zeros_like(w), where=w > 0))
    numbers |= {"H": H, "sharers": np.exp(H)}
    numbers |= {f"y.{i}": v for i, v in enumerate(y)} | {f"share.{i}": v for i, v in enumerate(w)}
    if not np.isinf(p):
        numbers["difference.slope"] = numbers["slope"]
    return numbers
