"""What the pages of the built book make a reader load."""

from __future__ import annotations

import gzip
import re
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

# KaTeX's fonts, and the classes in a page that ask for them. The live figures write their letters in two more.
FONTS = {
    "Main-Regular": "katex",
    "Main-Bold": "mathbf|textbf",
    "Main-Italic": "mathit|textit|cbp-live",
    "Main-BoldItalic": "cbp-live",
    "Math-Italic": "mathnormal",
    "Math-BoldItalic": "boldsymbol",
    "AMS-Regular": "mathbb|amsrm|textbb",
    "Caligraphic-Regular": "mathcal",
    "Script-Regular": "mathscr",
    "SansSerif-Regular": "mathsf|textsf",
    "Typewriter-Regular": "mathtt|texttt",
    "Size1-Regular": "small-op|delimsizing size1|delim-size1",
    "Size2-Regular": "large-op|delimsizing size2",
    "Size3-Regular": "delimsizing size3",
    "Size4-Regular": "delimsizing size4|delim-size4",
}


@cache
def files(page: Path) -> frozenset[Path]:
    """All that a first visit of a page loads when it is read to its end, the page included."""
    html = page.read_text(encoding="utf-8")
    tags = re.findall(r"<(?:img|script)\b[^>]*?\bsrc=\"([^\"]+)\"", html)
    tags += re.findall(r"<link\b[^>]*rel=\"(?:stylesheet|icon)\"[^>]*href=\"([^\"]+)\"", html)
    classes = " | ".join(set(re.findall(r'class="([^"]*)"', html)))
    fonts = page.parent / "_static" / "vendor" / "katex" / "fonts"
    used = {fonts / f"KaTeX_{name}.woff2" for name, asked in FONTS.items() if re.search(rf"\b({asked})\b", classes)}
    return frozenset({page, *used, *(page.parent / urlsplit(address).path for address in tags)})


@cache
def gzipped(file: Path) -> int:
    """Bytes of a file as a host sends it."""
    return len(gzip.compress(file.read_bytes(), 6))


def first_visit(page: Path) -> int:
    return sum(map(gzipped, files(page)))


def next_visit(page: Path, before: Path) -> int:
    """What a page costs after another one, beyond its own text and pictures."""
    return sum(gzipped(file) for file in files(page) - files(before) - {page} if file.parent.name != "_images")
