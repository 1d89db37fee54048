"""Live figures in a browser: their numbers, read out of the page and held to chainbp, and a hand that drags."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from playwright.sync_api import Locator, Page
from widget_cases import CASES


def drawn(figure: Locator) -> dict[str, float]:
    """The numbers that a figure shows, in full, and that the printed text agrees with them to its last digit."""
    shown = figure.evaluate(
        "f => [...f.querySelectorAll('[data-value]')].map(n => [n.dataset.name, n.dataset.value, n.textContent])"
    )
    for name, value, text in shown:
        printed = text.replace("−", "-").replace("∞", "inf").replace("+", "")
        if "·" not in printed:
            decimals = len(printed.partition(".")[2])
            # Two decimals at least, but for what is too large for them.
            near = 0.51 * 10.0 ** -(2 if abs(float(value)) < 9.9 else decimals)
            assert printed == "inf" or abs(float(printed) - float(value)) < near, (name, text)
    return {name: float(value.replace("Infinity", "inf")) for name, value, _ in shown}


def check(figure: Locator) -> dict[str, float]:
    """Compare what a figure shows with what chainbp says."""
    shown = drawn(figure)
    expected = CASES[figure.get_attribute("data-figure")].expected(shown)
    assert shown.keys() == expected.keys()
    for name, value in expected.items():
        near = {"rtol": 1e-5, "atol": 1e-6} if name.startswith("difference") else {"rtol": 1e-12, "atol": 1e-15}
        np.testing.assert_allclose(shown[name], value, **near, err_msg=name)
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
