"""Live figures: ipywidgets that also live in the static book. Needs ``pip install "chainbp[widgets]"``.

>>> from chainbp.widgets import lp_pooling
>>> w = lp_pooling(y=[3, -4], p=2)
>>> w.z
5.0
>>> print(w.network() @ w.y)
5.0

Setting ``w.p`` or ``w.y`` moves the figure, and dragging the figure sets them.
"""

try:
    import anywidget  # noqa: F401
except ImportError as error:  # pragma: no cover
    raise ImportError('chainbp.widgets needs anywidget: pip install "chainbp[widgets]"') from error

from chainbp.widgets.chain_rule import ChainRule, chain_rule
from chainbp.widgets.descent import Descent, descent
from chainbp.widgets.learning_p import LearningP, learning_p
from chainbp.widgets.lp_network import LpNetwork, lp_network
from chainbp.widgets.lp_pooling import LpPooling, lp_pooling
from chainbp.widgets.pooling_map import PoolingMap, pooling_map
from chainbp.widgets.sigmoid import Sigmoid, sigmoid
from chainbp.widgets.two_layer import TwoLayer, two_layer

__all__ = [
    "ChainRule",
    "Descent",
    "LearningP",
    "LpNetwork",
    "LpPooling",
    "PoolingMap",
    "Sigmoid",
    "TwoLayer",
    "chain_rule",
    "descent",
    "learning_p",
    "lp_network",
    "lp_pooling",
    "pooling_map",
    "sigmoid",
    "two_layer",
]
