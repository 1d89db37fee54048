"""Build the book: execute the notebooks, then make the pages of them. The whole log is in _build/log/book.txt.

    python book/_tools/build.py                 all pages from nothing (`make book`)
    python book/_tools/build.py --again         the pages that changed
    python book/_tools/build.py --again PAGE    the same, executing no other page's notebook (`make page NAME=PAGE`)
    python book/_tools/build.py --serve PORT    serve the book, and build again when a file is saved (`make serve`)

An executed copy whose code, package, data and versions are still the same is taken as it is, also from nothing: see
execution.py.

The pages are made beside those that are there, and take their place when all is well: whatever fails or interrupts, the
last whole book stays. One build waits for another.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import functools
import io
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import TextIOBase
from pathlib import Path
from typing import TextIO

from execution import BOOK, notebooks, refresh
from whole import replace_folder

ROOT = BOOK.parent
BUILD = ROOT / "_build"
HTML, PART = BUILD / "html", BUILD / "html.part"
LOG = BUILD / "log" / "book.txt"
STATIC = ROOT / "chainbp" / "widgets" / "static"
STAYS = f". What is in {HTML.relative_to(ROOT)}, if anything, is the last book that was whole"
# Errors that a machine makes: no room, no right to write.
MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


class Tee(TextIOBase):
    """Writes to the terminal and to the log."""

    def __init__(self, *streams: TextIO) -> None:
        self.streams = streams

    def write(self, text: str) -> int:
        for stream in self.streams:
            stream.write(text)
            stream.flush()
        return len(text)


@contextmanager
def alone() -> Iterator[None]:
    """Wait for other builds of this book to end."""
    BUILD.mkdir(exist_ok=True)
    # A lock of the process, not of the file: those that execute notebooks do not inherit it, and no end leaves it.
    with (BUILD / "lock").open("a") as lock:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another build of this book is running. Waiting for its end", flush=True)
            fcntl.lockf(lock, fcntl.LOCK_EX)
        yield


def pages(only: list[str] | None) -> bool:
    """Make the pages by Sphinx, with every warning an error; say whether something went wrong."""
    from jupyter_book.sphinx import build_sphinx
    from sphinx.util.console import nocolor

    nocolor()
    settings = {
        "external_toc_path": str(BOOK / "_toc.yml"),
        "executed_pages": only,
        "latex_individualpages": False,
        "nitpicky": True,
    }
    with redirect_stderr(io.StringIO()) as complaints:
        result = build_sphinx(
            BOOK,
            PART,
            noconfig=True,
            path_config=ROOT / "_config.yml",
            confoverrides=settings,
            warningiserror=True,
            keep_going=True,
        )
    # What stopped the machine is no fault of the book, which Sphinx would ask to report.
    cause = result if isinstance(result, BaseException) else None
    while cause:
        if isinstance(cause, KeyboardInterrupt) or getattr(cause, "errno", 0) in MACHINE:
            raise cause
        cause = cause.__cause__ or cause.__context__
    print(complaints.getvalue(), file=sys.stderr, end="")
    return result != 0


def changed_for_all_pages() -> bool:
    """Whether something that all pages have was saved since they were made: Sphinx, which asks for pages that changed,
    would not notice.
    """
    made = BUILD / ".doctrees" / "environment.pickle"
    sources = [ROOT / "_config.yml"]
    for folder in (*(BOOK / name for name in ("_ext", "_extra", "_static", "_templates")), STATIC):
        sources += [path for path in folder.rglob("*") if "__pycache__" not in path.parts]
    return made.is_file() and any(made.stat().st_mtime < path.stat().st_mtime for path in sources if path.is_file())


def build(again: bool, only: list[str] | None) -> bool:
    """Build the book; say whether something went wrong."""
    state, unfinished = BUILD / ".doctrees", BUILD / ".doctrees" / "unfinished"
    shutil.rmtree(PART, ignore_errors=True)
    # What Sphinx noted in a build that did not end is ahead of the pages.
    if not again or not HTML.is_dir() or unfinished.exists() or changed_for_all_pages():
        for folder in (state, BUILD / "jupyter_execute"):
            shutil.rmtree(folder, ignore_errors=True)
    else:
        shutil.copytree(HTML, PART)
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("w", encoding="utf-8") as log:
        terminal = Tee(sys.stdout, log)
        say = functools.partial(print, file=terminal)
        start = time.monotonic()
        complaints = refresh(BOOK, BUILD / "executed", only, say)
        executed = time.monotonic()
        say(f"Executed in {executed - start:.1f} s")
        say(*complaints, sep="\n\n", end="\n" * bool(complaints))
        failed = bool(complaints)
        if not failed:
            say("Making the pages")
            state.mkdir(exist_ok=True)
            unfinished.touch()
            with redirect_stdout(log), redirect_stderr(Tee(sys.stderr, log)):
                failed = pages(only)
            say(f"Made in {time.monotonic() - executed:.1f} s")
        if failed:
            say("FAILED: the book has errors, see above" + STAYS)
        else:
            replace_folder(PART, HTML)
            unfinished.unlink()
    print(f"The whole log: {LOG.relative_to(ROOT)}")
    return failed


def saved() -> dict[Path, float]:
    """When each file that the book is made of was saved."""
    names = [ROOT / "_config.yml"]
    for folder, kinds in (BOOK, "*"), (ROOT / "chainbp", "*.py"), (STATIC, "*"):
        names += [path for path in folder.rglob(kinds) if not {"__pycache__", ".ipynb_checkpoints"} & {*path.parts}]
    return {name: name.stat().st_mtime for name in names if name.is_file()}


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that does not print what it serves."""

    def log_message(self, *_: object) -> None:
        pass


def serve(port: int) -> None:
    handler = functools.partial(Quiet, directory=str(HTML))
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise SystemExit(f"Port {port} cannot be had ({error.strerror}): choose another, make serve PORT=...") from None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    before: dict[Path, float] = {}
    while True:
        if (now := saved()) != before:
            before = now
            # In a new process: the package and the extensions may be what changed.
            subprocess.run([sys.executable, __file__, "--again"])
            print(f"The book is at http://localhost:{port}/ and is built again when a file is saved (Ctrl+C stops)")
        time.sleep(0.5)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--again", action="store_true", help="keep the pages that did not change")
    parser.add_argument("--serve", type=int, metavar="PORT")
    parser.add_argument("page", nargs="*", help="execute only these pages' notebooks")
    arguments = parser.parse_args()
    known = {path.stem for path in [*notebooks(), *BOOK.glob("*.md")]}
    if unknown := set(arguments.page) - known:
        parser.error(f"no page {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    try:
        if arguments.serve:
            serve(arguments.serve)
        with alone():
            try:
                return build(arguments.again, arguments.page or None)
            finally:
                shutil.rmtree(PART, ignore_errors=True)
    except KeyboardInterrupt:
        print("\nInterrupted" + STAYS * (not arguments.serve))
        return 130
    except OSError as error:
        print(f"FAILED: {error.strerror}: {error.filename or BUILD}{STAYS}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
