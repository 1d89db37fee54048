"""What the tests of the live figures share."""

from __future__ import annotations

import fcntl
import functools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from sphinx.errors import ExtensionError

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "book" / "_ext"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "book" / "_tools"))

from chromium import launched, serving, visit
from katex_build import find_node
from looks import ALIVE
from scratch import cells, environment, small_book
from widget_cases import CASES, explore

from chainbp.widgets.base import SHARED

# Every question that a figure can ask.
ASKING = [f"{name}(ask={ask!r})" for name, asks in SHARED["questions"].items() for ask in asks]
# Answers from Python that their questions cannot have.
ANSWERED = [
    f"w = {name}(ask={ask!r})\nw.answer = {answer}\nw"
    for name, ask, answer in [("lp_pooling", "fades", [9]), ("sigmoid", "slope", [3]), ("descent", "rate", [0, 0, 0])]
]
# As many bars, as large numbers, as many widths as there may be.
CROWDED = [
    "lp_pooling(y=np.arange(12) - 5, p=1)",
    "learning_p(y=[4, -3, 2, 1, 3, 2, 1, 5])",
    "chain_rule([5, 7, 3, 9, 2], side=1)",
    "chain_rule([2, 2, 1], factors=[[[1, 2], [3, 4]], [[5, 6]]], entry=[0, 1])",
    "pooling_map(Y=1000 * np.arange(-7, 8).reshape(3, 5), stride=1)",
    "from chainbp.plotting import plt, use_style\nuse_style()\n_ = plt.subplots()[1].plot([1, 2])",
]
# Numbers at the ends of what a figure takes.
EXTREME = [
    "lp_pooling(y=[1e200, 1e200], p=0.2)",
    "lp_pooling(y=[1e-320, -1e-320, 0], p=3)",
    "learning_p(y=[1e200, 1e200, 1e200], p=0.2)",
    "learning_p(y=[1e-320, 1e-320], p=3)",
    "learning_p(p=1e-4)",
    "sigmoid(x=1e200)",
    "pooling_map(Y=1e200 * np.ones((3, 5)), p=0.3)",
    "chain_rule([2, 2, 1], factors=[[[1e200, 2], [3, 4]], [[1e200, 6]]])",
    "descent(rate=1e200)",
    "explore(squared_error[[0, 1]] @ rho[[[1e150, 0], [0, 1e-320]]], x=[1, -1e-320])",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One of these tests comes first: it builds the small book, while the other process has work that needs none."""
    first = next(
        (item for item in items if item.path.parent == Path(__file__).parent and "html" in item.fixturenames), None
    )
    if first:
        items.insert(0, items.pop(items.index(first)))


@pytest.fixture(scope="session")
def node() -> str:
    """Path of a node program, the one that sets the book's formulas."""
    try:
        return find_node()
    except ExtensionError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def context(browser: Browser) -> BrowserContext:
    return browser.new_context(viewport={"width": 1280, "height": 900})


@pytest.fixture(scope="session")
def html(tmp_path_factory) -> Path:
    """A small book: a page with live figures and one without. pytest's processes share it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    built = folder / "live" / "_build" / "html"
    with open(folder / "live.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.is_dir():
            build(folder / "live")
    return built


def build(folder: Path) -> None:
    """Build the small book with the project's settings."""
    folder.mkdir()
    book = small_book(folder, index="Figures.", plain="None.", more="Chains.", asking="Questions.", extreme="Numbers.")
    (book / "plain.md").write_text("# A page without figures\n", encoding="utf-8")
    more = cells("from chainbp import *\nfrom chainbp.widgets import *", *explore.MORE, explore.OWN, explore.ENDLESS)
    more.cells.insert(0, nbformat.v4.new_markdown_cell("# More chains"))
    nbformat.write(more, book / "more.ipynb")
    notebook = cells(
        "from chainbp import *\nfrom chainbp.widgets import *",
        *(case.EXAMPLE for case in CASES.values()),
        "lp_pooling(y=[1, -2, 3, 0.5, -1.5, 2.5], p=float('inf'))",
        "import ipywidgets\nipywidgets.HBox([sigmoid(x=-1), lp_pooling(y=[1, 2, 3], p=1)])",
        "ipywidgets.IntSlider()",
    )
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell("# Live figures"))
    nbformat.write(notebook, book / "index.ipynb")
    asking = cells("from chainbp.widgets import *\nimport numpy as np", *ASKING, *CROWDED, *ANSWERED)
    asking.cells.insert(0, nbformat.v4.new_markdown_cell("# Questions"))
    nbformat.write(asking, book / "asking.ipynb")
    extreme = cells("from chainbp import *\nfrom chainbp.widgets import *\nimport numpy as np", *EXTREME)
    extreme.cells.insert(0, nbformat.v4.new_markdown_cell("# Extremes"))
    nbformat.write(extreme, book / "extreme.ipynb")
    options = ["--path-output", ".", "--config", "_config.yml", "-n", "-W", "--keep-going"]
    done = subprocess.run(
        [Path(sys.executable).with_name("jupyter-book"), "build", "book", *options],
        cwd=folder,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def address(html) -> Iterator[Callable[[str], str]]:
    """Address of a page with live figures, on a local server or on disk."""
    with serving(html) as served:
        root = {"http": served, "file": html.as_uri()}
        yield lambda scheme="http", page="index": f"{root[scheme]}/{page}.html"


AS_AT_FIRST = """() => {
    document.activeElement.blur();
    document.querySelectorAll(".cbp-reset").forEach(button => button.click());
    scrollTo(0, 0);
}"""
NO_MODES = {"media": "null", "color_scheme": "null", "reduced_motion": "null", "forced_colors": "null"}


@pytest.fixture(scope="session")
def tabs(browser, address) -> Iterator[Callable[..., tuple[Page, list[str]]]]:
    """The small book's pages, each opened once for each window; and what goes wrong on them."""
    with ExitStack() as stack:

        @functools.cache
        def tab(name: str, width: int, height: int, touch: bool) -> tuple[Page, list[str]]:
            window = {"viewport": {"width": width, "height": height}, "has_touch": touch}
            page, wrong = stack.enter_context(
                visit(stack.enter_context(browser.new_context(**window)), address(page=name))
            )
            page.wait_for_function(ALIVE)
            return page, wrong

        yield tab


@pytest.fixture
def page_at(tabs) -> Iterator[Callable[..., Page]]:
    """A page with all of its figures as at first. Loading it anew would take most of a test's time."""
    used: list[list[str]] = []

    def page_at(name: str = "index", width: int = 1280, height: int = 900, touch: bool = False, **modes: str) -> Page:
        page, wrong = tabs(name, width, height, touch)
        used.append(wrong)
        page.emulate_media(**NO_MODES | modes)
        page.mouse.move(0, 0)
        page.evaluate(AS_AT_FIRST)
        return page

    yield page_at
    said = [fault for wrong in used for fault in wrong]
    for wrong in used:
        wrong.clear()
    assert said == []


@pytest.fixture
def page(page_at) -> Page:
    """The page with live figures, on a desk."""
    return page_at()
