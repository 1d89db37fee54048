"""A real browser on the built book, served and from disk, with every other host blocked."""

from __future__ import annotations

import functools
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

HTML = Path(__file__).resolve().parents[2] / "_build" / "html"
NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # No name but the local server's can be resolved. (Blocking by playwright's routes would turn off the cache.)
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


def find_chromium(own: str) -> str | None:
    """Path of a Chromium: $CHROMIUM, one of the system's, or playwright's own."""
    if given := os.environ.get("CHROMIUM"):
        return given
    installed = [shutil.which(name) for name in NAMES] + [path for path in (MAC, own) if Path(path).is_file()]
    return next((path for path in installed if path), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = find_chromium(playwright.chromium.executable_path)
        if path is None:
            message = "no Chromium was found: install it (Debian: apt install chromium) or set CHROMIUM to its path"
            if os.environ.get("CI"):
                pytest.fail(message)
            pytest.skip(message)
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def context(browser: Browser) -> Callable[[int, str], BrowserContext]:
    """Contexts by width and theme; pages of one share its cache."""

    @functools.cache
    def make(width: int, theme: Literal["light", "dark"]) -> BrowserContext:
        return browser.new_context(viewport={"width": width, "height": 800}, color_scheme=theme)

    return make


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that does not print what it serves."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def served() -> Iterator[str]:
    """Address of the book on a local server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(HTML)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
