"""The live figures of a built page, in a real browser, with every other host blocked and without a kernel."""

from __future__ import annotations

import itertools
import json
import random
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from chromium import Quiet, serving, visit
from live import FAULTS, IN_SIGHT, NUMBERS, check, check_numbers, drag, figure, grasp
from looks import ALIVE, every_visit, take, violations
from playwright.sync_api import Locator, Page
from widget_cases import CASES, made

from chainbp.widgets import chain_rule
from chainbp.widgets.base import STATIC

FIGURES = [*CASES, "lp_pooling-2", "sigmoid-2", "lp_pooling-3"]
SORRY = "This figure is not alive here: IntSlider needs a running Python. Open the page as a notebook to use it."


@contextmanager
def opened(browser, address: str, **options) -> Iterator[tuple[Page, list[str]]]:
    """A page in a context of its own, and a list of what goes wrong on it."""
    with browser.new_context(**options) as context, visit(context, address) as visited:
        yield visited


@every_visit
def test_every_figure_draws_and_is_accessible(browser, address, scheme, looks):
    width, theme = looks[0]
    options = {"viewport": {"width": width, "height": 800}, "color_scheme": theme}
    with opened(browser, address(scheme), **options) as (page, wrong):
        for look in looks:
            take(page, look)
            for name in FIGURES:
                check(figure(page, name))
            assert page.locator(".cbp-still").count() == 0
            assert page.locator(".cbp-sorry").all_text_contents() == [SORRY]
            assert page.evaluate("document.documentElement.scrollWidth") <= look.width
            paper, ink = page.locator(".cbp text.value").first.evaluate(
                "n => [getComputedStyle(n).stroke, getComputedStyle(n).fill]"
            )
            assert (brightness(paper) > brightness(ink)) == (look.theme == "light")
        assert wrong == []
        if scheme == "http":
            assert violations(page, looks, part=".cbp") == []


def brightness(color: str) -> float:
    return sum(map(float, re.findall(r"[\d.]+", color)[:3]))


def test_the_bundle_comes_once_and_only_where_it_is_needed(html):
    live, plain = ((html / name).read_text(encoding="utf-8") for name in ("index.html", "plain.html"))
    assert len(re.findall(r'<script[^>]*src="_static/book\.js', live)) == 1
    assert len(re.findall(r'<link[^>]*href="_static/page\.css', live)) == 1  # with widgets.css in it
    assert ".cbp" in (html / "_static" / "page.css").read_text(encoding="utf-8")
    assert "_esm" not in live
    assert "require.js" not in live
    assert "book.js" not in plain
    assert not (html / "_static" / "widgets.js").exists()


def test_dragging_changes_the_numbers(page):
    pooling, curve = figure(page, "lp_pooling"), figure(page, "sigmoid")
    before = check(pooling)
    drag(page, pooling.locator("[data-slider=y0]"), 0, 200)
    after = check(pooling)
    assert after["y.0"] < before["y.0"]
    assert after["gradient.0"] < 0
    drag(page, pooling.locator("[data-slider=p]"), 500, 0)
    assert check(pooling)["p"] == np.inf
    drag(page, pooling.locator("[data-slider=p]"), -900, 0)
    assert check(pooling)["p"] == 0.2
    drag(page, pooling.locator(".free"), 20, -40)
    moved = check(pooling)
    assert moved["y.0"] > after["y.0"]
    assert moved["y.1"] > after["y.1"]
    drag(page, curve.locator("[data-slider=x]"), -300, 0)
    assert check(curve)["x"] < 0
    # The page's other figures stay as they were.
    assert check(figure(page, "sigmoid-2"))["x"] == -1


def test_keys_change_the_numbers(page):
    pooling, curve = figure(page, "lp_pooling"), figure(page, "sigmoid")
    p, x, y = (f.locator(f"[data-slider={name}]") for f, name in ((pooling, "p"), (curve, "x"), (pooling, "y1")))
    steps = [("Home", 0.2), ("End", np.inf)]
    for key, expected in steps:
        p.press(key)
        assert check(pooling)["p"] == expected
    for key, sign in [("ArrowLeft", -1), ("PageDown", -1), ("ArrowRight", 1), ("PageUp", 1)]:
        before = check(pooling)["p"]
        p.press(key)
        assert (check(pooling)["p"] - before) * sign > 0 or before == np.inf
    presses = {"ArrowRight": 2.05, "ArrowUp": 2.1, "ArrowDown": 2.05, "ArrowLeft": 2.0, "PageUp": 2.5}
    for key, expected in presses.items():
        x.press(key)
        assert check(curve)["x"] == pytest.approx(expected)
        assert x.get_attribute("aria-valuenow") == f"{expected:g}"
    x.press("End")
    assert check(curve)["x"] == 6
    y.press("ArrowUp")
    assert check(pooling)["y.1"] == pytest.approx(-3.9)
    assert y.get_attribute("aria-valuetext") == "−3.90"


# From end to end by arrow keys: where a mark did not move on, did not say so, or left its limits.
WALKED = """f => {
    const wrong = [];
    const walk = (mark, chosen) => {
        const read = () => {
            const [min, now, max] = ["min", "now", "max"].map(end => Number(mark.getAttribute(`aria-value${end}`)));
            return { min, now, max, text: mark.getAttribute("aria-valuetext") };
        };
        const press = key => mark.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
        for (const [first, key, way] of [["Home", "ArrowRight", 1], ["End", "ArrowLeft", -1]]) {
            press(first);
            for (let at = read(), presses = 0; ; presses++) {
                const [start, end] = way > 0 ? [at.min, at.max] : [at.max, at.min];
                if (!presses && at.now !== start) wrong.push([mark.dataset.slider, chosen, first, at]);
                if ((end - at.now) * way <= 0 && at.now === end) break;
                press(key);
                const next = read();
                // A target that meets z may have come there by less than is printed.
                const says = next.text !== at.text || mark.dataset.slider === "chosen";
                const moved = (next.now - at.now) * way > 0 && says;
                if (!moved || next.now < next.min || next.now > next.max) {
                    wrong.push([mark.dataset.slider, chosen, key, at, next]);
                    break;
                }
                at = next;
            }
        }
    };
    const seen = mark => getComputedStyle(mark).visibility === "visible";
    const list = f.querySelector("select[aria-label='The number with the handle']");
    // Weights, inputs and targets: the list is long.
    const last = list ? list.options.length - 1 : 0;
    for (const i of new Set([0, Math.floor(last / 2), last])) {
        if (list) {
            list.selectedIndex = i;
            list.dispatchEvent(new Event("change"));
        }
        const marks = [...f.querySelectorAll("[data-slider]")].filter(seen);
        for (const mark of marks) if (i === 0 || mark.dataset.slider === "chosen") walk(mark, list?.value);
    }
    return wrong;
}"""


@pytest.mark.parametrize("name", CASES)
def test_arrow_keys_move_every_mark_at_each_press(page, name):
    assert figure(page, name).evaluate(WALKED) == []


def test_keys_stop_where_a_hand_would(page):
    p = figure(page, "lp_pooling").locator("[data-slider=p]")
    for key, order in [("ArrowLeft", "1.99"), ("ArrowRight", "2.00"), ("ArrowRight", "2.03")]:
        p.press(key)
        assert p.get_attribute("aria-valuetext") == order
    fig = figure(page, "explore")
    fig.get_by_label("The number with the handle").select_option("t")
    handle, z = fig.locator("[data-slider=chosen]"), check(fig)["hidden.3.0"]
    assert (handle.get_attribute("aria-valuemin"), handle.get_attribute("aria-valuemax")) == ("0", "1")
    assert handle.get_attribute("aria-valuenow") == "0.2"
    handle.press("End")
    while check(fig)["t.0"] > z:
        handle.press("ArrowDown")
    assert (check(fig)["t.0"], check(fig)["L"]) == (z, 0)


def test_the_text_alternative_follows(page):
    curve = figure(page, "sigmoid")
    text = page.locator(f"#{curve.get_attribute('aria-describedby')}")
    curve.locator("[data-slider=x]").press("Home")
    page.wait_for_function(f"document.getElementById('{text.get_attribute('id')}').textContent.includes('x = −6')")
    assert "y = 0.002" in text.text_content()
    assert curve.locator("[aria-live]").text_content() == text.text_content()
    chain = figure(page, "explore")
    said, shown = page.locator(f"#{chain.get_attribute('aria-describedby')}").text_content(), check(chain)
    assert said.startswith(f"The chain gives z = {shown['hidden.3.0']:.3f}; the loss is {shown['L']:.3f}.")


def test_one_is_no_plural(page_at):
    least = """() => {
        const home = () => new KeyboardEvent("keydown", { key: "Home", bubbles: true, cancelable: true });
        document.querySelectorAll(".cbp-ask button:last-child").forEach(show => show.click());
        document.querySelectorAll("[data-slider]").forEach(mark => mark.dispatchEvent(home()));
        const buttons = [...document.querySelectorAll(".cbp-body button")];
        buttons.filter(button => /Multiply|downhill/.test(button.textContent)).forEach(button => button.click());
    }"""
    for page in (page_at(), page_at("asking")):
        page.evaluate(least)
        page.wait_for_timeout(700)  # until the figures have said what is so
        said = page.locator("[data-figure=chain_rule] [aria-live]").all_text_contents()
        assert any("done, 1 multiply-add so far." in text for text in said), said
        for fig in page.locator(".cbp").all():
            assert [fault for fault in fig.evaluate(FAULTS) if fault.startswith("plural")] == []


@pytest.mark.parametrize("width", [1280, 390])
def test_what_is_beyond_all_floats_never_reaches_the_drawing(page_at, width):
    # The browser calls a place that is no number an error, and `page_at` wants none.
    page = page_at("extreme", width=width)
    for fig in page.locator(".cbp").all():
        fig.locator(".cbp-slider:not([visibility=hidden])").first.press("ArrowUp")
        # But for the number itself, which is shown as "–".
        assert "NaN" not in re.sub('data-value="NaN"', "", fig.inner_html())


def test_reset_and_the_address(context, page):
    pooling = figure(page, "lp_pooling")
    start = check(pooling)
    drag(page, pooling.locator("[data-slider=y0]"), 0, 60)
    pooling.locator("[data-slider=p]").press("End")
    there = check(pooling)
    page.wait_for_function("location.hash.includes('lp_pooling.p=Infinity')")
    with visit(context, page.url) as (other, wrong):
        assert check(figure(other, "lp_pooling")) == there
        assert wrong == []
    pooling.get_by_role("button", name="Reset").click()
    assert check(pooling) == start
    page.wait_for_function("!location.hash.includes('=')")


def test_a_wrong_address_is_ignored(context, address):
    inherited = "&".join(f"lp_pooling.{name}=1" for name in ("toString", "constructor", "__proto__"))
    with visit(context, f"{address()}#lp_pooling.p=-1&{inherited}") as (page, wrong):
        start = check(figure(page, "lp_pooling"))
        assert (start["p"], start["y.0"]) == (2, 3)
        for bad in ["lp_pooling.y=1", "lp_pooling.y=1,x", "nothing.p=2", "=", "p"]:
            page.evaluate(
                "bad => new Promise(r => (addEventListener('hashchange', r, {once: true}), (location.hash = bad)))", bad
            )
            assert check(figure(page, "lp_pooling")) == start, bad
        # A step would bring them back to the map: no step leads so far. And none leads uphill.
        for name, bad in [("descent", "p=100"), ("descent", "W=9,9,9,9"), ("explore", "rate=-1")]:
            there = check(figure(page, name))
            page.evaluate("bad => { location.hash = bad }", f"{name}.{bad}")
            assert check(figure(page, name)) == there, bad
        assert wrong == []


# What a figure shows after an address has tried to set it.
TAKEN = """async (f, addresses) => {
    const shown = () => [...f.querySelectorAll("svg")].map(svg => svg.outerHTML).join();
    const start = shown();
    const taken = [];
    for (const address of addresses) {
        await new Promise(next => {
            addEventListener("hashchange", next, { once: true });
            location.hash = address;
        });
        if (shown() === start) continue;
        taken.push(address);
        f.querySelector(".cbp-reset").click();
    }
    return taken;
}"""
EXPLORED = [("more", f"explore-{k + 1}" if k else "explore", code) for k, code in enumerate(CASES["explore"].MORE)]


def flat(value: object) -> list[float]:
    return [number for part in value for number in flat(part)] if isinstance(value, tuple) else [value]


def filled(value: object, numbers: Iterator[float]) -> object:
    """The numbers in the shape of a value."""
    return tuple(filled(part, numbers) for part in value) if isinstance(value, tuple) else next(numbers)


@pytest.mark.parametrize(
    ("where", "name", "code"), [*(("index", name, case.EXAMPLE) for name, case in CASES.items()), *EXPLORED]
)
def test_an_address_sets_only_what_python_takes(page_at, where, name, code):
    taken: dict[bool, list[str]] = {True: [], False: []}
    for trait in made(code)._inputs():
        w = made(code)
        start = flat(getattr(w, trait))
        for place, number in itertools.product({0, len(start) - 1}, [np.inf, -np.inf, -1, 1.5, 2, 1e7]):
            numbers = [*start[:place], number, *start[place + 1 :]]
            try:
                setattr(w, trait, filled(getattr(w, trait), iter(numbers)))
                takes = True
            except ValueError:
                takes = False
            taken[takes].append(f"{name}.{trait}={','.join(map(str, numbers))}".replace("inf", "Infinity"))
    fig = figure(page_at(where), name)
    assert fig.evaluate(TAKEN, taken[False]) == []
    assert fig.evaluate(TAKEN, taken[True]) != []


WILD = [*CASES, "lp_pooling-2"]


def wild_points(rng: random.Random, width: int) -> list[tuple[int, int]]:
    return [(rng.randint(-200, width + 200), rng.randint(-200, 1100)) for _ in range(20)]


def test_a_wild_hand_breaks_nothing(page_at):
    rng, page = random.Random(360), page_at(width=360)
    for name in WILD:
        fig = figure(page, name)
        height = fig.bounding_box()["height"]
        page.mouse.move(*grasp(rng.choice(fig.locator(".cbp-slider").all())))
        page.mouse.down()
        for point in wild_points(rng, 360):
            page.mouse.move(*point)
        page.mouse.up()
        check(fig)
        assert "NaN" not in fig.inner_html()
        assert fig.bounding_box()["height"] == height, f"{name}: {fig.inner_text()}"


# The same by a script, which need not wait for a frame after each move: which mark is taken, as a part of their number,
# and the points that it is then drawn to, of the window, or beside the mark, where a value stops less often at its end.
WILD_HAND = f"""async (f, pulls) => {{
    const seen = [];
    for (const [which, points, beside] of pulls) {{
        const marks = [...f.querySelectorAll(".cbp-slider")];
        const touch = marks[Math.floor(which * marks.length)].querySelector(".touch");
        touch.scrollIntoView({{ block: "center" }});
        const {{ left, top, width, height }} = touch.getBoundingClientRect();
        const mouse = {{ pointerId: 1, pointerType: "mouse", bubbles: true, cancelable: true }};
        const send = (type, clientX, clientY) =>
            touch.dispatchEvent(new PointerEvent(`pointer${{type}}`, {{ ...mouse, clientX, clientY }}));
        const [x0, y0] = [left + width / 2, top + height / 2];
        send("down", x0, y0);
        for (const [x, y] of points) send("move", ...(beside ? [x0 + x / 20, y0 + y / 20] : [x, y]));
        send("up", x0, y0);
        await new Promise(requestAnimationFrame);
        seen.push([({NUMBERS})(f), f.innerHTML.includes("NaN"), f.getBoundingClientRect().height]);
    }}
    return seen;
}}"""


@pytest.mark.soak
@pytest.mark.parametrize("width", [360, 1280])
def test_a_wild_hand_breaks_nothing_for_long(page_at, width):
    rng, page = random.Random(width), page_at(width=width)
    for name in WILD:
        fig = figure(page, name)
        kind, height = fig.get_attribute("data-figure"), fig.bounding_box()["height"]
        pulls = [(rng.random(), wild_points(rng, width), i % 2) for i in range(40)]
        states = set()
        for numbers, broken, now in fig.evaluate(WILD_HAND, pulls):
            states.add(json.dumps(numbers))
            check_numbers(kind, numbers)
            assert not broken
            assert now == height, f"{name}: {numbers}"
        assert len(states) > 10, name


@pytest.mark.parametrize("name", CASES)
def test_every_mark_follows_the_hand(page, name):
    fig = figure(page, name)
    for mark in fig.locator("[data-slider]").all():
        before, name = mark.get_attribute("aria-valuenow"), mark.get_attribute("data-slider")
        drag(page, mark, 24, -24)
        assert mark.get_attribute("aria-valuenow") != before, name
        check(fig)
        mark.press("Home")
        assert mark.get_attribute("aria-valuenow") == mark.get_attribute("aria-valuemin"), name
        check(fig)


def test_the_walk_back_box_by_box(page):
    fig = figure(page, "explore")
    back, forth = (fig.get_by_role("button", name=name) for name in ("The error goes back one box", "Take back one"))
    for _ in range(4):
        forth.click()
    says = fig.locator(".cbp-says")
    for equation, left in [(None, set()), ("(38)", {3}), ("(39)", {2, 3}), ("(40)", {1, 2, 3}), ("(41)", {0, 1, 2, 3})]:
        shown = visible(fig, "[data-value]", "dataset.name")
        assert {int(name.split(".")[1]) for name in shown if name.startswith("delta.")} == left
        assert ("gradient" in shown) == ("difference" in shown) == (equation == "(41)")
        # The gradient of p is there when the error has passed the pooling.
        assert ("gradient.p" in shown) == bool(left - {3})
        assert equation is None or equation in says.text_content()
        check(fig)
        back.click(force=True)  # also at the end, where it does nothing
    assert back.get_attribute("aria-disabled") == "true"
    # A box's sign walks there, too.
    fig.locator(".cbp-stop").nth(1).click()
    assert "(40)" in says.text_content()


def test_explore_is_pulled_gently_and_remembers(page):
    fig = figure(page, "explore")
    start = check(fig)
    handle = fig.locator("[data-slider=chosen]")
    place = handle.get_attribute("transform")
    x, y = grasp(handle)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=5)
    assert handle.get_attribute("transform") != place
    page.mouse.up()
    # It is a grip, and no sign of how much: let go, it waits for the next pull.
    assert handle.get_attribute("transform") == place
    pulled = check(fig)
    assert 0.6 < pulled["chosen"] - start["chosen"] < 1
    assert pulled["L"] > start["L"]
    mark, change = fig.locator(".change").text_content().split()
    assert mark == "▲"
    assert float(change) == pytest.approx(pulled["L"] - start["L"], abs=6e-4)
    # A press between two columns takes the nearest edge: here the lowest.
    gap = fig.locator(".cbp-gap").bounding_box()
    page.mouse.move(gap["x"] + gap["width"] / 2, gap["y"] + gap["height"] - 30)
    assert "W32" in fig.locator(".cbp-says").text_content()
    page.mouse.down()
    page.mouse.move(gap["x"] + gap["width"] / 2 + 30, gap["y"] + gap["height"] - 30, steps=5)
    page.mouse.up()
    state = check(fig)["state"]
    assert state["chosen"] == [0, 5]
    assert state["parameters"][0][2][1] > 0.9
    # A target that comes near z becomes z.
    fig.get_by_role("button", name="Reset").click()
    fig.get_by_label("The number with the handle").select_option("t")
    z = check(fig)["hidden.3.0"]
    handle.press("End")
    drag(page, handle, 0, (1.0 - z + 0.012) * 300)  # its range, from 0 to 1, is 300 px
    assert check(fig)["t.0"] == z
    assert check(fig)["L"] == 0


def test_the_arrow_of_a_single_weight_fades_with_its_gradient(page_at):
    """Beside the largest of its matrix now, it would always be as long."""
    fig = figure(page_at("more"), "explore")
    handle, arrow = fig.locator("[data-slider=chosen]"), fig.locator("line.arrow").last
    length = "line => Math.hypot(line.getBBox().width, line.getBBox().height)"
    lengths = [arrow.evaluate(length)]
    for _ in range(2):
        handle.press("PageUp")
        handle.press("PageUp")
        check(fig)
        lengths.append(arrow.evaluate(length))
    assert lengths[0] > lengths[1] + 3 > lengths[2] + 4
    fig.get_by_role("button", name="Reset").click()


def test_keys_and_lists_do_not_disturb_a_pull(page):
    fig = figure(page, "explore")
    handle = fig.locator("[data-slider=chosen]")
    x, y = grasp(handle)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 100, y, steps=5)
    pulled = check(fig)["chosen"]
    for key in ("Shift", "F2", "Control"):
        page.keyboard.press(key)
        page.mouse.move(x + 101, y)
        assert check(fig)["chosen"] == pytest.approx(pulled, abs=0.06)
    # Another number that is chosen meanwhile keeps its value.
    fig.get_by_label("The number with the handle").select_option("W₁₁")
    own = check(fig)["chosen"]
    page.mouse.move(x + 102, y)
    assert check(fig)["chosen"] == pytest.approx(own, abs=0.06)
    page.mouse.up()
    # Nor does a key that moves nothing end the trail.
    fig.get_by_role("button", name="Reset").click()
    for _ in range(3):
        fig.get_by_role("button", name="Step downhill").click()
    handle.press("Shift")
    fig.get_by_role("button", name="Step downhill").click()
    assert fig.locator(".dots").get_attribute("d").count("M") == 5


# Press a button, or take each option of a list: the body at once, and two frames later. Heights of words come later.
AT_ONCE = """async (f) => {
    const body = () => f.querySelector(".cbp-body").innerHTML.replace(/ style="[^"]*"/g, "");
    const frame = () => new Promise(requestAnimationFrame);
    const all = () => [...f.querySelectorAll("button, select")].filter(n => n.textContent !== "Play");
    const late = [];
    for (let k = 0; k < all().length; k++) {
        for (let option = 0; option < Math.min(all()[k].length ?? 1, 3); option++) {
            const node = all()[k];
            if (node.tagName === "SELECT") node.value = option;
            node.dispatchEvent(new Event(node.tagName === "SELECT" ? "change" : "click"));
            const now = body();
            await frame();
            await frame();
            if (body() !== now) late.push(node.ariaLabel ?? node.textContent);
        }
    }
    return late;
}"""


@pytest.mark.parametrize("name", ["index", "more"])
def test_what_a_press_changes_is_drawn_at_once(page_at, name):
    page = page_at(name)
    for fig in page.locator(".cbp").all():
        assert fig.evaluate(AT_ONCE) == []


def test_a_link_to_a_state_moves_nobody_who_has_begun_to_read(browser, address):
    with browser.new_context() as context:
        context.add_init_script("addEventListener('DOMContentLoaded', () => scrollTo(0, 300))")
        with visit(context, f"{address()}#pooling_map.p=3") as (page, wrong):
            page.wait_for_function(ALIVE)
            assert check(figure(page, "pooling_map"))["p"] == 3
            assert page.evaluate("scrollY") == 300
            assert wrong == []


def test_a_number_of_another_sample_stands_for_its_row(page_at):
    page = page_at("more")
    fig = figure(page, "explore-2")
    page.evaluate("location.hash = '#explore-2.chosen=-1,3&explore-2.sample=0'")
    page.wait_for_function("document.querySelector('[data-name=explore-2] [aria-label^=\"The sample\"]').value === '0'")
    assert fig.get_by_label("The number with the handle").evaluate("list => list.selectedOptions[0].text") == "x₂"
    before = check(fig)
    assert before["state"]["chosen"] == [-1, 2]
    fig.locator("[data-slider=chosen]").press("ArrowUp")
    x = check(fig)["state"]["x"]
    assert x[1][0] > before["state"]["x"][1][0]
    assert x[1][1] == before["state"]["x"][1][1]


def test_L_is_compared_with_where_a_pull_or_a_run_of_keys_began(page):
    fig = figure(page, "explore")
    start = check(fig)["L"]
    mark = fig.locator("[data-slider=p]")
    drag(page, mark, -40, 0)
    assert fig.locator(".change").text_content()
    pulled = check(fig)["L"]
    page.wait_for_timeout(1100)
    mark.press("ArrowLeft")
    by = float(fig.locator(".change").text_content().replace("−", "-")[1:])
    assert by == pytest.approx(check(fig)["L"] - pulled, rel=0.05)
    assert abs(pulled - start) > 2 * abs(by)


def test_a_tap_on_an_edge_changes_no_weight(page):
    fig = figure(page, "explore")
    fig.get_by_role("button", name="Step downhill").click()  # so that no weight is a multiple of a step
    before = check(fig)["state"]["parameters"]
    gap = fig.locator(".cbp-gap")
    gap.evaluate(IN_SIGHT)
    for place in (0.2, 0.8):
        box = gap.bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + place * box["height"])
        assert check(fig)["state"]["parameters"] == before


def test_the_path_of_a_descent_survives_a_phone_that_is_turned(page_at):
    page = page_at(width=390)
    fig = figure(page, "descent")
    for _ in range(3):
        fig.get_by_role("button", name="Step downhill").click()
    page.set_viewport_size({"width": 700, "height": 390})
    page.wait_for_function("document.querySelector('[data-name=descent] svg').clientWidth > 500")
    assert check(fig)["steps"] == 3
    page.set_viewport_size({"width": 390, "height": 900})
    fig.get_by_label("across").select_option("p")
    assert fig.locator("[data-name=steps]").text_content() == "0"


def test_a_figure_is_not_built_anew_under_the_hand(context, address):
    with visit(context, f"{address()}#sigmoid.x=10") as (page, wrong):
        mark = figure(page, "sigmoid").locator("[data-slider=x]")
        x, y = grasp(mark)
        page.mouse.move(x, y)
        page.mouse.down()
        for k in range(1, 9):  # the axis would reach no further than 8, and then 6
            page.mouse.move(x - 40 * k, y)
            page.evaluate("new Promise(requestAnimationFrame)")
        assert mark.get_attribute("aria-valuemax") == "10"
        there = check(figure(page, "sigmoid"))["x"]
        assert there < 3
        page.mouse.up()
        assert mark.get_attribute("aria-valuemax") == "6"
        assert check(figure(page, "sigmoid"))["x"] == there
        assert wrong == []


def test_another_sample_leaves_what_is_chosen_in_its_row(page_at):
    fig = figure(page_at("more"), "explore-2")
    fig.get_by_label("The number with the handle").select_option("x₂")
    for sample in ("sample 1 of 2", "sample 2 of 2"):
        fig.get_by_label("The sample that is drawn").select_option(sample)
        assert fig.get_by_label("The number with the handle").evaluate("list => list.selectedOptions[0].text") == "x₂"
        check(fig)


def test_a_figure_that_is_built_anew_keeps_the_focus(page):
    fig = figure(page, "descent")
    across = fig.get_by_label("across")
    across.focus()
    across.press("ArrowDown")
    assert page.evaluate("document.activeElement.parentElement.textContent").startswith("across")
    fig.get_by_role("button", name="Reset").click()


def test_an_order_is_dragged_to_infinity_in_one_pull(page):
    fig = figure(page, "explore")
    axis = fig.locator("[data-slider=p]")
    for way, end in [(1, "Infinity"), (-1, 0.2)]:
        x, y = grasp(axis)
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 900 * way, y, steps=60)
        page.mouse.up()
        assert check(fig)["state"]["parameters"][1] == end


def test_on_a_phone_the_cost_and_its_target_stand_under_the_output(page_at):
    page = page_at(width=390)
    fig = figure(page, "explore")
    fig.get_by_label("The number with the handle").select_option("t")
    for way in [(0, -40), (40, 0)]:  # what stands in a unit grows upward and to the right
        before = check(fig)["t.0"]
        drag(page, fig.locator("[data-slider=chosen]"), *way)
        assert check(fig)["t.0"] > before
    z, cost, t = (
        fig.locator(which).bounding_box()
        for which in ("[data-name='hidden.3.0']", ".cbp-stop >> nth=-1", "[data-name='t.0']")
    )
    assert z["y"] < cost["y"] < t["y"]
    fig.get_by_role("button", name="Reset").click()


def test_a_step_downhill_moves_every_parameter_and_leaves_a_trail(page):
    fig = figure(page, "explore")
    before = check(fig)["state"]["parameters"]
    w = made(CASES["explore"].EXAMPLE)
    losses = []
    for count in range(1, 5):
        losses.append(check(fig)["L"])
        fig.get_by_role("button", name="Step downhill").click()
        W, p = check(fig)["state"]["parameters"]
        assert check(fig)["L"] < losses[-1]
        assert len(fig.locator(".dots").get_attribute("d").split("M")) - 1 == count + 1
        np.testing.assert_allclose(W, w.parameters[0] - 0.5 * np.array(w.gradients[0]), rtol=1e-12)
        np.testing.assert_allclose(p, w.parameters[1] - 0.5 * w.gradients[1], rtol=1e-12)
        w.parameters = (W, p)
    fig.get_by_role("button", name="Reset").click()
    assert check(fig)["state"]["parameters"] == before
    assert not fig.locator(".dots").get_attribute("d")


def test_the_trail_stays_where_the_figure_is_built_anew(browser, address):
    with opened(browser, f"{address()}#explore.rate=60", viewport={"width": 1280, "height": 900}) as (page, _):
        fig = figure(page, "explore")
        limit = fig.locator("[data-slider=chosen]").get_attribute("aria-valuemax")
        for _ in range(2):
            fig.get_by_role("button", name="Step downhill").click()
        page.wait_for_function(f"!document.querySelector('[data-name=explore] [aria-valuemax=\"{limit}\"]')")
        assert fig.locator(".dots").get_attribute("d").count("M") == 3
        page.set_viewport_size({"width": 700, "height": 900})
        page.wait_for_function("document.querySelector('[data-name=explore] svg').clientWidth < 700")
        assert fig.locator(".dots").get_attribute("d").count("M") == 3
        # What was no step ends it, and so does a state from outside.
        mark = fig.locator("[data-slider=p]")
        mark.press("ArrowLeft")
        assert not fig.locator(".dots").get_attribute("d")
        fig.get_by_role("button", name="Step downhill").click()
        assert fig.locator(".dots").get_attribute("d").count("M") == 2
        page.evaluate("location.hash = '#explore.x=1,1'")
        page.wait_for_function("document.querySelector('[data-name=explore] .dots').getAttribute('d') === ''")
        assert fig.locator(".ghost-mark").get_attribute("visibility") == "hidden"
        # Another number may be chosen in between.
        fig.get_by_role("button", name="Step downhill").click()
        fig.get_by_label("The number with the handle").select_option(index=1)
        assert fig.locator(".dots").get_attribute("d").count("M") == 2
        fig.get_by_role("button", name="Reset").click()
        assert not fig.locator(".dots").get_attribute("d")


def test_a_layer_in_python_stands_still_and_what_does_not_fit_is_counted(page_at):
    page = page_at("more")
    own, long, wide, endless = (figure(page, f"explore-{i}") for i in (6, 5, 4, 7))
    assert "written in Python, and none is running here" in own.text_content()
    assert not own.locator("[data-slider=chosen]").is_visible()
    state = own.locator("[data-name=state]")
    start = state.get_attribute("data-value")
    own.get_by_role("button", name="Step downhill").click(force=True)
    assert state.get_attribute("data-value") == start
    assert own.locator(".cbp-says").text_content().startswith("At the weights")
    assert endless.locator("[data-name=L]").text_content() == "∞"
    assert endless.locator("[data-name=p]").text_content() == "2.00"
    assert not endless.locator("[data-slider=p]").is_visible()
    page.evaluate("location.hash = '#explore-7.parameters=1,1,1,1,1,3'")
    page.wait_for_timeout(100)
    assert endless.locator("[data-name=p]").text_content() == "2.00"
    page.evaluate("location.hash = ''")
    assert "8 of 12 variables" in long.text_content()
    assert "5 of 9 units of x" in wide.text_content()
    # Every number can be chosen, also one that is not drawn.
    wide.get_by_label("The number with the handle").select_option("W⁽¹⁾₇₉")
    wide.locator("[data-slider=chosen]").press("ArrowUp")
    assert check(wide)["state"]["chosen"] == [0, 62]


# A model that Python answers when the test says so.
MODEL = """async (state) => {
    const { default: widget } = await import("./widgets.js");
    const model = new EventTarget();
    Object.assign(model, {
        state,
        sent: [],
        get: name => model.state[name],
        set: (name, value) => { model.state[name] = value; },
        save_changes: () => model.sent.push(JSON.stringify(model.state.parameters)),
        on: (...heard) => model.addEventListener(...heard),
    });
    window.model = model;
    widget.render({ model, el: document.body });
}"""
FRAMES = "new Promise(next => requestAnimationFrame(() => requestAnimationFrame(next)))"


@contextmanager
def modeled(browser, w):
    """A page with the figure `w` alone, and such a model; and what went wrong there."""
    with (
        serving(STATIC) as served,
        browser.new_context() as context,
        visit(context, f"{served}/widgets.css") as (page, wrong),
    ):
        page.evaluate(MODEL, {name: v for name, v in w.get_state().items() if name not in ("_esm", "_css")})
        yield page, wrong


def test_a_layer_in_python_that_answers_late(browser):
    scope: dict[str, object] = {}
    exec("from chainbp import *\nfrom chainbp.widgets import *", scope)
    definition, _, shown = CASES["explore"].OWN.rpartition("\n\n\n")
    exec(definition, scope)
    w = eval(shown, scope)
    with modeled(browser, w) as (page, wrong):
        step, reset = (page.get_by_role("button", name=name) for name in ("Step downhill", "Reset"))
        start = page.evaluate("JSON.stringify(model.state.parameters)")
        # Until the first step is answered there is no gradient for a second.
        for _ in range(2):
            step.click(force=True)
            page.evaluate(FRAMES)
            assert step.get_attribute("aria-disabled") == "true"
        (sent,) = page.evaluate("model.sent")
        W, _ = json.loads(sent)
        np.testing.assert_allclose(W, np.array(w.parameters[0]) - 0.5 * np.array(w.gradients[0]), rtol=1e-12)
        answer = """computed => {
            const { parameters, x, t } = model.state;
            model.state.computed = { ...computed, of: [parameters, x, t] };
            model.dispatchEvent(new Event("change:computed"));
        }"""
        page.evaluate(answer, {**w.computed, "loss": "Infinity"})
        assert page.locator("[data-name=L]").text_content() == "∞"
        assert step.get_attribute("aria-disabled") == "false"
        # A step that Python refuses: it sends back what is.
        step.click()
        page.evaluate(FRAMES)
        assert step.get_attribute("aria-disabled") == "true"
        page.evaluate("""parameters => {
            model.state.parameters = parameters;
            model.dispatchEvent(new Event("change:parameters"));
        }""", json.loads(sent))
        assert step.get_attribute("aria-disabled") == "false"
        reset.click()
        page.evaluate(FRAMES)
        assert page.evaluate("model.sent.at(-1)") == start
        assert wrong == []


def test_what_python_changes_while_a_hand_pulls_is_kept(browser):
    w = made("lp_pooling(y=[3, -4], p=2)")
    with modeled(browser, w) as (page, wrong):
        page.evaluate("""() => {
            document.querySelector("[data-slider=y0]").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowUp" }));
            model.state.p = 3;
            model.dispatchEvent(new Event("change:p"));
        }""")
        page.evaluate(FRAMES)
        assert page.evaluate("[model.state.y[0] > 3, model.state.p]") == [True, 3]
        assert check(page.locator(".cbp"))["p"] == 3
        # It may also take from under the hand what is pulled.
        x, y = grasp(page.locator("[data-slider=y1]"))
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x, y + 20)
        page.evaluate(FRAMES)
        page.evaluate("() => { model.state.y = [5]; model.dispatchEvent(new Event('change:y')); }")
        page.mouse.move(x, y - 20)
        page.mouse.up()
        page.evaluate(FRAMES)
        assert {"y.0": 5, "z": 5}.items() <= check(page.locator(".cbp")).items()
        assert wrong == []


def visible(fig: Locator, selector: str, what: str) -> list[str]:
    """A property of the parts of a figure that can be seen."""
    seen = "getComputedStyle(n).visibility === 'visible'"
    return fig.evaluate(f"f => [...f.querySelectorAll('{selector}')].filter(n => {seen}).map(n => n.{what})")


def test_multiplying_from_either_end(page):
    fig = figure(page, "chain_rule")

    def shapes() -> list[str]:
        return [text for text in visible(fig, "text", "textContent") if "×" in text]

    for side, after in [("left", ["1 × 4", "4 × 3"]), ("right", ["1 × 2", "2 × 3"])]:
        fig.get_by_role("button", name=f"From the {side}").click()
        assert shapes() == ["1 × 2", "2 × 4", "4 × 3", after[side == "right"]]
        fig.get_by_role("button", name="Multiply").click()
        assert shapes() == [*after, "1 × 3"]
        fig.get_by_role("button", name="Multiply").click()
        assert shapes() == ["1 × 3"]
    # The mark of the next product is hidden now, and takes neither keys nor pulls.
    before = check(fig)
    fig.locator("[data-slider=entry]").dispatch_event("keydown", {"key": "ArrowUp", "bubbles": True})
    assert check(fig) == before


def test_an_entry_is_read_as_the_sum_that_it_is(page):
    fig = figure(page, "chain_rule")
    entry = fig.locator("[data-slider=entry]")
    shown = check(fig)
    widths = [shown[f"widths.{i}"] for i in range(4)]
    a, b = chain_rule(widths).factors()[:2]
    for _ in range(2):
        entry.press("ArrowRight")
    assert check(fig)["entry"] == pytest.approx((a @ b)[0, 2], rel=1e-12)
    says = fig.locator(".cbp-says").text_content()
    assert says.startswith("Row 1 times column 3: ")
    assert says.count("·") == a.shape[1]
    # A press in the product chooses, too.
    fig.locator("svg rect.cbp-track").first.click(position={"x": 4, "y": 4})
    assert check(fig)["entry"] == pytest.approx((a @ b)[0, 0], rel=1e-12)


def test_given_factors_are_those_that_are_shown(page_at):
    page = page_at("asking")
    fig = page.locator("[data-figure=chain_rule]").last
    assert fig.locator("[data-name=entry]").get_attribute("data-value") == str(5 * 2 + 6 * 4)
    assert "5.00 · 2.00 + 6.00 · 4.00 = +34.000" in fig.locator(".cbp-says").text_content()


def test_windows_of_a_map_overlap_tie_and_are_empty(page):
    fig = figure(page, "pooling_map")
    cell, entry, y = (fig.locator(f"[data-slider={name}]") for name in ("cell", "entry", "y"))
    says = fig.locator(".cbp-says")
    start = check(fig)
    # Of two that tie at p = inf each gets half of the error.
    fig.locator("[data-slider=p]").press("End")
    assert check(fig)["sum"] == 0
    for _ in range(2):
        y.press("ArrowUp")
    assert check(fig)["sum"] == start["delta"] / 2
    assert "2 entries tie" in says.text_content()
    # A press on an entry chooses it, and the frame comes along; the arrow keys go four ways.
    first, last = (fig.locator(f"[data-name='dY.{k}.{k}']").bounding_box() for k in (2, 3))
    side = last["y"] - first["y"]
    page.mouse.click(first["x"] + 2 - side, first["y"] - 2 * side)
    assert (entry.get_attribute("aria-valuetext"), check(fig)["y"]) == ("row 1, column 2: 0", 0)
    assert cell.get_attribute("aria-valuetext") == "row 1, column 1: z is 0"
    assert "all zeros" in says.text_content()
    cell.press("ArrowUp")
    assert cell.get_attribute("aria-valuenow") == "0"
    cell.press("ArrowDown")
    cell.press("ArrowRight")
    assert cell.get_attribute("aria-valuetext").startswith("row 2, column 2")
    assert entry.get_attribute("aria-valuetext").startswith("row 3, column 4")
    # In windows that overlap, errors add; where none is, nothing comes back.
    fig.get_by_role("button", name="1", exact=True).click()
    assert cell.get_attribute("aria-valuemax") == "24"
    check(fig)
    assert "in 4 windows" in says.text_content()
    fig.get_by_role("button", name="3 × 3").click()
    check(fig)
    assert "in 9 windows" in says.text_content()
    fig.get_by_role("button", name="2", exact=True).click()
    entry.press("End")
    assert check(fig)["sum"] == 0
    assert "in no window" in says.text_content()
    fig.get_by_role("button", name="Reset").click()
    assert check(fig) == start


def test_descent_steps_plays_and_pauses(page):
    fig = figure(page, "descent")
    before = check(fig)
    fig.get_by_role("button", name="Step downhill").click()
    after = check(fig)
    for axis in "ab":
        step = before["rate"] * before[f"gradient.{axis}"]
        assert after[axis] == pytest.approx(before[axis] - step, rel=1e-12)
    assert (after["steps"], after["L"] < before["L"]) == (1, True)
    fig.get_by_role("button", name="Play").click()
    page.wait_for_function("document.querySelector('[data-figure=descent] [data-name=steps]').dataset.value > 5")
    fig.get_by_role("button", name="Pause").click()
    paused = check(fig)["steps"]
    page.wait_for_timeout(500)
    assert check(fig)["steps"] == paused
    fig.get_by_label("up").select_option("p")
    assert check_choice(fig) == ["W₁₁", "p"]
    fig.get_by_role("button", name="Reset").click()
    assert check(fig) == before


def check_choice(fig: Locator) -> list[str]:
    return fig.evaluate("f => [...f.querySelectorAll('select')].map(n => n.selectedOptions[0].textContent)")


def test_touch_targets_are_large(page_at):
    page = page_at(width=360, touch=True)
    for target in page.locator(".cbp .touch, .cbp button, .cbp select, .cbp summary").all():
        box = target.bounding_box()
        assert min(box["width"], box["height"]) >= 43.99


def swipe(page: Page, x: float, y: float, dx: float, dy: float) -> None:
    """A finger's way, as a screen tells of it."""
    screen = page.context.new_cdp_session(page)
    for k in range(11):
        finger = {"x": x + dx * k / 10, "y": y + dy * k / 10}
        screen.send("Input.dispatchTouchEvent", {"type": "touchMove" if k else "touchStart", "touchPoints": [finger]})
        page.evaluate("() => new Promise(requestAnimationFrame)")
    screen.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    screen.detach()


@pytest.mark.parametrize("name", CASES)
def test_a_finger_moves_the_mark_and_not_the_page(page_at, name):
    page = page_at(width=363, touch=True)
    page.evaluate("() => { window.given = 0; addEventListener('pointercancel', () => given++, true); }")
    fig = figure(page, name)
    for mark in fig.locator("[data-slider]:visible").all():
        mark.evaluate(IN_SIGHT)
        box, scrolled = mark.locator(".touch").bounding_box(), page.evaluate("scrollY")
        before = fig.inner_html()
        swipe(page, box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, 30, -60)
        assert (page.evaluate("given"), page.evaluate("scrollY")) == (0, scrolled), mark.get_attribute("data-slider")
        assert fig.inner_html() != before
    fig.locator(".cbp-reset").click()


@pytest.mark.parametrize("name", CASES)
def test_a_mark_belongs_to_the_finger_that_took_it(page_at, name):
    page = page_at(width=363, touch=True)
    fig = figure(page, name)
    screen = page.context.new_cdp_session(page)

    def touch(kind: str, *fingers: tuple[float, float]) -> list[list[str]]:
        points = [{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(fingers)]
        screen.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        page.evaluate("() => new Promise(requestAnimationFrame)")
        return fig.evaluate(NUMBERS)

    for name in fig.locator("[data-slider]:visible").evaluate_all("marks => marks.map(mark => mark.dataset.slider)"):
        mark = fig.locator(f"[data-slider={name}]")
        x, y = grasp(mark)
        touch("touchStart", (x, y))
        there = touch("touchMove", (x + 20, y - 30))
        box = mark.locator(".touch").bounding_box()
        beside = box["x"] + box["width"] / 2 + 14, box["y"] + box["height"] / 2
        assert touch("touchStart", (x + 20, y - 30), beside) == there, name
        touch("touchMove", (x + 20, y - 29), (beside[0], beside[1] + 3))
        assert touch("touchMove", (x + 20, y - 30), beside) == there, name
        # It lets go, and the first goes on.
        assert touch("touchMove", (x + 20, y - 30)) == there, name
        assert touch("touchMove", (x - 30, y + 30)) != there, name
        touch("touchEnd")
        fig.locator(".cbp-reset").click()
    screen.detach()


@pytest.mark.parametrize("name", CASES)
def test_a_swipe_that_scrolls_the_page_changes_no_number(page_at, name):
    """A finger on a track may want to scroll; a swipe along it, and a tap, move what it moves."""
    page = page_at(width=390, touch=True)
    fig = figure(page, name)
    screen = page.context.new_cdp_session(page)

    def put(*way: tuple[float, float]) -> None:
        points = [[{"x": x, "y": y}] for x, y in way]
        kinds = ["touchStart", *["touchMove"] * (len(way) - 1), "touchEnd"]
        for kind, point in zip(kinds, [*points, []], strict=True):
            screen.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": point})
            page.evaluate("() => new Promise(requestAnimationFrame)")

    values = "f => [...f.querySelectorAll('[data-value], [aria-valuenow]')].map(n => n.dataset.value ?? n.ariaValueNow)"
    for track in fig.locator(".cbp-track:visible").all():
        track.evaluate("node => node.scrollIntoView({ block: 'center', behavior: 'instant' })")
        before, box = fig.evaluate(values), track.bounding_box()
        x, y = box["x"] + 0.12 * box["width"], box["y"] + box["height"] / 2  # far from the marks
        put(*[(x, y - 8 * k) for k in range(20)], (x, y - 152), (x, y - 152))  # and rests, so that nothing is flung
        assert fig.evaluate(values) == before
        if name in ("learning_p", "lp_pooling", "sigmoid"):
            track.evaluate("node => node.scrollIntoView({ block: 'center', behavior: 'instant' })")
            put((x, y))
            tapped = fig.evaluate(values)
            put((x, y), (x + 20, y), (x + 60, y), (x + 60, y))
            assert before != tapped != fig.evaluate(values)
    fig.locator(".cbp-reset").click()
    screen.detach()


@pytest.mark.parametrize("name", CASES)
def test_reset_puts_every_mark_back_to_its_place(page, name):
    fig = figure(page, name)
    places = "marks => marks.map(mark => [mark.getAttribute('transform'), mark.getAttribute('aria-valuenow')])"
    marks = fig.locator("[data-slider]")
    start = marks.evaluate_all(places)
    for mark in fig.locator("[data-slider]:visible").evaluate_all("marks => marks.map(mark => mark.dataset.slider)"):
        drag(page, fig.locator(f"[data-slider={mark}]"), 30, -20)
        drag(page, fig.locator(f"[data-slider={mark}]"), 10, 0)
        assert marks.evaluate_all(places) != start, mark
        fig.locator(".cbp-reset").click()
        assert marks.evaluate_all(places) == start, mark


# Of each figure: its kind, and what is written in its drawing, with the size on the screen.
WRITTEN = """figures => figures.map(figure => [figure.dataset.figure, [...figure.querySelectorAll("svg text")]
    .filter(text => text.checkVisibility({ visibilityProperty: true }))
    .map(text => {
        const { width } = text.ownerSVGElement.getBoundingClientRect();
        const zoom = width / text.ownerSVGElement.viewBox.baseVal.width;
        return [text.textContent, zoom * parseFloat(getComputedStyle(text).fontSize)];
    })])"""


@pytest.mark.parametrize(("width", "kind"), [(1280, "wide"), (390, "narrow")])
def test_without_scripts_a_figure_stands_as_it_begins(browser, address, width, kind):
    screen = {"viewport": {"width": width, "height": 800}}
    with opened(browser, address(), **screen) as (page, _):
        page.wait_for_function(ALIVE)
        live = page.locator(".cbp-live .cbp").evaluate_all(WRITTEN)
    with opened(browser, address(), java_script_enabled=False, **screen) as (page, wrong):
        stills = page.locator(f".cbp-still > .{kind}")
        written = stills.locator(".cbp").evaluate_all(WRITTEN)
        assert [name for name, _ in written] == [name for name, _ in live]
        for (name, texts), (_, alive) in zip(written, live):
            assert min(size for _, size in texts) > 12.9, name
            # On a phone it finds the same room.
            assert kind == "wide" or texts == alive, name
        assert all(len(still.get_attribute("aria-label")) > 30 for still in stills.all())
        # Nothing that would need a script, but what says by its look how the figure stands.
        assert stills.locator("button:visible:not([aria-pressed]), select:visible, .ring:visible").count() == 0
        ids = page.locator("[id]").evaluate_all("nodes => nodes.map(node => node.id)")
        assert len(ids) == len(set(ids))
        # Chromium gives up preloading scripts that it must not run; nothing else may go wrong.
        assert [what for what in wrong if not re.fullmatch(r"failed: .*/scripts/.*\.js(\?.*)?", what)] == []


def test_the_first_figure_lives_while_the_page_still_arrives(browser, html):
    go_on = threading.Event()

    class Halting(Quiet):
        def copyfile(self, source, outputfile):
            mark = b'class="cbp-live'
            first, *others = source.read().split(mark)
            outputfile.write(mark.join([first, *others[:1]]))
            if others:
                go_on.wait(30)
            outputfile.write(b"".join(mark + other for other in others[1:]))

    with serving(html, Halting) as served, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{served}/index.html#sigmoid-2.x=1", wait_until="commit")
        figures = page.locator(".cbp-live > :not(.cbp-still) .cbp-reset")
        figures.first.wait_for(state="attached")
        assert page.evaluate("document.readyState") == "loading"
        assert figures.count() == 1
        mark = page.locator("[data-name=chain_rule] [data-slider=width1]")
        mark.press("ArrowRight")
        now = mark.get_attribute("aria-valuenow")
        go_on.set()
        page.wait_for_load_state()
        page.wait_for_function(ALIVE)
        assert mark.get_attribute("aria-valuenow") == now
        # What arrived later is as the address says, which says all.
        assert figure(page, "sigmoid-2").locator("[data-slider=x]").get_attribute("aria-valuenow") == "1"
        for part in ("chain_rule.widths=", "sigmoid-2.x=1"):
            page.wait_for_function(f"location.hash.includes('{part}')")


def test_where_the_script_does_not_come_a_figure_stands_as_it_begins(browser, address):
    with browser.new_context() as context:
        context.route("**/book.js*", lambda route: route.abort())
        page = context.new_page()
        page.goto(address())
        first = page.locator(".cbp-still .wide svg").first
        assert not first.evaluate("node => node.checkVisibility({ contentVisibilityAuto: true })")
        page.wait_for_function(
            "node => node.checkVisibility({ contentVisibilityAuto: true })", arg=first.element_handle(), timeout=15_000
        )
