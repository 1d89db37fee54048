"""pyproject.toml, constraints.txt and environment.yml describe one environment."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from notebooks import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
LINES = [
    line.strip()
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if line.strip() and not line.startswith("#")
]
PAIRS = [line.split(";")[0].strip().split("==") for line in LINES]
PINS = {canonicalize_name(name): version for name, version in PAIRS}
REQUIRED = [Requirement(line) for line in [*PROJECT["dependencies"], *(r for name in EXTRAS for r in EXTRAS[name])]]


@pytest.mark.parametrize("requirement", REQUIRED, ids=str)
def test_each_requirement_has_one_exact_version_that_satisfies_it(requirement):
    if requirement.name == "chainbp":
        assert requirement.extras <= set(EXTRAS)
        return
    assert requirement.specifier.contains(Version(PINS[canonicalize_name(requirement.name)]))


def test_the_constraints_are_exact_versions_and_nothing_else():
    assert [line for line in LINES if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+( *;.*)?", line)] == []
    assert len(PINS) == len(LINES)


def test_each_requirement_has_one_reason():
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    extra, told = "", []
    for heading, name, why in re.findall(r"^\| (.*?) ?\| ([\w-]+) \| (.+) \|$", contributing, re.MULTILINE):
        if (extra := heading or extra) in {"chainbp", *EXTRAS}:
            told.append((extra, name))
            assert why
    needed = [("chainbp", Requirement(line).name) for line in PROJECT["dependencies"]]
    needed += [(extra, Requirement(line).name) for extra in EXTRAS for line in EXTRAS[extra]]
    own = {(extra, name) for extra, name in needed if name != "chainbp"}
    assert len(told) == len(set(told))
    assert {name for _, name in told} == {name for _, name in own}
    assert set(told) <= own


def test_the_package_itself_needs_numpy_alone():
    assert [Requirement(line).name for line in PROJECT["dependencies"]] == ["numpy"]


def test_the_conda_environment_is_pip_with_the_same_extras_and_constraints():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *conda, pip = environment["dependencies"]
    python, name = conda
    assert name == "pip"
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(python.split("=")[1] + ".0")
    assert pip["pip"] == ["-c constraints.txt", "-e .[book,test]"]


def test_the_makefile_installs_the_same():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "\nCONSTRAINTS = -c constraints.txt\n" in makefile
    assert "pip install" not in makefile
    installed = re.findall(r"(?m)^\$\(VENV\)/(\w+)\.stamp: .*\n.*\n\t@\$\(INSTALL\) \$@ \$\(CONSTRAINTS\)$", makefile)
    assert sorted(installed) == ["bench", "book", "lab", "pdf", "test"]
    assert set(installed) <= set(EXTRAS)


def test_a_folder_that_is_no_environment_stays(tmp_path):
    (tmp_path / "thesis.txt").touch()
    command = [sys.executable, ROOT / "book" / "_tools" / "environment.py", tmp_path / "venv.stamp"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "is there, and is no environment" in done.stderr
    assert (tmp_path / "thesis.txt").is_file()
