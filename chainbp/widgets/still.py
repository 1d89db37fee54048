"""Still pictures as SVG text: what a page shows where no script runs.

Colors stand in the elements, for GitHub and nbviewer, and also as classes, by which ``widgets.css`` gives the picture
the theme of the book. Coordinates have one decimal, so that every machine draws the same text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from chainbp.palette import LIGHT

INK, RULE, PAPER = LIGHT["ink"], LIGHT["line"], LIGHT["paper"]
COLORS = {**LIGHT, "slip": LIGHT["muted"]}
WIDTH = 640


def picture(height: float, alt: str, parts: Iterable[str], width: float = WIDTH) -> str:
    """The whole picture, on white paper, with a text alternative."""
    paper = f'<rect class="paper" width="{_n(width)}" height="{_n(height)}" fill="{PAPER}"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(width)} {_n(height)}" width="{_n(width)}" '
        f'height="{_n(height)}" role="img" aria-label="{escape(alt)}" font-family="sans-serif" font-size="15">'
        f"{paper}{''.join(parts)}</svg>"
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str = "", width: float = 2, dash: str = "") -> str:
    """A straight line; without a kind it is a thin rule."""
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    ends = f'x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}"'
    if not kind:
        return f'<line class="rule" {ends} stroke="{RULE}"{dashed}/>'
    return f'<line class="{kind}" {ends} color="{COLORS[kind]}" stroke="currentColor" stroke-width="{width}"{dashed}/>'


def curve(points: Sequence[tuple[float, float]], kind: str, width: float = 2, dash: str = "", fill: float = 0) -> str:
    """A line through points; with `fill`, an opacity, a closed shape."""
    d = "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points) + ("Z" if fill else "")
    inside = f'fill="currentColor" fill-opacity="{fill}"' if fill else 'fill="none"'
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<path class="{kind}" d="{d}" color="{COLORS[kind]}" stroke="currentColor" '
        f'stroke-width="{width}" {inside}{dashed}/>'
    )


def bar(x: float, y1: float, y2: float, width: float, kind: str) -> str:
    """An upright bar centered on x."""
    box = f'x="{_n(x - width / 2)}" y="{_n(min(y1, y2))}" width="{_n(width)}" height="{_n(abs(y2 - y1))}"'
    return f'<rect class="{kind}" {box} color="{COLORS[kind]}" fill="currentColor" fill-opacity="0.3"/>'


def block(x: float, y: float, width: float, height: float, kind: str) -> str:
    """A part of a strip, from x on."""
    box = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
    return (
        f'<rect class="{kind}" {box} color="{COLORS[kind]}" fill="currentColor" fill-opacity="0.3" '
        'stroke="currentColor"/>'
    )


def matrix(entries: Sequence[Sequence[float]], left: float, top: float, cell: float, kind: str) -> str:
    """A matrix: the area of a square is the size of its entry; positive is filled, negative is hollow."""
    most = max((abs(v) for row in entries for v in row), default=0) or 1.0
    wide, high = len(entries[0]) * cell, len(entries) * cell
    frame = f'x="{_n(left)}" y="{_n(top)}" width="{_n(wide)}" height="{_n(high)}"'
    parts = [f'<rect class="rule" {frame} fill="none" stroke="{RULE}"/>']
    parts += [line(left + j * cell, top, left + j * cell, top + high) for j in range(1, len(entries[0]))]
    parts += [line(left, top + i * cell, left + wide, top + i * cell) for i in range(1, len(entries))]
    for i, row in enumerate(entries):
        for j, v in enumerate(row):
            side = 0.86 * cell * (abs(v) / most) ** 0.5
            x, y = left + (j + 0.5) * cell - side / 2, top + (i + 0.5) * cell - side / 2
            box = f'x="{_n(x)}" y="{_n(y)}" width="{_n(side)}" height="{_n(side)}"'
            paint = 1.0 if v > 0 else 0.18
            parts.append(
                f'<rect class="{kind}" {box} color="{COLORS[kind]}" fill="currentColor" fill-opacity="{paint}" '
                'stroke="currentColor"/>'
            )
    return "".join(parts)


def mark(x: float, y: float, kind: str, r: float = 6) -> str:
    """The mark of a kind of quantity: ● value, ◀ error, ◆ gradient, ■ weight, ✕ slip."""
    shapes = {
        "value": f"M{-r} 0a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 {-2 * r} 0Z",
        "error": f"M{-r} 0L{r} {-r}V{r}Z",
        "gradient": f"M0 {-r}L{r} 0L0 {r}L{-r} 0Z",
        "weight": f"M{-r} {-r}H{r}V{r}H{-r}Z",
        "slip": f"M{-r} {-r}L{r} {r}M{-r} {r}L{r} {-r}",
    }
    paint = 'fill="none" stroke="currentColor" stroke-width="2.5"' if kind == "slip" else 'fill="currentColor"'
    at = f'transform="translate({_n(x)} {_n(y)})"'
    return f'<path class="{kind}" d="{shapes[kind]}" {at} color="{COLORS[kind]}" {paint}/>'


def pill(x: float, y: float, width: float, height: float) -> str:
    """The frame of a unit, centered on (x, y), on paper."""
    box = f'x="{_n(x - width / 2)}" y="{_n(y - height / 2)}" width="{_n(width)}" height="{_n(height)}" rx="14"'
    return f'<rect class="frame paper" {box} fill="{PAPER}" stroke="{RULE}"/>'


def outline(x: float, y: float, width: float, height: float) -> str:
    """A frame around what is chosen."""
    box = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
    return f'<rect class="chosen" {box} fill="none" stroke="{INK}" stroke-width="2.5"/>'


def text(x: float, y: float, content: str, kind: str = "ink", anchor: str = "middle", size: int = 15) -> str:
    """A line of text."""
    fill = f'color="{COLORS[kind]}" fill="currentColor"' if kind != "ink" else f'fill="{INK}"'
    return (
        f'<text class="{kind}" x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}" font-size="{size}" {fill}>'
        f"{escape(content)}</text>"
    )


def plural(count: int, word: str) -> str:
    """A word after a number: "1 step", "2 steps"."""
    return word if count == 1 else f"{word}s"


def number(v: float, digits: int = 2) -> str:
    """A number as the figures print it: fixed decimals, a true minus sign, no negative zero, ∞."""
    if v in (float("inf"), float("-inf")):
        return "∞" if v > 0 else "−∞"
    printed = f"{v:.{digits}f}"
    return (printed.replace("-", "") if float(printed) == 0 else printed).replace("-", "−")


def _n(v: float) -> str:
    """A coordinate: one decimal, none where it is 0."""
    return f"{round(v, 1) + 0.0:.1f}".removesuffix(".0")
