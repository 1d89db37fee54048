"""The chain rule as matrices."""

import numpy as np

EXAMPLE = "chain_rule(widths=[3, 4, 2, 1], side=0, step=0)"
TIMED = ["width0", "width2"]


def multiply_adds(shapes: list[tuple[int, int]]) -> int:
    """From the left, counted as one multiplies."""
    (rows, columns), *rest = shapes
    total = 0
    for inner, outer in rest:
        total += rows * columns * outer
        assert columns == inner
        columns = outer
    return total


def expected(shown: dict[str, float]) -> dict[str, float]:
    n = [int(shown[f"width.{i}"]) for i in range(sum(name.startswith("width.") for name in shown))]
    shapes = list(zip(n[1:], n))[::-1]
    transposed = [(b, a) for a, b in shapes[::-1]]
    numbers = {f"width.{i}": np.clip(v, 1, 12) for i, v in enumerate(n)}
    return numbers | {"left": multiply_adds(shapes), "right": multiply_adds(transposed)}
