"""Every page as a reader meets it: on a phone and on a desk, light and dark, online and from disk; its figures live."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from chromium import visit
from live import check, drag, live_pages
from looks import ALIVE, LAY_OUT, LOOKS, VISITS, take, violations
from playwright.sync_api import Locator
from widget_cases import CASES

HTML = Path(__file__).resolve().parents[2] / "_build" / "html"
PAGES = sorted(path.name for path in HTML.glob("*.html"))
# The page, and its figures in order.
FIGURES = {
    "index": ["explore"],
    "1-introduction": ["lp_pooling", "explore", "descent"],
    "2-notations": ["sigmoid"],
    "3-chain-rule": ["chain_rule", "chain_rule"],
    "4-backpropagation": ["explore"],
    "4-1-sigmoid-activation": ["explore"],
    "4-2-lp-pooling": ["lp_pooling", "explore"],
    "5-learning-p": ["learning_p"],
    "6-convolution": ["pooling_map"],
    "7-your-own-layer": ["lp_pooling"],
}
# Between them these have every kind of thing that axe can judge. The soak shows it every page in every look.
JUDGED_EVERY_DAY = {"index.html", "4-2-lp-pooling.html", "equations.html", "errata.html"}

# Every figure is on one of these. From disk, the others are opened in the soak.
FROM_DISK_EVERY_DAY = {"index", "1-introduction", "2-notations", "3-chain-rule", "5-learning-p", "6-convolution"}

# One page every day, and in the soak every page with figures.
EVERY_FIGURE = [pytest.param(name, marks=[] if name == "4-2-lp-pooling" else pytest.mark.soak) for name in FIGURES]

# How long a page may be at a width, in pixels; of the others, as long as they like.
LONGEST = {("index", 360): 3_700}
LONGEST |= {(name, 1280): 13_000 for name in FIGURES} | {("how-fast", 1280): 13_000, ("errata", 1280): 13_000}

WIDE_ELEMENTS = """() => [...document.querySelectorAll("main *")]
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
    .filter(e => !e.closest("pre, table, .katex-display"))
    .map(e => e.tagName + "." + e.className).slice(0, 5)"""


def test_the_book_is_built():
    assert PAGES, "run `make book` first"


def test_no_page_with_figures_is_forgotten():
    assert live_pages(HTML) == sorted(FIGURES)
    assert {name for page in FROM_DISK_EVERY_DAY for name in FIGURES[page]} == set(CASES)


# Names in the list beside a page that end beyond the window.
CUT_NAMES = """[...document.querySelectorAll(".bd-sidebar-secondary a code")]
    .filter(name => name.checkVisibility({ visibilityProperty: true }))
    .filter(name => name.getBoundingClientRect().right > innerWidth).map(name => name.textContent)"""


@pytest.mark.parametrize(
    ("name", "scheme", "looks"),
    [
        pytest.param(
            name,
            *visit.values,
            id=f"{visit.id}-{name}",
            marks=pytest.mark.soak
            if visit.id == "file" and name.removesuffix(".html") not in FROM_DISK_EVERY_DAY
            else [],
        )
        for name in PAGES
        for visit in VISITS
    ],
)
def test_the_page_works_and_is_accessible(context, address, name, scheme, looks):
    with visit(context(*looks[0]), address(scheme, name)) as (page, wrong):
        for look in looks:
            take(page, look)
            assert page.evaluate("document.documentElement.dataset.theme") == look.theme
            assert page.locator("h1:visible").count() == 1
            if look == looks[0]:
                page.wait_for_function(ALIVE)
                figures = page.locator(".cbp").all()
                names = [fig.get_attribute("data-figure") for fig in figures]
                assert names == FIGURES.get(name.removesuffix(".html"), [])
                assert page.locator(".cbp-sorry").count() == 0
                for fig in figures:
                    assert fig.bounding_box()["width"] <= look.width
                    it_lives(fig)
            assert page.evaluate("document.documentElement.scrollWidth") <= look.width, page.evaluate(WIDE_ELEMENTS)
            assert page.evaluate(CUT_NAMES) == []
            longest = LONGEST.get((name.removesuffix(".html"), look.width))
            if longest:
                page.evaluate(LAY_OUT)
                assert page.evaluate("document.documentElement.scrollHeight") <= longest, "leave something out"
        assert wrong == []
        # axe reads the style sheets, which a page from disk may not.
        if scheme == "http" and name in JUDGED_EVERY_DAY:
            assert violations(page, looks) == []


@pytest.mark.soak
@pytest.mark.parametrize(
    ("name", "looks"),
    [
        *(pytest.param(name, LOOKS[:2], id=f"{name}-wide") for name in PAGES),
        # Narrow, what is arranged otherwise than in every other page's text, and not judged every day.
        *(
            pytest.param(f"{name}.html", LOOKS[2:], id=f"{name}-narrow")
            for name in FIGURES
            if f"{name}.html" not in JUDGED_EVERY_DAY
        ),
    ],
)
def test_every_page_is_accessible_in_its_looks(context, address, name, looks):
    with visit(context(*looks[0]), address("http", name)) as (page, _):
        assert violations(page, looks) == []


# Forward to the cost, and back from it, box by box: what each box's rule is called.
WALK_BACK = """f => {
    const press = side => f.querySelector(`.cbp-walk button:${side}-child`).click();
    for (let box = 0; box < 5; box++) press("last");
    return Array.from({ length: 5 }, () => {
        press("first");
        return f.querySelector(".cbp-line").textContent.match(/^At the \\w+ ?(.*?):/)[1];
    });
}"""


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("index", ["", "", "", "", ""]),
        ("1-introduction", ["", "", "", "", ""]),
        ("4-1-sigmoid-activation", ["(23)", "(24)", "(25)", "(26)", "(31)"]),
        ("4-2-lp-pooling", ["(38)", "(39)", "(40)", "(41)", "(41)"]),
    ],
)
def test_a_walk_has_the_numbers_of_the_note_where_they_are_known(context, address, name, numbers):
    with visit(context(1280, "light"), address("file", f"{name}.html")) as (page, wrong):
        fig = page.locator("[data-figure=explore]")
        assert fig.evaluate(WALK_BACK) == numbers
        if name.startswith("4-1"):
            fig.get_by_label("The number with the handle").select_option("W⁽²⁾₁₁")
            fig.evaluate("f => f.querySelectorAll('.cbp-stop')[2].dispatchEvent(new Event('click'))")
            assert fig.locator(".cbp-line").first.text_content() == "At the weights (30): error times value."
        assert wrong == []


# Moves of a mark, each laid out before the next.
MOVES = """mark => {
    const key = key => {
        mark.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
        document.body.getBoundingClientRect();
    };
    for (let k = 0; k < 20; k++) key("ArrowUp");
    for (let k = 0; k < 20; k++) key("ArrowDown");
}"""


@pytest.mark.parametrize("name", EVERY_FIGURE)
def test_a_move_lays_out_the_figure_and_not_the_page(browser, context, address, name):
    with visit(context(1280, "light"), address("http", f"{name}.html")) as (page, wrong):
        page.evaluate(LAY_OUT)
        page.wait_for_function(ALIVE)
        for fig in page.locator(".cbp").all():
            for slider in CASES[fig.get_attribute("data-figure")].TIMED:
                mark = fig.locator(f'[data-slider="{slider}"]')
                if not mark.count():
                    continue
                mark.focus()
                mark.evaluate(MOVES)
                browser.start_tracing(page=page, categories=["devtools.timeline"])
                mark.evaluate(MOVES)
                events = json.loads(browser.stop_tracing())["traceEvents"]
                layouts = [e["args"]["beginData"] for e in events if e["name"] == "Layout" and "args" in e]
                layouts = [layout for layout in layouts if layout["dirtyObjects"]]
                whole = [layout for layout in layouts if not layout["partialLayout"]]
                assert len(layouts) > 5, (slider, layouts)
                # Some move may change how many lines a sentence has.
                assert len(whole) <= len(layouts) / 4, (slider, len(whole), len(layouts))
        assert wrong == []


# What changes a page's layout while browsers tell of sizes: they call that an error, now and then.
HEARS_OF_SIZES = """
    window.busy = [];
    window.told = 0;
    const height = () => document.documentElement.scrollHeight;
    window.ResizeObserver = class extends ResizeObserver {
        constructor(tell) {
            super((entries, observer) => {
                const before = height();
                tell(entries, observer);
                told += entries.length;
                if (height() !== before) busy.push(`${entries[0].target.className}: ${before} to ${height()}`);
            });
        }
    };"""

FRAMES = """async () => {
    for (let k = 0; k < 5; k++) await new Promise(requestAnimationFrame);
}"""


@pytest.mark.parametrize("name", EVERY_FIGURE)
def test_who_hears_of_a_size_changes_none_at_once(context, address, name):
    tab = context(1280, "light")
    tab.add_init_script(HEARS_OF_SIZES)
    with visit(tab, address("http", f"{name}.html")) as (page, wrong):
        page.evaluate(LAY_OUT)
        for width in (390, 700, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            page.evaluate(FRAMES)
        assert page.evaluate("told") > 5
        assert page.evaluate("busy") == []
        assert wrong == []


def it_lives(fig: Locator) -> None:
    """A figure follows hand and keys, says what chainbp says, and finds back."""
    before = check(fig)
    for slider in CASES[fig.get_attribute("data-figure")].TIMED:
        # A figure with other numbers than the example's may not have all of its sliders.
        mark = fig.locator(f'[data-slider="{slider}"]')
        if mark.count():
            drag(fig.page, mark, 12, -12)
            check(fig)
            for _ in range(3):
                mark.press("ArrowDown")
            check(fig)
    assert check(fig) != before
    fig.get_by_role("button", name="Reset").click()
    assert check(fig) == before
