"""The pieces of PyTorch and JAX on the page "Gradient of Lp and GeM pooling": recorded, and run where they can be."""

import importlib.util
import json
import re
import shutil

import pytest

from benchmarks import frameworks

PIECES = [(library, name) for library, pieces in frameworks.CODE.items() for name in pieces]


@pytest.fixture(scope="module")
def recorded():
    return json.loads(frameworks.RESULTS.read_text(encoding="utf-8"))


def test_the_file_was_made_by_the_present_script_and_says_how(recorded):
    text = frameworks.RESULTS.read_text(encoding="utf-8")
    assert recorded["command"] == "python -m benchmarks.frameworks"
    assert {"python", "numpy", "torch", "jax", "optax"} <= set(recorded["versions"])
    assert not re.search(r"/home/|/root/|/tmp/|/Users/|https?://", text)
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no number"))
    code = {lib: {name: piece["code"] for name, piece in found.items()} for lib, found in recorded["code"].items()}
    assert code == {lib: {name: code.strip() for name, code in found.items()} for lib, found in frameworks.CODE.items()}
    assert [*recorded["rows"]] == [case.key for case in frameworks.CASES]
    for case, row in zip(frameworks.CASES, recorded["rows"].values()):
        assert [*row] == [*case.modes]
        for found in row.values():
            assert [*found["ratios"]] == [frameworks.TORCH, frameworks.OURS, frameworks.LEARNED]
            assert found["amiss"] == {frameworks.TORCH: "NaN"}
    assert all(piece["prints"] for found in recorded["code"].values() for piece in found.values())


def test_nothing_that_was_recorded_failed(recorded):
    for found in recorded["code"].values():
        for piece in found.values():
            assert "False" not in piece["prints"]


@pytest.mark.parametrize(("library", "name"), PIECES)
def test_a_piece_of_code_prints_what_is_recorded(recorded, library, name):
    code = frameworks.CODE[library][name]
    for needed in {library, *re.findall(r"^(?:import|from) (torch|jax|optax)\b", code, re.MULTILINE)}:
        if not importlib.util.find_spec(needed):
            pytest.skip(f"{needed} is not installed (`make frameworks` installs it)")
    if "torch.compile" in code and not any(map(shutil.which, ("g++", "clang++"))):
        pytest.skip("torch.compile needs g++")
    printed = frameworks.printed(code)
    assert numbers(printed) == pytest.approx(numbers(recorded["code"][library][name]["prints"]), rel=1e-5, abs=1e-6)
    assert words(printed) == words(recorded["code"][library][name]["prints"])


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.\d+(?:e[+-]?\d+)?", text)]


def words(text):
    return re.findall(r"[A-Za-z]+", text)
