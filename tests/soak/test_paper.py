"""The book as a PDF, as `make pdf` prints it."""

from __future__ import annotations

import fcntl
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
import yaml
from pypdf import PdfReader
from pypdf.generic import Destination

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
sys.path.insert(0, str(ROOT / "tests"))

from chromium import MISSING, missing  # noqa: E402

pytestmark = pytest.mark.soak
TOC = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
PAGES = [TOC["root"], *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"])]
A4 = 297.0
# The text's area, in mm from the top of the page: paper.css.
AREA = (30, A4 - 24)
MARGIN = 20 / A4 * 842  # in points


@pytest.fixture(scope="module")
def path() -> Path:
    """The PDF of the pages as they are, printed by the first process that asks for it."""
    made, tools = ROOT / "_build" / "chainbp.pdf", ROOT / "book" / "_tools"
    with (ROOT / "_build" / "pdf.lock").open("a") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        sources = [*HTML.glob("*.html"), tools / "pdf.py", tools / "paper.js", tools / "paper.css"]
        if not made.exists() or made.stat().st_mtime < max(source.stat().st_mtime for source in sources):
            done = subprocess.run([sys.executable, tools / "pdf.py"], capture_output=True, text=True)
            if MISSING in done.stderr:
                missing(done.stderr)
            assert done.returncode == 0, done.stdout + done.stderr
    return made


@pytest.fixture(scope="module")
def pdf(path) -> PdfReader:
    return PdfReader(path)


@pytest.fixture(scope="module")
def drawn(path) -> pypdfium2.PdfDocument:
    return pypdfium2.PdfDocument(path)


@pytest.fixture(scope="module")
def texts(drawn) -> list[str]:
    return [page.get_textpage().get_text_bounded() for page in drawn]


@pytest.fixture(scope="module")
def places(pdf) -> dict[str, int]:
    """The page of each name that a link can lead to, the first page being 1."""
    named = pdf.named_destinations
    return {name.removeprefix("/"): pdf.get_destination_page_number(named[name]) + 1 for name in named}


def outline(pdf: PdfReader) -> list[tuple[str, int, list]]:
    """Titles, pages and what is below them."""
    found: list[tuple[str, int, list]] = []

    def walk(entries: list, into: list) -> None:
        for entry in entries:
            if isinstance(entry, Destination):
                into.append((entry.title, pdf.get_destination_page_number(entry) + 1, []))
            else:
                walk(entry, into[-1][2])

    walk(pdf.outline, found)
    return found


def test_every_chapter_and_section_is_in_the_outline_where_it_begins(pdf, places):
    entries = {name: (page, below) for name, page, below in outline(pdf)}
    for name in PAGES:
        html = (HTML / f"{name}.html").read_text(encoding="utf-8")
        heading = re.search(r"<h1>(.*?)<a ", html)[1]
        page, below = entries.pop(heading)
        assert page == places[name]
        assert len(below) == len(re.findall("<h2>", html[html.index("<article") : html.index("</article>")]))
    assert [*entries] == ["Contents", "Solutions"]


def test_the_contents_tell_the_pages(pdf, drawn, places):
    lines = {}
    for number in range(2, places[PAGES[0]]):
        page = pdf.pages[number - 1]
        text = drawn[number - 1].get_textpage()
        for link in (note.get_object() for note in page["/Annots"]):
            said = text.get_text_bounded(*map(float, link["/Rect"]))
            lines.setdefault(link["/Dest"].removeprefix("/"), []).append(said)
    told = {name: int(re.search(r"(\d+)\s*$", " ".join(said))[1]) for name, said in lines.items()}
    assert told == {name: places[name] for name in told}
    assert {*PAGES, "solutions"} <= set(told)


def test_nothing_is_wider_than_the_text(drawn):
    wide = {}
    for number, page in enumerate(drawn, 1):
        text = page.get_textpage()
        for index in range(text.count_rects()):
            left, bottom, right, top = text.get_rect(index)
            if left < MARGIN - 3 or right > page.get_width() - MARGIN + 3:
                wide.setdefault(number, text.get_text_bounded(left, bottom, right, top))
    assert wide == {}


def squeezed(text: str) -> str:
    return re.sub(r"\s|\xad|\ufffe", "", text)


def test_no_line_of_code_is_cut_off(texts):
    book, cut = squeezed("".join(texts)), {}
    for name in PAGES:
        page = (HTML / f"{name}.html").read_text(encoding="utf-8")
        shown = re.sub(r'(?s)<details class="[^"]*\bhide\b.*?</details>', "", page)
        lines = [
            squeezed(unescape(re.sub("<[^>]*>", "", line)))
            for block in re.findall(r"(?s)<pre>(.*?)</pre>", shown)
            for line in block.splitlines()
        ]
        if lost := [line for line in lines if line not in book]:
            cut[name] = lost
    assert cut == {}


def test_every_equation_of_the_note_is_there(texts):
    book = "\n".join(texts)
    assert [n for n in range(1, 42) if f"({n})" not in book] == []


def test_every_link_leads_somewhere(pdf, places):
    internal, external = 0, set()
    for page in pdf.pages:
        for link in (note.get_object() for note in page.get("/Annots", ())):
            if "/Dest" in link:
                assert link["/Dest"].removeprefix("/") in places
                internal += 1
            else:
                external.add(link["/A"]["/URI"])
    assert internal > 500
    assert external
    assert [address for address in external if not address.startswith(("https://", "http://"))] == []
    assert [address for address in external if re.match(r"https?://(localhost|127\.)", address)] == []


def test_links_to_formulas_lead_to_the_page_that_has_them(texts, places):
    formulas = {name: page for name, page in places.items() if re.search(r"/eq-\d+$", name)}
    assert len(formulas) > 30
    wrong = [name for name, page in formulas.items() if f"({name.rpartition('-')[2]})" not in texts[page - 1]]
    assert wrong == []


def test_the_fonts_are_in_the_file(pdf):
    fonts = {}
    for page in pdf.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            fonts[font.get_object().get("/BaseFont", "of type 3")] = font.get_object()
    assert len(fonts) > 5
    for name, font in fonts.items():
        if font["/Subtype"] == "/Type3":  # drawn in the file
            continue
        inner = font["/DescendantFonts"][0].get_object() if font["/Subtype"] == "/Type0" else font
        assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(inner["/FontDescriptor"]), name


def test_no_page_has_a_hole_of_a_third(drawn, places):
    """A hole is a strip over the whole width of the text where nothing is, between two things or before the foot.

    The cover is no page of text, and a chapter may end where it ends: each begins on a new page.
    """
    begins = {places[name] for name in PAGES} | {places["solutions"], 2}
    holes = {}
    for number, page in enumerate(drawn, 1):
        if number + 1 in begins or number == len(drawn):
            continue
        picture = page.render(scale=0.5, grayscale=True).to_numpy().squeeze()
        top, bottom = (round(edge / A4 * len(picture)) for edge in AREA)
        inked = np.flatnonzero((picture[top:bottom] < 250).any(axis=1))
        hole = np.diff([-1, *inked, bottom - top]).max() / (bottom - top)
        if hole > 1 / 3:
            holes[number] = round(float(hole), 2)
    assert holes == {}


def test_solutions_are_at_the_end_and_each_exercise_says_where(pdf, texts, places):
    solutions = {name: page for name, page in places.items() if "/Solution-" in name}
    chapters = [(HTML / f"{page}.html").read_text(encoding="utf-8") for page in PAGES]
    assert len(solutions) == sum(html.count('class="solution') for html in chapters) > 25
    assert all(page >= places["solutions"] > places[PAGES[-1]] for page in solutions.values())
    book = " ".join(texts[: places["solutions"] - 1])
    told = [int(number) for number in re.findall(r"Solution: page\s+(\d+)", book)]
    assert sorted(told) == sorted(solutions.values())
