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
# A page is loaded wide from a host and narrow from disk, and taken through the looks.
VISITS = [
    pytest.param("http", LOOKS, id="http"),
    pytest.param("file", [LOOKS[3], LOOKS[0]], id="file"),
]
every_visit = pytest.mark.parametrize(("scheme", "looks"), VISITS)

# axe would spend its time on thousands of elements that can tell nothing new: the insides of formulas, for which it has
# no rules, and words of code that look like another one in both themes.
THIN_OUT = """() => {
    const formulas = [...document.querySelectorAll(".katex")];
    const sizes = formulas.map(e => e.getBoundingClientRect());
    formulas.forEach((e, i) => {
        e.replaceChildren();
        Object.assign(e.style, {display: "inline-block", width: `${sizes[i].width}px`, height: `${sizes[i].height}px`});
        e.style.overflow = "hidden";
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
# And most of it on the contrast of words that look alike: of each look, on its ground, it sees the first three.
CHOOSE = """() => {
    const grounds = new Map([[null, ""]]);
    const ground = e => {
        if (!grounds.has(e)) {
            const { backgroundColor: color, backgroundImage: image, opacity } = getComputedStyle(e);
            const opaque = image === "none" && opacity === "1" && color.startsWith("rgb(");
            grounds.set(e, opaque ? color : [color, image, opacity, ground(e.parentElement)].join());
        }
        return grounds.get(e);
    };
    const name = e => e ? [e.tagName, ...[...e.classList].sort()].join(".") : "";
    const seen = new Map();
    for (const e of document.querySelectorAll("*")) {
        e.removeAttribute("data-chosen");
        const writes = e.matches("input, select, textarea") || [...e.childNodes].some(n => n.nodeValue?.trim());
        const { width, height } = e.getBoundingClientRect();
        if (!writes || !e.checkVisibility({ visibilityProperty: true }) || Math.min(width, height) < 2) continue;
        const { color, fontSize, fontWeight, textShadow } = getComputedStyle(e);
        const look = [name(e), name(e.parentElement), color, fontSize, fontWeight, textShadow, ground(e)].join("|");
        seen.set(look, (seen.get(look) ?? 0) + 1);
        e.toggleAttribute("data-chosen", seen.get(look) <= 3);
    }
}"""
AXE = Axe(f"{Axe().axe_script};axe.configure({{rules: [{{id: 'color-contrast', selector: '[data-chosen]'}}]}});")
# chainbp.js lays out what is not on the first screen some seconds later; a test does not wait for it.
LAY_OUT = """() => {
    for (const section of document.querySelectorAll(".bd-article > section > section"))
        section.style.contentVisibility = "visible";
}"""
# A transition between themes may wait for ever to be drawn.
AT_ONCE = """() => {
    if (document.getElementById("at-once")) return;
    const style = Object.assign(document.createElement("style"), { id: "at-once" });
    style.textContent = "* { transition: none !important; }";
    document.head.append(style);
}"""
# Every figure is alive: what stood there before it, and stands there without a script, is gone.
ALIVE = "!document.querySelector('.cbp-still')"
SETTLED = "document.fonts.ready.then(() => new Promise(requestAnimationFrame))"
# The other theme can change what axe says of colors.
RULES = {"light": {}, "dark": {"runOnly": ["color-contrast", "link-in-text-block"]}}


def take(page: Page, look: Look) -> None:
    """Bring a page into a look, and wait until it is there."""
    page.evaluate(AT_ONCE)
    page.set_viewport_size({"width": look.width, "height": 800})
    page.emulate_media(color_scheme=look.theme)
    page.evaluate(SETTLED)


def violations(page: Page, looks: list[Look], part: str = ":root") -> list[str]:
    """What axe finds in a part of the page, in the last two looks, which are of one width."""
    page.evaluate(LAY_OUT)  # what scrolls has its tab stop from then on
    page.evaluate(THIN_OUT)
    take(page, looks[-2])
    page.wait_for_timeout(500)  # tab stops of what scrolls at this width come when it has been laid out
    found = []
    for look in looks[-2:]:
        take(page, look)
        page.evaluate(CHOOSE)
        options = {"resultTypes": ["violations"]} | RULES[look.theme]
        violated = AXE.run(page, part, options).response["violations"]
        found += [f"{look}: {v['id']}: {v['help']}: {[n['target'] for n in v['nodes']][:4]}" for v in violated]
    return found
