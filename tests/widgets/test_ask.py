"""Predictions: what is asked is hidden until it is answered, by hand, by keys, or not at all."""

from __future__ import annotations

import re

import pytest
from chromium import visit
from live import FAULTS, check
from looks import LOOKS, violations
from playwright.sync_api import Locator, Page

from chainbp.widgets import lp_pooling, sigmoid
from chainbp.widgets.base import SHARED

ASKED = [(name, ask) for name, asks in SHARED["questions"].items() for ask in asks]
# Of each figure the questions stand on the page one after the other.
NAMES = {
    (name, ask): f"{name}-{k + 1}" if k else name
    for name, asks in SHARED["questions"].items()
    for k, ask in enumerate(asks)
}
every_question = pytest.mark.parametrize(("name", "ask"), ASKED)


@pytest.fixture
def shared(page_at) -> Page:
    return page_at("asking")


def figure(page: Page, name: str, ask: str) -> Locator:
    return page.locator(f'[data-name="{NAMES[name, ask]}"] > .cbp')


def told(fig: Locator) -> bool:
    """Whether nothing is hidden any more."""
    return fig.evaluate("f => [...f.querySelectorAll('.untold')].every(n => getComputedStyle(n).display !== 'none')")


def answer(fig: Locator) -> None:
    """Answer by keys alone: press the first option, or draw a curve."""
    if fig.locator(".cbp-sketch").count():
        plot = fig.locator(".cbp-sketch")
        for key in ("ArrowUp", "ArrowRight", "ArrowDown", "ArrowDown", "Enter"):
            plot.press(key)
        return
    taps = fig.locator(".cbp-tap")
    (taps if taps.count() else fig.locator(".cbp-answers button")).first.press("Enter")


@every_question
def test_a_question_is_answered_by_keys(shared, name, ask):
    fig = figure(shared, name, ask)
    assert SHARED["questions"][name][ask] in fig.locator(".cbp-ask").text_content()
    before = check(fig)
    answer(fig)
    said = fig.locator(".cbp-ask p").text_content()
    assert re.match(r"You said: .+\. \S|The dotted line is yours\. \S", said)
    assert fig.locator(".cbp-answers button").first.is_hidden()
    assert told(fig)
    assert shared.evaluate("document.activeElement.closest('.cbp-ask') !== null")
    check(fig)
    # Both stand there: the answer's mark, and what the figure shows.
    if fig.locator(".cbp-tap").count():
        assert fig.locator(".cbp-tap.chosen").count() == 1
    if fig.locator(".cbp-sketch").count():
        assert fig.locator(".yours").get_attribute("d").count("L") > 8
    fig.get_by_role("button", name="Reset").click()
    assert check(fig) == before
    assert fig.locator(".cbp-answers button").first.is_visible()


@every_question
@pytest.mark.parametrize("width", [1280, 390])
def test_a_figure_can_be_read_while_it_asks(page_at, width, name, ask):
    fig = figure(page_at("asking", width), name, ask)
    for key in ("Home", "End"):
        for mark in fig.locator("[data-slider]:visible").all():
            mark.press(key)
        assert fig.evaluate(FAULTS) == []
    fig.get_by_role("button", name="Reset").click()


@every_question
def test_an_answer_is_told_of_the_state_that_was_asked_about(shared, name, ask):
    fig = figure(shared, name, ask)
    answer(fig)
    expected = check(fig), fig.locator(".cbp-ask p").text_content()
    fig.get_by_role("button", name="Reset").click()
    fig.evaluate("""f => f.querySelectorAll("[data-slider]").forEach(mark => {
        mark.dispatchEvent(new KeyboardEvent("keydown", { key: "PageUp", bubbles: true, cancelable: true }));
    })""")
    fig.get_by_role("button", name="Show me").click()
    said = fig.locator(".cbp-ask p").text_content()
    assert (check(fig), said) == (
        expected[0],
        re.sub(r"^(You said: .+?\.|The dotted line is yours\.) ", "", expected[1]),
    )


@every_question
def test_what_is_to_be_touched_lies_on_top(shared, name, ask):
    """Of a tap its center, of a plot to draw into all of it, p's axis notwithstanding."""
    fig = figure(shared, name, ask)
    fig.scroll_into_view_if_needed()
    for target in fig.locator(".cbp-tap .touch, .cbp-sketch .area, .cbp-answers button").all():
        covered = target.evaluate("""node => {
            node.scrollIntoView({ block: "center", behavior: "instant" });
            const { x, y, width, height } = node.getBoundingClientRect();
            const places = node.matches(".area") ? [0.02, 0.2, 0.4, 0.6, 0.8, 0.98] : [0.5];
            const owner = node.closest(".cbp-tap, .cbp-sketch") ?? node;
            return places.flatMap((a) => places.map((b) => document.elementFromPoint(x + a * width, y + b * height)))
                .filter((found) => !owner.contains(found)).map((found) => found.outerHTML);
        }""")
        assert covered == []


@every_question
def test_who_does_not_want_to_guess_is_shown(shared, name, ask):
    fig = figure(shared, name, ask)
    fig.get_by_role("button", name="Show me").click()
    assert not fig.locator(".cbp-ask p").text_content().startswith(("You said", "The dotted"))
    assert told(fig)
    fig.get_by_role("button", name="Reset").click()


def test_a_curve_is_drawn_by_hand_and_stands_in_the_address(context, shared):
    page = shared
    fig = figure(page, "sigmoid", "slope")
    fig.locator(".cbp-sketch").scroll_into_view_if_needed()
    hidden = fig.locator(".untold")
    assert hidden.count() > 3
    assert not any(node.is_visible() for node in hidden.all())
    # Nor is it told to who cannot see. (What is read aloud comes when a hand has come to rest.)
    untold = "([id, ask]) => !document.getElementById(id).textContent.toLowerCase().replace(ask, '').includes('slope')"
    asked = SHARED["questions"]["sigmoid"]["slope"].lower()
    page.wait_for_function(untold, arg=[fig.get_attribute("aria-describedby"), asked], timeout=5000)
    box = fig.locator(".area").bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + 0.5 * box["height"])
    page.mouse.down()
    for k in range(1, 21):
        page.mouse.move(box["x"] + k / 20 * (box["width"] - 2), box["y"] + (0.5 - 0.4 * (k / 20)) * box["height"])
    page.mouse.up()
    fig.get_by_role("button", name="Done").click()
    page.wait_for_function("location.hash.includes('sigmoid.answer=')")
    drawn = [float(v) for v in re.search(r"sigmoid\.answer=([^&]+)", page.url)[1].split(",")]
    assert len(drawn) == 13
    assert drawn == sorted(drawn)
    assert drawn[0] == pytest.approx(0.15, abs=0.02)
    assert drawn[-1] == pytest.approx(0.35, abs=0.02)
    with visit(context, page.url) as (other, wrong_too):
        again = figure(other, "sigmoid", "slope")
        assert again.locator(".yours").get_attribute("d") == fig.locator(".yours").get_attribute("d")
        assert wrong_too == []
    # A reset takes it back, and one that was begun only, too.
    for _ in range(2):
        fig.get_by_role("button", name="Reset").click()
        assert fig.locator(".yours").get_attribute("d") == ""
        assert fig.get_by_role("button", name="Done").get_attribute("aria-disabled") == "true"
        fig.locator(".cbp-sketch").press("ArrowUp")
    fig.get_by_role("button", name="Reset").click()


def test_a_curve_that_is_half_drawn_survives_a_phone_that_is_turned(page_at):
    page = page_at("asking", width=390)
    fig = figure(page, "sigmoid", "slope")
    plot = fig.locator(".cbp-sketch")
    for key in ["ArrowRight", "ArrowUp", "ArrowUp"]:
        plot.press(key)

    def heights() -> list[str]:
        return re.findall(r" ([\d.]+)", fig.locator(".yours").get_attribute("d"))

    drawn = heights()
    page.set_viewport_size({"width": 640, "height": 390})
    page.wait_for_timeout(100)  # some frames
    assert fig.locator(".area").bounding_box()["width"] > 390
    assert heights() == drawn
    assert fig.get_by_role("button", name="Done").get_attribute("aria-disabled") == "false"
    page.set_viewport_size({"width": 390, "height": 900})


CURVE = [-0.1] * 11  # of learning_p; that of sigmoid has 13 points
IMPOSSIBLE = [[9], [1.5], [5], [0.5], [-2], [-1, 3, 4], [0, 0], [*CURVE, -0.1, -0.2], CURVE, [*CURVE[1:], 1e5]]


def asking(page: Page) -> list[tuple[str, str]]:
    """The questions that are open."""
    said = [(SHARED["questions"][name][ask], figure(page, name, ask).locator(".cbp-ask p")) for name, ask in ASKED]
    return [question for question, (text, words) in zip(ASKED, said) if words.text_content() == text]


def test_an_answer_that_a_question_cannot_have_is_ignored(context, shared):
    go = "to => new Promise(r => (addEventListener('hashchange', r, {once: true}), (location.hash = to)))"
    for wrong in IMPOSSIBLE:
        answered = [NAMES[name, ask] for name, ask in ASKED if (name, wrong) != ("learning_p", CURVE)]
        shared.evaluate(go, "&".join(f"{name}.answer={','.join(map(str, wrong))}" for name in answered))
        assert asking(shared) == ASKED, wrong
    shared.evaluate(go, "&".join(f"{name}.answer=9" for name in NAMES.values()))
    with visit(context, shared.url) as (page, said):
        assert asking(page) == ASKED
        assert (page.locator(".cbp-sorry").count(), said) == (0, [])
    # What is said beside it is shown, and nothing asked.
    with visit(context, f"{shared.url}&lp_pooling.p=3") as (page, _):
        fig = figure(page, "lp_pooling", "fades")
        assert (check(fig)["p"], fig.locator(".cbp-ask").count()) == (3, 0)


def test_the_address_keeps_every_answer(context, shared):
    shared.evaluate("location.hash = ''")
    for name, ask in ASKED:
        answer(figure(shared, name, ask))
    keys = [f"{name}.answer=" for name in NAMES.values()]
    shared.wait_for_function("keys => keys.every(key => location.hash.includes(key))", arg=keys)
    with visit(context, shared.url) as (page, _):
        for name, ask in ASKED:
            said = [figure(each, name, ask).locator(".cbp-ask p").text_content() for each in (page, shared)]
            assert said[0] == said[1]


def test_nor_is_one_taken_from_python(shared):
    for name in ("lp_pooling", "sigmoid", "descent"):
        fig = shared.locator(f"[data-figure={name}]").last
        assert fig.locator(".cbp-ask p").text_content() in SHARED["questions"][name].values()
        assert fig.locator(".chosen, .yours[d^=M]").count() == 0


def test_what_asks_can_be_touched(page_at):
    page = page_at("asking", width=361, touch=True)
    for target in page.locator(".cbp-tap .touch, .cbp button:visible, .cbp summary").all():
        box = target.bounding_box()
        assert min(box["width"], box["height"]) >= 43.99


@pytest.mark.soak  # axe sees most of them every day, on the book's pages
def test_questions_are_accessible(page_at):
    page = page_at("asking", width=362, touch=True)  # a window of its own: axe's errands leave traces
    assert violations(page, LOOKS[2:], part=".cbp") == []


def test_python_knows_the_questions_and_the_answer():
    w = sigmoid(ask="slope")
    assert (w.ask, w.answer) == ("slope", ())
    w.set_state({"answer": [0.1, 0.2]})
    assert w.answer == (0.1, 0.2)
    assert repr(w) == "sigmoid(x=2, ask='slope')"
    with pytest.raises(ValueError, match=re.escape("lp_pooling: ask must be one of its questions ('fades', 'zero')")):
        lp_pooling(ask="never")
