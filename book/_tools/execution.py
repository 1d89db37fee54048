"""Execute the book's notebooks, two at a time, and keep what they showed for as long as it is right.

An executed copy is right while the notebook's code is the same, and all that the code can see: chainbp, the book's data
and style, Python and its packages. Prose is not part of that, so correcting it executes nothing.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

# nbformat's jsonschema would spend three seconds on grammars of addresses, which no notebook is checked for.
sys.modules["rfc3987_syntax"] = None

import nbformat  # noqa: E402
from nbclient import NotebookClient  # noqa: E402
from nbclient.exceptions import CellControlSignal, DeadKernelError  # noqa: E402
from packaging.requirements import Requirement  # noqa: E402
from traitlets.config import Config  # noqa: E402
from whole import write_whole  # noqa: E402

BOOK = Path(__file__).resolve().parents[1]
# The kernel and we can talk by ports of this machine that others can listen to: encrypted, if the kernel knows how.
ENCRYPTED = Config({"KernelManager": {"transport_encryption": "auto"}})


@dataclass
class Run:
    """An executed notebook, and what went wrong, if anything."""

    path: Path
    notebook: nbformat.NotebookNode
    seconds: float
    complaint: str


def notebooks(book: Path = BOOK) -> list[Path]:
    """Every notebook under the book, found and not listed, so that a new one cannot be forgotten."""
    found = (path.relative_to(book) for path in book.rglob("*.ipynb"))
    return sorted(book / path for path in found if not any(part.startswith((".", "_")) for part in path.parts))


def run(path: Path) -> Run:
    notebook = nbformat.read(path, as_version=4)
    started = []
    client = NotebookClient(
        notebook,
        timeout=300,  # for each cell
        kernel_name="python3",
        shutdown_kernel="immediate",  # when it is interrupted, too: a kernel that takes its time has much to say
        resources={"metadata": {"path": str(path.parent)}},
        config=ENCRYPTED,
        on_cell_start=lambda cell, cell_index: started.append(cell_index),
    )
    start = time.monotonic()
    complaint = ""
    try:
        client.execute(env=os.environ | {"OPENBLAS_NUM_THREADS": "1"})  # two kernels have a core each
    except (CellControlSignal, DeadKernelError) as error:
        plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
        complaint = f"{path.name}, cell {started[-1]}: {plain.strip()}"
    return Run(path, notebook, time.monotonic() - start, complaint)


def largest_first(paths: Iterable[Path]) -> list[Path]:
    """The largest files take longest, and none of them shall run alone at the end."""
    return sorted(paths, key=lambda path: path.stat().st_size, reverse=True)


def run_all(paths: Collection[Path]) -> Iterator[Run]:
    """Each as it is done."""
    # Ctrl+C reaches the two, too, and says nothing there.
    with ProcessPoolExecutor(2, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_DFL)) as pool:
        try:
            for future in as_completed([pool.submit(run, path) for path in largest_first(paths)]):
                yield future.result()
        except KeyboardInterrupt:
            # One that executes a cell would wait for the end of it, which its kernel no longer comes to.
            for process in multiprocessing.active_children():
                process.kill()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def versions() -> dict[str, str]:
    """The packages that run a notebook, and all that they need: none that tests, prints or edits the book."""
    found: dict[str, str] = {}
    todo = [Requirement(line) for line in ("chainbp[notebooks]", "ipykernel", "nbclient")]
    seen = set()
    while todo:
        wanted = todo.pop()
        extras = frozenset(wanted.extras)
        if (wanted.name, extras) in seen:
            continue
        seen.add((wanted.name, extras))
        try:
            package = metadata.distribution(wanted.name)
        except metadata.PackageNotFoundError:
            continue  # an extra that a package names, and nobody installed
        found[wanted.name] = package.version
        for needed in map(Requirement, package.requires or []):
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in {*extras, ""}):
                todo.append(needed)
    return found


def surroundings(book: Path) -> str:
    """What the code of a notebook can see beside itself, as one number."""
    package = Path(util.find_spec("chainbp").origin).parent
    shared = [*package.glob("*.css"), *package.glob("widgets/*.json"), *package.glob("widgets/static/*")]
    files = [book / "matplotlibrc", *book.glob("_data/*"), *package.rglob("*.py"), *shared]
    state = hashlib.sha256(repr((sys.version, sorted(versions().items()))).encode())
    for file in sorted(file for file in files if file.is_file()):
        state.update(file.name.encode() + file.read_bytes())
    return state.hexdigest()


def code(notebook: dict) -> list[dict]:
    """The code cells of a notebook as it stands in its file."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def key(notebook: dict, around: str) -> str:
    """What an executed copy depends on, as one number."""
    cells = [("".join(cell["source"]), cell["metadata"].get("tags")) for cell in code(notebook)]
    return hashlib.sha256(repr((around, cells)).encode()).hexdigest()


def load(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def refresh(
    book: Path, copies: Path, only: Iterable[str] | None = None, say: Callable[[str], object] = print
) -> list[str]:
    """Execute what has no executed copy or one that is no longer right; return the complaints.

    `only` names the notebooks that matter now: the others' copies need not be right, but must exist.
    """
    around = surroundings(book)
    keys, every = {}, notebooks(book)
    for path in every:
        copy = copies / path.relative_to(book)
        matters = only is None or path.stem in only
        fresh = key(load(path), around)
        if not copy.is_file() or (matters and load(copy)["metadata"].get("key") != fresh):
            keys[path] = fresh
    say(f"Executing {len(keys)} of {len(every)} notebooks")
    complaints = []
    for done in run_all(keys):
        say(f"  {done.path.stem:30s}{done.seconds:6.1f} s{'  FAILED' if done.complaint else ''}")
        if done.complaint:
            complaints.append(done.complaint)
        else:
            done.notebook.metadata["key"] = keys[done.path]
        copy = copies / done.path.relative_to(book)
        copy.parent.mkdir(parents=True, exist_ok=True)
        write_whole(copy, nbformat.writes(done.notebook))
    return complaints
