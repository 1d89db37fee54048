"""Live figures: ipywidgets that also live in the static book. They need anywidget.

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
    raise ImportError("chainbp.widgets needs anywidget: pip install '.[widgets]' in chainbp's repository") from error

from chainbp.widgets.chain_rule import ChainRule, chain_rule
from chainbp.widgets.descent import Descent, descent
from chainbp.widgets.explore import Explore, explore
from chainbp.widgets.learning_p import LearningP, learning_p
from chainbp.widgets.lp_pooling import LpPooling, lp_pooling
from chainbp.widgets.pooling_map import PoolingMap, pooling_map
from chainbp.widgets.sigmoid import Sigmoid, sigmoid

__all__ = [
    "ChainRule", "Descent", "Explore", "LearningP", "LpPooling", "PoolingMap", "Sigmoid", "chain_rule", "descent",
    "explore", "learning_p", "lp_pooling", "pooling_map", "sigmoid",
]
