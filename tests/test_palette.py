"""Each hue is written once, in chainbp/palette.css, and can be read on paper and in the dark."""

from __future__ import annotations

import colorsys
import re
from pathlib import Path

import pytest

from chainbp.palette import LIGHT, PALETTE

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ["chainbp", "book/_static", "book/_ext", "book/_tools", "book/_templates", "benchmarks"]
SOURCES = sorted(
    path
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".js", ".mjs", ".css", ".svg", ".html"} and "node_modules" not in path.parts
)
HEX = re.compile(r"""["' :(,]#([0-9a-fA-F]{6}|[0-9a-fA-F]{3})\b""")
NAMED = re.compile(r"(?:color|fill|stroke|background)\W{1,4}(red|green|blue|orange|purple|C[0-9])\b|\b(?:rgb|hsl)a?\(")


IN_THE_DARK = re.compile(r"@media \(prefers-color-scheme: dark\) \{(?:[^{}]*\{[^{}]*\})*\s*\}")


def is_hue(color: str) -> bool:
    """Whether it is no gray: black, white and what lies between mean nothing."""
    parts = [int(c * (2 if len(color) == 3 else 1), 16) for c in re.findall("." * (len(color) // 3), color)]
    return colorsys.rgb_to_hls(*(part / 255 for part in parts))[2] > 0.25


def contrast(a: str, b: str) -> float:
    """WCAG 2's ratio."""
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear))


def test_there_is_something_to_look_through():
    assert len(SOURCES) > 40
    assert is_hue("0072b2")
    assert not is_hue("6b7280")
    assert HEX.search('color="#d55e00"')
    assert NAMED.search("color: red")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_other_hue_is_written_anywhere(path):
    if path.name == "palette.css":
        return
    text = path.read_text(encoding="utf-8")
    if path.parent.name == "static":  # the bundles, which begin with the palette
        known = {color.lower() for pair in PALETTE.values() for color in pair}
    else:
        # A picture in a file of its own cannot read a sheet; what it says of the dark is the palette's, too.
        known = {LIGHT[name] for name in LIGHT} if path.suffix == ".svg" else set()
        text, dark = re.sub(IN_THE_DARK, "", text), " ".join(re.findall(IN_THE_DARK, text))
        assert {f"#{color.lower()}" for color in HEX.findall(dark)} <= {dark.lower() for _, dark in PALETTE.values()}
    written = {f"#{color.lower()}" for color in HEX.findall(text) if is_hue(color)}
    assert written <= known
    assert NAMED.findall(text) == [] or path.parent.name == "static"


@pytest.mark.parametrize("name", ["value", "error", "gradient", "weight", "ink", "muted"])
def test_text_in_it_can_be_read(name):
    for color, paper in zip(PALETTE[name], PALETTE["paper"]):
        assert contrast(color, paper) >= 4.5


def test_matplotlib_has_the_same():
    plotting = pytest.importorskip("chainbp.plotting", exc_type=ImportError)
    for name in ("value", "error", "gradient", "weight", "ink", "muted"):
        assert getattr(plotting, name.upper()) == LIGHT[name]


def test_a_small_number_has_the_color_of_its_sign():
    to_hex = pytest.importorskip("matplotlib.colors").to_hex
    from chainbp.plotting import SIGNED

    for number, name in ((-1, "ink"), (-1e-2, "ink"), (1e-2, "value"), (1, "value")):
        red, green, blue, opaque = SIGNED((number + 1) / 2)
        assert to_hex((red, green, blue)) == LIGHT[name].lower()
        assert opaque == pytest.approx(abs(number), abs=0.01)
