"""Gradient descent."""

import numpy as np

import chainbp

EXAMPLE = (
    "descent(W=[[-2.5, -1], [-0.5, -2]], X=[[1, -1.5, 0.5, 2, -0.5, -2], [0.5, 1, -1.5, 1.5, -0.5, -1]], "
    "T=[0.96, 0.94, 0.91, 1.2, 0.54, 0.29], p=2, rate=1, axes=[0, 3])"
)
TIMED = ["a", "b", "rate"]
X = np.array([[1, -1.5, 0.5, 2, -0.5, -2], [0.5, 1, -1.5, 1.5, -0.5, -1]])
T = np.array([0.96, 0.94, 0.91, 1.2, 0.54, 0.29])


def expected(shown: dict[str, float]) -> dict[str, float]:
    W = np.array([[shown["a"], -1], [-0.5, shown["b"]]])
    bp = chainbp.backprop(chainbp.squared_error[T] @ chainbp.lp_network(W, 2.0), X)
    (da, _), (_, db) = bp.gradients[0]
    given = {name: shown[name] for name in ("a", "b", "rate", "steps")}
    return given | {"L": bp.loss, "gradient.a": da, "gradient.b": db}
