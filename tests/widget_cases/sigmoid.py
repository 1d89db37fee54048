"""The sigmoid."""

from chainbp import sigma

EXAMPLE = "sigmoid(x=2)"
TIMED = ["x"]


def expected(shown: dict[str, float]) -> dict[str, float]:
    x = shown["x"]
    y, pull = sigma.vjp([x])
    return {"x": x, "y": y[0], "slope": pull.x([1.0])[0]}
