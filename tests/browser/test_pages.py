"""Every page as a reader meets it: on a phone and on a desk, light and dark, online and from disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from chromium import visit
from looks import LOOKS, every_visit, take, violations

HTML = Path(__file__).resolve().parents[2] / "_build" / "html"
PAGES = sorted(path.name for path in HTML.glob("*.html"))
# Between them these have every kind of thing that axe can judge. The soak shows it every page in every look.
JUDGED_EVERY_DAY = {"index.html", "4-2-lp-pooling.html", "equations.html", "errata.html"}

WIDE_ELEMENTS = """() => [...document.querySelectorAll("main *")]
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
    .filter(e => !e.closest("pre, table, .katex-display"))
    .map(e => e.tagName + "." + e.className).slice(0, 5)"""


def test_the_book_is_built():
    assert PAGES, "run `make book` first"


@pytest.mark.parametrize("name", PAGES)
@every_visit
def test_the_page_works_and_is_accessible(context, address, name, scheme, looks):
    with visit(context(*looks[0]), address(scheme, name)) as (page, wrong):
        for look in looks:
            take(page, look)
            assert page.evaluate("document.documentElement.dataset.theme") == look.theme
            assert page.locator("h1:visible").count() == 1
            assert page.evaluate("document.documentElement.scrollWidth") <= look.width, page.evaluate(WIDE_ELEMENTS)
        assert wrong == []
        judged = name in JUDGED_EVERY_DAY or looks != LOOKS
        if scheme == "http" and judged:  # axe reads the style sheets, which a page from disk may not
            assert violations(page, looks) == []
