"""Every page as a reader meets it: on a phone and on a desk, light and dark, online and from disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from chromium import visit

HTML = Path(__file__).resolve().parents[2] / "_build" / "html"
PAGES = sorted(path.name for path in HTML.glob("*.html"))
every_page = pytest.mark.parametrize("name", PAGES)
every_width = pytest.mark.parametrize("width", [360, 1280])
every_theme = pytest.mark.parametrize("theme", ["light", "dark"])

WIDE_ELEMENTS = """() => [...document.querySelectorAll("main *")]
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
    .filter(e => !e.closest("pre, table, .katex-display"))
    .map(e => e.tagName + "." + e.className).slice(0, 5)"""

# axe would spend its time on thousands of elements that can tell nothing new: KaTeX's boxes, which are hidden from
# screen readers (these read its MathML), and words of code that look like another one on the page.
READ_ALOUD = {"exclude": [[".katex-html"]]}
THIN_OUT = """() => {
    const ground = e => {
        const color = getComputedStyle(e).backgroundColor;
        return color === "rgba(0, 0, 0, 0)" && e.parentElement ? ground(e.parentElement) : color;
    };
    const seen = new Set();
    const again = [...document.querySelectorAll(".highlight span")].filter(e => {
        const style = getComputedStyle(e);
        const look = [style.color, style.opacity, style.fontSize, style.fontWeight, ground(e)].join();
        return seen.has(look) || !seen.add(look);
    });
    again.forEach(e => e.replaceWith(...e.childNodes));
}"""


def test_the_book_is_built():
    assert PAGES, "run `make book` first"


@every_page
@every_width
@every_theme
@pytest.mark.parametrize("scheme", ["http", "file"])
def test_the_page_works_and_is_accessible(context, served, name, width, theme, scheme):
    address = f"{served}/{name}" if scheme == "http" else (HTML / name).as_uri()
    with visit(context(width, theme), address) as (page, wrong):
        page.evaluate("document.fonts.ready.then(() => new Promise(requestAnimationFrame))")
        assert wrong == []
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        assert page.locator("h1:visible").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= width, page.evaluate(WIDE_ELEMENTS)
        if scheme == "http":  # axe reads the style sheets, which a page from disk may not
            page.evaluate(THIN_OUT)
            violations = Axe().run(page, READ_ALOUD, {"resultTypes": ["violations"]}).response["violations"]
            found = [f"{v['id']}: {v['help']}: {[n['target'] for n in v['nodes']][:4]}" for v in violations]
            assert found == []
