"""Any chain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import chainbp
from widget_cases.networks import spread

EXAMPLE = "explore(squared_error[0.2] @ eta[3] @ sigma @ rho[[[0.8, -1.2], [1.5, 0.4], [-0.6, 0.9]]], x=[1, 0.5])"
TIMED = ["chosen", "p"]
# One unit per box; a batch; biases, groups with orders of their own and a part that is held; more than fits; long.
MORE = [
    "explore(squared_error[[0.2]] @ sigma @ rho[[[1.5]]], x=[1])",
    "explore(squared_error[[[1, 0], [0, 1]]] @ tanh @ rho[[[-2.5, -1], [-0.5, 2]]], x=[[1, -1.5], [0.5, 1]], sample=1)",
    "explore(cross_entropy[[1, 0]] @ sigma @ rho[[[1, 2], [3, -1]]].fixed() @ eta[[1, 2], 2] @ relu "
    "@ rho[[[1, 2], [-1, 0.5], [0.3, 0.1], [2, 1]], [0.1, 0, 0, 0.4]], x=[1, 0.2])",
    "explore(softmax_cross_entropy[[0, 0, 1, 0, 0, 0, 0, 0]] "
    f"@ rho[{np.round(np.sin(np.arange(56)), 2).reshape(8, 7).tolist()}] "
    f"@ tanh @ rho[{np.round(np.cos(np.arange(63)), 2).reshape(7, 9).tolist()}], x=[1, 2, 0, -1, 0, 1, 0.5, -2, 1])",
    "explore(sigmoid_cross_entropy[[1, 0]] @ rho[[[1, 0.5], [0, 1]]]"
    f"{' @ sigma @ rho[[[0.5, -1], [2, 1]]]' * 5}, x=[1, -1])",
]
# A layer of a reader's own, which the page cannot compute.
OWN = """@Family
def scale(a):
    return Function(lambda x: (a * x, lambda d: a * d, lambda d: ((d * x).sum(),)), (a,), name="scale", symbols=("a",))


explore(squared_error[[0.2, 1]] @ scale[3.0] @ rho[[[1, 0.5], [0, 1]]], x=[1, 0.5])"""
# The same where L is infinite.
ENDLESS = "explore(squared_error[0.2] @ eta[2] @ scale[1e200] @ rho[[[1, 0.5], [0.5, 1]]], x=[1, 0.5])"
FAMILIES = {"rho", "eta", "squared_error", "cross_entropy", "sigmoid_cross_entropy", "softmax_cross_entropy"}


def arrays(value: Any) -> Any:
    """What travels as JSON, where infinity is a string."""
    return np.array(value, dtype=float) if not isinstance(value, dict) else value


def loss_of(state: dict[str, Any]) -> chainbp.Function:
    """The function that a figure's state describes."""

    def links() -> Iterator[chainbp.Function]:
        rest = [arrays(v) for v in state["parameters"]]
        for link in state["links"]:
            known = getattr(chainbp, link["kind"])
            bound = [arrays(v) for v in link["held"]] if "held" in link else [rest.pop(0) for _ in range(link["count"])]
            if link["kind"].endswith(("error", "entropy")):
                bound = [arrays(state["t"])]
            f = known[(*bound, *([link["n"]] if "n" in link else []))] if link["kind"] in FAMILIES else known
            yield f.fixed() if "held" in link else f

    return chainbp.Composition(tuple(links()))


def expected(shown: dict[str, Any]) -> dict[str, Any]:
    state = shown["state"]
    bp = chainbp.backprop(loss_of(state), arrays(state["x"]))
    batch = np.ndim(state["x"]) == 2
    numbers = {"state": state, "L": bp.loss}
    for name, variables in ("hidden", bp.hidden), ("delta", bp.deltas):
        for i, value in enumerate(variables):
            numbers |= spread(f"{name}.{i}", np.atleast_1d(value[..., state["sample"]] if batch else value))
    t = arrays(state["t"])
    numbers |= spread("t", np.atleast_1d(t[..., state["sample"]] if batch else t))
    k, i = state["chosen"]
    values = {-1: arrays(state["x"]), -2: t} | {n: arrays(v) for n, v in enumerate(state["parameters"])}
    numbers["chosen"] = values[k].flat[i]
    gradients = {-1: bp.deltas[0]} | dict(enumerate(bp.gradients))
    if k in gradients:
        numbers["gradient"] = numbers["difference"] = np.ravel(gradients[k])[i]
    etas = [link for link in state["links"] if link["kind"] == "eta" and "held" not in link]
    if etas:
        first = sum(link["count"] for link in state["links"][: state["links"].index(etas[0])])
        place = i if k == first else 0
        numbers |= {"p": values[first].flat[place], "gradient.p": np.ravel(gradients[first])[place]}
    # What is not drawn, because the error is not there yet, or there is no room.
    return {name: v for name, v in numbers.items() if name in shown}
