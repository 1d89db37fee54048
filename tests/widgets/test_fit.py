"""Whatever the hand does: no texts overlap, nothing leaves the drawing, what lies beyond has a sign, all is legible."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from chromium import visit
from live import PLACES, check, faults, misplaced
from playwright.sync_api import Locator, Page
from widget_cases import CASES

# `explore` replaces these, with laws of its own.
ELSEWHERE = {"two_layer", "lp_network"}
FIGURES = [name for name in [*CASES, "lp_pooling-2"] if name not in ELSEWHERE]
# On the page `asking`: as many bars as there may be, large numbers, and a chain of five widths.
CROWDED = ["lp_pooling-4", "learning_p-2", "chain_rule-3", "pooling_map-2"]
KEYS = ["Home", "End", "PageUp", "PageDown", "ArrowUp", "ArrowLeft"]


@pytest.fixture(scope="module", params=[1280, 390])
def pages(request, browser, address) -> Iterator[dict[str, Page]]:
    """Both pages of the small book, on a desk and on a phone."""
    with (
        browser.new_context(viewport={"width": request.param, "height": 800}) as context,
        visit(context, address()) as (page, wrong),
        visit(context, address(page="asking")) as (asking, wrong_too),
    ):
        yield {"index": page, "asking": asking}
        assert wrong + wrong_too == []


# Press a key on each mark in turn, and some of the buttons.
MOVE = """(f, [keys, pressed]) => {
    f.querySelectorAll("[data-slider]").forEach((mark, i) => {
        const key = { key: keys[i % keys.length], bubbles: true, cancelable: true };
        mark.dispatchEvent(new KeyboardEvent("keydown", key));
    });
    f.querySelectorAll(".cbp-body button").forEach((button, i) => pressed[i % pressed.length] && button.click());
}"""


def walk(fig: Locator, states: int, seed: int) -> Iterator[None]:
    """A figure in its first state, with every mark at its least and at its most, and in states drawn at random."""
    rng = random.Random(seed)
    for state in range(states):
        keys = [["Home"], ["End"]][state - 1] if state in (1, 2) else rng.choices(KEYS, k=20)
        if state:
            fig.evaluate(MOVE, [keys, [state > 2 and rng.random() < 0.4 for _ in range(12)]])
        yield


@pytest.mark.parametrize(
    ("page", "name"), [*(("index", name) for name in FIGURES), *(("asking", name) for name in CROWDED)]
)
@pytest.mark.parametrize("states", [6, pytest.param(40, marks=pytest.mark.soak)])
def test_every_state_can_be_read(pages, page, name, states):
    fig = pages[page].locator(f'[data-name="{name}"] > .cbp')
    places = []
    for _ in walk(fig, states, seed=len(name)):
        assert faults(fig) == [], [n.get_attribute("aria-valuetext") for n in fig.locator("[data-slider]").all()]
        places += fig.evaluate(PLACES)
    assert misplaced(places) == []
    fig.get_by_role("button", name="Reset").click()
    check(fig)


def test_faults_are_found(pages):
    """The judge of the others, shown a figure that is spoiled."""
    fig = pages["index"].locator('[data-name="sigmoid"] > .cbp')
    for spoil, word in [
        ("f.querySelectorAll('svg text').forEach(n => { n.setAttribute('x', 9); n.setAttribute('y', 9); })", "overlap"),
        ("f.querySelector('svg text').setAttribute('x', -50)", "out by"),
        ("f.querySelector('svg text').style.fontSize = '12px'", "small"),
    ]:
        fig.evaluate(f"f => {{ {spoil} }}")
        assert any(fault.startswith(word) for fault in faults(fig)), word
    stems = [("g", v, 10.0 + 20 * min(v, 1.05)) for v in (0.1, 0.5, 1.0, 14.0, 18.0)]
    assert "g: 14.0 and 18.0 stand at the same place" in misplaced(stems)
    assert misplaced([(name, v, at if v < 2 else None) for name, v, at in stems]) == []
