"""What `benchmarks.peers` recorded: that it is whole, and that chainbp still gives what stands beside it.

PyTorch and JAX are not needed here. That their lines do what the file says is checked when it is made.
"""

from __future__ import annotations

import json
import re
import sys

import numpy as np
import pytest
from notebooks import BOOK, read

import chainbp
from benchmarks import peers
from benchmarks.reference import Edge

PAGE = BOOK / "coming-from-pytorch.ipynb"


@pytest.fixture(scope="module")
def recorded():
    file = peers.RESULTS
    if not file.is_file():
        pytest.fail(f"{file.name} is missing: run `make bench`, or `python -m benchmarks.peers` with torch and jax")
    return json.loads(file.read_text(encoding="utf-8"))


def test_the_file_says_how_it_was_made_and_nothing_of_where(recorded):
    text = peers.RESULTS.read_text(encoding="utf-8")
    assert recorded["command"] == "python -m benchmarks.peers"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", recorded["date"])
    for package in ("python", "chainbp", "numpy", "torch", "jax"):
        assert re.match(r"\d+\.\d+", recorded["versions"][package]), package
    assert len(text) < 50_000
    assert not re.search(r"/home/|/root/|/tmp/|/Users/|https?://", text)
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_the_file_was_made_by_the_present_script(recorded):
    lines = [tuple(row[key] for key in ("name", "chainbp", "torch", "jax")) for row in recorded["names"]]
    assert lines == [tuple(row) for row in peers.CODE["names"]]
    assert recorded["layer"] == {name: code.strip() for name, code in peers.CODE["layer"].items()}
    assert recorded["training"]["code"] == peers.CODE["training"].strip()
    assert {key: recorded["network"][key] for key in peers.CODE["network"]} == peers.CODE["network"]
    windows = [{**row, "p": [*row["prints"]]} for row in recorded["windows"]]
    assert [{key: row[key] for key in row if key != "prints"} for row in windows] == [
        {**row, "p": [str(p) for p in row["p"]]} for row in peers.CODE["windows"]
    ]
    for row in recorded["windows"]:
        assert all([*prints] == [*peers.POOLINGS] for prints in row["prints"].values())


@pytest.mark.parametrize("name", [row[0] for row in peers.CODE["names"]])
def test_a_line_of_chainbp_gives_what_pytorch_gave(recorded, name):
    row = next(row for row in recorded["names"] if row["name"] == name)
    ours = eval(row["chainbp"], {**vars(chainbp), **peers.arrays()})
    assert peers.agrees(json.loads(row["gives"]), peers.plain(ours))


def test_a_changed_number_would_be_noticed(recorded):
    gives = json.loads(recorded["names"][0]["gives"])
    changed = np.array(gives)
    changed[0, 0] *= 1 + 1e-9
    assert peers.agrees(gives, gives)
    assert not peers.agrees(changed.tolist(), gives)


def test_the_network_has_the_gradients_that_pytorch_printed(recorded):
    W1, W2, X, T = (np.array(array) for array in peers.CODE["network"].values())
    # chainbp's samples are columns.
    gradients = chainbp.backprop(chainbp.squared_error[T.T] @ chainbp.two_layer(W1, W2), X.T).gradients
    ours = np.concatenate([g.ravel() for g in gradients])
    np.testing.assert_allclose(peers.numbers_in(recorded["network"]["prints"]), ours, rtol=0, atol=6e-5)
    # The mean is over four samples and two units.
    np.testing.assert_allclose(peers.numbers_in(recorded["network"]["mean"]), ours / 8, rtol=0, atol=6e-5)


def test_train_ends_where_the_loop_of_pytorch_ended(recorded):
    W, X, T = (peers.arrays()[name] for name in "WXT")
    settings = {"steps": 20, "rate": 0.1, "momentum": 0.9, "progress": False}
    trained = chainbp.train(chainbp.rho[W], chainbp.squared_error, X, T, **settings).network
    assert peers.agrees(json.loads(recorded["training"]["gives"]), peers.plain(trained.parameters[0]))


@pytest.mark.parametrize("key", [row["key"] for row in peers.CODE["windows"]])
def test_chainbp_pools_as_it_did_and_the_verdicts_stand(recorded, key):
    row = next(row for row in recorded["windows"] if row["key"] == key)
    near = 1e-12 if row["dtype"] == "float64" else 1e-6
    for p, prints in row["prints"].items():
        case = Edge(row["about"], row["y"], float(p), row["dtype"])
        y = np.array(row["y"], row["dtype"]).reshape(2, 2)
        z, pull = chainbp.lp_pool2d[float(p), 2].vjp(y)
        ours = [z.item(), *pull.x(np.ones_like(z)).ravel()]
        np.testing.assert_allclose(peers.numbers_in(prints[peers.CHAINBP]["text"]), ours, rtol=near, atol=1e-300)
        for name, found in prints.items():
            assert found["right"] is peers.right(name, found["text"], case), (p, name)
        assert prints[peers.CHAINBP]["right"], p


def test_the_page_finds_every_case_it_shows(recorded):
    code = "\n".join(cell.source for cell in read(PAGE).cells if cell.cell_type == "code")
    shown = re.findall(r'\("([\w-]+)", ([\d.]+|"inf")\)', "\n".join(re.findall(r"^beside\(.*\)", code, re.MULTILINE)))
    there = {(row["key"], p) for row in recorded["windows"] for p in row["prints"]}
    assert len(shown) >= 8
    assert {(key, p.strip('"')) for key, p in shown} <= there
    used = set(re.findall(r"peers\['(\w+)'\]|peers\[\"(\w+)\"\]", code))
    assert {one or other for one, other in used} <= set(recorded)


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_without_a_framework_it_says_so_and_leaves_the_file(monkeypatch, tmp_path, framework):
    monkeypatch.setitem(sys.modules, framework, None)
    peers.libraries.cache_clear()
    # Whichever else is not installed where this runs is named first, and the file is left all the same.
    file = tmp_path / "peers.json"
    file.write_text("as it was", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"not installed\. `make bench` installs both"):
        peers.record(file)
    assert file.read_text(encoding="utf-8") == "as it was"
