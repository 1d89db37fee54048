"""Whatever the hand does: no texts overlap, nothing leaves the drawing, what lies beyond has a sign, all is legible."""

from __future__ import annotations

import random

import pytest
from live import FAULTS, PLACES, SAID, check, equations, figure, misplaced
from widget_cases import CASES, explore

FIGURES = [
    *(("index", name) for name in [*CASES, "lp_pooling-2"]),
    # As many bars as there may be, large numbers, and a chain of five widths.
    *(("asking", name) for name in ["lp_pooling-3", "learning_p-2", "chain_rule-3", "pooling_map-2"]),
    # Chains of all kinds; the last one's layer is the reader's own.
    *(("more", f"explore-{k}" if k > 1 else "explore") for k in range(1, len(explore.MORE) + 2)),
]
KEYS = ["Home", "End", "PageUp", "PageDown", "ArrowUp", "ArrowLeft"]

# In each state: choose in the lists, press a key on each mark in turn, and some of the buttons; then see what cannot be
# read, and where the numbers stand. All of it happens in the page: a trip there and back for each key would be slow.
WALK = f"""async (f, moves) => {{
    const [faults, places, said] = [{FAULTS}, {PLACES}, {SAID}];
    const states = [];
    for (const [keys, pressed, choices] of moves) {{
        if (choices.length) f.querySelectorAll("select").forEach((list, i) => {{
            list.selectedIndex = Math.floor(choices[i] * list.options.length);
            list.dispatchEvent(new Event("change", {{ bubbles: true }}));
        }});
        if (keys.length) f.querySelectorAll("[data-slider]").forEach((mark, i) => {{
            const key = {{ key: keys[i % keys.length], bubbles: true, cancelable: true }};
            mark.dispatchEvent(new KeyboardEvent("keydown", key));
        }});
        const buttons = f.querySelectorAll(".cbp-body button:not(.cbp-reset)");
        buttons.forEach((button, i) => pressed[i % pressed.length] && button.click());
        await new Promise(requestAnimationFrame);
        const wrong = faults(f);
        const marks = [...f.querySelectorAll("[data-slider]")];
        if (wrong.length) wrong.push(marks.map(mark => mark.getAttribute("aria-valuetext")));
        states.push([wrong, places(f), said(f)]);
    }}
    return states;
}}"""


def moves(states: int, rng: random.Random) -> list[tuple[list[str], list[bool], list[float]]]:
    """Stay in the first state, bring every mark to its least and to its most, and go to states drawn at random."""
    far = [([], [], []), (["Home"], [False], []), (["End"], [False], [])]
    for _ in range(states - len(far)):
        pressed = [rng.random() < 0.4 for _ in range(12)]
        far.append((rng.choices(KEYS, k=20), pressed, [rng.random() for _ in range(3)]))
    return far


@pytest.mark.parametrize(("page", "name"), FIGURES)
@pytest.mark.parametrize("states", [6, pytest.param(40, marks=pytest.mark.soak)])
@pytest.mark.parametrize("width", [1280, 390, *(pytest.param(w, marks=pytest.mark.soak) for w in (640, 320))])
def test_every_state_can_be_read(page_at, width, states, page, name):
    fig = figure(page_at(page, width), name)
    seen = fig.evaluate(WALK, moves(states, random.Random(len(name))))
    assert [wrong for wrong, *_ in seen if wrong] == []
    assert misplaced([place for _, places, _ in seen for place in places]) == []
    found, untrue = equations(" ; ".join(said for *_, said in seen))
    assert untrue == []
    assert found or not name.startswith(("explore", "chain_rule", "learning_p"))
    fig.locator(".cbp-reset").click()
    if "scale" not in fig.text_content():  # a layer in Python, which is not running here
        check(fig)


def test_faults_are_found(page_at):
    """The judge of the others, shown a figure that is spoiled."""
    fig = figure(page_at("index", 391), "sigmoid")  # a window of its own: it stays spoiled
    for spoil, word in [
        ("f.querySelectorAll('svg text').forEach(n => { n.setAttribute('x', 9); n.setAttribute('y', 9); })", "overlap"),
        ("f.querySelector('svg text').setAttribute('x', -50)", "out by"),
        ("f.querySelector('svg text').style.fontSize = '12px'", "small"),
        ("f.querySelector('svg text').textContent = '1 steps'", "plural"),
    ]:
        fig.evaluate(f"f => {{ {spoil} }}")
        assert any(fault.startswith(word) for fault in fig.evaluate(FAULTS)), word
    for said, holds in [
        ("0.287 · 2.00 = +0.575", False),
        ("0.287 · 2.00 ≈ +0.575", True),
        ("δ · y · (1 − y) = 1.18 · 0.846 · (1 − 0.846) = +0.155", False),
        ("−1.10 · 0.289 + 0.500 · (−0.122) = −0.379", True),
        ("−(4.50/2.00²) · 1.00 = −1.125", True),
        ("∂L/∂W₁ = δ · x1 = 2.0·10⁻⁵ · 3.00 = +6.1·10⁻⁵", False),
    ]:
        found, untrue = equations(said)
        assert (len(found), untrue) == (1, [] if holds else found), said
    stems = [("g", v, 10.0 + 20 * min(v, 1.05)) for v in (0.1, 0.5, 1.0, 14.0, 18.0)]
    assert "g: 14.0 and 18.0 stand at the same place" in misplaced(stems)
    assert misplaced([(name, v, at if v < 2 else None) for name, v, at in stems]) == []
