"""The live figures as their tests see them, a module for each.

Each module has

* ``EXAMPLE``, the code that makes the figure, which is also its repr;
* ``expected(shown)``, from the numbers that the figure shows to what chainbp says that they must be, all of them
  (those named "difference…" are central differences, and need only come near);
* ``TIMED``, the marks (``data-slider``) whose drags are timed.
"""

from __future__ import annotations

from types import ModuleType

from widget_cases import chain_rule, descent, learning_p, lp_network, lp_pooling, pooling_map, sigmoid, two_layer

ALL = (chain_rule, lp_pooling, sigmoid, two_layer, lp_network, descent, learning_p, pooling_map)
CASES: dict[str, ModuleType] = {case.__name__.rpartition(".")[2]: case for case in ALL}


def make(name: str):
    """The figure of a case's example."""
    from chainbp import widgets

    return eval(CASES[name].EXAMPLE, vars(widgets))
