"""The machinery of the benchmarks, without the peers, and the files that it left for the book."""

import json
import math
import re

import numpy as np
import pytest

from benchmarks import accuracy, edges, networks, pooling
from benchmarks.harness import AGREE, BOOK_DATA, Contestant, Goal, Quartiles, Race, disagreement, judged, table, verdict
from chainbp import eta, lp_pool2d

# ---- the harness ----


def test_a_race_gives_every_contestant_as_many_turns():
    calls = []
    names = ["a", "b"]
    race = Race(
        [Contestant(n, lambda n=n: calls.append(n), prepare=lambda n=n: calls.append(f"{n}!")) for n in names], 0
    )
    assert {len(times) for times in race.times.values()} == {3}
    assert {calls.count(f"{n}!") for n in names} == {4}
    assert race.ratio("a", "a") == Quartiles(1, 1, 1)
    assert race.seconds("b").low <= race.seconds("b").median <= race.seconds("b").high


def test_disagreement_is_relative_to_the_largest_entry():
    assert disagreement([[1.0, 100.0]], [[1.05, 100.0]], 1e-3) == ""
    assert "relative error" in disagreement([[1.0, 100.0]], [[1.2, 100.0]], 1e-3)
    assert "shape" in disagreement([[1.0, 100.0]], [[1.0]], 1e-3)
    assert disagreement([[1.0]], [[math.nan]], 1e-3)


def test_goals_are_judged():
    q = {"low": 1.9, "median": 2.1, "high": 2.3}
    assert [verdict(q, goal) for goal in (1.5, 2.0, 2.2, 3.0)] == [
        "yes",
        "yes, within the spread",
        "NO, within the spread",
        "NO",
    ]
    results = {"native": {"rows": {"row": {"ratios": {"peer": q}}}}}
    met, unknown = judged([Goal("row", "peer", 1.5), Goal("row", "other", 1.5, "pinned")], results)
    assert (met["met"], met["ratio"]) == ("yes", q)
    assert (unknown["met"], unknown["ratio"]) == ("not measured", None)


def test_a_table_lines_up():
    assert table(["", "ratio"], [["a", "1"], ["bcd", "10.5"]]).splitlines() == [
        "     ratio",
        "----------",
        "a        1",
        "bcd   10.5",
    ]


# ---- pooling ----

SMALL = [
    *(pooling.Case(size, 2, p, dtype) for size in (2, 3) for dtype in pooling.DTYPES for p in (1, 1.5, 3, 100)),
    pooling.Case(2, 2, 4.7, "float64", with_p=True),
    pooling.Case(4, None, 2, "float32"),
]


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(pooling, "IMAGES", (6, 2, 16, 16))
    monkeypatch.setattr(pooling, "GROUPS", 400)


def test_the_data_has_zero_windows_and_negative_numbers(small):
    for case in SMALL:
        q = pooling.problem(case)
        z = (lp_pool2d[2, case.size, case.stride] if case.stride else eta[2, case.size]) @ q.y
        assert z.shape == q.delta.shape
        assert 0.05 < (z == 0).mean() < 0.5
        assert (q.y < 0).mean() > 0.2
        assert q.y.dtype == q.delta.dtype == case.dtype


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.key)
def test_chainbp_is_right_and_others_are_marked(small, case):
    q = pooling.problem(case)
    z, errors, *slope = pooling._ours(q).run()
    results = {
        "chainbp": (z, errors, *slope),
        "NaN": (z, np.where(q.y == q.y.max(), np.nan, errors), *slope),
        "no sign": (z, np.abs(errors), *slope),
    }
    assert pooling.marks(q, results) == {"NaN": "NaN", "no sign": "wrong"}


def test_what_is_right_at_p_1_does_not_depend_on_the_derivative_at_zero(small):
    q = pooling.problem(pooling.Case(2, 2, 1, "float64"))
    z, errors = pooling._ours(q).run()
    assert pooling.marks(q, {"another choice": (z, errors + (q.y == 0))}) == {}


def test_the_expected_results_are_the_book_s_formulas():
    y = np.array([3.0, -4.0, 0.0, 0.0]).reshape(1, 1, 1, 4).repeat(2, axis=2)
    q = pooling.Problem(pooling.Case(2, 2, 2, "float64", with_p=True), y, np.array([[[[1.0, 5.0]]]]))
    z, errors, slope = pooling.expected(q)
    np.testing.assert_allclose(z, [[[[np.sqrt(50), 0]]]])
    np.testing.assert_allclose(errors[0, 0], np.array([[3, -4, 0, 0]] * 2) / np.sqrt(50))
    w = np.array([9, 16, 9, 16]) / 50
    assert slope == pytest.approx(np.sqrt(50) / 4 * (w * np.log(w)).sum())


@pytest.mark.parametrize("p", pooling.ORDERS)
def test_the_limit_takes_real_powers_and_roots(p):
    a = np.linspace(0.5, 1.5, 11)
    power, root = a.copy(), a.copy()
    pooling._cheapest_power(a, p, power)
    pooling._cheapest_root(a, p, root)
    np.testing.assert_allclose(power, a**p)
    np.testing.assert_allclose(root, a ** (1 / p))


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.key)
def test_the_limit_runs(small, case):
    pooling._limit(pooling.problem(case)).run()


# ---- what the book reads ----


@pytest.fixture(scope="module")
def speed():
    return json.loads((BOOK_DATA / "speed.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def exact():
    return json.loads((BOOK_DATA / "accuracy.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["speed", "accuracy"])
def test_a_saved_file_says_how_it_was_made_and_nothing_of_where(name):
    text = (BOOK_DATA / f"{name}.json").read_text(encoding="utf-8")
    results = json.loads(text)
    assert results["command"].startswith("python -m benchmarks")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", results["date"])
    assert {"cpu", "cpus", "system", "simd"} <= set(results["machine"])
    assert {"python", "numpy", "torch", "jax", "chainbp"} <= set(results["versions"])
    assert len(text) < 100_000
    assert not re.search(r"/home/|/root/|/tmp/|/Users/|https?://", text)
    assert not re.search(r"\bNaN\b(?!\")|\bInfinity\b", text), "no JSON"


def test_speed_has_every_row_and_goal(speed):
    native = speed["settings"]["native"]
    assert set(native["pooling"]["rows"]) == {case.key for case in pooling.CASES}
    assert set(native["networks"]["rows"]) == set(networks.CASES)
    for row in native["pooling"]["rows"].values():
        assert set(row["marks"].values()) <= {"NaN", "wrong"}
        assert {*row["ratios"], *row["not_installed"]} >= {*pooling.TORCH.values(), pooling.JAX, pooling.LIMIT}
        assert all(0 < q["low"] <= q["median"] <= q["high"] for q in row["ratios"].values())
    assert len(speed["goals"]["pooling"]) == len(pooling.GOALS)
    assert len(speed["goals"]["networks"]) == len(networks.GOALS)
    for rows in native["pooling"]["elements"].values():
        assert [row["elements"] for row in rows] == sorted(row["elements"] for row in rows)
        assert rows[-1]["elements"] / rows[0]["elements"] > 100
    assert {name for costs in native["pooling"]["costs"].values() for name in costs} == set(pooling._operations())


def test_accuracy_has_every_row(exact):
    rows = exact["sweep"]["rows"]
    assert [(r["function"], r["dtype"], r["quantity"]) for r in rows] == [
        (f, d, q) for f in accuracy.FUNCTIONS for d in accuracy.DTYPES for q in accuracy.BOUNDS
    ]
    for row in rows:
        assert row["median"] <= row["p99"] <= row["p99.9"] <= row["max"]
        assert row["results"] >= exact["windows"][row["dtype"]]
        assert row["above_bound"] == 0 or row["max"] >= row["bound"]
        assert {"p", "y", "kind", "got", "true"} <= set(row["worst"])
    assert len(exact["edges"]["cases"]) == len(edges.CASES)
    assert exact["edges"]["counts"]["chainbp eta"] == exact["edges"]["counts"]["chainbp lp_pool2d"] == 0


def test_the_tables_can_be_made_from_the_files(speed, exact):
    native = {"native": speed["settings"]["native"]["pooling"]}
    texts = [*pooling.report(native, {"native": "BLAS"}), *accuracy.report(exact)]
    assert all(text.strip() for text in texts)
    assert AGREE.keys() == set(pooling.DTYPES)
