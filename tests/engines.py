"""Chromium, Firefox and WebKit behind one small face, each driven by what it understands itself."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import websocket
from chromium import launched, missing
from playwright.sync_api import Page

HEIGHT = 800
Point = tuple[float, float]
T = TypeVar("T")


class Engine(ABC):
    """A browser that shows one page. Keys and mouse are the engine's own input events, not scripted ones."""

    @abstractmethod
    def open(self, address: str, width: int) -> None:
        """Open a page in a window of a width, and wait until it has loaded."""

    @abstractmethod
    def _evaluate(self, expression: str) -> str: ...

    @abstractmethod
    def _press(self, key: str) -> None: ...

    @abstractmethod
    def _drag(self, points: list[Point]) -> None: ...

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, which need not be a promise."""
        return json.loads(self._evaluate(f"JSON.stringify([{expression}])"))[0]

    def press(self, selector: str, key: str) -> None:
        """Press a key while an element has the focus."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).focus()")
        self._press(key)

    def drag(self, selector: str, dx: float, dy: float) -> None:
        """Drag an element by its center, from the middle of the window."""
        x, y = self.evaluate(
            """(node => {
                node.scrollIntoView({ block: "center", behavior: "instant" });
                const box = node.getBoundingClientRect();
                return [box.x + box.width / 2, box.y + box.height / 2];
            })"""
            f"(document.querySelector({json.dumps(selector)}))"
        )
        self._drag([(x, y), (x + dx / 2, y + dy / 2), (x + dx, y + dy)])


class Chromium(Engine):
    """By playwright."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, address: str, width: int) -> None:
        self.page.set_viewport_size({"width": width, "height": HEIGHT})
        self.page.goto(address)

    def _evaluate(self, expression: str) -> str:
        return self.page.evaluate(expression)

    def _press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def _drag(self, points: list[Point]) -> None:
        self.page.mouse.move(*points[0])
        self.page.mouse.down()
        for point in points:
            self.page.mouse.move(*point)
        self.page.mouse.up()


# The keys that the tests press, as the standard writes them.
KEYS = {"ArrowDown": "\ue015"}


class Acting(Engine):
    """An engine that takes the input actions of the WebDriver standard."""

    # Window pixels in a CSS pixel.
    zoom = 1.0

    def _leave(self) -> None:
        """Mark the page that is left: an engine may say that the next has loaded while this one is still there."""
        self._evaluate("window.left = true")

    def _arrived(self) -> bool:
        try:
            return json.loads(self._evaluate("JSON.stringify(!window.left && document.readyState === 'complete')"))
        except AssertionError:
            return False

    @abstractmethod
    def _act(self, source: dict[str, Any]) -> None: ...

    def _press(self, key: str) -> None:
        actions = [{"type": type, "value": KEYS[key]} for type in ("keyDown", "keyUp")]
        self._act({"type": "key", "id": "keys", "actions": actions})

    def _drag(self, points: list[Point]) -> None:
        start, *moves = (
            {"type": "pointerMove", "x": round(x * self.zoom), "y": round(y * self.zoom), "duration": 0}
            for x, y in points
        )
        actions = [start, {"type": "pointerDown", "button": 0}, *moves, {"type": "pointerUp", "button": 0}]
        self._act({"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": actions})


class Firefox(Acting):
    """By WebDriver BiDi, which Firefox speaks without a driver beside it."""

    def __init__(self, port: int) -> None:
        self.socket = websocket.create_connection(f"ws://127.0.0.1:{port}/session", timeout=60, suppress_origin=True)
        self.count = 0
        self._send("session.new", capabilities={})
        self.context = self._send("browsingContext.getTree")["contexts"][0]["context"]

    def _send(self, method: str, **params: Any) -> Any:
        self.count += 1
        self.socket.send(json.dumps({"id": self.count, "method": method, "params": params}))
        answer = json.loads(self.socket.recv())
        assert answer["type"] == "success", answer
        return answer["result"]

    def open(self, address: str, width: int) -> None:
        self._send("browsingContext.setViewport", context=self.context, viewport={"width": width, "height": HEIGHT})
        self._leave()
        self._send("browsingContext.navigate", context=self.context, url=address, wait="complete")
        soon(self._arrived)

    def _evaluate(self, expression: str) -> str:
        target = {"context": self.context}
        answer = self._send("script.evaluate", expression=expression, target=target, awaitPromise=False)
        assert answer["type"] == "success", answer["exceptionDetails"]["text"]
        return answer["result"]["value"]

    def _act(self, source: dict[str, Any]) -> None:
        self._send("input.performActions", context=self.context, actions=[source])


class WebKit(Acting):
    """By WebDriver. The toolbar of WebKit's small browser keeps its window wide; a zoomed page is narrow in it."""

    zoom = 1.25

    def __init__(self, port: int, browser: Path) -> None:
        self.connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self.session = "/session"
        options = {"binary": str(browser), "args": ["--automation"]}
        capabilities = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
        self.session += "/" + self._send("", capabilities=capabilities)["sessionId"]

    def _send(self, command: str, method: str = "POST", **body: Any) -> Any:
        self.connection.request(method, self.session + command, json.dumps(body))
        answer = self.connection.getresponse()
        value = json.load(answer)["value"]
        assert answer.status == 200, value
        return value

    def open(self, address: str, width: int) -> None:
        self._send("/window/rect", x=0, y=0, width=round(width * self.zoom), height=round(HEIGHT * self.zoom))
        self._leave()
        self._send("/url", url=address)
        soon(self._arrived)

    def _evaluate(self, expression: str) -> str:
        return self._send("/execute/sync", script=f"return {expression}", args=[])

    def _act(self, source: dict[str, Any]) -> None:
        self._send("/actions", actions=[source])

    def close(self) -> None:
        self._send("", "DELETE")


def soon(look: Callable[[], T], seconds: float = 20) -> T:
    """What `look` gives, as soon as it is something."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"nothing came within {seconds} s"
        time.sleep(0.02)
    return found


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(*command: str | Path, stdout: int = subprocess.DEVNULL, **environment: str) -> Iterator[subprocess.Popen]:
    """A program in the background, ended afterwards."""
    with subprocess.Popen(command, stdout=stdout, stderr=subprocess.DEVNULL, env=os.environ | environment) as process:
        try:
            yield process
        finally:
            process.terminate()


@contextmanager
def chromium() -> Iterator[Engine]:
    with launched(whole=True) as browser:
        yield Chromium(browser.new_page())


@contextmanager
def firefox() -> Iterator[Engine]:
    path = os.environ.get("FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")
    if path is None:
        missing("no Firefox was found: install it (Debian: apt install firefox-esr) or set FIREFOX to its path")
    with (
        TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        running(path, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port=0"),
    ):
        server = Path(profile, "WebDriverBiDiServer.json")
        port = soon(lambda: server.is_file() and json.loads(server.read_text() or "{}").get("ws_port"), 60)
        yield Firefox(port)


@contextmanager
def webkit() -> Iterator[Engine]:
    driver, xvfb = shutil.which("WebKitWebDriver"), shutil.which("Xvfb")
    browser = next(Path("/usr").glob("lib*/**/webkit2gtk-4.*/MiniBrowser"), None)
    if driver is None or xvfb is None or browser is None:
        missing("no WebKit was found: install it (Debian: apt install webkit2gtk-driver xvfb)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # Xvfb looks for a display that is free, and tells its number.
    with running(xvfb, "-displayfd", "1", "-screen", "0", "1600x1000x24", stdout=subprocess.PIPE) as display:
        number = display.stdout.readline().decode().strip()
        with running(driver, f"--port={port}", DISPLAY=f":{number}", GDK_DPI_SCALE=str(WebKit.zoom)):
            soon(lambda: listens(port))
            engine = WebKit(port, browser)
            yield engine
            engine.close()


ENGINES = {"webkit": webkit, "firefox": firefox, "chromium": chromium}
