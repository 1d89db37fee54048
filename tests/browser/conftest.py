"""A real browser on the built book, served and from disk, with every other host blocked."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext

HTML = Path(__file__).resolve().parents[2] / "_build" / "html"
sys.path.insert(0, str(Path(__file__).parents[1]))

from chromium import launched, serving  # noqa: E402


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def context(browser: Browser) -> Callable[[int, str], BrowserContext]:
    """Contexts by width and theme; pages of one share its cache."""

    @functools.cache
    def make(width: int, theme: Literal["light", "dark"]) -> BrowserContext:
        return browser.new_context(viewport={"width": width, "height": 800}, color_scheme=theme)

    return make


@pytest.fixture(scope="session")
def address() -> Iterator[Callable[[str, str], str]]:
    """Address of a page of the book, on a local server or on disk."""
    with serving(HTML) as served:
        root = {"http": served, "file": HTML.as_uri()}
        yield lambda scheme, page: f"{root[scheme]}/{page}"
