"""The notebooks as files: equations, figures, structure, and that nothing can be forgotten."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from base64 import b64decode
from collections import Counter
from pathlib import Path

import execution
import nbformat
import pytest
import yaml
from notebooks import BOOK, CHAPTERS, NOTEBOOKS, ROOT, all_formulas, folded, formulas, read, text, toc
from outputs import WIDGET_VIEW, normalize, write
from scratch import environment

ids = [path.stem for path in NOTEBOOKS]
chapter_ids = [path.stem for path in CHAPTERS]


def test_each_equation_has_exactly_one_place():
    count = Counter(all_formulas())
    assert {label: n for label, n in count.items() if n != 1} == {}
    assert {label for label in count if label[3:].isdigit()} == {f"eq-{n}" for n in range(1, 42)}


def test_the_toc_and_the_files_are_the_same_pages():
    files = [path.stem for path in NOTEBOOKS] + [path.stem for path in BOOK.glob("*.md")]
    assert sorted(toc()) == sorted(files)


def test_a_page_that_says_what_is_next_says_what_the_navigation_says():
    pages, said = toc(), {}
    for page, following in zip(pages, pages[1:]):
        found = re.findall(r"^Next: \[(.+)\]\(([\w-]+)\.\w+\)$", prose_of(page), re.MULTILINE)
        title = prose_of(following).partition("\n")[0].removeprefix("# ")
        said |= {page: (found, [(title, following)])} if found else {}
    assert len(said) >= len(CHAPTERS)
    assert {page: (found, right) for page, (found, right) in said.items() if found != right} == {}


def prose_of(page: str) -> str:
    notebook = BOOK / f"{page}.ipynb"
    return text(notebook) if notebook.is_file() else (BOOK / f"{page}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("letter", "BCFGILPSVY")
def test_our_formulas_are_numbered_as_one_meets_them(letter):
    pages = [page for page in toc() if (BOOK / f"{page}.ipynb").is_file()]
    met = [label for page in pages for label in formulas(BOOK / f"{page}.ipynb") if label.startswith(f"eq-{letter}")]
    assert met == [f"eq-{letter}{n}" for n in range(1, len(met) + 1)]


@pytest.mark.parametrize("page", NOTEBOOKS, ids=lambda path: path.stem)
def test_fractions_of_two_rows_do_not_touch(page):
    """KaTeX lets a gap of less than an em between rows vanish behind a denominator."""
    blocks = re.findall(r"\\begin\{aligned\}(.*?)\\end\{aligned\}", text(page), re.DOTALL)
    for block in blocks:
        above, *rest = re.split(r"(\\\\(?:\[\w+\])?)", block)
        for gap, below in zip(rest[::2], rest[1::2]):
            assert gap == r"\\[1em]" or "frac" not in above or "frac" not in below, block
            above = below


# ---- equations.yml ----


def rows() -> list[dict[str, str]]:
    table = yaml.safe_load((BOOK / "equations.yml").read_text(encoding="utf-8"))
    return [{**row, "file": group["tests"]} for group in table for row in group["rows"]]


def test_equations_yml_has_exactly_one_row_for_each_formula():
    table = Counter(row["label"] for row in rows())
    book = set(all_formulas())
    assert {label: n for label, n in table.items() if n != 1} == {}
    assert set(table) - book == set(), "rows without a formula"
    assert book - set(table) == set(), "formulas without a row"


def test_equations_yml_follows_the_order_of_the_paper():
    numbers = [int(row["label"][3:]) for row in rows() if row["label"][3:].isdigit()]
    assert numbers == sorted(numbers)


def functions(path: Path) -> set[str]:
    """The tests that a file defines, as pytest names them."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names.update(f"{node.name}::{n.name}" for n in node.body if isinstance(n, ast.FunctionDef))
    return {name for name in names if name.split("::")[-1].startswith("test")}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["label"])
def test_each_row_names_its_code_and_a_test_that_exists(row):
    assert row["name"].strip()
    assert row["code"].strip()
    assert row["test"] in functions(ROOT / row["file"])


# ---- figures ----


def images(path: Path) -> list[tuple[int, str | None]]:
    """The code cells of a notebook that show a picture, with their alt text."""
    found = []
    for index, cell in enumerate(read(path).cells):
        kinds = {kind for output in cell.get("outputs", []) for kind in output.get("data", {})}
        # Beside a live figure's picture stands its code, as the output's text.
        if WIDGET_VIEW in kinds:
            continue
        if kinds & {"image/png", "image/svg+xml", "image/jpeg"}:
            found.append((index, cell.metadata.get("mystnb", {}).get("image", {}).get("alt")))
    return found


def complaints(figures: list[tuple[str, int, str | None]]) -> list[str]:
    """What is wrong with the alt texts of figures (page, cell, alt)."""
    uses = Counter(alt for _, _, alt in figures)
    result = []
    for page, index, alt in figures:
        if not alt:
            result.append(f"{page}, cell {index}: a figure without alt text (metadata mystnb.image.alt)")
        elif len(alt) < 40:
            result.append(f"{page}, cell {index}: an alt text of {len(alt)} characters says too little: {alt!r}")
        elif uses[alt] > 1:
            result.append(f"{page}, cell {index}: the same alt text as another figure: {alt!r}")
    return result


def test_each_computed_figure_has_its_own_alt_text():
    assert complaints([(path.stem, index, alt) for path in NOTEBOOKS for index, alt in images(path)]) == []


def test_a_figure_without_alt_text_is_refused(tmp_path):
    picture = nbformat.v4.new_output("display_data", {"image/png": ""})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("plot()", outputs=[picture])])
    nbformat.write(notebook, tmp_path / "page.ipynb")
    found = [("page", index, alt) for index, alt in images(tmp_path / "page.ipynb")]
    assert len(complaints(found)) == 1
    assert len(complaints([("page", 0, "A curve.")])) == 1
    assert len(complaints([("page", 0, "x" * 40), ("page", 1, "x" * 40)])) == 2


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_the_letters_of_a_picture_can_be_read_on_a_phone_and_nothing_is_cut(path):
    bundles = [output.get("data", {}) for cell in read(path).cells for output in cell.get("outputs", [])]
    pictures = [data["image/png"] for data in bundles if "image/png" in data and WIDGET_VIEW not in data]
    widths = [int.from_bytes(b64decode(picture)[16:20], "big") for picture in pictures]
    # Twice 5.4 inches of 100 pixels, and a rim.
    assert max(widths, default=0) <= 1110, "keep the width of use_style()"
    sizes = [int(size) for cell in read(path).cells for size in re.findall(r"\bfontsize=(\d+)", cell.source)]
    assert min(sizes, default=12) >= 10, "a phone shows these letters at less than two thirds of their size"


# ---- outputs ----


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_the_notebook_is_normalized(path):
    assert path.read_text(encoding="utf-8") == write(normalize(read(path))), "run `make outputs`"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_beside_a_live_figure_stands_its_picture(path):
    bundles = [set(output.get("data", {})) for cell in read(path).cells for output in cell.get("outputs", [])]
    figures = [kinds for kinds in bundles if WIDGET_VIEW in kinds]
    assert all("image/png" in kinds for kinds in figures), "run `make outputs`"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_the_outputs_hold_no_error_and_nothing_of_this_machine(path):
    for cell in read(path).cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error", output
            shown = str(output.get("text", "")) + str(output.get("data", {}).get("text/plain", ""))
            assert not re.search(r"0x[0-9a-f]{6,}|/home/|/root/|/tmp/|/Users/|[A-Z]:\\", shown), shown


@pytest.mark.soak
def test_nbval_refuses_a_notebook_with_one_changed_number_and_keeps_no_copy_of_it(tmp_path, monkeypatch):
    def printed(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
        return [o for c in notebook.cells for o in c.get("outputs", []) if re.search(r"\d", str(o.get("text", "")))]

    path = min((path for path in NOTEBOOKS if printed(read(path))), key=lambda path: len(read(path).cells))
    book, plugins = tmp_path / "book", tmp_path / "tests" / "plugins"
    shutil.copytree(BOOK / "_tools", book / "_tools")
    shutil.copytree(ROOT / "tests" / "plugins", plugins)
    shutil.copy(BOOK / "matplotlibrc", book)
    shutil.copy(path, book / "right.ipynb")
    notebook = read(path)
    output = printed(notebook)[0]
    output.text = re.sub(r"\d", lambda digit: str((int(digit[0]) + 1) % 10), output.text, count=1)
    nbformat.write(notebook, book / "wrong.ipynb")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "kept", "-rA", "--nbval"]
    own = environment()
    own["PYTHONPATH"] = os.pathsep.join([str(plugins), own["PYTHONPATH"]])
    run = subprocess.run(
        [*command, "--nbval-current-env", book], cwd=tmp_path, env=own, capture_output=True, text=True, check=False
    )
    assert run.returncode == 1, run.stdout
    cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    assert f"1 failed, {2 * cells - 1} passed" in run.stdout
    assert re.findall(r"^FAILED book/(\w+)", run.stdout, re.MULTILINE) == ["wrong"]
    # What the build would execute again.
    executed = []
    monkeypatch.setattr(execution, "run_all", lambda paths: executed.extend(paths) or [])
    execution.refresh(book, tmp_path / "_build" / "executed", say=lambda _: None)
    assert executed == [book / "wrong.ipynb"]
    copy = read(tmp_path / "_build" / "executed" / "right.ipynb")
    assert [o.get("text") for c in copy.cells for o in c.get("outputs", [])] == [
        o.get("text") for c in read(path).cells for o in c.get("outputs", [])
    ]


def test_a_new_notebook_is_found(tmp_path):
    from outputs import notebooks

    for name in ("5-new.ipynb", "part/deep.ipynb", "_build/old.ipynb", ".ipynb_checkpoints/copy.ipynb"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert [path.relative_to(tmp_path).as_posix() for path in notebooks(tmp_path)] == ["5-new.ipynb", "part/deep.ipynb"]


def test_the_runner_gives_nbval_every_notebook(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tests")
    import run

    given = []
    monkeypatch.setattr(run, "pytest", lambda *arguments: given.extend(arguments))
    run.nbval()
    assert "--nbval" in given
    assert {path for path in given if isinstance(path, Path)} == set(NOTEBOOKS)
    assert set(NOTEBOOKS) >= set(BOOK.glob("*.ipynb"))


# ---- what a chapter has ----


@pytest.mark.parametrize("path", CHAPTERS, ids=chapter_ids)
def test_the_chapter_is_complete(path):
    prose = text(path)
    pages = toc()
    following = pages[pages.index(path.stem) + 1]
    assert re.search(r"you will be able to\b.*\n+[-*] ", prose), 'a list "After this page you will be able to"'
    assert len(re.findall(r"^### Exercise ", prose, re.MULTILINE)) >= 2, "at least two exercises"
    assert re.search(r"^#+ Summary", prose, re.MULTILINE), "a summary"
    assert re.search(rf"\]\({re.escape(following)}\.(ipynb|md)\)", prose), f"a link to {following}"
    assert "chainbp" in "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "code"), "uses chainbp"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_code_that_the_book_folds_is_folded_in_jupyterlab(path):
    for index, cell in enumerate(read(path).cells):
        in_lab = cell.metadata.get("jupyter", {}).get("source_hidden", False)
        assert folded(cell) == in_lab, f"cell {index}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_code_that_is_read_is_at_most_79_signs_wide(path):
    """As wide as its box on a page, which tests/browser measures: in view, and in an unfolded solution."""
    code = [cell.source for cell in read(path).cells if cell.cell_type == "code" and not folded(cell)]
    assert [line for source in code for line in source.splitlines() if len(line) > 79] == []
