"""The four looks of a page, wide and narrow, light and dark, and axe's opinion of it in each."""

from __future__ import annotations

from itertools import product
from typing import Literal, NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page


class Look(NamedTuple):
    width: int
    theme: Literal["light", "dark"]


LOOKS = [Look(width, theme) for width, theme in product((1280, 360), ("light", "dark"))]
# Every day a page is loaded once from each place and taken through the looks; the soak loads it anew for each.
VISITS = [
    *(pytest.param(scheme, LOOKS, id=scheme) for scheme in ("http", "file")),
    *(
        pytest.param(scheme, [look], id=f"{scheme}-{look.width}-{look.theme}", marks=pytest.mark.soak)
        for scheme, look in product(("http", "file"), LOOKS)
    ),
]
every_visit = pytest.mark.parametrize(("scheme", "looks"), VISITS)

# axe would spend its time on thousands of elements that can tell nothing new: the insides of KaTeX's boxes, which are
# hidden from screen readers (these read its MathML), and words of code that look like another one in both themes.
THIN_OUT = """() => {
    const boxes = [...document.querySelectorAll(".katex-html .base")];
    const sizes = boxes.map(e => e.getBoundingClientRect());
    boxes.forEach((e, i) => {
        e.replaceChildren();
        Object.assign(e.style, {width: sizes[i].width + "px", height: sizes[i].height + "px"});
    });
    const ground = e => {
        const color = getComputedStyle(e).backgroundColor;
        return color === "rgba(0, 0, 0, 0)" && e.parentElement ? ground(e.parentElement) : color;
    };
    const look = e => {
        const style = getComputedStyle(e);
        return [style.color, style.opacity, style.fontSize, style.fontWeight, ground(e)].join();
    };
    const words = [...document.querySelectorAll(".highlight span")];
    const page = document.documentElement.dataset;
    const now = page.theme;
    const looks = ["light", "dark"].map(theme => (page.theme = theme, words.map(look)));
    page.theme = now;
    const seen = new Set();
    const again = words.filter((e, i) => seen.has(looks[0][i] + looks[1][i]) || !seen.add(looks[0][i] + looks[1][i]));
    again.forEach(e => e.replaceWith(...e.childNodes));
}"""
SETTLED = """() => document.fonts.ready
    .then(() => new Promise(requestAnimationFrame))
    .then(() => Promise.allSettled(document.getAnimations().map(a => a.finished)))"""
ALL = {}
COLORS = {"runOnly": ["color-contrast", "link-in-text-block"]}


def take(page: Page, look: Look) -> None:
    """Bring a page into a look, and wait until it is there."""
    page.set_viewport_size({"width": look.width, "height": 800})
    page.emulate_media(color_scheme=look.theme)
    page.evaluate(SETTLED)


def violations(page: Page, looks: list[Look], part: str = ":root") -> list[str]:
    """What axe finds in a part of the page. A theme changes what it says of colors, a width all that it says."""
    page.evaluate(THIN_OUT)
    found = []
    for before, look in zip([None, *looks], looks):
        take(page, look)
        options = COLORS if before and before.width == look.width else ALL
        context = {"include": [[part]], "exclude": [[".katex-html"]]}
        response = Axe().run(page, context, {"resultTypes": ["violations"]} | options).response
        found += [
            f"{look}: {v['id']}: {v['help']}: {[n['target'] for n in v['nodes']][:4]}" for v in response["violations"]
        ]
    return found
