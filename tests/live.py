"""Live figures in a browser: their numbers, read out of the page and held to chainbp, and a hand that drags."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import numpy as np
from playwright.sync_api import Locator, Page
from widget_cases import CASES

# For each number of a figure: its name, its value in full, and the printed text.
NUMBERS = "f => [...f.querySelectorAll('[data-value]')].map(n => [n.dataset.name, n.dataset.value, n.textContent])"
NAMED = f"f => [f.dataset.figure, ({NUMBERS})(f)]"


def figure(page: Page, name: str) -> Locator:
    """The figure of a name on a page."""
    return page.locator(f'[data-name="{name}"] > .cbp')


def check(figure: Locator) -> dict[str, float]:
    """Compare what a figure shows with what chainbp says."""
    return check_numbers(*figure.evaluate(NAMED))


def check_numbers(name: str, numbers: list[tuple[str, str, str]]) -> dict[str, float]:
    """The same for the NUMBERS of a figure, whose printed text must agree with them to its last digit."""
    for number, value, text in numbers:
        if number == "state":  # not a number: all that the figure is made of
            continue
        printed = text.replace("−", "-").replace("∞", "inf").replace("+", "")
        decimals = len(printed.partition("·")[0].partition(".")[2])
        # Two decimals at least, but for what is too large for them.
        near = 0.51 * 10.0 ** -(2 if abs(float(value)) < 9.9 else decimals)
        if power := re.fullmatch(r"-?(?:([\d.]+)·)?10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", printed):
            one = 10.0 ** int(power[2].translate(RAISED))
            # Where there is no room for digits, the order of magnitude.
            near = 0.51 * one / 10**decimals if power[1] else 9 * one
            printed = f"{'-' * printed.startswith('-')}{float(power[1] or 1) * one}"
        assert printed == "inf" or abs(float(printed) - float(value)) < near, (number, text)
    shown = {number: json.loads(value) if number == "state" else float(value) for number, value, _ in numbers}
    expected = CASES[name].expected(shown)
    assert shown.keys() == expected.keys()
    for number, value in expected.items():
        if number == "state":
            continue
        near = {"rtol": 1e-5, "atol": 1e-6} if number.startswith("difference") else {"rtol": 1e-12, "atol": 1e-15}
        np.testing.assert_allclose(shown[number], value, **near, err_msg=number)
    return shown


# What was far from the window has its place two frames later.
IN_SIGHT = """node => {
    node.scrollIntoView({ block: "center", behavior: "instant" });
    return new Promise(next => requestAnimationFrame(() => requestAnimationFrame(next)));
}"""


def grasp(mark: Locator) -> tuple[float, float]:
    """Bring a mark to the middle of the window, and tell where it is."""
    mark.evaluate(IN_SIGHT)
    box = mark.locator(".touch").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: Page, mark: Locator, dx: float, dy: float) -> None:
    """Drag a mark from where it is."""
    x, y = grasp(mark)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx / 2, y + dy / 2)
    page.mouse.move(x + dx, y + dy)
    page.mouse.up()


def live_pages(html: Path) -> list[str]:
    """The names of the built pages that have live figures."""
    return sorted(path.stem for path in html.glob("*.html") if "widget-view+json" in path.read_text(encoding="utf-8"))


# Texts that overlap, what reaches out of the drawing, texts that are too small, a plural after 1. A line box is higher
# than what is printed in it: a fifth at its top and bottom is free, except in `explore`, where each number has its own.
FAULTS = """f => {
    const [least, leastIndex] = [13, 10]; // of a text, and of an index in it, in CSS pixels
    const seen = n => n.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    const name = n => `${n.tagName}.${n.getAttribute("class") ?? ""} ${n.dataset.of ?? ""} "${n.textContent.trim()}"`;
    const printed = n => {
        const { left, right, top, bottom, width, height } = n.getBoundingClientRect();
        const turned = n.getAttribute("transform")?.includes("rotate");
        const free = f.dataset.figure === "explore" ? 0 : 1 / 5;
        const [dx, dy] = turned ? [width * free, 0] : [0, height * free];
        return { left: left + dx, right: right - dx, top: top + dy, bottom: bottom - dy };
    };
    const wrong = [];
    const texts = [...f.querySelectorAll("svg text")].filter(n => n.textContent.trim() && seen(n));
    const boxes = texts.map(printed);
    texts.forEach((text, i) => boxes.slice(0, i).forEach((other, k) => {
        const across = Math.min(boxes[i].right, other.right) - Math.max(boxes[i].left, other.left);
        const down = Math.min(boxes[i].bottom, other.bottom) - Math.max(boxes[i].top, other.top);
        if (Math.min(across, down) > 1) wrong.push(`overlap: ${name(text)} and ${name(texts[k])}`);
    }));
    for (const text of texts) {
        const { left, right } = text.getBoundingClientRect();
        if (left < -1 || right > innerWidth + 1) wrong.push(`out of the page: ${name(text)}`);
    }
    for (const svg of f.querySelectorAll(".cbp-body > svg")) {
        const frame = svg.getBoundingClientRect();
        for (const text of texts.filter(n => svg.contains(n))) {
            if (parseFloat(getComputedStyle(text).fontSize) < least) wrong.push(`small: ${name(text)}`);
            for (const part of text.querySelectorAll("tspan"))
                if (parseFloat(getComputedStyle(part).fontSize) < leastIndex) wrong.push(`small: ${name(part)}`);
        }
        const free = "[clip-path], clipPath, .cbp-tap, .touch, .ring, .area, [fill=transparent]";
        const shapes = [...svg.querySelectorAll("text, circle, rect, path, line")];
        const drawn = shapes.filter(n => seen(n) && !n.closest(free));
        for (const node of drawn) {
            const { left, right, top, bottom, width, height } = node.getBoundingClientRect();
            if (!width && !height) continue;
            const out = Math.max(frame.left - left, right - frame.right, frame.top - top, bottom - frame.bottom);
            if (out > (node.tagName === "text" ? 4 : 1.5)) wrong.push(`out by ${out.toFixed(1)}: ${name(node)}`);
        }
    }
    for (const unit of f.querySelectorAll(".cbp-unit")) {
        const frame = unit.querySelector(".unit").getBoundingClientRect();
        for (const text of unit.querySelectorAll("text")) {
            const { left, right } = text.getBoundingClientRect();
            if (left < frame.left - 1 || right > frame.right + 1) wrong.push(`out of its unit: ${name(text)}`);
        }
    }
    for (const node of f.querySelectorAll("[data-value]:not(svg *, svg)"))
        if (node.textContent && parseFloat(getComputedStyle(node).fontSize) < 14) wrong.push(`small: ${name(node)}`);
    if (f.innerHTML.includes("NaN")) wrong.push("NaN");
    const words = [...f.querySelectorAll("svg text, p, .status, summary")].map(n => n.textContent).join(" ; ");
    for (const [one] of words.matchAll(/(?<![\\w.,−+])1 (?!is|times|minus)[a-z-]+s\\b/g)) wrong.push(`plural: ${one}`);
    return [...new Set(wrong)];
}"""
# All that a figure says, its captions and what its drawing has in one line after the other.
SAID = """f => [...f.querySelectorAll("svg text, .cbp-line, .cbp-says:not(:has(.cbp-line))")]
    .filter(n => n.checkVisibility({ visibilityProperty: true })).map(n => n.textContent.trim()).join(" ")"""
# Numbers that belong to no letter; the sign; and the number at its right, where more may begin.
NUMBERS_LEFT = r"(?<![\w,.′])([−(\d][−+()/·\d. ⁻⁰¹²³⁴⁵⁶⁷⁸⁹]*)"
EQUATION = re.compile(NUMBERS_LEFT + r" ([=≈])(?= ([−+]?)([\d.]+)(?:·10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?)")
RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹−·", "-0123456789-*")


def equations(said: str) -> tuple[list[str], list[str]]:
    """The sums and products of numbers in what a figure says; and those with "=" that do not hold as printed."""
    found, wrong = list[str](), list[str]()
    for match in EQUATION.finditer(said):
        left, sign, minus, digits, exponent = match.groups()
        if not re.search(r"\d\)? ?[·+−/]|\d [·+−/] ", left):
            continue
        equation = said[match.start() : match.end(5) if exponent else match.end(4)]
        found.append(equation)
        code = re.sub(r"·10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda m: "e" + m[1].translate(RAISED), left)
        code = code.replace("²", "**2").translate(RAISED)
        worth = eval(re.sub(r"(?<!\*)\b[\d.]+(e-?\d+)?", r"Decimal('\g<0>')", code), {"Decimal": Decimal})
        unit = Decimal(10) ** (int((exponent or "0").translate(RAISED)) - len(digits.partition(".")[2]))
        shown = Decimal(digits).scaleb(int((exponent or "0").translate(RAISED))) * (-1 if minus == "−" else 1)
        if sign == "=" and abs(worth - shown) > unit / 2:
            wrong.append(equation)
    return found, wrong


# The numbers that something shows by its place: [name, value, where it is, or null where a sign says: beyond].
PLACES = """f => [...f.querySelectorAll("[data-of]:not(.beyond)")].map(n => {
    const { dataset: { of } } = n;
    const value = f.querySelector(`[data-name="${of}"]`).dataset.value;
    const signs = [...f.querySelectorAll(`.beyond[data-of="${of}"]`)];
    const said = signs.some(sign => sign.getAttribute("visibility") !== "hidden");
    const box = n.getBoundingClientRect();
    return [of, Number(value), said ? null : box.top + box.height / 2 - n.ownerSVGElement.getBoundingClientRect().top];
})"""


def misplaced(places: list[tuple[str, float, float | None]]) -> list[str]:
    """Of numbers in many states, those that stand at the place of another without a sign that they are beyond."""
    wrong = []
    for name in {name for name, _, _ in places}:
        inside = sorted((value, at) for of, value, at in places if of == name and at is not None)
        if not inside or inside[0][0] == inside[-1][0]:
            continue
        reach, span = inside[-1][0] - inside[0][0], max(at for _, at in inside) - min(at for _, at in inside)
        for (a, there), (b, here) in zip(inside, inside[1:]):
            if abs(here - there) < (b - a) / reach * span / 2 - 0.2:
                wrong.append(f"{name}: {a} and {b} stand at the same place")
    return wrong
