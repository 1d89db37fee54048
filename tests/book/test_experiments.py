"""The experiments that chapters 5 and 6 rest on: enough seeds, in pairs, and the same networks as in the chapters."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from notebooks import BOOK, read, text

from benchmarks import digits, shapes
from chainbp import check_gradient, flatten, squared_error

EXPERIMENTS = {"digits": digits, "shapes": shapes}


def recorded(name: str) -> dict:
    return json.loads((BOOK / "_data" / f"{name}.json").read_text(encoding="utf-8"))


def printed(page: str) -> str:
    return "\n".join(
        str(output.get("text", "")) for cell in read(BOOK / f"{page}.ipynb").cells for output in cell.get("outputs", [])
    )


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_file_says_how_it_was_made_and_each_kind_has_the_same_twenty_seeds(name):
    results, script = recorded(name), EXPERIMENTS[name]
    assert results["command"] == script.COMMAND == f"python -m benchmarks.{name}"
    assert {key: results["settings"][key] for key in script.SETTINGS} == script.SETTINGS
    seeds: dict[tuple, list[int]] = {}
    for row in results["rows"]:
        seeds.setdefault((row["kind"], row.get("rate")), []).append(row["seed"])
    assert script.SEEDS >= 20
    assert all(found == list(range(script.SEEDS)) for found in seeds.values())
    kinds = [*shapes.POOLINGS] if name == "shapes" else [kind for kind, _ in digits.plan()]
    assert list(dict.fromkeys(kind for kind, _ in seeds)) == list(dict.fromkeys(kinds))


def runs(kind: str) -> list[dict]:
    """One for each seed, in their order, at the rate of the chapter."""
    return [row for row in recorded("digits")["rows"] if (row["kind"], row["rate"]) == (kind, digits.RATES[0])]


def percentages(kind: str) -> np.ndarray:
    """How many of the test digits each run reads."""
    return 100 * np.array([row["reads"] for row in runs(kind)]) / recorded("digits")["settings"]["test digits"]


def test_chapter_6_finds_the_number_of_the_record():
    reads = runs("p = 2")[0]["reads"]
    assert f"reads {reads} of {recorded('digits')['settings']['test digits']} test digits" in printed("6-convolution")


def test_chapter_6_says_what_became_of_the_printed_form():
    signed, printed_form = percentages("p = 2"), percentages("as printed")
    digits_read = f"read {printed_form.mean():.1f}% of the test digits on average, instead of {signed.mean():.1f}%"
    assert digits_read in text(BOOK / "6-convolution.ipynb")


def test_the_pixels_alone_had_the_rates_that_which_p_names():
    rows = [row for row in recorded("digits")["rows"] if row["kind"] == digits.PIXELS]
    assert sorted({row["rate"] for row in rows}) == sorted(digits.PIXEL_RATES)
    low, high, count = min(digits.PIXEL_RATES), max(digits.PIXEL_RATES), len(digits.PIXEL_RATES)
    words = text(BOOK / "which-p.ipynb")
    several = ["four", "five", "six"][count - 4]
    assert f"of {several} rates, from {low:g} to {high:g}, they got the one at which" in words


def test_which_p_says_what_the_missing_sign_costs_and_where_p_goes():
    signed, signless, words = percentages("p = 2"), percentages("as printed"), text(BOOK / "which-p.ipynb")
    assert 0.3 < 1 - signless.mean() / signed.mean() < 0.37
    assert "costs a third of the digits" in words
    of_sum, of_mean = (np.array([row["p"] for row in runs(kind)]) for kind in ("learned", "learned, mean form"))
    assert "Seven in ten go opposite ways" in words
    assert 0.65 < np.mean((of_sum < 2) & (of_mean > 2)) < 0.75
    assert np.mean((of_sum > 2) & (of_mean < 2)) < 0.01
    alike = [np.corrcoef(*pair)[0, 1] for pair in zip(of_sum, of_mean)]
    assert "within a network the channels that fall further in the sum form tend to end lower" in words
    assert np.mean(alike) > 3 * np.std(alike, ddof=1) / np.sqrt(len(alike))


def test_chapter_5_finds_the_numbers_of_the_record():
    (row,) = (row for row in recorded("shapes")["rows"] if (row["kind"], row["seed"]) == ("learned", 0))
    found = re.findall(r"(\w+) +([\d.]+)% wrong, learned p = ([\d.]+)", printed("5-learning-p"))
    assert [name for name, *_ in found] == list(shapes.SHAPES)
    np.testing.assert_allclose([float(wrong) for _, wrong, _ in found], row["wrong"], atol=0.051)
    np.testing.assert_allclose([float(p) for *_, p in found], row["p"], atol=0.051)


def test_chapter_5_counts_the_units_that_turned():
    rows = [row for row in recorded("shapes")["rows"] if row["kind"] == "learned"]
    orders, angles = (np.array([row[key] for row in rows]) for key in ("p", "directions"))
    turned = np.all(np.abs(angles % 90 - 45) < 10, axis=2)
    diamond, disk, square = turned.T
    assert (diamond.sum(), disk.sum(), square.sum(), len(rows)) == (5, 0, 2, 20)
    assert orders[diamond, 0].min() >= 4, "a diamond read as a turned square"
    assert orders[square, 2].max() < 1.2, "a square read as a turned diamond"
    prose = text(BOOK / "5-learning-p.ipynb")
    assert "in five of twenty seeds the diamond's unit" in prose
    assert "in two the square's" in prose
    wrong = np.array([row["wrong"] for row in rows])
    lost = wrong >= np.sort(wrong, axis=None)[-4]
    assert not np.any(lost & turned)
    assert [sorted(np.round(orders[lost[:, k], k], 1)) for k in range(3)] == [[2.3], [9.5], [1.2, 2.8]]
    uses = np.array([row["uses"] for row in rows])
    assert np.all(uses.argmax(axis=2)[lost] != np.argwhere(lost)[:, 1])
    assert (
        "in the four outputs with the most mistakes (a diamond at 2.3, a disk at 9.5, squares at 1.2 and 2.8) "
        "the last layer listens mainly to *another* shape's unit" in prose
    )


def test_the_words_of_how_fast_are_those_of_its_record():
    speed, words = recorded("speed"), text(BOOK / "how-fast.ipynb")
    networks = {key: row["ratios"] for key, row in speed["networks"]["rows"].items()}
    assert "on the note's network JAX wins at the smallest size" in words
    assert networks["a"]["JAX jit"]["high"] < 1
    assert networks["a"]["JAX jit"]["median"] == min(q["median"] for q in networks["a"].values())
    missed = [promise["what"] for promise in speed["promises"] if not promise["met"]]
    assert "Three of chainbp's goals were missed" in words
    assert len(missed) == 3

    ratios: dict[tuple[str, str], dict[float, dict[str, float]]] = {}
    for row in speed["pooling"]["rows"].values():
        right = {name: q["median"] for name, q in row["ratios"].items() if name not in row["marks"]}
        for peer in ("torch 2 threads", "torch 1 thread"):
            right.setdefault(peer, right.get(peer.replace("torch", "torch of |y|,"), np.nan))
        ratios.setdefault((row["windows"], row["dtype"]), {})[row["p"]] = right
    each = {
        (peer, dtype): np.array(
            [right.get(peer, np.nan) for (_, d), panel in ratios.items() if d == dtype for right in panel.values()]
        )
        for peer in ("torch 2 threads", "torch 1 thread", "JAX jit")
        for dtype in ("float32", "float64")
    }
    means = {key: np.exp(np.nanmean(np.log(found))) for key, found in each.items()}
    assert "it nearly always pools faster than eager PyTorch on one thread" in words
    one = np.concatenate([each["torch 1 thread", dtype] for dtype in ("float32", "float64")])
    assert np.mean(one[np.isfinite(one)] > 1) > 0.9
    assert "On average, float64 suits chainbp better here" in words
    assert all(means[peer, "float64"] > means[peer, "float32"] for peer, _ in each)
    assert "does better at $p = 1$, and in float64 at $p = 100$, than at $p = 4.7$" in words
    for (_, dtype), panel in ratios.items():
        ahead = [1, 100] if dtype == "float64" else [1]
        assert all(panel[p]["JAX jit"] < panel[4.7]["JAX jit"] for p in ahead)
    assert "at $p = 100$ in float32 only chainbp is right" in words
    assert all(np.isnan([*panel[100].values()]).all() for (_, dtype), panel in ratios.items() if dtype == "float32")


def test_the_mean_form_is_right_and_the_printed_form_is_not():
    images = np.random.default_rng(0).normal(size=(2, 3, 4, 6))
    target = np.ones((18, 2))
    orders = np.array([1.5, 2.0, 4.0])
    mean, printed_form = digits.mean_pool2d[orders], digits.signless()
    assert check_gradient(squared_error[target] @ flatten @ mean, images).ok
    assert not check_gradient(squared_error[target] @ flatten @ printed_form, images).ok
    constant = mean @ np.full((1, 3, 4, 4), -2.0)
    np.testing.assert_allclose(constant, 2.0, err_msg="the mean of equal sizes is their size, at every p")


@pytest.mark.parametrize("kind", digits.POOLED)
def test_every_kind_begins_with_the_same_weights_and_at_one_size(kind):
    X = np.random.default_rng(2).uniform(size=(20, 1, 8, 8))
    network = digits.start(kind, X, seed=3)
    K1, *_ = network.parameters
    np.testing.assert_array_equal(K1, digits.start("p = 2", X, seed=3).parameters[0])
    scaled = network.functions[2] @ network.functions[1] @ network.functions[0] @ X
    np.testing.assert_allclose(np.mean(scaled**2), 1)


def test_a_run_counts_digits_and_says_where_training_broke_down(monkeypatch):
    monkeypatch.setitem(digits.SETTINGS, "steps", 3)
    row = digits.run("learned", 0, 0.05)
    assert 0 <= row["reads"] <= 445
    assert len(row["p"]) == 8
    monkeypatch.setattr(digits, "train", lambda *_, **__: (_ for _ in ()).throw(FloatingPointError("not finite")))
    assert digits.run("p = 2", 0, 0.05)["reads"] is None


def test_two_seeds_split_differently_and_no_digit_is_on_both_sides():
    first, second = digits.Digits(0), digits.Digits(1)
    assert first.X_test.shape == second.X_test.shape == (445, 1, 8, 8)
    assert not np.array_equal(first.X_test, second.X_test)
    seen = {image.tobytes() for image in first.X}
    assert not any(image.tobytes() in seen for image in first.X_test)
    assert first.T.shape == (10, len(first.X))
