"""The live figures as their tests see them, a module for each.

Each module has

* ``EXAMPLE``, the code that makes the figure, which is also its repr;
* ``expected(shown)``, from the numbers that the figure shows to what chainbp says that they must be, all of them
  (those named "difference…" are central differences, and need only come near);
* ``TIMED``, the marks (``data-slider``) whose drags are timed.
"""

from __future__ import annotations

from types import ModuleType

from widget_cases import chain_rule, descent, explore, learning_p, lp_pooling, pooling_map, sigmoid

ALL = (chain_rule, lp_pooling, sigmoid, explore, descent, learning_p, pooling_map)
CASES: dict[str, ModuleType] = {case.__name__.rpartition(".")[2]: case for case in ALL}


def make(name: str):
    """The figure of a case's example."""
    return made(CASES[name].EXAMPLE)


def made(code: str):
    """The figure of some code."""
    import chainbp
    from chainbp import widgets

    return eval(code, {**vars(chainbp), **vars(widgets), "inf": float("inf")})
