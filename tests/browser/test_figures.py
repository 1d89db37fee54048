"""The book's live figures, each on its page: they draw, follow hand and keys, and say what chainbp says."""

from __future__ import annotations

from pathlib import Path

import pytest
from chromium import visit
from live import check, drag, live_pages
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
    "5-learning-p": ["learning_p"],
    "6-convolution": ["pooling_map"],
    "7-your-own-layer": ["lp_pooling"],
}


def test_no_page_with_figures_is_forgotten():
    assert live_pages(HTML) == sorted(FIGURES)
    assert {name for names in FIGURES.values() for name in names} == set(CASES)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize(
    ("scheme", "width", "theme"),
    [
        ("http", 1280, "light"),
        ("file", 360, "dark"),
        pytest.param("http", 360, "light", marks=pytest.mark.soak),
        pytest.param("file", 1280, "dark", marks=pytest.mark.soak),
    ],
)
def test_the_figures_of_a_page(context, address, name, scheme, width, theme):
    with visit(context(width, theme), address(scheme, f"{name}.html")) as (page, wrong):
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
        assert wrong == []
