"""How the book is built: what fails, with which words, and what is executed again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import build as building
import execution
import nbformat
import pytest
from execution import Run, refresh
from notebooks import read
from scratch import cells, environment, small_book


def write(book: Path, *sources: str, prose: str = "# A page") -> None:
    """The one page of a small book: prose, then code."""
    notebook = cells(*sources)
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell(prose))
    nbformat.write(notebook, book / "index.ipynb")


@pytest.fixture
def book(tmp_path) -> Path:
    return small_book(tmp_path)


def build(book: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, book / "_tools" / "build.py", *options]
    done = subprocess.run(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )
    assert "The whole log: _build/log/book.txt" in done.stdout
    return done


def page(book: Path) -> str:
    return (book.parent / "_build" / "html" / "index.html").read_text(encoding="utf-8")


@pytest.mark.soak
def test_a_save_shows_on_the_page_and_only_what_is_new_is_executed(book):
    data = book / "_data" / "answer.json"
    data.parent.mkdir()
    data.write_text("42")
    write(book, "print(open('_data/answer.json').read())", prose="# A page\nIts $x^2$.")
    first = build(book)
    assert first.returncode == 0, first.stdout
    assert "  index" in first.stdout
    assert ">42\n" in page(book)
    assert '<span class="katex">' in page(book)
    write(book, "print(open('_data/answer.json').read())", prose="# A corrected page")
    second = build(book, "--again", "index")
    assert second.returncode == 0, second.stdout
    assert "  index" not in second.stdout
    assert "A corrected page" in page(book)
    assert ">42\n" in page(book)
    # The notebook itself stays as it is, and yet the page is a new one.
    data.write_text("48")
    third = build(book, "--again")
    assert third.returncode == 0, third.stdout
    assert "  index" in third.stdout
    assert ">48\n" in page(book)


def test_a_wrong_formula_and_an_unread_warning_fail_with_their_places(book):
    write(book, "import sys\nprint('careful', file=sys.stderr)", prose="# A page\n\nIts $x + \\nope$.")
    done = build(book)
    assert done.returncode == 1
    warning, formula = (line for line in done.stdout.splitlines() if "WARNING" in line)
    assert "index.ipynb:10004" in formula
    assert "Undefined control sequence: \\nope" in formula
    assert "index.ipynb:20002" in warning
    assert "stderr" in warning


def test_a_notebook_that_raises_fails_with_its_name_and_cell(book):
    write(book, "x = 0", "y = 1 / x")
    done = build(book)
    assert done.returncode == 1
    assert "index.ipynb, cell 2: An error occurred while executing the following cell:" in done.stdout
    assert "\ny = 1 / x\n" in done.stdout
    assert "ZeroDivisionError: division by zero" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("name", ["_ext/links.py", "_static/chainbp.css", "_templates/menu.html", "_extra/layer.py"])
def test_what_stands_on_every_page_makes_every_page_anew(tmp_path, monkeypatch, name):
    for folder in ("ROOT", "BOOK", "BUILD", "STATIC"):
        monkeypatch.setattr(building, folder, tmp_path / folder)
    made, source = tmp_path / "BUILD" / ".doctrees" / "environment.pickle", tmp_path / "BOOK" / name
    for file, seconds in (source, 1), (made, 2):
        file.parent.mkdir(parents=True)
        file.touch()
        os.utime(file, (seconds, seconds))
    assert not building.changed_for_all_pages()
    os.utime(source, (3, 3))
    assert building.changed_for_all_pages()


@pytest.fixture
def executed(tmp_path, monkeypatch) -> SimpleNamespace:
    """A small book whose notebook is not really executed, its package, and what `refresh` would execute."""
    book, package = tmp_path / "book", tmp_path / "chainbp"
    (book / "_data").mkdir(parents=True)
    package.mkdir()
    (package / "__init__.py").touch()
    write(book, "1 + 1")
    monkeypatch.setattr(execution.util, "find_spec", lambda name: SimpleNamespace(origin=str(package / "__init__.py")))
    complaints: list[str] = []

    def fake(paths) -> list[Run]:
        return [Run(path, read(path), 1.0, "".join(complaints)) for path in paths]

    monkeypatch.setattr(execution, "run_all", fake)

    def names(only: list[str] | None = None) -> list[str]:
        said: list[str] = []
        refresh(book, tmp_path / "copies", only, said.append)
        return [line.split()[0] for line in said if line.startswith("  ")]

    return SimpleNamespace(book=book, package=package, names=names, complaints=complaints)


@pytest.mark.parametrize(
    ("edit", "again"),
    [
        (lambda e: None, []),
        (lambda e: write(e.book, "1 + 1", prose="# Other words"), []),
        (lambda e: write(e.book, "1 + 2"), ["index"]),
        (lambda e: write(e.book, "1 + 1", ""), ["index"]),
        (lambda e: (e.package / "__init__.py").write_text("x = 1\n"), ["index"]),
        (lambda e: (e.package / "deep").mkdir() or (e.package / "deep" / "new.py").touch(), ["index"]),
        (lambda e: (e.book / "matplotlibrc").write_text("lines.linewidth: 9\n"), ["index"]),
        (lambda e: (e.book / "_data" / "speed.json").write_text("{}"), ["index"]),
    ],
    ids=["nothing", "prose", "code", "a cell", "package", "module", "style", "data"],
)
def test_what_a_notebook_is_executed_again_for(executed, edit, again):
    assert executed.names() == ["index"]
    edit(executed)
    assert executed.names() == again
    assert executed.names() == []


def test_a_notebook_that_raised_is_executed_again(executed):
    executed.complaints.append("wrong")
    assert executed.names() == ["index"]
    executed.complaints.clear()
    assert executed.names() == ["index"]
    assert executed.names() == []


def test_one_page_alone_executes_no_other_notebook_that_was(executed):
    shutil.copy(executed.book / "index.ipynb", executed.book / "other.ipynb")
    assert executed.names(["index"]) == ["index", "other"]  # without a copy there would be no page
    (executed.package / "__init__.py").write_text("x = 1\n")
    assert executed.names(["index"]) == ["index"]
    assert executed.names() == ["other"]
