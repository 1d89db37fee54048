"""Execute every notebook of the book in place, and normalize it (`make outputs`).

What is committed is what a reader sees, and what nbval compares with a fresh run. So a notebook holds nothing that
changes from run to run: no times, random cell ids or memory of the machine it ran on. The cells count from 1: nbval
takes a cell without a count for one that was never run, and does not compare it. Beside a live figure stands its
picture, for what has neither kernel nor script, such as GitHub's preview; nbval leaves pictures out.

    python book/_tools/outputs.py [NOTEBOOK ...]        execute and normalize (default: all of book/)
    python book/_tools/outputs.py --normalize-only [NOTEBOOK ...]
"""

from __future__ import annotations

import argparse
import sys
from base64 import b64encode
from io import BytesIO
from pathlib import Path

import nbformat
from browser import MISSING, OPTIONS, find_chromium
from execution import BOOK, Run, notebooks, run_all
from PIL import Image
from playwright.sync_api import sync_playwright
from whole import write_whole

sys.path.insert(0, str(BOOK / "_ext"))

from live_widgets import STATIC, STYLE, still
from terminal_output import collapse

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# What folds a cell: `hide-input` in the book; in JupyterLab `jupyter.source_hidden` and, for a solution, its heading.
CELL_METADATA = {"jp-MarkdownHeadingCollapsed", "jupyter", "mystnb", "tags"}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def normalize(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Remove, in place, what changes from run to run and from author to author."""
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    run = 0
    for index, cell in enumerate(notebook.cells):
        cell.id = f"cell-{index:02d}"
        cell.metadata = nbformat.from_dict({k: v for k, v in sorted(cell.metadata.items()) if k in CELL_METADATA})
        if cell.cell_type != "code":
            continue
        run += 1
        cell.execution_count = run
        cell.outputs = merged(cell.outputs)
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = run
            # nbval wants to see that there is a widget; which one it was differs from run to run.
            if view := output.get("data", {}).get(WIDGET_VIEW):
                view["model_id"] = ""
            if "metadata" in output:
                output.metadata = nbformat.from_dict({})
            if output.output_type == "stream":
                output.text = collapse(output.text)
    return notebook


def draw(notebook: nbformat.NotebookNode) -> None:
    """Put, in place, beside each live figure of an executed notebook its picture."""
    models = notebook.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {}).get("state", {})
    data = [output.data for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
    shown = [(bundle, models[bundle[WIDGET_VIEW]["model_id"]]["state"]) for bundle in data if WIDGET_VIEW in bundle]
    figures = [(bundle, state) for bundle, state in shown if "figure" in state]
    if not figures:
        return
    style = f"<style>{(STATIC / STYLE).read_text(encoding='utf-8')}</style>"
    with sync_playwright() as playwright:
        path = find_chromium(playwright.chromium.executable_path)
        if path is None:
            raise SystemExit(MISSING)
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        page = browser.new_page(java_script_enabled=False)
        for bundle, state in figures:
            page.set_content(style + still(state, ""))
            picture, file = Image.open(BytesIO(page.locator(".wide .cbp").screenshot())), BytesIO()
            # In so many colors it weighs a third.
            picture.convert("RGB").quantize(200, kmeans=1).save(file, "PNG", optimize=True)
            bundle["image/png"] = b64encode(file.getvalue()).decode()
        browser.close()


def merged(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Join neighbors of one stream: where the kernel cuts it depends on time."""
    result: list[nbformat.NotebookNode] = []
    for output in outputs:
        last = result[-1] if result else None
        if last is not None and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            result.append(output)
    return result


def write(notebook: nbformat.NotebookNode) -> str:
    """The text of the file: as Jupyter writes it, with one newline at the end."""
    return nbformat.writes(notebook, indent=1, ensure_ascii=False).rstrip("\n") + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--normalize-only", action="store_true", help="do not execute")
    parser.add_argument("notebooks", nargs="*", type=Path)
    arguments = parser.parse_args()
    paths = arguments.notebooks or notebooks()
    if arguments.normalize_only:
        runs = (Run(path, nbformat.read(path, as_version=4), 0.0, "") for path in paths)
    else:
        runs = run_all(paths)
    complaints = []
    for run in runs:
        if run.complaint:
            complaints.append(run.complaint)
            continue
        draw(run.notebook)
        old, new = run.path.read_text(encoding="utf-8"), write(normalize(run.notebook))
        if new != old:
            write_whole(run.path, new)
        print(f"{run.path.name}: {'updated' if new != old else 'unchanged'}, {run.seconds:.1f} s", flush=True)
    print("\n\n".join(complaints), end="\n" * bool(complaints))
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
