"""The chain rule as matrices."""

import numpy as np

from chainbp.widgets import chain_rule

EXAMPLE = "chain_rule(widths=[3, 4, 2, 1], side=0, step=0, entry=[0, 0])"
TIMED = ["width0", "width1"]


def expected(shown: dict[str, float]) -> dict[str, float]:
    widths = [shown[f"widths.{i}"] for i in range(sum(name.startswith("widths.") for name in shown))]
    side = int("next.right" in shown)
    ordered = len(widths) > 3  # with one product there is no order
    step = int(shown["step"] if ordered else shown["next.right" if side else "next.left"] == 0)
    w = chain_rule(widths, side, step)
    # Counted on the matrices themselves, product by product.
    factors = chain_rule(widths, side).factors()
    counts = []
    while len(factors) > 1:
        at = len(factors) - 2 if side else 0
        counts.append(factors[at].shape[0] * factors[at].shape[1] * factors[at + 1].shape[1])
        factors[at : at + 2] = [factors[at] @ factors[at + 1]]
    assert sum(counts) == (w.right if side else w.left)
    np.testing.assert_allclose(factors[0], w.product, rtol=1e-12, atol=1e-15)

    numbers = {f"widths.{i}": v for i, v in enumerate(widths)}
    if ordered:
        numbers |= {"step": step, "left": w.left, "right": w.right, "spent": sum(counts[:step])}
    numbers["next.right" if side else "next.left"] = counts[step] if step < len(counts) else 0
    drawn = [*w.factors(), *[np.zeros((0, 0))] * step]
    for i, factor in enumerate(drawn):
        numbers |= {f"rows.{i}": factor.shape[0], f"columns.{i}": factor.shape[1]}
    if len(w.factors()) > 1:
        a, b = w.factors()[-2:] if side else w.factors()[:2]
        # The case does not know which entry is chosen: the nearest of all that there are.
        numbers["entry"] = min((a @ b).ravel(), key=lambda v: abs(v - shown["entry"]))
    return numbers
