"""A running JupyterLab."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext, Page
from scratch import environment

IDLE = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
# JupyterLab asks for a subshell as its widgets come, and complains where the notebook is closed before the answer.
OF_A_CLOSED_ONE = "Canceled future for create_subshell_request"
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


@contextmanager
def jupyterlab(folder: Path, *options: str) -> Iterator[str]:
    """The address of a JupyterLab on the notebooks of a folder, to be completed by a notebook's name."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(8)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"]
    command += [f"--ServerApp.port={port}", f"--IdentityProvider.token={token}", "--ServerApp.ip=127.0.0.1", *options]
    config = {"JUPYTER_CONFIG_DIR": str(folder / "config"), "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces")}
    with subprocess.Popen(command, cwd=folder, env=environment() | config, **QUIET) as server:
        address = f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: urllib.request.urlopen(f"{address}/api/status?token={token}").status == 200)
            # In workspaces of their own: a second notebook would be shown beside the first.
            yield f"{address}/lab/workspaces/{{0}}/tree/{{0}}.ipynb?token={token}"
        finally:
            server.terminate()


def wait_until(true: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            if true():
                return
        except OSError:
            pass
        assert time.monotonic() < end, "still not true"
        time.sleep(0.2)


def open_notebook(context: BrowserContext, address: str) -> tuple[Page, list[str]]:
    """A page of JupyterLab with an idle kernel, and a list of its script errors."""
    page = context.new_page()
    page.set_viewport_size({"width": 1280, "height": 1000})
    wrong: list[str] = []
    page.on("pageerror", lambda error: OF_A_CLOSED_ONE in str(error) or wrong.append(str(error)))
    page.goto(address)
    page.wait_for_selector(".jp-CodeCell", timeout=60_000)
    page.wait_for_function(IDLE, timeout=60_000)
    return page, wrong
