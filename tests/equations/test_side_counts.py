"""The formulas of the side road on what a gradient costs, against multiply-adds and products counted one by one."""

from __future__ import annotations

import numpy as np
import pytest

from chainbp import Function, backprop, sigma, squared_error


def multiply(A, B):
    """The product of two matrices of shapes, as a shape, and the multiply-adds, counted one by one."""
    assert A[1] == B[0]
    return (A[0], B[1]), sum(1 for _ in np.ndindex(A[0], B[1], A[1]))


def walk(widths, left):
    """Multiply-adds of the chain's product of Jacobians, from one end to the other."""
    factors = [(n, m) for m, n in zip(widths, widths[1:])][::-1]
    held, total = factors.pop(0 if left else -1), 0
    while factors:
        held, count = multiply(held, factors.pop(0)) if left else multiply(factors.pop(), held)
        total += count
    return total


CHAINS = [[3, 4, 2, 1], [30, 20, 20, 20, 20, 1], [1, 6, 6, 6, 9], [7, 3, 5, 2], [5, 2]]


@pytest.mark.parametrize("n", CHAINS)
def test_our_count_left(n):
    k = len(n) - 1
    assert n[k] * sum(n[i] * n[i - 1] for i in range(1, k)) == walk(n, left=True)


@pytest.mark.parametrize("n", CHAINS)
def test_our_count_right(n):
    k = len(n) - 1
    assert n[0] * sum(n[i] * n[i - 1] for i in range(2, k + 1)) == walk(n, left=False)


@pytest.mark.parametrize("layers", [1, 2, 3, 10, 50])
def test_our_product_count(layers):
    count = {"forward": 0, "backward": 0}

    def product(A, B, way):
        count[way] += 1
        return A @ B

    def counting(W):
        return Function(
            lambda x: (
                product(W, x, "forward"),
                lambda delta: product(W.T, delta, "backward"),
                lambda delta: (product(delta, x.T, "backward"),),
            ),
            (W,),
        )

    rng = np.random.default_rng(layers)
    loss = squared_error[rng.normal(size=(3, 2))]
    for _ in range(layers):
        loss = loss @ sigma @ counting(rng.normal(size=(3, 3)))
    bp = backprop(loss, rng.normal(size=(3, 2)))
    assert count == {"forward": layers, "backward": 2 * layers - 1}
    assert bp.deltas[0].shape == (3, 2)
    assert count == {"forward": layers, "backward": 2 * layers}
