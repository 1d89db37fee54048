"""The project's colors, read from ``palette.css``, where each is written once: for light and for dark pages."""

from __future__ import annotations

import re
from pathlib import Path

_SHEET = Path(__file__).with_name("palette.css").read_text(encoding="utf-8")

#: Name to (light, dark), as in ``palette.css`` without the ``--cbp-``.
PALETTE: dict[str, tuple[str, str]] = {
    name: (light, dark) for name, light, dark in re.findall(r"--cbp-(\w+): light-dark\((#\w{6}), (#\w{6})\)", _SHEET)
}
LIGHT = {name: light for name, (light, _) in PALETTE.items()}
