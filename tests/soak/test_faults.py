"""What happens to a book when the machine, the reader or a notebook gets in its way.

Each fault ends in success or in one clear message, and what is in _build/html is a whole book or no book.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from chromium import missing
from scratch import ROOT, cells, environment, small_book

pytestmark = pytest.mark.soak
MAKE = shutil.which("make")
# Under `make soak` make's own settings are in the environment; the book under test has none.
ENVIRONMENT = {key: value for key, value in environment().items() if not key.startswith(("MAKE", "MFLAGS"))}
NAME = "Ein Büchlein & 逆伝播"
PAGE = ["page", "NAME=index"]
STOPPED = ". What is in _build/html, if anything, is the last book that was whole"
# Its own network, with nothing on it but this machine.
NO_NETWORK = """
import fcntl, os, socket, struct, sys
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh", b"lo", 0x49))  # SIOCSIFFLAGS: up
os.execvp(sys.argv[1], sys.argv[1:])
"""
# A step of the build that tells that it is there, and goes no further.
WAIT = "import pathlib, time\npathlib.Path({marker!r}).touch()\ntime.sleep(300)"
SLOW = """
import pathlib, time
def stop(*_):
    {wait}
def setup(app):
    app.connect("html-page-context", stop, priority=900)
"""


def write(folder: Path, prose: str, code: str = "print(6 * 7)") -> None:
    notebook = cells(code)
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell(f"# A page\n\n{prose}"))
    nbformat.write(notebook, folder / "book" / "index.ipynb")


def start(folder: Path, *target: str, before: tuple[str, ...] = (), **settings: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*before, MAKE, *(target or ["book"])],
        cwd=folder,
        env=ENVIRONMENT | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # Of tests that run in the background, children would ignore Ctrl+C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def make(folder: Path, *target: str, **options) -> tuple[int, str]:
    process = start(folder, *target, **options)
    said, _ = process.communicate(timeout=120)
    return process.returncode, said


def shown(folder: Path) -> str | None:
    """The first page, if there is a book."""
    page = folder / "_build" / "html" / "index.html"
    return page.read_text(encoding="utf-8") if page.exists() else None


def whole(folder: Path, prose: str) -> bool:
    """Whether there is a book, with all that its page asks for."""
    page = shown(folder)
    if page is None or prose not in page or ">42\n" not in page:
        return False
    return all((folder / "_build/html" / name).is_file() for name in re.findall(r'"(_static/[^"?]+)', page))


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A small book with the project's Makefile and this environment, built in a folder with a difficult name."""
    folder = tmp_path_factory.mktemp("faults") / NAME
    folder.mkdir()
    small_book(folder)
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "CITATION.cff"):
        shutil.copy(ROOT / name, folder)
    venv = folder / ".venv"
    venv.mkdir()
    for entry in Path(sys.prefix).iterdir():
        if entry.suffix != ".stamp":
            (venv / entry.name).symlink_to(entry)
    now = time.time()
    for stamp in re.findall(r"(?m)^\$\(VENV\)/(\w+\.stamp):", (ROOT / "Makefile").read_text(encoding="utf-8")):
        (venv / stamp).touch()
        os.utime(venv / stamp, (now, now))  # none is older than another: nothing shall be installed into what is shared
    write(folder, "The first state.")
    code, said = make(folder)
    assert code == 0, said
    assert whole(folder, "The first state.")
    return folder


@pytest.fixture
def folder(built, tmp_path) -> Path:
    """A copy of the built book."""
    return Path(shutil.copytree(built, tmp_path / NAME, symlinks=True))


def until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def inhabitants(folder: Path) -> list[str]:
    """The processes that work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve().is_relative_to(folder):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    ("where", "sent", "target"),
    [
        ("executing", signal.SIGINT, ["book"]),
        ("executing", signal.SIGKILL, PAGE),
        ("writing", signal.SIGINT, PAGE),
        ("writing", signal.SIGKILL, ["book"]),
        ("writing", signal.SIGKILL, PAGE),
    ],
    ids=["executing, Ctrl+C", "executing, killed", "writing, Ctrl+C", "writing, killed", "writing, killed, one page"],
)
def test_interrupted_and_run_again(folder, tmp_path, where, sent, target):
    marker = tmp_path / "there"
    wait = WAIT.format(marker=str(marker))
    slow, notebook = folder / "book" / "_ext" / "line_breaks.py", folder / "book" / "index.ipynb"
    fast = slow.read_text(encoding="utf-8")
    second = "print(42)\nprint('The second state.')"
    if where == "executing":
        write(folder, "The first state.", wait)
    else:
        write(folder, "The first state.", second)
        slow.write_text(SLOW.format(wait=wait.replace("\n", "; ")), encoding="utf-8")
    # By the times of these files no page would have to be made anew; only what the notebook shows has changed.
    for file in slow, notebook:
        os.utime(file, (0, 0))
    process = start(folder, *target)
    until(lambda: marker.exists() or process.poll() is not None)
    os.killpg(process.pid, sent)
    said, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert shown(folder) is None or (whole(folder, "The first state.") and "The second state." not in shown(folder))
    if sent == signal.SIGINT:
        assert f"Interrupted{STOPPED}" in said
    assert "Traceback" not in said
    until(lambda: inhabitants(folder) == [], 20)
    slow.write_text(fast, encoding="utf-8")
    if where == "executing":
        write(folder, "The first state.", second)
    for file in slow, notebook:
        os.utime(file, (0, 0))
    code, said = make(folder, *target)
    assert code == 0, said
    assert whole(folder, "The second state.")


def test_twice_at_the_same_time(folder):
    write(folder, "The second state.", "print(7 * 6)")
    both = [start(folder), start(folder)]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum("Another build of this book is running. Waiting for its end" in text for text in said) == 1
    assert whole(folder, "The second state.")


def test_two_set_up_one_environment(folder):
    (folder / ".venv").rename(folder / "another")
    both = [start(folder, ".venv/venv.stamp") for _ in range(2)]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum("Another make sets up this environment. Waiting for its end" in text for text in said) == 1
    assert sum("Setting up .venv with Python" in text for text in said) == 1
    subprocess.run([folder / ".venv/bin/python", "-m", "pip", "--version"], check=True)


def test_a_notebook_that_raises(folder):
    write(folder, "The second state.", "1 / 0")
    code, said = make(folder)
    assert code != 0
    assert said.count("ZeroDivisionError: division by zero") == 1
    assert f"FAILED: the book has errors, see above{STOPPED}" in said
    assert whole(folder, "The first state.")


def as_root() -> list[str]:
    if os.geteuid() == 0:
        return []
    if subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode:
        missing("this fault needs root")
    return ["sudo", "-n"]


@contextmanager
def read_only(*paths: Path):
    """Take the right to write from files, and from root its privilege to write nevertheless."""
    entries = [entry for path in paths for entry in [path, *path.rglob("*")] if not entry.is_symlink()]
    modes = [(entry, entry.stat().st_mode) for entry in entries]
    for entry, mode in modes:
        entry.chmod(mode & ~0o222)
    yield ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
    for entry, mode in modes:
        entry.chmod(mode)


def test_read_only_sources(folder):
    write(folder, "The second state.", "print(7 * 6)")
    with read_only(folder / "book", folder / "Makefile", folder / "_config.yml") as before:
        code, said = make(folder, before=before)
    assert code == 0, said
    assert whole(folder, "The second state.")


def test_no_right_to_build(folder):
    shutil.rmtree(folder / "_build")
    with read_only(folder) as before:
        code, said = make(folder, before=before)
    assert code != 0
    assert f"FAILED: Permission denied: {folder / '_build'}{STOPPED}" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("room", [40, 2000], ids="{} kB".format)
def test_a_full_disk(folder, room):
    build, saved = folder / "_build", folder / "saved"
    build.rename(saved)
    build.mkdir()
    size = sum(path.stat().st_size // 4096 + 1 for path in saved.rglob("*")) * 4
    write(folder, "The second state.", "print(7 * 6)")
    options = f"size={size + room}k,uid={os.getuid()},gid={os.getgid()}"
    if subprocess.run([*as_root(), "mount", "-t", "tmpfs", "-o", options, "tmpfs", build]).returncode:
        missing("no small disk can be mounted")
    try:
        shutil.copytree(saved, build, dirs_exist_ok=True)
        code, said = make(folder)
        assert code != 0, said
        assert said.count("FAILED: No space left on device: ") == 1, said
        assert "Traceback" not in said
        assert whole(folder, "The first state.")
        subprocess.run([*as_root(), "mount", "-o", "remount,size=100m", build], check=True)
        code, said = make(folder)
        assert code == 0, said
        assert whole(folder, "The second state.")
    finally:
        subprocess.run([*as_root(), "umount", "--lazy", build], check=True)


def test_no_network_after_set_up(folder):
    if subprocess.run([*as_root(), "unshare", "--net", "true"], capture_output=True).returncode:
        missing("no network namespace can be made")
    write(folder, "The second state.", "print(7 * 6)")
    myself = ["setpriv", f"--reuid={os.getuid()}", f"--regid={os.getgid()}", "--clear-groups"]
    mine = ["env", *(f"{key}={value}" for key, value in ENVIRONMENT.items())]  # sudo has its own
    alone = [*as_root(), "unshare", "--net", sys.executable, "-c", NO_NETWORK]
    code, said = make(folder, before=(*alone, *myself, *mine))
    assert code == 0, said
    assert whole(folder, "The second state.")


def without_chromium(folder: Path) -> dict[str, str]:
    return {"PATH": str(folder / "book"), "PLAYWRIGHT_BROWSERS_PATH": str(folder / "book"), "CI": ""}


def test_no_chromium_for_the_pdf(folder):
    code, said = make(folder, "pdf", **without_chromium(folder))
    assert code != 0
    assert said.startswith("make pdf prints with Chromium, and no Chromium was found: install it"), said
    assert "Traceback" not in said
    assert not (folder / "_build" / "chainbp.pdf").exists()


@pytest.mark.parametrize("ci", ["", "true"])
def test_no_chromium_for_the_tests(folder, ci):
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/browser", "-k", "79_signs"]
    settings = ENVIRONMENT | without_chromium(folder) | {"CI": ci}
    done = subprocess.run(tests, cwd=ROOT, env=settings, capture_output=True, text=True)
    assert "no Chromium was found: install it (Debian: apt install chromium) or set CHROMIUM" in done.stdout
    assert done.returncode == bool(ci)


def test_a_python_without_venv(folder):
    shutil.rmtree(folder / ".venv")
    programs = folder / "programs"
    programs.mkdir()
    for version in ("", ".11", ".12", ".13"):
        stub = programs / f"python3{version}"
        stub.write_text("#!/bin/sh\necho \"No module named 'ensurepip'\" >&2\nexit 1\n", encoding="utf-8")
        stub.chmod(0o755)
    code, said = make(folder, PATH=str(programs))
    assert code != 0
    assert said.startswith("No Python 3.11 or newer with venv was found (Debian: apt install python3-venv).")
    assert len(said.splitlines()) == 3  # it, how to give one by hand, and make's own
    assert whole(folder, "The first state.")
