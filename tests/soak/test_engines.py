"""Every page in the engines of readers' browsers: it loads without a fault, and its figures are alive.

In Chromium the tests of the browser open every page, wide and narrow, from a host and from disk; here it only shows
that its driver sees faults. Firefox and WebKit open every page as a phone would, and those with figures also wide, from
disk.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import ClassVar

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from chromium import Quiet, serving  # noqa: E402
from engines import ENGINES, Engine, soon  # noqa: E402
from live import NUMBERS, check_numbers, live_pages  # noqa: E402
from widget_cases import CASES  # noqa: E402

HTML = ROOT / "_build" / "html"
PAGES = sorted(path.stem for path in HTML.glob("*.html"))

# The same watch in every engine: nothing can be asked from another host, and the page keeps a list of what goes wrong.
POLICY = "default-src 'self' 'unsafe-inline' data: blob:"
WATCH = b"""<script>
    const wrong = [];
    addEventListener("securitypolicyviolation", e => wrong.push(`asks another host: ${e.blockedURI}`));
    addEventListener("unhandledrejection", e => wrong.push(`script error: ${e.reason}`));
    addEventListener("error", e => e.message && wrong.push(`script error: ${e.message}`));
    console.warn = console.error = (...words) => wrong.push(`console: ${words.join(" ")}`);
</script>"""

pytestmark = pytest.mark.soak
others = pytest.mark.parametrize("engine", [name for name in ENGINES if name != "chromium"], indirect=True)


class Watched(Quiet):
    """A server of pages that are watched."""

    not_found: ClassVar[list[str]] = []

    def send_head(self) -> io.BufferedIOBase | None:
        path = Path(self.translate_path(self.path))
        if path.suffix != ".html":
            return super().send_head()
        page = path.read_bytes().replace(b"<head>", b"<head>" + WATCH, 1)
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        return io.BytesIO(page)

    def send_error(self, code: int, *words: str | None) -> None:
        self.not_found.append(f"status {code}: {self.path}")
        super().send_error(code, *words)


@pytest.fixture(scope="module", params=ENGINES)
def engine(request) -> Iterator[Engine]:
    """A running engine, for one after the other of its tests."""
    with ENGINES[request.param]() as engine:
        yield engine


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with serving(HTML, Watched) as address:
        yield address


def wrong(engine: Engine) -> list[str]:
    """What went wrong on the page since it was opened."""
    found = engine.evaluate("wrong") + Watched.not_found
    room, wide = engine.evaluate("(page => [page.clientWidth, page.scrollWidth])(document.documentElement)")
    if wide > room:
        found.append(f"scrolls sideways: {wide} > {room}")
    return found


def test_the_book_is_built():
    assert PAGES, "run `make book` first"


@others
@pytest.mark.parametrize("name", PAGES)
def test_a_page_works(engine, served, name):
    Watched.not_found.clear()
    engine.open(f"{served}/{name}.html", 360)
    assert engine.evaluate("innerWidth") == 360
    assert the_figures_live(engine) == (name in live_pages(HTML))
    soon(lambda: engine.evaluate("document.fonts.status === 'loaded'"))
    assert wrong(engine) == []


@others
@pytest.mark.parametrize("name", live_pages(HTML))
def test_a_page_lives_from_disk(engine, name):
    engine.open((HTML / f"{name}.html").as_uri(), 1280)
    assert the_figures_live(engine)
    assert not engine.evaluate("[...document.fonts].some(font => font.status === 'error')")


def the_figures_live(engine: Engine) -> bool:
    """Whether the page has figures, which must all be drawn and follow."""
    soon(lambda: engine.evaluate("!document.querySelector('.cbp-still')"))
    assert not engine.evaluate("[...document.querySelectorAll('.cbp-sorry')].map(e => e.textContent)")
    names = engine.evaluate("[...document.querySelectorAll('.cbp')].map(figure => figure.dataset.figure)")
    for name in names:
        follows(engine, name)
    return bool(names)


def follows(engine: Engine, name: str) -> None:
    """The marks of a figure follow the mouse and the keys, and its numbers are chainbp's all the way."""
    figure = f"[data-figure={name}]"

    def check() -> dict[str, float]:
        return check_numbers(name, engine.evaluate(f"({NUMBERS})(document.querySelector('{figure}'))"))

    def shown() -> dict[str, float]:
        """The numbers at the start, when the question that stands before some figures is put aside."""
        if engine.evaluate(f"document.querySelector('{figure}[data-asking]') !== null"):
            engine.drag(f"{figure} .cbp-answers button:last-child", 0, 0)  # Show me
        return check()

    start = shown()
    for slider in CASES[name].TIMED:
        mark = f"{figure} [data-slider='{slider}']"
        # A figure with other numbers than the example's may not have all of its sliders.
        if engine.evaluate(f'document.querySelector("{mark}") !== null'):
            now, most = (engine.evaluate(f'document.querySelector("{mark}").ariaValue{end}') for end in ("Now", "Max"))
            moves(engine, mark, lambda mark, way=-24 if now == most else 24: engine.drag(mark, way, -way))
            check()
            moves(engine, mark, lambda mark: engine.press(mark, "ArrowDown"))
            check()
    assert check() != start
    engine.drag(f"{figure} .cbp-reset", 0, 0)
    soon(lambda: shown() == start)


def moves(engine: Engine, mark: str, act: Callable[[str], None]) -> None:
    """An act moves a mark."""

    def where() -> str:
        return engine.evaluate(f'document.querySelector("{mark}").ariaValueNow')

    before = where()
    act(mark)
    soon(lambda: where() != before)


FAULTY = """<!doctype html><html><head><link rel="stylesheet" href="https://example.org/style.css"></head>
<body style="width: 400px"><img src="missing.png"><script>
    console.error("an error");
    console.warn("a warning");
    fetch("https://example.com/data").catch(() => {});
    Promise.reject("a promise");
    noFunction();
</script></body></html>"""
FAULTS = ["style.css", "sideways", "missing.png", "an error", "a warning", "example.com", "a promise", "noFunction"]


def test_the_watch_sees_every_fault(engine, tmp_path):
    (tmp_path / "faulty.html").write_text(FAULTY, encoding="utf-8")
    with serving(tmp_path, Watched) as address:
        engine.open(f"{address}/faulty.html", 360)
        soon(lambda: all(any(fault in line for line in wrong(engine)) for fault in FAULTS))
