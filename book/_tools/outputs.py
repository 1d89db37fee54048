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
from pathlib import Path

import nbformat
from execution import BOOK, Run, notebooks, run_all
from whole import write_whole

sys.path.insert(0, str(BOOK / "_ext"))

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
        from pictures import drawn  # what it needs is not everywhere where notebooks are normalized

        runs = map(drawn, run_all(paths))
    complaints = []
    for run in runs:
        if run.complaint:
            complaints.append(run.complaint)
            continue
        old, new = run.path.read_text(encoding="utf-8"), write(normalize(run.notebook))
        if new != old:
            write_whole(run.path, new)
        print(f"{run.path.name}: {'updated' if new != old else 'unchanged'}, {run.seconds:.1f} s", flush=True)
    print("\n\n".join(complaints), end="\n" * bool(complaints))
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
