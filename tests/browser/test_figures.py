"""The book's live figures, each on its page: they draw, follow hand and keys, and say what chainbp says."""

from __future__ import annotations

from pathlib import Path

import pytest
from live import check, drag
from playwright.sync_api import Page
from widget_cases import CASES

HTML = Path(__file__).resolve().parents[2] / "_build" / "html"
# The page, and its figures in order.
FIGURES = {
    "index": ["lp_network"],
    "1-introduction": ["lp_pooling"],
    "2-notations": ["chain_rule"],
    "3-chain-rule": ["chain_rule"],
    "4-backpropagation": ["lp_network"],
    "4-1-sigmoid-activation": ["two_layer", "sigmoid"],
    "4-2-lp-pooling": ["lp_pooling", "lp_network", "descent"],
}


def open_page(context, address: str) -> tuple[Page, list[str]]:
    """A page, and a list of what goes wrong on it."""
    wrong: list[str] = []
    page = context.new_page()
    page.on("console", lambda m: wrong.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(f"script error: {error}"))
    page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url}"))
    page.goto(address, wait_until="load")
    return page, wrong


def test_no_page_with_figures_is_forgotten():
    live = {path.stem for path in HTML.glob("*.html") if "widget-view+json" in path.read_text(encoding="utf-8")}
    assert live == set(FIGURES)
    assert {name for names in FIGURES.values() for name in names} == set(CASES)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["http", "file"])
def test_the_figures_of_a_page(context, served, name, width, scheme):
    address = f"{served}/{name}.html" if scheme == "http" else (HTML / f"{name}.html").as_uri()
    theme = "light" if scheme == "http" else "dark"
    page, wrong = open_page(context(width, theme), address)
    figures = page.locator(".cbp").all()
    assert [figure.get_attribute("data-figure") for figure in figures] == FIGURES[name]
    assert page.locator(".cbp-sorry, .cbp-still").count() == 0
    for figure in figures:
        before = check(figure)
        for slider in CASES[figure.get_attribute("data-figure")].TIMED:
            # A figure with other numbers than the example's may not have all of its sliders.
            mark = figure.locator(f'[data-slider="{slider}"]')
            if mark.count():
                drag(page, mark, 12, -12)
                check(figure)
                for _ in range(2):
                    mark.press("ArrowDown")
                check(figure)
        assert check(figure) != before
        figure.get_by_role("button", name="Reset").click()
        assert check(figure) == before
        assert figure.bounding_box()["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
    assert wrong == []
