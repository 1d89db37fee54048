"""No page grows heavy again."""

from __future__ import annotations

import pytest
from notebooks import HTML, ROOT, toc
from weight import FONTS, files, first_visit, next_visit

PAGES = sorted(HTML.glob("*.html"))
FIRST, NEXT, REQUESTS = 600_000, 60_000, 25


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_a_first_visit_is_light(page):
    assert len(files(page)) <= REQUESTS
    assert first_visit(page) <= FIRST


def test_the_next_chapter_costs_little_beside_its_text_and_pictures(html):
    # A page without formulas, such as the teachers', leaves their fonts to the one that follows it.
    pages = [html / f"{name}.html" for name in toc() if (ROOT / "book" / f"{name}.ipynb").is_file()]
    for before, page in zip(pages, pages[1:]):
        assert next_visit(page, before) <= NEXT, (before.stem, page.stem)


def test_every_font_is_known_by_the_classes_that_ask_for_it(html):
    folder = html / "_static" / "vendor" / "katex" / "fonts"
    assert {f"KaTeX_{name}.woff2" for name in FONTS} <= {path.name for path in folder.iterdir()}


def test_each_page_has_one_style_sheet_and_its_scripts(html):
    for page in PAGES:
        names = {file.name for file in files(page) if file.suffix in (".css", ".js")}
        search = {"searchtools.js", "language_data.js", "search_texts.js", "search.js", "searchindex.js"}
        own = search if page.stem == "search" else {"book.js"} if "book.js" in names else set()
        assert names == {"page.css", "page.js"} | own, page.stem
