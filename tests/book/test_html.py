"""The built book: complete in itself, every link leads somewhere, every picture has words."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from notebooks import BOOK, HTML, NOTEBOOKS, text, toc
from sphinxcontrib import katex

import chainbp.widgets

PAGES = sorted(HTML.glob("*.html"))
each_page = pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])


@cache
def soup(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


@cache
def targets(page: Path) -> frozenset[str]:
    return frozenset(str(tag.get("id") or tag.get("name")) for tag in soup(page).find_all(True))


def test_each_page_of_the_toc_is_built(html):
    assert [name for name in toc() if not (html / f"{name}.html").is_file()] == []


def test_each_page_of_the_toc_has_a_description_of_its_own(html):
    described = {}
    for name in toc():
        (tag,) = soup(html / f"{name}.html").find_all("meta", attrs={"name": "description"})
        described[name] = tag["content"]
    lengths = {name: len(text) for name, text in described.items()}
    assert {name: length for name, length in lengths.items() if not 80 <= length <= 160} == {}
    assert len(set(described.values())) == len(described)


def test_what_a_chat_shows_of_a_link_is_the_page_s_title_and_description(html):
    for name in toc():
        page = soup(html / f"{name}.html")
        shown = {tag["property"]: tag["content"] for tag in page.find_all("meta", property=re.compile("^og:"))}
        assert shown["og:title"] == page.title.get_text().removesuffix(" — chainbp")
        assert shown["og:description"] == page.find("meta", attrs={"name": "description"})["content"]
        assert not re.search("https?:", " ".join(shown.values())), "the book does not know its address"


@each_page
def test_the_page_asks_no_other_host_for_anything(page):
    for tag in soup(page).find_all(["script", "link", "img", "iframe", "source", "video", "audio", "object", "embed"]):
        for attribute in ("src", "href", "data", "srcset", "poster"):
            assert not re.match(r"\s*(https?:)?//", tag.get(attribute) or ""), tag
    for style in soup(page).find_all("style"):
        assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", style.get_text())


def test_the_style_sheets_ask_no_other_host_for_anything(html):
    for sheet in html.rglob("*.css"):
        css = sheet.read_text(encoding="utf-8")
        for address in re.findall(r"url\(\s*['\"]?([^'\")]+)", css) + re.findall(r"@import\s+['\"]([^'\"]+)", css):
            assert not re.match(r"(https?:)?//", address), f"{sheet.name}: {address}"


@each_page
def test_each_internal_link_leads_somewhere(page):
    for link in soup(page).find_all("a", href=True):
        address = urlsplit(link["href"])
        if address.scheme or address.netloc:
            continue
        target = (page.parent / unquote(address.path)).resolve() if address.path else page
        assert target.is_file(), link
        if address.fragment and target.suffix == ".html" and not STATE.match(address.fragment):
            assert unquote(address.fragment) in targets(target), link


@each_page
def test_each_picture_and_file_of_the_page_exists(page):
    for tag in soup(page).find_all(["img", "script", "link"]):
        address = urlsplit(tag.get("src") or tag.get("href") or "")
        if address.path and not address.scheme:
            assert (page.parent / unquote(address.path)).is_file(), tag


@each_page
def test_each_picture_has_alt_text(page):
    for image in soup(page).find_all("img"):
        decoration = "logo__image" in image.get("class", [])  # its link says the same in words
        assert image.get("alt") == "" if decoration else (image.get("alt") or "").strip(), image


@each_page
def test_a_progress_bar_shows_its_last_state_alone(page):
    for output in soup(page).select(".output.stream"):
        for done, total in re.findall(r"━.*\| *(\d+)/(\d+)", output.get_text()):
            assert done == total, output.get_text()


@each_page
def test_no_formula_is_left_unset(page):
    assert not soup(page).select(".katex-error")
    for formula in soup(page).select(".math"):
        assert formula.select_one(".katex"), formula


@each_page
def test_no_line_can_begin_with_the_comma_after_a_formula(page):
    for formula in soup(page).select(".bd-article span.math"):
        after = str(formula.next_sibling.string or "") if formula.next_sibling else ""
        if "cbp-tied" not in formula.parent.get("class", []):
            assert not re.match(r"[^\s\w]", after)
        elif "cbp-short" not in formula["class"]:
            assert not re.match(r"[.,:;?)]", after)


def test_the_numbers_of_the_equations_are_the_paper_s(html):
    shown = {}
    for page in PAGES:
        for formula in soup(page).select("div.math[id^=eq-]"):
            shown[formula["id"]] = formula.select_one(".eqno").get_text().split("(")[1].split(")")[0]
    assert shown == {name: name.removeprefix("eq-") for name in shown}
    assert {f"eq-{n}" for n in range(1, 42)} <= set(shown)


def test_the_boxes_exercises_and_solutions_of_the_notebooks_are_in_the_pages(html):
    for path in NOTEBOOKS:
        page = soup(html / f"{path.stem}.html")
        titles = re.findall(r"^> \*\*(.+?)\.\*\*", text(path), re.MULTILINE)
        boxes = page.select(".admonition:is(.predict, .try, .slip) > .admonition-title")
        assert [box.get_text() for box in boxes] == titles
        numbers = re.findall(r"^### Exercise (.+)$", text(path), re.MULTILINE)
        assert [f"Exercise {n}" for n in numbers] == [
            title.get_text() for title in page.select(".exercise > .admonition-title")
        ]
        for exercise, n in zip(page.select(".exercise"), numbers):
            solution = next(box for box in exercise.find_next_siblings() if "cell" not in box["class"])
            assert (solution["id"], "dropdown" in solution["class"]) == (f"Solution-{n}", True)
        assert not page.find_all("blockquote")


def test_katex_style_and_program_are_one_version():
    sheet = (BOOK / "_extra" / "_static" / "vendor" / "katex" / "katex.min.css").read_text(encoding="utf-8")
    program = resources.files("sphinxcontrib").joinpath("katex.min.js").read_text(encoding="utf-8")
    version = re.search(r'katex-version:after\{content:"([\d.]+)"', sheet.replace(".katex .", ""))
    assert version, "the style sheet names its version"
    assert version[1] == katex.katex_version
    assert f'"{version[1]}"' in program


def test_the_fonts_that_the_katex_style_names_are_there():
    folder = BOOK / "_extra" / "_static" / "vendor" / "katex"
    named = set(re.findall(r"url\((fonts/[^)]+)\)", (folder / "katex.min.css").read_text(encoding="utf-8")))
    assert named == {f"fonts/{path.name}" for path in (folder / "fonts").iterdir()}


# ---- the reference of the package ----


def entry(html, name: str):
    return soup(html / "api.html").find(id=f"chainbp.{name}")


def test_each_family_is_shown_with_its_brackets(html):
    shown = {name: entry(html, name).get_text().replace("[source]", "") for name in chainbp.__all__}
    for name, text_ in shown.items():
        assert isinstance(getattr(chainbp, name), chainbp.Family) == bool(re.search(rf"{name}\[\w+", text_)), text_
    assert "lp_pool2d[p, size[, stride]]" in shown["lp_pool2d"]
    assert "rho[W[, b]]" in shown["rho"]


def test_each_public_name_has_its_source_in_the_book(html):
    for name in chainbp.__all__:
        link = entry(html, name).select_one("a[href^='_modules/']")
        assert link, name
        address = urlsplit(link["href"])
        assert (html / address.path).is_file()
        assert address.fragment in targets(html / address.path), link


def test_the_reference_takes_no_sentence_for_a_type_and_links_each_formula(html):
    page = BeautifulSoup((html / "api.html").read_text(encoding="utf-8"), "html.parser").find("article")
    for term in page.select("dl.field-list > dt"):
        if term.get_text() == "Type:":  # napoleon takes what stands before a colon for one
            assert len(term.find_next_sibling("dd").get_text().split()) <= 4, term.find_parent("dl", class_="py")
    for code in page.find_all(["pre", "code"]):
        code.decompose()
    numbers = [found for found in page.find_all(string=re.compile(r"\(\d+\)")) if not found.find_parent("a")]
    assert numbers == []
    linked = {link.get_text() for link in page.find_all("a", href=re.compile("#eq-"))}
    assert {"(7)", "(9)", "(10)", "(18)", "(32)", "(33)"} <= linked


# ---- for teachers ----


def test_every_exercise_stands_on_the_page_without_solutions(html):
    page = soup(html / "exercises.html").find("article")
    shown = [link.get_text() for link in page.find_all("a", string=re.compile("^Exercise "))]
    chapters = "\n".join(text(path) for path in NOTEBOOKS)
    assert sorted(shown) == sorted(re.findall(r"^### (Exercise [\d.]+)$", chapters, re.MULTILINE))
    assert not re.search(r"Solution", page.get_text().partition("Exercises")[2].partition("solution waits")[2])
    # An exercise about a cell brings it along.
    assert any("# yours: a guess" in listing.get_text() for listing in page.find_all("pre"))


STATE = re.compile(r"(\w+)\.(\w+)=([-\d.,]+)")


@each_page
def test_a_link_to_a_figure_s_state_names_a_figure_of_that_page_and_what_it_holds(page):
    for link in soup(page).find_all("a", href=re.compile(r"#\w+\.\w+=")):
        address = urlsplit(link["href"])
        there = soup(page.parent / address.path)
        for part in address.fragment.split("&"):
            figure, trait, value = STATE.fullmatch(part).groups()
            (start,) = (state for state in states(there) if state["figure"] == figure)
            assert trait in start["_start"], link
            assert value.count(",") == str(start["_start"][trait]).count(","), link


def states(page: BeautifulSoup) -> list[dict]:
    """The states of a page's figures, as they are saved for the scripts."""
    (saved,) = page.find_all("script", type="application/vnd.jupyter.widget-state+json")
    models = [model["state"] for model in json.loads(saved.string)["state"].values()]
    return [state for state in models if "figure" in state]


def test_the_search_has_the_words_of_a_page_once(html):
    texts = (html / "_static" / "search_texts.js").read_text(encoding="utf-8")
    assert re.findall(r"<[A-Za-z_.]+ object>", texts) == []  # what Python calls a table or a text
    assert "(tuple of array_like, optional)" in texts  # a type in the reference, with a link or without
