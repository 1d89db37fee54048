"""A Chromium, for the PDF and for the tests."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

WHOLE = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
# The same engine without the browser's own windows, and so without half of the work.
SHELL = "chromium-headless-shell"
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
MISSING = "no Chromium was found: install it (Debian: apt install chromium) or set CHROMIUM to its path"
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


def find_chromium(own: str, whole: bool = True) -> str | None:
    """Path of a Chromium: $CHROMIUM, one of the system's, or playwright's own."""
    if given := os.environ.get("CHROMIUM"):
        return given
    installed = [shutil.which(name) for name in (WHOLE if whole else [SHELL, *WHOLE])]
    installed += [path for path in (MAC, own) if Path(path).is_file()]
    return next((path for path in installed if path), None)
