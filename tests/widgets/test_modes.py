"""The figures in print, without colors of their own, without motion, without a script, and on a phone."""

from __future__ import annotations

import pytest
from live import check, figure, grasp
from looks import AT_ONCE
from playwright.sync_api import Page

from chainbp.palette import PALETTE

INK = "n => getComputedStyle(n).fill"


@pytest.fixture(params=["light", "dark"])
def page(request, page_at) -> Page:
    """Both themes."""
    page = page_at(color_scheme=request.param)
    page.evaluate(AT_ONCE)
    assert page.evaluate("document.documentElement.dataset.theme") == request.param
    return page


def rgb(color: str) -> str:
    return f"rgb({', '.join(str(int(color[i : i + 2], 16)) for i in (1, 3, 5))})"


def test_print_is_ink_on_paper_from_either_theme(page):
    page.emulate_media(media="print")
    for name, kind in [("lp_pooling", "value"), ("pooling_map", "error"), ("learning_p", "gradient")]:
        assert figure(page, name).locator(f"text.{kind}").first.evaluate(INK) == rgb(PALETTE[kind][0])
    words = page.locator(".cell_input .highlight span:visible").all()[:20]
    assert {word.evaluate("n => getComputedStyle(n).color") for word in words} == {rgb(PALETTE["ink"][0])}
    label = figure(page, "pooling_map").locator("text.small").first
    assert label.evaluate(INK) == rgb(PALETTE["muted"][0])
    assert label.evaluate("n => getComputedStyle(n).stroke") == rgb(PALETTE["paper"][0])
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") in (
        "rgba(0, 0, 0, 0)",
        rgb(PALETTE["paper"][0]),
    )


def test_print_says_what_the_buttons_said(page):
    page.emulate_media(media="print")
    buttons = figure(page, "pooling_map").locator(".cbp-controls .cbp-button:visible")
    assert buttons.all_text_contents() == ["2 × 2", "2"]
    both = figure(page, "chain_rule").locator(".cbp-orders .cbp-button:visible")
    assert [text.strip()[-2:] for text in both.all_text_contents()] == ["20", "30"]
    assert page.get_by_role("button", name="Reset").first.is_hidden()


def test_forced_colors_tell_pressed_and_disabled_apart(page):
    page.emulate_media(forced_colors="active")
    fig = figure(page, "chain_rule")
    look = "n => { const s = getComputedStyle(n); return [s.backgroundColor, s.borderStyle, s.color].join('|') }"
    names = ["From the left", "From the right", "Back", "Multiply"]
    pressed, other, disabled, usual = (fig.get_by_role("button", name=name).evaluate(look) for name in names)
    assert other == usual
    assert len({pressed, usual, disabled}) == 3
    assert pressed.split("|")[0] != usual.split("|")[0]
    assert disabled.split("|")[1] == "dashed"
    # Marks keep their hue, and stand on the system's paper.
    stroke, paper = fig.locator(".mark").first.evaluate(
        """n => { const probe = document.body.appendChild(document.createElement("p"));
        probe.style.background = "Canvas";
        return [getComputedStyle(n).stroke, getComputedStyle(probe).backgroundColor] }"""
    )
    assert stroke == paper


def test_without_motion_play_shows_where_it_ends(page):
    page.emulate_media(reduced_motion="reduce")
    fig = figure(page, "descent")
    before = check(fig)
    fig.get_by_role("button", name="Play").click()
    after = check(fig)
    assert after["steps"] >= 50
    assert after["L"] < before["L"]
    moving = "n => n.getAnimations({ subtree: true }).length"
    assert sum(f.evaluate(moving) for f in page.locator(".cbp").all()) == 0


def test_letters_of_pictures_can_be_read_on_a_phone(page_at):
    page = page_at("asking", width=390)
    picture = page.locator(".cell_output img")
    drawn = picture.evaluate("n => parseFloat(n.style.width)")
    # Its letters are 12 points high, drawn at 100 dots per inch.
    assert 12 * 100 / 72 * picture.bounding_box()["width"] / drawn >= 10
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


# What the hand moves, and the numbers that answer.
CAUSES = [
    ("lp_pooling", "p", ["z", "gradient.0", "y.0"]),
    ("sigmoid", "x", ["y", "slope"]),
    ("learning_p", "p", ["z", "H", "slope"]),
    ("chain_rule", "width1", ["left", "right", "spent"]),
    ("descent", "a", ["L", "gradient.a"]),
    ("descent", "rate", ["L", "steps"]),
    ("pooling_map", "p", ["dY.2.2", "sum"]),
    ("pooling_map", "delta", ["slope.0.0", "dY.2.2"]),
]


@pytest.mark.parametrize(("name", "cause", "effects"), CAUSES)
def test_on_a_phone_cause_and_effect_are_on_one_screen(page_at, name, cause, effects):
    fig = figure(page_at(width=390, height=844, touch=True), name)
    _, hand = grasp(fig.locator(f'[data-slider="{cause}"]'))
    for effect in effects:
        seen = fig.locator(f'[data-name="{effect}"]').first.bounding_box()["y"]
        assert abs(seen - hand) < 664, "what a phone shows between the bars of its browser"
