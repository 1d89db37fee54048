"""Live figures in a browser: their numbers, read out of the page and held to chainbp, and a hand that drags."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from playwright.sync_api import Locator, Page
from widget_cases import CASES

# For each number of a figure: its name, its value in full, and the printed text.
NUMBERS = "f => [...f.querySelectorAll('[data-value]')].map(n => [n.dataset.name, n.dataset.value, n.textContent])"


def check(figure: Locator) -> dict[str, float]:
    """Compare what a figure shows with what chainbp says."""
    return check_numbers(figure.get_attribute("data-figure"), figure.evaluate(NUMBERS))


def check_numbers(name: str, numbers: list[tuple[str, str, str]]) -> dict[str, float]:
    """The same for the NUMBERS of a figure, whose printed text must agree with them to its last digit."""
    for number, value, text in numbers:
        if number == "state":  # not a number: all that the figure is made of
            continue
        printed = text.replace("−", "-").replace("∞", "inf").replace("+", "")
        if "·" not in printed:
            decimals = len(printed.partition(".")[2])
            # Two decimals at least, but for what is too large for them.
            near = 0.51 * 10.0 ** -(2 if abs(float(value)) < 9.9 else decimals)
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


def grasp(mark: Locator) -> tuple[float, float]:
    """Bring a mark to the middle of the window, and tell where it is."""
    mark.evaluate("node => node.scrollIntoView({block: 'center'})")
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
