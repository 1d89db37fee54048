"""A small sample of the sweep of ``benchmarks.accuracy``, and the reference that both judge by."""

from itertools import product

import mpmath
import numpy as np
import pytest
from judges import lp_reference

from benchmarks.accuracy import DTYPES, FUNCTIONS, QUANTITIES, summary, sweep
from benchmarks.reference import EDGES, KINDS, P_RANGE, Edge, Reference, blocks, error, errors, fails, reference
from chainbp import eta, lp_pool2d


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("windows", [400, pytest.param(3000, marks=pytest.mark.soak)])
def test_a_sample_of_windows_keeps_the_bounds(dtype, windows):
    rows = summary({dtype: sweep(windows, (1, 0), dtype)})["rows"]
    assert [(r["function"], r["quantity"]) for r in rows] == list(product(FUNCTIONS, QUANTITIES))
    for row in rows:
        assert row["results"] >= windows
        assert row["not_finite"] == 0
        assert row["max"] <= row["bound"], row["worst"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_sample_has_every_kind_of_window_and_keeps_its_dtype(dtype):
    drawn = list(blocks(2000, np.random.default_rng(2), dtype))
    assert {kind for block in drawn for kind in block.kinds} == set(KINDS)
    assert {block.image.dtype for block in drawn} == {np.dtype(dtype)}
    assert all(np.isfinite(block.image).all() for block in drawn)
    assert all(len(block.windows(block.image)) == len(block.kinds) for block in drawn)
    assert P_RANGE[0] <= min(block.p for block in drawn) < max(block.p for block in drawn) <= P_RANGE[1]
    assert any(block.stride < block.size for block in drawn)
    assert any(block.p % 1 == 0 for block in drawn)


# ---- the reference ----


def test_the_reference_knows_3_4_5():
    z, gradient, slope = reference([3.0, -4.0, 0.0], 2.0)
    assert (z, gradient[2]) == (5, 0)
    assert [float(g) for g in gradient] == pytest.approx([0.6, -0.8, 0], rel=1e-15)
    w = np.array([9, 16]) / 25
    assert float(slope) == pytest.approx(5 / 4 * (w * np.log(w)).sum(), rel=1e-15)
    assert reference([0.0, -0.0], 3.0) == (0, [0, 0], 0)


@pytest.mark.parametrize(
    ("y", "p"),
    [
        ([3.0, -4.0, 0.5], 0.3),
        ([1.0, 1.0 - 2.0**-53, -1.0], 300.0),
        ([1.0, 0.05], 250.0),
        ([1e300, -1e-300], 1.5),
        ([5e-324, 1e-310], 40.0),
    ],
)
def test_the_reference_agrees_with_the_formulas_as_they_stand(y, p):
    """With a thousand digits and more, nothing needs a trick: (32), (33) and two logarithms."""
    got = reference(y, p)
    z, gradient, slope = lp_reference(y, p, digits=1500)
    with mpmath.workdps(1500):
        for ours, plain in zip([got.z, got.slope, *got.gradient], [z, slope, *gradient], strict=True):
            assert abs(ours - plain) <= abs(plain) * mpmath.mpf(10) ** -25


def test_errors_are_counted_in_eps():
    third = mpmath.mpf(1) / 3
    eps = np.finfo(float).eps
    true = [mpmath.mpf(1), mpmath.mpf(-1), third, mpmath.mpf(0)]
    found = [error(g, t, "float64") for g, t in zip([1 + 3 * eps, -1 - 2 * eps, 1 / 3, 0.0], true)]
    assert found == pytest.approx([3, 2, float(abs(1 / 3 - third) * 3 / eps), 0])
    # Below the smallest normal number a step is the unit; far off is far off, and not finite is inf.
    assert error(2e-323, mpmath.mpf(3e-323), "float64") == 2
    assert error(0.0, mpmath.mpf(2e-300), "float64") == 1 / eps
    assert error(np.nan, mpmath.mpf(1), "float64") == np.inf
    assert 1e100 < error(1e300, mpmath.mpf(1), "float64") < np.inf
    # A result that no float32 can hold is not asked for.
    assert np.isnan(error(np.inf, mpmath.mpf(1e39), "float32"))


def test_what_is_negligible_beside_its_scale_need_not_have_digits():
    eps = np.finfo(float).eps
    small = mpmath.mpf(1e-30)
    true = Reference(mpmath.mpf(8), [small, mpmath.mpf(1)], small)
    # At p = 2 the scale of ∂z/∂p is 8/2² = 2, and that of ∂z/∂y is 1; z has to be right in any case.
    found = errors([8 + 8 * eps, 4 * eps, 3 * eps, 1 + eps], true, 2.0, "float64")
    assert found == pytest.approx([1, 2, 3, 1])


# ---- the edge cases ----


def by_eta(y, p):
    z, pull = eta[p].vjp(y)
    return z, pull.x(np.ones_like(z))


def by_lp_pool2d(y, p):
    z, pull = lp_pool2d[p, (1, len(y))].vjp(y[None])
    return z[0, 0], pull.x(np.ones_like(z))


@pytest.mark.parametrize("case", EDGES, ids=lambda case: f"{case.about}, {case.y}, p={case.p:g}, {case.dtype}")
@pytest.mark.parametrize("pooling", [by_eta, by_lp_pool2d])
def test_chainbp_fails_no_edge_case(pooling, case):
    for signs in (1, -1, np.resize([-1, 1], len(case.y))):
        turned = case._replace(y=(np.array(case.y) * signs).tolist())
        assert not fails(turned, *pooling(np.array(turned.y, case.dtype), case.p)), turned


def test_cases_of_one_kind_stand_together():
    kinds = [case.about for case in EDGES]
    assert kinds == sorted(kinds, key=list(dict.fromkeys(kinds)).index)
    assert len(EDGES) == 47


def test_failures_are_seen():
    case = Edge("negative entries", [-1.0, 2.0], 3)
    z, gradient, _ = reference(case.y, case.p)
    good = [float(g) for g in gradient]
    assert not fails(case, float(z), good)
    assert fails(case, float(z) * 1.00001, good)
    assert fails(case, float(z), [-good[0], good[1]])
    assert fails(case, float("nan"), good)
    zeros = Edge("a window of zeros", [0.0, 0.0], 1.5)
    assert not fails(zeros, 0.0, [1.0, 0.0])
    assert fails(zeros, 0.0, [np.nan, 0.0])
    ties = Edge("p = ∞", [2.0, -2.0, 1.0], np.inf)
    assert not fails(ties, 2.0, [1.0, 0.0, 0.0])
    assert fails(ties, 2.0, [1.0, 0.0, 0.1])
    assert fails(Edge("p = ∞", [-3.0, 1.0], np.inf), 3.0, [1.0, 0.0])
