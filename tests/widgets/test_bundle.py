"""The committed bundles are those of the committed sources."""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path

import pytest

from chainbp.widgets import base

STATIC = base.STATIC
JS = STATIC.parent / "js"
BUNDLES = ["book.js", "widgets.css", "widgets.js"]


def hash_of_sources() -> str:
    """As build.mjs computes it."""
    found = [path.relative_to(JS).as_posix() for folder in (JS, JS / "figures") for path in folder.iterdir()]
    digest = hashlib.sha256()
    sources = [name for name in found if re.search(r"\.(js|css)$", name)]
    for name in sorted([*sources, "../shared.json", "../../palette.css"]):
        digest.update(f"{name}\n".encode() + (JS / name).read_bytes())
    return digest.hexdigest()[:16]


@pytest.mark.parametrize("name", BUNDLES)
def test_bundle_carries_the_hash_of_its_sources(name):
    first_line = (STATIC / name).read_text(encoding="utf-8").splitlines()[0]
    assert f"sources {hash_of_sources()} " in first_line, "run `make widgets`"


def test_bundle_is_what_esbuild_makes(node, tmp_path):
    if not (JS / "node_modules" / "esbuild").is_dir():
        pytest.skip("no esbuild: `make widgets` installs it")
    subprocess.run([node, "build.mjs", "--out", tmp_path], cwd=JS, check=True)
    for name in BUNDLES:
        assert (tmp_path / name).read_bytes() == (STATIC / name).read_bytes(), f"{name}: run `make widgets`"


def test_nothing_else_is_shipped():
    assert sorted(path.name for path in STATIC.iterdir()) == BUNDLES


@pytest.mark.parametrize("path", sorted(Path(JS).glob("*.json")), ids=lambda path: path.name)
def test_no_addresses_of_a_registry(path):
    assert "http" not in path.read_text(encoding="utf-8")
