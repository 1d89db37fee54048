"""Lp pooling."""

from chainbp import eta

EXAMPLE = "lp_pooling(y=[3, -4], p=2)"
TIMED = ["p", "y0"]


def expected(shown: dict[str, float]) -> dict[str, float]:
    y = [shown[f"y.{i}"] for i in range(sum(name.startswith("y.") for name in shown))]
    z, pull = eta[shown["p"]].vjp(y)
    numbers = {"p": shown["p"], "z": z}
    numbers |= {f"y.{i}": v for i, v in enumerate(y)}
    return numbers | {f"gradient.{i}": v for i, v in enumerate(pull.x(1.0))}
