"""The live figures in JupyterLab with a kernel, and in a notebook that nbval runs."""

from __future__ import annotations

import subprocess
import sys
from base64 import b64decode
from io import BytesIO

import nbformat
import pytest
from execution import run
from lab import jupyterlab, open_notebook, wait_until
from live import check
from PIL import Image
from playwright.sync_api import Page
from scratch import ROOT, cells, environment
from widget_cases import CASES

from chainbp.palette import LIGHT

# Every day nbval runs the book's own notebooks, and tests/browser/test_lab.py opens JupyterLab.
pytestmark = pytest.mark.soak
EVERY_FIGURE = cells(
    "from chainbp import *\nfrom chainbp.widgets import *\nfigures = []",
    *(f"figures.append({case.EXAMPLE})\nfigures[-1]" for case in CASES.values()),
    "print(*figures, sep='\\n')",
    "for f, code in zip(figures, EXAMPLES):\n    for name in f._inputs():\n"
    "        setattr(f, name, getattr(eval(code), name))\nprint('set back')",
)
EVERY_FIGURE.cells[0].source += f"\nEXAMPLES = {[case.EXAMPLE for case in CASES.values()]!r}"
NOTEBOOK = cells(
    "from chainbp.widgets import lp_pooling\nw = lp_pooling(y=[3, -4], p=2)\nw",
    "print('python sees', w.p, w.y, round(w.z, 3))",
    "w.p = float('inf'); w.y = [1, 2]; print('set')",
    "w.y = [1, 2, -5]; print('another size')",
)

REFUSED = cells(
    """from chainbp import Family, Function, squared_error
from chainbp.widgets import explore
@Family
def scale(a):
    def forward(x):
        if a > 3:
            raise ValueError("too far")
        return a * x, lambda delta: a * delta, lambda delta: ((delta * x).sum(),)
    return Function(forward, (a,), name="scale", symbols=("a",))
w = explore(squared_error[[9.0]] @ scale[3.0], x=[1.0])
w""",
    "print('python sees', w.parameters, w.loss)",
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab that shows the notebooks."""
    folder = tmp_path_factory.mktemp("lab")
    nbformat.write(NOTEBOOK, folder / "live.ipynb")
    nbformat.write(EVERY_FIGURE, folder / "every.ipynb")
    nbformat.write(REFUSED, folder / "refused.ipynb")
    with jupyterlab(folder) as address:
        yield address


def run_cell(page: Page, index: int) -> None:
    page.evaluate(
        """async (index) => {
            const panel = window.jupyterapp.shell.currentWidget;
            panel.content.activeCellIndex = index;
            await window.jupyterapp.commands.execute("notebook:run-cell");
        }""",
        index,
    )


def says(page: Page, index: int) -> list[str]:
    """The lines that a cell prints now; what a figure tells Python may come a little later."""
    run_cell(page, index)
    # Not read from the page: JupyterLab draws what is far from the window later, or not at all.
    outputs = f"window.jupyterapp.shell.currentWidget.content.widgets[{index}].model.outputs.toJSON()"
    return page.evaluate(f"{outputs}.flatMap(output => output.text).join('')").splitlines()


def shown(page: Page, name: str) -> str:
    return page.locator(f'.cbp [data-name="{name}"]').get_attribute("data-value")


def test_in_jupyterlab(context, lab):
    page, wrong = open_notebook(context, lab.format("live"))
    run_cell(page, 0)
    page.wait_for_selector(".cbp svg", timeout=60_000)
    assert shown(page, "z") == "5"

    slider = page.locator('[data-slider="p"]')
    slider.press("Home")
    for _ in range(3):
        slider.press("ArrowRight")  # JupyterLab must not take it.
    box = page.locator('[data-slider="y0"] .touch').bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 100, steps=8)
    page.mouse.up()
    assert float(shown(page, "y.0")) < 0

    def expected() -> str:
        p, y0, y1, z = (float(shown(page, name)) for name in ("p", "y.0", "y.1", "z"))
        return f"python sees {p} ({y0}, {y1}) {round(z, 3)}"

    wait_until(lambda: says(page, 1) == [expected()])

    run_cell(page, 2)
    page.wait_for_function("document.querySelector('.cbp [data-name=z]').dataset.value === '2'", timeout=20_000)
    assert [shown(page, name) for name in ("p", "y.0", "gradient.0", "gradient.1")] == ["Infinity", "1", "0", "1"]
    run_cell(page, 3)
    page.wait_for_selector('.cbp [data-name="y.2"]', timeout=20_000)
    assert shown(page, "z") == "5"
    assert wrong == []

    color = "getComputedStyle(document.querySelector('.cbp .value')).color"
    light = page.evaluate(color)
    page.evaluate("window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    page.wait_for_function(f"{color} !== {light!r}", timeout=20_000)
    page.close()


def test_every_figure_in_jupyterlab(context, lab):
    page, wrong = open_notebook(context, lab.format("every"))
    figures = {name: page.locator(f'.cbp[data-figure="{name}"]') for name in CASES}
    marks = {name: figures[name].locator(f'[data-slider="{case.TIMED[0]}"]') for name, case in CASES.items()}

    def now() -> list[str | None]:
        return [mark.get_attribute("aria-valuenow") for mark in marks.values()]

    def python_sees() -> list[str]:
        return says(page, len(CASES) + 1)

    run_cell(page, 0)
    start, examples = [], [case.EXAMPLE for case in CASES.values()]
    for index, (name, mark) in enumerate(marks.items(), start=1):
        run_cell(page, index)
        mark.wait_for(timeout=60_000)
        start.append(mark.get_attribute("aria-valuenow"))
        mark.press("ArrowUp")
        check(figures[name])
    moved = now()
    assert not any(a == b for a, b in zip(start, moved))
    # Python sees every key, and the figures see what Python sets.
    wait_until(lambda: not set(python_sees()) & set(examples))
    printed = python_sees()
    assert [text.partition("(")[0] for text in printed] == list(CASES)
    assert says(page, len(CASES) + 2) == ["set back"]
    wait_until(lambda: now() == start)
    for name, mark in marks.items():
        check(figures[name])
        mark.press("ArrowUp")
    assert now() == moved
    wait_until(lambda: python_sees() == printed)
    assert wrong == []
    page.close()


def test_a_figure_takes_back_what_python_refuses(context, lab):
    page, wrong = open_notebook(context, lab.format("refused"))
    run_cell(page, 0)
    step = page.get_by_role("button", name="Step downhill")
    step.wait_for(timeout=60_000)
    # A step past its range builds the figure anew.
    page.locator(".cbp").evaluate("""figure => {
        window.seen = new Set();
        const all = { subtree: true, childList: true, characterData: true, attributes: true };
        new MutationObserver(() => seen.add(figure.querySelector(".cbp-main").ariaDisabled)).observe(figure, all);
    }""")
    step.click()
    page.wait_for_function("seen.has('true') && document.querySelector('.cbp-main').ariaDisabled === 'false'")
    assert [shown(page, name) for name in ("L", "chosen")] == ["36", "3"]
    assert says(page, 1) == ["python sees (3.0,) 36.0"]
    assert wrong == []
    page.close()


def test_nbval_passes(tmp_path):
    notebook = cells(
        "from chainbp.widgets import lp_pooling, sigmoid\nw = lp_pooling(y=[3, -4], p=2)\nw",
        "sigmoid(x=2)",
        "import ipywidgets\nipywidgets.HBox([sigmoid(x=-1), w])",
        "box = ipywidgets.FloatText()\nlink = ipywidgets.link((w, 'p'), (box, 'value'))\n"
        "seen = []\n_ = ipywidgets.interactive_output(lambda p: seen.append(p), {'p': box})",
        "w.p = 1\nw.z, seen",
    )
    path = tmp_path / "live.ipynb"
    nbformat.write(notebook, path)
    executed = run(path)
    assert not executed.complaint
    nbformat.write(executed.notebook, path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-p", "no:cacheprovider", str(path)],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout


def test_make_outputs_saves_the_picture_of_a_figure(browser, tmp_path):
    path = tmp_path / "page.ipynb"
    nbformat.write(cells("from chainbp.widgets import lp_pooling\nlp_pooling(y=[3, 4], ask='fades')", "1 + 1"), path)
    program = ROOT / "book" / "_tools" / "outputs.py"
    subprocess.run([sys.executable, program, path], env=environment(), check=True)
    figure, number = (cell.outputs[0].data for cell in nbformat.read(path, as_version=4).cells)
    picture = Image.open(BytesIO(b64decode(figure["image/png"]))).convert("RGB")
    assert picture.width == 640
    hues = {color for _, color in picture.getcolors(picture.width * picture.height)}
    # The bars' marks and the gradient's: quantized, near enough to them.
    for hue in (LIGHT["value"], LIGHT["gradient"]):
        wanted = [int(hue[i : i + 2], 16) for i in (1, 3, 5)]
        assert min(max(abs(a - b) for a, b in zip(color, wanted)) for color in hues) < 8, hue
    assert "image/png" not in number
