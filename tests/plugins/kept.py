"""A plugin of pytest: what a notebook shows while nbval executes it is kept for the pages of the book.

Else the build would execute every notebook once more. It takes a copy only if code, package, data and versions are
still the same (book/_tools/execution.py). A notebook of which a cell fails, or is not run, leaves none.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import pytest
from nbval.plugin import IPyNbCell, IPyNbFile

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_tools"))

import execution  # noqa: E402
import nbformat  # noqa: E402
from nbclient import NotebookClient  # noqa: E402
from nbclient.exceptions import CellExecutionComplete  # noqa: E402
from whole import write_whole  # noqa: E402

COPIES = ROOT / "_build" / "executed"
surroundings = functools.cache(execution.surroundings)


class Copy:
    """An executed copy of a notebook, made by nbclient of the messages that nbval's kernel sends."""

    def __init__(self, file: IPyNbFile) -> None:
        self.path = file.path
        self.notebook = nbformat.read(self.path, as_version=4)
        self.notebook.metadata["key"] = execution.key(execution.load(self.path), surroundings(execution.BOOK))
        self.notebook.metadata["language_info"] = file.kernel.kc.kernel_info(reply=True)["content"]["language_info"]
        self.client = NotebookClient(self.notebook, record_timing=False)
        self.client.reset_execution_trackers()
        self.left = {i: cell for i, cell in enumerate(self.notebook.cells) if cell.cell_type == "code"}

    def take(self, messages: list[dict]) -> None:
        """Make the outputs of the next cell of what its execution told; the last that it told is that it ended."""
        index, cell = next(iter(self.left.items()))
        cell.outputs = []
        self.client.clear_before_next_output = False
        for message in messages:
            if message["parent_header"].get("msg_id") == messages[-1]["parent_header"]["msg_id"]:
                with suppress(CellExecutionComplete):
                    self.client.process_message(message, cell, index)
        del self.left[index]
        if not self.left:
            self.client.set_widgets_metadata()
            copy = COPIES / self.path.relative_to(execution.BOOK)
            copy.parent.mkdir(parents=True, exist_ok=True)
            write_whole(copy, nbformat.writes(self.notebook))


copies: dict[IPyNbFile, Copy] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    file = item.parent
    if not isinstance(item, IPyNbCell) or execution.BOOK not in file.path.parents:
        return (yield)
    if item.cell_num == 0:
        copies[file] = Copy(file)
    messages = []

    def heard(**options) -> dict:
        messages.append(IPyNbFile.get_kernel_message(file, **options))
        return messages[-1]

    file.get_kernel_message = heard
    try:
        yield
    except BaseException:
        copies.pop(file, None)
        raise
    if file in copies:
        copies[file].take(messages)
