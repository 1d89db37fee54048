"""Section 1 of the note: the convolution whose results Lp pooling subsamples, as ρ⟦W⟧ with shared weights."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from chainbp.function import Family, Function, Step, named
from chainbp.layers import rho
from chainbp.wanted import Array, as_array, shaped


@Family
def conv2d(K: Any, b: Any = None) -> Function:
    """Convolution with the filters K, the weighted sum (7) of every patch of an image, all with the same weights.

    ``y[n, o, i, j] = Σ_{c, u, v} K[o, c, u, v] x[n, c, i + u, j + v]``, as the field computes it: strictly speaking a
    cross-correlation, the filters are not flipped. Written out as columns, one patch after the other, it is ρ⟦W⟧ with
    one row of W for each filter.

    Parameters
    ----------
    K : array_like, shape (O, C, h, w)
        O filters over C channels.
    b : array_like, shape (O,), optional
        The bias of each filter.

    Returns
    -------
    Function
        Takes images x of shape (N, C, H, W) and gives (N, O, H − h + 1, W − w + 1): only where a filter lies wholly
        inside the image. Back, with δ of the shape of y: ``∂L/∂K = δ xᵀ`` summed over all patches, (31);
        ``δ_x = Kᵀ δ``, (28), summed where patches overlap; ∂L/∂b = Σ δ. ±inf and NaN travel by the ordinary rules.

    Raises
    ------
    TypeError
        If K, b or x is not real numbers.
    ValueError
        If K does not have four dimensions, b does not match it, or x does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from chainbp import conv2d
    >>> image = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> to_the_right = conv2d[[[[[-1.0, 1.0]]]]]
    >>> (to_the_right @ image)[0, 0]
    array([[1., 1.],
           [1., 1.],
           [1., 1.]])
    """
    K = as_array(K, "K", "conv2d[K]")
    if K.ndim != 4 or 0 in K.shape:
        raise ValueError(f"conv2d[K]: K must have the shape (O, C, h, w) with at least one entry; got shape {K.shape}")
    filters, channels, height, width = K.shape
    theta = (K,) if b is None else (K, b := shaped(b, "b", f"conv2d[K, b] with K of shape {K.shape}", (filters,)))
    weighted: Any = rho[K.reshape(filters, -1), b]

    def forward(x: Array) -> Step:
        if x.ndim != 4 or x.shape[1] != channels or x.shape[2] < height or x.shape[3] < width or len(x) == 0:
            raise ValueError(f"K of shape {K.shape} needs images (N ≥ 1, {channels}, H ≥ {height}, W ≥ {width})")
        patches = sliding_window_view(x, (height, width), axis=(2, 3))
        samples, _, rows, columns = patches.shape[:4]
        # One patch in each column, the patches of all images one after the other.
        y, pull, pull_W = weighted.forward(patches.transpose(1, 4, 5, 0, 2, 3).reshape(K[0].size, -1))

        def as_columns(delta: Array) -> Array:
            return delta.transpose(1, 0, 2, 3).reshape(filters, -1)

        def pull_x(delta: Array) -> Array:
            parts = pull(as_columns(delta)).reshape(channels, height, width, samples, rows, columns)
            errors = np.zeros(x.shape, dtype=parts.dtype)
            for u, v in np.ndindex(height, width):
                errors[:, :, u : u + rows, v : v + columns] += parts[:, u, v].swapaxes(0, 1)
            return errors

        def pull_theta(delta: Array) -> tuple[Array, ...]:
            of_W, *of_b = pull_W(as_columns(delta))
            return of_W.reshape(K.shape), *of_b

        return y.reshape(filters, samples, rows, columns).swapaxes(0, 1), pull_x, pull_theta

    return Function(forward, theta, name="conv2d", symbols=("K", "b")[: len(theta)])


@named("flatten")
def flatten(x: Array) -> Step:
    """Images (N, C, H, W) as columns (C·H·W, N), one sample per column, as ρ⟦W⟧ takes it.

    The order of the numbers does not change, so an error goes back the way it came.

    Raises
    ------
    ValueError
        If x does not have four dimensions, or is empty.

    Examples
    --------
    >>> import numpy as np
    >>> from chainbp import flatten
    >>> (flatten @ np.zeros((5, 2, 3, 4))).shape
    (24, 5)
    """
    if x.ndim != 4 or x.size == 0:
        raise ValueError("it takes at least one image, shape (N, C, H, W)")
    return x.reshape(x.shape[0], -1).T, lambda delta: delta.T.reshape(x.shape), None
