"""The network with Lp pooling."""

import numpy as np

import chainbp
from widget_cases.networks import array, expected_of, spread

EXAMPLE = "lp_network(W=[[0.8, -1.2], [1.5, 0.4], [-0.6, 0.9]], x=[1, 0.5], t=0.2, p=3, step=4)"
TIMED = ["x0", "W.0.0", "p", "t0"]


def expected(shown: dict[str, float]) -> dict[str, float]:
    W, x, t, p = array(shown, "W", 2), array(shown, "x", 1), shown["t"], shown["p"]
    loss = chainbp.squared_error[t] @ chainbp.lp_network(W, p)
    units = {"y": 2, "z": 3, "delta_y′": 1, "delta_z": 3}
    numbers = expected_of(loss, x, ["W", "p"], units) | {"t": t}
    y = chainbp.sigma @ chainbp.rho[W] @ x
    numbers |= spread("pool", chainbp.eta[p].jacobian(y)[0])
    if np.isinf(p):
        del numbers["difference.p"]
    return numbers
