"""The slope of Lp pooling in p, and the entropy that stands in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chainbp.function import Function
from chainbp.lp import entropy
from chainbp.pooling import eta
from chainbp.widgets.base import Figure, Numbers, Positive, Result


class LearningP(Figure):
    """Made by :func:`learning_p`.

    Attributes
    ----------
    y : tuple of float
        The window, the heights of the bars. Can be set.
    p : float
        The order, greater than 0 or inf. Can be set; the figure's own slider goes from 0.2 to inf.
    z : float
        ``z = η_p(y)``. Follows y and p, as do the others.
    shares : tuple of float
        ``w_i = |y_i|^p / Σ|y_j|^p``; even in a window of zeros, and among the largest at p = inf.
    entropy : float
        ``H(w) = −Σ w_i ln w_i``, from 0 to ln n.
    slope : float
        ``∂z/∂p = −(z/p²) H(w)``.
    """

    y = Numbers(1, sides=(1, 8))
    p = Positive(infinite=True)
    z = Result()
    shares = Result()
    entropy = Result()
    slope = Result()

    def network(self) -> Function:
        """``eta[p]`` at the present p: ``w.network() @ w.y`` is ``w.z``."""
        return eta[self.p]

    def results(self) -> dict[str, Any]:
        z, pull = self.network().vjp(self.y)
        # Beside the largest entry: z is beyond all floats where p is small, and the shares are not.
        sizes = np.abs(self.y)
        powers = (sizes / sizes.max()) ** self.p if z > 0 else np.ones(len(sizes))
        shares = powers / powers.sum()
        (slope,) = pull.theta(1.0)
        return {"z": z, "shares": shares, "entropy": float(entropy(shares)), "slope": float(slope)}


def learning_p(y: npt.ArrayLike = (4.0, -3.0, 2.0, 1.0), p: float = 2.0, ask: str = "") -> LearningP:
    """The slope of Lp pooling in p to play with: ∂z/∂p = −(z/p²) H(w), H the entropy of the window's shares.

    Drag the bars y and the order p. A strip shows what share each entry has of the result; curves over p show the
    entropy of the shares, z with its tangent, and the slope, which fades as one entry takes all.

    Parameters
    ----------
    y : array_like, shape (n,), optional
        The window, 1 to 8 entries of either sign.
    p : float, optional
        The order, greater than 0, or inf.
    ask : str, optional
        The name of the question that the figure asks first: "slope".

    Returns
    -------
    LearningP
        An ipywidget. ``.y`` and ``.p`` can be read and set; ``.z``, ``.shares``, ``.entropy`` and ``.slope`` follow,
        and ``.network()`` is the chainbp Function at the present p.

    Raises
    ------
    TypeError, ValueError
        If y is not a vector of numbers of at most 1e200 in size, or p is not greater than 0.

    Examples
    --------
    >>> from chainbp.widgets import learning_p
    >>> w = learning_p(y=[1, -3], p=1)
    >>> w.z, w.shares
    (4.0, (0.25, 0.75))
    >>> print(f"{w.entropy:.4f} {w.slope:.4f}")
    0.5623 -2.2493
    >>> w.p = 10
    >>> print(f"{w.entropy:.4f} {w.slope:.4f}")
    0.0002 -0.0000
    >>> w.y = [2, 2]
    >>> print(f"{w.entropy:.4f} {w.slope:.4f}")
    0.6931 -0.0149
    """
    return LearningP("learning_p", y=y, p=p, ask=ask)
