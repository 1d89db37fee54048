"""The two-layer network."""

import chainbp
from widget_cases.networks import array, expected_of, spread

EXAMPLE = "two_layer(W1=[[0.8, -1.2], [1.5, 0.4]], W2=[[1, -1.5], [-0.7, 1.2]], x=[1, 0.5], t=[0.9, 0.2], step=5)"
TIMED = ["x0", "W1.0.0", "W2.1.1", "t0"]


def expected(shown: dict[str, float]) -> dict[str, float]:
    W1, W2, x, t = (array(shown, name, ndim) for name, ndim in [("W1", 2), ("W2", 2), ("x", 1), ("t", 1)])
    loss = chainbp.squared_error[t] @ chainbp.two_layer(W1, W2)
    units = {"y": 2, "z": 4, "delta_y′": 1, "delta_z′": 3}
    return expected_of(loss, x, ["W1", "W2"], units) | spread("t", t)
