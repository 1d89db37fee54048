"""Every notebook of the book in JupyterLab, as `make lab` opens it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from lab import IDLE, jupyterlab, open_notebook, wait_until
from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
NOTEBOOKS = sorted(path.stem for path in BOOK.glob("*.ipynb"))
# JupyterLab's settings, as the Makefile gives them.
SETTINGS = re.search(r"--LabApp.app_settings_dir=(\S+)", (ROOT / "Makefile").read_text(encoding="utf-8"))[1]

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def lab(context, tmp_path_factory):
    """A window of JupyterLab, and a list of its script errors."""
    folder = tmp_path_factory.mktemp("lab") / "book"
    shutil.copytree(BOOK, folder, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    with jupyterlab(folder, f"--LabApp.app_settings_dir={ROOT / SETTINGS}") as address:
        yield open_notebook(context(1280, "light"), address.format("index"))


OPEN = """async path => {
    const before = jupyterapp.shell.currentWidget;
    const now = await jupyterapp.commands.execute("docmanager:open", { path });
    jupyterapp.shell.activateById(now.id);
    if (now !== before) {
        before.context.model.dirty = false; // folding is a change, about which nobody shall be asked
        before.close();
    }
    await now.context.ready;
}"""
# What is left of a cell's text where neither code nor formulas are looked at.
PROSE = """() => [...document.querySelectorAll(".jp-RenderedMarkdown")].map(cell => {
    const copy = cell.cloneNode(true);
    copy.querySelectorAll("mjx-container, code").forEach(part => part.remove());
    return copy.textContent;
})"""


def show(page: Page, name: str) -> None:
    """Show a notebook in place of the one before: JupyterLab itself takes seconds to load."""
    page.evaluate(OPEN, f"{name}.ipynb")
    page.wait_for_function(IDLE)  # closed before that, it would complain


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_prose_is_set_and_solutions_are_folded(lab, name):
    cells = nbformat.read(BOOK / f"{name}.ipynb", as_version=4).cells
    numbers = sum(cell.source.count("\\tag{") for cell in cells if cell.cell_type == "markdown")
    page, wrong = lab
    show(page, name)
    wait_until(lambda: page.locator("mjx-labels").count() == numbers)
    wait_until(lambda: not re.search(r"\$|\\[a-z]+\b|\]\(|```|\{[a-z]+\}", "\n".join(page.evaluate(PROSE))))
    assert page.locator("mjx-merror").count() == 0
    solutions = [index for index, cell in enumerate(cells) if cell.source.startswith("[Exercise ")]
    hidden = page.evaluate("jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.isHidden)")
    assert all(hidden[index] for index in solutions)
    assert not any(hidden[: solutions[0] - 1] if solutions else hidden)
    assert page.locator(".Toastify__toast").count() == 0
    assert wrong == []


def test_a_link_leads_to_its_formula(lab):
    page, _ = lab
    show(page, "4-2-lp-pooling")
    page.locator("a[href*='#eq-33']").first.click()
    top = "document.querySelector(\"[data-jupyter-id='eq-33']\").getBoundingClientRect().top"
    page.wait_for_function(f"0 <= {top} && {top} < innerHeight")
