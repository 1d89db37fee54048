"""The machinery of the benchmarks, without the peers, and the files that it left for the book."""

import json
import math
import re
import time

import numpy as np
import pytest

from benchmarks import accuracy, growth, harness, networks, pooling
from benchmarks.__main__ import main, promises
from benchmarks.harness import BOOK_DATA, QUIET, Contestant, disagreement, machine, race, table, watch
from benchmarks.reference import EDGES
from chainbp import lp_pool2d, sigma

# ---- the harness ----


def test_a_race_gives_every_contestant_as_many_turns():
    calls = []
    names = ["a", "b"]
    found = race(
        [Contestant(n, lambda n=n: calls.append(n), prepare=lambda n=n: calls.append(f"{n}!")) for n in names], 0
    )
    # One to estimate, three rounds.
    assert {calls.count(f"{n}!") for n in names} == {4}
    assert set(found["seconds"]) == {"a", "b"}
    assert set(found["ratios"]) == {"b"}
    for q in (*found["seconds"].values(), *found["ratios"].values()):
        assert 0 < q["low"] <= q["median"] <= q["high"]


def test_a_race_tells_twice_the_time():
    waits = [Contestant(str(ms), lambda ms=ms: time.sleep(ms / 1000)) for ms in (20, 40)]
    assert race(waits, 0)["ratios"]["40"]["median"] == pytest.approx(2, rel=0.3)


def test_disagreement_is_relative_to_the_largest_entry():
    assert disagreement([[1.0, 100.0]], [[1.05, 100.0]], 1e-3) == ""
    assert disagreement([[1.0, 100.0]], [[1.2, 100.0]], 1e-3) == "wrong"
    assert disagreement([[1.0, 100.0]], [[1.0]], 1e-3) == "wrong"
    assert disagreement([[1.0]], [[math.nan]], 1e-3) == "NaN"


def test_own_work_is_no_other_program(monkeypatch):
    # In ten seconds the processors were busy for fifteen, eight of these for this process.
    moments = iter([(100.0, 200.0, 30.0), (110.0, 215.0, 38.0)])
    monkeypatch.setattr(harness, "_work", lambda: next(moments))
    assert watch()() == 0.7


@pytest.mark.parametrize("busy", ["before", "after"])
def test_a_busy_run_leaves_the_book_alone(monkeypatch, tmp_path, busy, capsys):
    file = tmp_path / "speed.json"
    monkeypatch.setattr("benchmarks.__main__.RESULTS", file)
    monkeypatch.setattr("sys.argv", ["benchmarks", "--output", str(file)])
    found = iter([1.0 if busy == "before" else 0.0, 1.0, 1.0, 1.0])
    monkeypatch.setattr("benchmarks.harness.watch", lambda: lambda: next(found))
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr("benchmarks.__main__.about", lambda command: {})
    for name, part in read("speed").items():
        if name in ("networks", "pooling", "growth"):
            monkeypatch.setattr(f"benchmarks.{name}.measure", lambda seconds, part=part: part)
    with pytest.raises(SystemExit, match="quiet"):
        main()
    assert not file.exists()
    other = tmp_path / "other.json"
    monkeypatch.setattr("sys.argv", ["benchmarks", "--output", str(other)])
    main()
    assert json.loads(other.read_text(encoding="utf-8"))["other_programs"] == 1
    printed = capsys.readouterr().out
    assert "BUSY" in printed
    assert all(promise["what"] in printed for promise in read("speed")["promises"])


def test_a_table_lines_up():
    rows = [{"": "a", "ratio": "1"}, {"": "bcd", "ratio": "10.5"}]
    assert table(rows).splitlines() == ["     ratio", "a        1", "bcd   10.5"]


# ---- pooling ----

SMALL = [pooling.Case(size, p, dtype) for size in (2, 3) for dtype in pooling.DTYPES for p in (1, 1.5, 3, 100)]


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(pooling, "IMAGES", (6, 2, 16, 16))


def test_the_data_has_zero_windows_and_negative_numbers(small):
    for case in SMALL:
        q = pooling.problem(case)
        z = lp_pool2d[2, case.size, pooling.STRIDE] @ q.y
        assert z.shape == q.delta.shape
        assert 0.05 < (z == 0).mean() < 0.5
        assert (q.y < 0).mean() > 0.2
        assert q.y.dtype == q.delta.dtype == case.dtype


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.key)
def test_chainbp_is_right_in_a_race_and_others_are_marked(small, case):
    q = pooling.problem(case)
    ours = pooling.ours(q).run()
    near = 1e-12 if case.dtype == "float64" else 1e-5
    for got, true in zip(ours, pooling.expected(q)):
        np.testing.assert_allclose(got[0, 0], true, rtol=near, atol=near)
    results = {
        "chainbp": ours,
        "NaN": (ours[0], np.where(q.y == q.y.max(), np.nan, ours[1])),
        "no sign": (ours[0], np.abs(ours[1])),
    }
    assert pooling.marks(q, results) == {"NaN": "NaN", "no sign": "wrong"}


def test_a_wrong_chainbp_is_not_timed(small, monkeypatch):
    def wrong(q):
        z, errors = ours(q).run()
        return Contestant("chainbp", lambda: (z, np.abs(errors)))

    ours = pooling.ours
    monkeypatch.setattr(pooling, "ours", wrong)
    monkeypatch.setattr(pooling, "_torch", lambda q: [])
    monkeypatch.setattr(pooling, "_jax", lambda q: Contestant("JAX jit", lambda: None))
    with pytest.raises(AssertionError, match="chainbp is wrong"):
        pooling._row(SMALL[1], 0)


def test_what_is_right_at_p_1_does_not_depend_on_the_derivative_at_zero(small):
    q = pooling.problem(pooling.Case(2, 1, "float64"))
    z, errors = pooling.ours(q).run()
    another = {"chainbp": (z, errors), "another choice": (z, errors + (q.y == 0))}
    assert pooling.marks(q, another) == {}
    assert pooling.marks(q._replace(case=pooling.Case(2, 2, "float64")), another) == {"another choice": "wrong"}


def test_torch_counts_where_it_is_right():
    q, r = {"median": 1.0}, {"median": 2.0}
    row = {"ratios": {"torch 2 threads": q, "torch of |y|, 2 threads": r}, "marks": {}}
    assert pooling.right_torch(row, 2) == q
    assert pooling.right_torch(row, 1) is None
    assert pooling.right_torch({**row, "marks": {"torch 2 threads": "NaN"}}, 2) == r
    assert pooling.right_torch({**row, "marks": dict.fromkeys(row["ratios"], "NaN")}, 2) is None


# ---- the cost of backprop ----


def test_the_cost_has_every_layer_and_counts_memory():
    layers = growth.every_layer(np.random.default_rng(0))
    assert set(layers) == {name for names in growth.LAYERS.values() for name in names}
    for function, x in layers.values():
        if x.ndim != 2 or len(x) != 256:
            function(x)
    found = growth.cost("sigma", sigma, np.ones(100_000), 0)
    assert {"forward", "gradient", "ratio", "bytes"} == set(found)
    forward, gradient = found["bytes"]
    assert 800_000 <= forward <= gradient <= 8_000_000


# ---- what the book reads ----


def read(name):
    return json.loads((BOOK_DATA / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def speed():
    return read("speed")


@pytest.fixture(scope="module")
def exact():
    return read("accuracy")


@pytest.mark.parametrize("name", ["speed", "accuracy"])
def test_a_saved_file_says_how_it_was_made_and_nothing_of_where(name):
    text = (BOOK_DATA / f"{name}.json").read_text(encoding="utf-8")
    results = json.loads(text)
    assert results["command"].startswith("python -m benchmarks")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", results["date"])
    assert {"python", "numpy", "torch", "jax", "chainbp"} <= set(results["versions"])
    assert len(text) < 100_000
    assert not re.search(r"/home/|/root/|/tmp/|/Users/|https?://", text)
    assert not re.search(r"\bNaN\b(?!\")|\bInfinity\b", text), "no JSON"


def test_the_book_shows_a_quiet_run_that_measured_everything(speed):
    assert speed["other_programs"] <= QUIET
    assert set(speed["growth"]["layers"]) == {name for names in growth.LAYERS.values() for name in names}
    assert any("torch.compile" in name for row in speed["pooling"]["rows"].values() for name in row["ratios"])
    assert all(pooling.right_torch(row, 1) for row in speed["pooling"]["rows"].values() if pooling.right_torch(row, 2))


def test_speed_has_every_row(speed):
    assert set(speed["machine"]) == set(machine())
    assert set(speed["pooling"]["rows"]) == {case.key for case in pooling.CASES}
    assert set(speed["networks"]["rows"]) == set(networks.CASES)
    peers = {networks.torch_name(2), networks.torch_name(1), "JAX jit"}
    for row in [*speed["pooling"]["rows"].values(), *speed["networks"]["rows"].values()]:
        assert set(row.get("marks", {}).values()) <= {"NaN", "wrong"}
        assert set(row["ratios"]) >= peers
        assert all(0 < q["low"] <= q["median"] <= q["high"] for q in row["ratios"].values())
    for rows in speed["growth"]["elements"].values():
        assert [row["elements"] for row in rows] == sorted(row["elements"] for row in rows)
        assert rows[-1]["elements"] / rows[0]["elements"] > 100
    assert [row["depth"] for row in speed["growth"]["depth"]] == list(growth.DEPTHS)


def test_the_promises_are_those_of_the_rows(speed):
    assert speed["promises"] == list(promises(speed))
    layer = {"ratio": {"median": 2.0}, "bytes": [10, 30]}
    deep = {"100": {"gradient": {"median": 1.0}}, "10000": {"gradient": {"median": 200.0}}}
    found = list(promises({**speed, "growth": {"layers": {"f": layer}, "deep": deep}}))
    assert [(p["found"], p["met"]) for p in found[-3:]] == [(2.0, True), (3.0, True), (2.0, False)]


def test_accuracy_has_every_row(exact):
    rows = exact["sweep"]["rows"]
    assert [(r["function"], r["dtype"], r["quantity"]) for r in rows] == [
        (f, d, q) for f in accuracy.FUNCTIONS for d in accuracy.DTYPES for q in accuracy.QUANTITIES
    ]
    for row in rows:
        assert row["median"] <= row["p99.9"] <= row["max"]
        assert row["results"] >= exact["windows"][row["dtype"]]
        assert row["above_bound"] == 0 or row["max"] >= row["bound"]
        assert {"p", "y", "kind"} <= set(row["worst"])
    assert [case["about"] for case in exact["edges"]["cases"]] == [case.about for case in EDGES]
    assert not any("chainbp" in case["fails"] for case in exact["edges"]["cases"])
