"""What a reader has around the chapters: links that show what they mean, a search, paper, a page without a script."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from chromium import visit
from looks import ALIVE, LAY_OUT
from playwright.sync_api import Locator, Page

HTML = Path(__file__).resolve().parents[2] / "_build" / "html"
sys.path.insert(0, str(Path(__file__).parents[1] / "book"))

from weight import files  # noqa: E402

both_ways = pytest.mark.parametrize("scheme", ["http", "file"])
CHAPTER = "4-2-lp-pooling.html"


def link(page: Page, address: str) -> Locator:
    """The first link of the text to an address, in the middle of the screen, where it stays."""
    page.evaluate(LAY_OUT)
    found = page.locator(f".bd-article a.internal[href$='{address}']").first
    found.evaluate("node => node.scrollIntoView({block: 'center'})")
    return found


@both_ways
def test_hovering_over_a_number_shows_its_formula(context, address, scheme):
    with visit(context(1280, "light"), address(scheme, CHAPTER)) as (page, wrong):
        number, preview = link(page, "#eq-32"), page.locator("#cbp-preview")
        number.hover()
        preview.wait_for()
        assert "η" in preview.inner_text()
        assert number.get_attribute("aria-describedby") == "cbp-preview"
        preview.hover()  # what appears under the pointer stays under it
        page.wait_for_timeout(400)
        assert preview.is_visible()
        page.keyboard.press("Escape")
        assert preview.is_hidden()
        assert number.get_attribute("aria-describedby") is None
        assert wrong == []


@both_ways
def test_the_keyboard_shows_what_is_cited_on_another_page(context, address, scheme):
    with visit(context(1280, "dark"), address(scheme, "1-introduction.html")) as (page, wrong):
        citation, preview = link(page, "#tanaka2013"), page.locator("#cbp-preview")
        citation.focus()
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Tab")
        assert citation.evaluate("node => node === document.activeElement")
        preview.wait_for()
        assert preview.inner_text().startswith("Tanaka, 2013. Masayuki Tanaka.")
        page.keyboard.press("Tab")
        assert "Tanaka, 2013. M" not in (preview.inner_text() if preview.is_visible() else "")
        assert wrong == []


@both_ways
def test_a_letter_shows_what_it_means(context, address, scheme):
    with visit(context(1280, "light"), address(scheme, "4-1-sigmoid-activation.html")) as (page, wrong):
        letter, preview = link(page, "1-introduction.html#notation-11"), page.locator("#cbp-preview")
        assert "δ" in letter.inner_text()
        letter.hover()
        preview.wait_for()
        assert "the error of" in preview.inner_text()
        assert "a row" in preview.inner_text()
        assert wrong == []


def test_each_letter_of_the_table_shows_where_it_is_defined(browser, address):
    with (
        browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True) as phone,
        visit(phone, address("http", "1-introduction.html")) as (page, wrong),
    ):
        preview, rows = page.locator("#cbp-preview"), page.locator("#notation tbody tr")
        assert rows.count() == 20
        for row in rows.all():
            row.evaluate("node => node.scrollIntoView({block: 'center'})")
            row.locator("a").first.tap()
            preview.wait_for()
            assert preview.inner_text().strip()
            page.keyboard.press("Escape")
        assert page.url.endswith("1-introduction.html")
        assert wrong == []


@pytest.mark.parametrize("name", ["4-1-sigmoid-activation", "4-2-lp-pooling"])
def test_no_formula_of_the_walk_is_cut_on_a_phone(context, address, name):
    with visit(context(390, "light"), address("http", f"{name}.html")) as (page, _):
        page.evaluate(LAY_OUT)
        cut = """() => [...document.querySelectorAll("div.math")]
            .filter(math => {
                const { scrollWidth, clientWidth } = math.querySelector(".katex-display");
                return scrollWidth > clientWidth;
            })
            .map(math => math.id)"""
        page.evaluate("document.fonts.ready")
        assert page.evaluate(cut) == []


def test_a_link_to_a_figure_s_state_shows_it_at_once_and_asks_nothing(context, address):
    hidden = "() => [...document.querySelectorAll('.cbp .untold')].some(n => getComputedStyle(n).display === 'none')"
    with visit(context(1280, "light"), address("http", "5-learning-p.html")) as (page, wrong):
        page.locator(".cbp-ask").wait_for()
        assert page.evaluate(hidden)
        assert wrong == []
    state = "learning_p.y=4,0.2,0.2,0.2&learning_p.p=2"
    with visit(context(1280, "light"), address("http", f"5-learning-p.html#{state}")) as (page, wrong):
        page.wait_for_function(ALIVE)
        assert page.locator(".cbp-ask").count() == 0
        assert not page.evaluate(hidden)
        assert wrong == []


def test_a_tap_shows_and_a_second_one_follows(browser, address):
    with (
        browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True) as phone,
        visit(phone, address("http", CHAPTER)) as (page, wrong),
    ):
        number, preview = link(page, "3-chain-rule.html#eq-10"), page.locator("#cbp-preview")
        number.tap()
        preview.wait_for()
        assert page.url.endswith(CHAPTER)
        box = preview.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        page.locator("h1").first.evaluate("node => scrollTo(0, 0)")
        page.touchscreen.tap(200, 400)
        assert preview.is_hidden()
        link(page, "3-chain-rule.html#eq-10").tap()
        preview.wait_for()
        number.tap()
        page.wait_for_url("**/3-chain-rule.html#eq-10")
        assert wrong == []


def test_a_link_to_a_formula_far_below_ends_there(context, address):
    with visit(context(1280, "light"), address("http", f"{CHAPTER}#eq-41")) as (page, _):
        page.wait_for_timeout(1000)  # what was left out of the first layout has got its own
        top = page.locator("#eq-41").evaluate("node => node.getBoundingClientRect().top")
        assert 0 <= top <= 300


FOLLOW = """heading => {
    const link = Object.assign(document.createElement("a"), { href: `#${heading}` });
    document.body.append(link);
    link.click();
}"""


@pytest.mark.parametrize(("name", "heading"), [("1-introduction", "measured"), ("3-chain-rule", "exercises")])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_link_ends_at_its_heading_from_elsewhere_and_within_the_page(context, address, name, heading, width):
    tab = context(width, "light")
    for way in ("first", "again", "within"):  # what is in the browser's store comes quicker
        with visit(tab, address("http", f"{name}.html" + (f"#{heading}" if way != "within" else ""))) as (page, _):
            if way == "within":  # as quickly as anybody may: later, all of the page is laid out
                page.evaluate(FOLLOW, heading)
            page.wait_for_function("scrollY > 1000")
            for _ in range(3):
                top = page.evaluate("id => document.getElementById(id).getBoundingClientRect().top", heading)
                assert 0 <= top < 120, way
                page.wait_for_timeout(300)


@pytest.mark.parametrize("width", [390, 1280])
def test_who_reloads_or_comes_back_reads_on_where_they_were(context, address, width):
    top = "document.getElementById('exercises').getBoundingClientRect().top"
    with visit(context(width, "light"), address("http", "3-chain-rule.html")) as (page, _):
        page.evaluate(LAY_OUT)
        page.evaluate(f"scrollBy({{top: {top} - 300, behavior: 'instant'}})")
        page.wait_for_timeout(300)
        for way in (page.reload, lambda: (page.goto(address("http", "references.html")), page.go_back())):
            way()
            page.wait_for_timeout(1000)
            assert page.evaluate(top) == pytest.approx(300, abs=60)


@both_ways
def test_the_search_shows_each_formula_once(context, address, scheme):
    with visit(context(1280, "light"), address(scheme, "search.html?q=entropy")) as (page, wrong):
        page.locator("#search-results .context").first.wait_for()
        snippets = page.locator("#search-results .context").all_inner_texts()
        assert any("entropy" in text.lower() for text in snippets)
        assert not [text for text in snippets if re.search(r"\\[a-z]+|\u2061", text)]
        assert wrong == []


def test_the_dark_theme_is_printed_as_the_light_one(browser, address):
    said = []
    for theme in "light", "dark":
        with browser.new_context(color_scheme=theme) as context, visit(context, address("http", CHAPTER)) as (page, _):
            page.emulate_media(media="print", color_scheme=theme)
            said.append(
                page.evaluate("""() => [...document.querySelectorAll(
                        "body, .bd-article :is(p, .highlight span, .admonition, pre, td, img), .cbp text")]
                    .map(node => {
                        const { color, backgroundColor, fill, filter } = getComputedStyle(node);
                        return [node.className?.baseVal ?? node.className, color, backgroundColor, fill, filter].join();
                    })""")
            )
    light, dark = said
    assert [pair for pair in zip(light, dark) if pair[0] != pair[1]] == []


def test_without_a_script_a_dark_system_reads_a_light_page_and_a_phone_has_its_menu(browser, address):
    phone = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "java_script_enabled": False}
    with browser.new_context(**phone) as context, visit(context, address("http", CHAPTER)) as (page, _):
        code = page.locator(".bd-article .highlight .kn").first
        assert code.evaluate("node => getComputedStyle(node).color") != "rgb(0, 0, 0)"
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert page.locator("button:visible").count() == 0
        page.locator(".cbp-menu a").click()
        chapter = page.locator("#pst-primary-sidebar").get_by_text("5 · Learning p")
        assert chapter.is_visible()
        chapter.click()
        page.wait_for_url("**/5-learning-p.html")


@pytest.mark.parametrize("width", [1280, 1920])
def test_lines_of_text_are_38_rem_long_and_79_signs_of_code_fit(context, address, width):
    with visit(context(width, "light"), address("http", CHAPTER)) as (page, _):
        rem = page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)")
        text = page.locator(".bd-article section > p").first.bounding_box()["width"]
        assert 36 * rem <= text <= 38 * rem + 1
        page.evaluate(LAY_OUT)
        room = """node => {
            const style = getComputedStyle(node);
            const pen = document.createElement("canvas").getContext("2d");
            pen.font = `${style.fontSize} ${style.fontFamily}`;
            const room = node.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
            return room / pen.measureText("x").width;
        }"""
        solution = page.locator("div.solution:has(div.cell_input)").first
        solution.evaluate("node => node.classList.remove('toggle-hidden')")
        for box in "section", "div.solution":
            assert page.locator(f"{box} > div.cell div.cell_input pre").first.evaluate(room) >= 79, box


@pytest.mark.parametrize("name", ["index", "6-convolution", "equations", "search"])
def test_a_page_loads_what_its_weight_counts(browser, address, name):
    with browser.new_context() as context:
        page, loaded = context.new_page(), set()
        page.on("response", lambda response: loaded.add(response.url))
        root = address("http", "")
        page.goto(f"{root}{name}.html")
        page.evaluate("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
        page.wait_for_load_state("networkidle")
        page.evaluate("document.fonts.ready")
        counted = {str(file.relative_to(HTML)) for file in files(HTML / f"{name}.html")}
        seen = {url.removeprefix(root).partition("?")[0] for url in loaded if url.startswith("http")}
        assert seen <= counted
        assert {file for file in counted - seen if not file.endswith(".woff2")} == set()


@pytest.mark.parametrize("width", [390, pytest.param(1280, marks=pytest.mark.soak)])
@pytest.mark.parametrize("name", ["index.html", CHAPTER])
def test_nothing_moves_while_a_page_arrives(context, address, name, width):
    """On a slow line and a slow phone, the figures and the formulas' fonts come long after the text."""
    with visit(context(width, "light"), address("http", name)) as (page, wrong):
        line = page.context.new_cdp_session(page)
        line.send("Network.enable")
        line.send("Network.setCacheDisabled", {"cacheDisabled": True})
        slow = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 90_000}
        line.send("Network.emulateNetworkConditions", slow)
        line.send("Emulation.setCPUThrottlingRate", {"rate": 4})
        page.add_init_script(
            "window.moved = []; new PerformanceObserver(list => moved.push(...list.getEntries()"
            ".map(shift => shift.value))).observe({type: 'layout-shift', buffered: true})"
        )
        page.reload()
        page.wait_for_function(ALIVE)
        page.wait_for_function("document.fonts.status === 'loaded'")
        assert sum(page.evaluate("moved")) <= 0.05
        assert wrong == []


@pytest.mark.parametrize("width", [1200, 1280, 1600])
def test_text_and_figures_have_their_width_before_the_contents_are_there(context, address, width):
    with visit(context(width, "light"), address("http", CHAPTER)) as (page, _):
        of_article = "(() => document.querySelector('.bd-article').getBoundingClientRect().width)()"
        whole = page.evaluate(of_article)
        page.evaluate("document.querySelector('.bd-sidebar-secondary').remove()")
        assert page.evaluate(of_article) == pytest.approx(whole, abs=1)


def test_what_can_be_scrolled_fades_until_its_end_is_there(context, address):
    """Chromium learns of a new size, and then of a fade that follows from it, some frames later: the test waits."""
    boxes = "[...document.querySelectorAll('.bd-article pre')]"
    wide = "(node => node.scrollWidth > node.clientWidth)"
    fades = "(node => getComputedStyle(node).maskImage !== 'none')"
    with visit(context(390, "light"), address("http", CHAPTER)) as (page, wrong):
        page.evaluate(LAY_OUT)
        page.evaluate("document.querySelectorAll('.bd-article details').forEach(folded => (folded.open = true))")
        page.wait_for_function(f"{boxes}.every(node => {fades}(node) === {wide}(node))")
        box = page.evaluate_handle(f"{boxes}.find({wide})")
        assert box.evaluate(fades)
        box.evaluate("node => { node.scrollLeft = node.scrollWidth; }")
        page.wait_for_function("node => getComputedStyle(node).getPropertyValue('--cbp-more') === '0px'", arg=box)
        assert wrong == []
