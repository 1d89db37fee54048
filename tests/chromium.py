"""Chromium for the browser tests, and a local server of files."""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "book" / "_tools"))

from browser import MISSING, OPTIONS, find_chromium


def missing(message: str) -> NoReturn:
    """Skip what needs a browser that is not there; under CI, fail."""
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@contextmanager
def launched() -> Iterator[Browser]:
    """A running Chromium; without one the test is skipped, or fails under CI."""
    with sync_playwright() as playwright:
        path = find_chromium(playwright.chromium.executable_path)
        if path is None:
            missing(MISSING)
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield browser
        browser.close()


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that does not print what it serves."""

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(folder: Path, handler: type[SimpleHTTPRequestHandler] = Quiet) -> Iterator[str]:
    """Address of a local server of a folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@contextmanager
def visit(context: BrowserContext, address: str) -> Iterator[tuple[Page, list[str]]]:
    """Open a page where other hosts cannot be reached; what goes wrong is collected in the list."""
    wrong: list[str] = []
    own = urlsplit(address)

    def watch(request: Request) -> None:
        target = urlsplit(request.url)
        if target.scheme not in ("data", "blob") and (target.scheme, target.netloc) != (own.scheme, own.netloc):
            wrong.append(f"asks another host: {request.url}")

    page = context.new_page()
    page.on("request", watch)
    page.on("console", lambda m: wrong.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(f"script error: {error.stack or error}"))
    page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url}"))
    page.on("response", lambda r: wrong.append(f"status {r.status}: {r.url}") if r.status >= 400 else None)
    page.goto(address, wait_until="load")
    try:
        yield page, wrong
    finally:
        page.close()
