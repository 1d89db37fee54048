"""The site: what only pages with an address have, and that its notebooks ask for nothing that is not there."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import nbformat
import prose
import publish
import pytest
import yaml
from bs4 import BeautifulSoup
from notebooks import BOOK, HTML, NOTEBOOKS, ROOT, toc
from outputs import WIDGET_VIEW

PLACE = publish.Place("https://example.org/book", "someone/some-fork")
WHEEL = "chainbp-0.1.0-py3-none-any.whl"


@pytest.fixture(scope="module")
def site(html, tmp_path_factory):
    """The site without its wheel and its pictures, which tests/soak makes."""
    folder = tmp_path_factory.mktemp("site") / "book"
    shutil.copytree(html, folder, ignore=shutil.ignore_patterns("_images", "_modules", "_downloads", "_sources"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publish, "PART", folder)
        (folder / WHEEL).touch()
        publish.publish_notebooks(PLACE, folder / WHEEL)
        publish.publish_pages(PLACE)
    return folder


@cache
def soup(page: Path) -> BeautifulSoup:
    """A page down to its title, which is all that the site changes; what follows is long."""
    html, end, _ = page.read_text(encoding="utf-8").partition("</h1>")
    return BeautifulSoup(html + end, "html.parser")


def buttons(page: Path) -> dict[str, str]:
    return {link.get_text(): link["href"] for link in soup(page).select("nav.cbp-site a")}


# ---- pages ----


def test_each_notebook_s_page_has_buttons_that_lead_somewhere(site):
    for path in NOTEBOOKS:
        found = buttons(site / f"{path.stem}.html")
        found.pop("PDF", None)
        assert list(found) == ["Colab", "Binder", "Download", "Report an error"]
        assert (site / found["Download"]).is_file()
        colab, binder, report = (urlsplit(found[name]) for name in ("Colab", "Binder", "Report an error"))
        assert colab.path == f"/github/{PLACE.repository}/blob/{publish.BRANCH}/{path.name}"
        assert binder.path == f"/v2/gh/{PLACE.repository}/{publish.BRANCH}"
        assert parse_qs(binder.query) == {"urlpath": [f"lab/tree/{path.name}"]}
        asked = parse_qs(report.query)
        assert report.path == f"/{PLACE.repository}/issues/new"
        assert asked["page"] == [PLACE.page(path.stem)]
        assert asked["title"][0].startswith(soup(site / f"{path.stem}.html").h1.get_text().rstrip("#"))


def test_the_landing_page_links_the_pdf_where_it_was_made(tmp_path, monkeypatch):
    monkeypatch.setattr(publish, "PDF", tmp_path / "chainbp.pdf")
    assert "PDF" not in PLACE.links("index", "chainbp", notebook=True)
    publish.PDF.touch()
    assert PLACE.links("index", "chainbp", notebook=True)["PDF"][0] == "chainbp.pdf"
    assert "PDF" not in PLACE.links("api", "api", notebook=False)


def test_the_workflow_s_commands_build_the_book_once_and_the_pdf_after_it():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "book.yml").read_text(encoding="utf-8"))
    (command,) = (step["run"] for step in workflow["jobs"]["site"]["steps"] if "make " in step.get("run", ""))
    done = subprocess.run([*command.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.findall(r"_tools/(build|pdf|publish)\.py(?! --address)", done.stdout) == ["build", "pdf", "publish"]


def test_an_error_is_reported_by_a_form_that_is_there(site):
    (name,) = parse_qs(urlsplit(buttons(site / "teachers.html")["Report an error"]).query)["template"]
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / name).read_text(encoding="utf-8"))
    assert "page" in [field.get("id") for field in form["body"]]


def test_a_site_without_a_repository_has_no_link_that_needs_one():
    place = publish.Place("https://example.org")
    assert set(place.links("1-introduction", "1", notebook=True)) == {"Download"}
    assert place.links("api", "api", notebook=False) == {}


NO_ADDRESS = ["", "example.org", "https://", "https://a.org/?x=1", "https://a.org#f", "https://a.org/index.html"]
NO_ADDRESS += ["https://me:secret@a.org/b", "https://a.org/\"quoted'{x}"]


@pytest.mark.parametrize("given", NO_ADDRESS)
def test_an_address_that_is_none_is_refused_with_what_to_write(given):
    with pytest.raises(SystemExit, match=r"make site SITE=https://HOST/PATH"):
        publish.Place.of({"SITE": given})


def test_the_place_is_what_a_workflow_says():
    said = {"SITE": "https://a.b/c/", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "d/e"}
    assert publish.Place.of(said) == publish.Place("https://a.b/c", "d/e")
    for server in ("", "https://github.com/"):
        assert publish.Place.of(said | {"GITHUB_SERVER_URL": server}) == publish.Place.of(said)


def test_a_site_that_is_not_whole_leaves_the_one_before(tmp_path, monkeypatch):
    for name in ("HTML", "SITE", "PART", "PDF"):
        monkeypatch.setattr(publish, name, tmp_path / name)
    for folder in (publish.HTML, publish.SITE):
        folder.mkdir()
        (folder / "index.html").write_text(folder.name, encoding="utf-8")
    monkeypatch.setenv("SITE", "https://a.org")
    monkeypatch.setattr(publish, "find_chromium", lambda _: None)
    monkeypatch.setattr(publish, "publish_pages", lambda _: None)
    with pytest.raises(SystemExit, match="The card is not drawn"):
        publish.main()
    assert (publish.SITE / "index.html").read_text(encoding="utf-8") == "SITE"
    assert not publish.PART.exists()


def test_a_site_gets_no_pdf_of_an_older_book(tmp_path, monkeypatch):
    programs = []
    done = subprocess.CompletedProcess([], 0)
    monkeypatch.setattr(publish.subprocess, "run", lambda command: programs.append(command[-1].name) or done)
    monkeypatch.setattr(publish, "make", lambda _: programs.append("made"))
    for name in ("HTML", "PDF"):
        monkeypatch.setattr(publish, name, tmp_path / name)
    publish.HTML.mkdir()
    (publish.HTML / "index.html").touch()
    publish.PDF.touch()
    monkeypatch.setenv("SITE", "https://a.org")
    for age, expected in (0, ["made"]), (10, ["pdf.py", "made"]):
        os.utime(publish.PDF, (when := (publish.HTML / "index.html").stat().st_mtime - age, when))
        programs.clear()
        assert publish.main() == 0
        assert programs == expected
    done.returncode = 1
    programs.clear()
    assert publish.main() == 1  # no site without the PDF that it should have
    assert programs == ["pdf.py"]


def test_a_built_book_has_no_buttons_and_no_address(html):
    for page in html.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"cbp-site|canonical|colab|mybinder|og:url|og:image", text), page.name


def test_each_page_says_its_address_and_shows_the_card(site):
    palette = (ROOT / "chainbp" / "palette.css").read_text(encoding="utf-8")
    colors = re.search(r"--cbp-paper: light-dark\((.*)\)", palette)[1].split(", ")
    for name in toc():
        page = soup(site / f"{name}.html")
        address = page.find("link", rel="canonical")["href"]
        assert address == ("https://example.org/book/" if name == "index" else f"https://example.org/book/{name}.html")
        told = {tag["property"]: tag["content"] for tag in page.find_all("meta", property=True)}
        assert told["og:url"] == address
        assert told["og:image"] == "https://example.org/book/card.png"
        assert all(told[f"og:{key}"] for key in ("title", "description", "image:alt"))
        assert page.find("meta", attrs={"name": "twitter:card"})["content"] == "summary_large_image"
        assert [tag["content"] for tag in page.find_all("meta", attrs={"name": "theme-color"})] == colors


def test_the_map_lists_the_pages_of_the_book(site):
    listed = re.findall("<loc>(.*)</loc>", (site / "sitemap.xml").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(PLACE.page(name) for name in toc())


def test_a_page_of_the_site_loads_from_no_other_host(site):
    for page in site.glob("*.html"):
        for tag in soup(page).find_all(["script", "link", "img"]):
            address = tag.get("src") or tag.get("href") or ""
            assert tag.get("rel") == ["canonical"] or not re.match(r"\s*(https?:)?//", address), tag


def test_what_search_engines_read_agrees_with_the_citation(site):
    (tag,) = soup(site / "index.html").find_all("script", type="application/ld+json")
    told = json.loads(tag.string)
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert told["@type"][0] == "LearningResource"
    assert (told["name"], told["version"], told["keywords"]) == (cited["title"], cited["version"], cited["keywords"])
    assert cited["version"] == project
    assert [author["name"] for author in told["author"]] == [author["name"] for author in cited["authors"]]
    assert [urlsplit(name).path.rpartition("/")[2] for name in told["license"]] == cited["license"]
    assert told["isBasedOn"]["name"] == cited["references"][0]["title"]
    assert told["isBasedOn"]["datePublished"] == str(cited["references"][0]["date-released"])
    assert told["inLanguage"] == "en"
    assert len(told["teaches"]) == 3
    assert "MIT License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "CC BY 4.0" in (ROOT / "LICENSE-TEXT").read_text(encoding="utf-8")
    assert cited["license"] == ["MIT", "CC-BY-4.0"]


# ---- notebooks ----


def test_a_published_notebook_first_gets_what_it_needs_and_is_otherwise_the_same(site):
    for path in NOTEBOOKS:
        ours, theirs = (nbformat.read(folder / path.name, as_version=4) for folder in (BOOK, site / "notebooks"))
        first, *others = theirs.cells
        nbformat.validate(theirs)
        assert f"{PLACE.site}/wheels/{WHEEL}" in first.source
        ast.parse(re.sub(r"^( *)%.*$", r"\1pass", first.source, flags=re.MULTILINE))
        code = [[cell.source for cell in cells if cell.cell_type == "code"] for cells in (ours.cells, others)]
        assert code[0] == code[1]
        assert ('"_data"' in first.source) == any('"_data"' in source for source in code[0])
        assert not any(WIDGET_VIEW in output.get("data", {}) for cell in others for output in cell.get("outputs", []))


def test_the_data_that_it_fetches_is_all_there_is(site):
    named = set(re.findall(r'"([\w-]+\.json)"', nbformat.read(site / "notebooks/how-fast.ipynb", 4).cells[0].source))
    assert named == {file.name for file in (BOOK / "_data").iterdir()}
    assert named == {file.name for file in (site / "notebooks" / "_data").iterdir()}


def test_the_links_of_published_notebooks_lead_to_pages_of_the_site(site):
    lead = 0
    for path in NOTEBOOKS:
        for cell in nbformat.read(site / "notebooks" / path.name, as_version=4).cells:
            if cell.cell_type != "markdown":
                continue
            parts = [part for inline in prose.parse(cell.source)[0] for part in inline.children or []]
            for link in (str(part.attrs["href"]) for part in parts if "href" in part.attrs):
                assert link.startswith(("#", "https://", "http://", "mailto:")), (path.name, link)
                if link.startswith(f"{PLACE.site}/"):
                    lead += 1
                    file, _, anchor = link.removeprefix(f"{PLACE.site}/").partition("#")
                    assert (HTML / file).is_file(), (path.name, link)
                    there = (HTML / file).read_text(encoding="utf-8")
                    assert not anchor or f'id="{unquote(anchor)}"' in there, (path.name, link)
    assert lead > 100


def test_binder_installs_the_site_s_wheel_by_the_exact_versions(site):
    folder = site / "notebooks"
    *conda, pip = yaml.safe_load((folder / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    assert conda[-1] == "pip"
    assert pip["pip"] == ["-c constraints.txt", f"chainbp[notebooks] @ {PLACE.site}/wheels/{WHEEL}"]
    assert (folder / "constraints.txt").read_bytes() == (ROOT / "constraints.txt").read_bytes()


# ---- workflows ----

FILES = ROOT.glob(".github/workflows/*.yml")
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in FILES}
STEPS = [(name, step) for name, flow in WORKFLOWS.items() for job in flow["jobs"].values() for step in job["steps"]]


def test_a_workflow_may_read_the_sources_and_each_job_what_it_says_beyond():
    assert sorted(WORKFLOWS) == ["book", "newest", "release"]
    assert all(flow["permissions"] == {"contents": "read"} for flow in WORKFLOWS.values())


def test_what_the_workflows_run_is_there():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    run = [step["run"] for _, step in STEPS if "run" in step]
    made = [word for command in run for word in re.findall(r"^make (.*)$", command, re.MULTILINE)]
    assert {"site", "test"} <= {word for words in made for word in words.split()}
    assert {word for words in made for word in words.split() if "=" not in word} <= targets
    assert ".ci/run" in run
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_the_workflows_name_no_repository_of_their_own():
    for name, flow in WORKFLOWS.items():
        assert not re.findall(r"github\.com/\S+|\w+\.github\.io", json.dumps(flow)), name
    used = {step["uses"] for _, step in STEPS if "uses" in step}
    assert not [name for name in used if not re.fullmatch(r"actions/[\w-]+@v\d+|pypa/[\w-]+@release/v1", name)]


def test_pre_commit_runs_what_the_tests_run():
    (repo,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    entries = {hook["id"]: hook["entry"].split()[1:3] for hook in repo["hooks"]}
    assert entries == {
        "ruff": ["-m", "ruff"],
        "notebooks": ["book/_tools/outputs.py", "--normalize-only"],
        "codespell": ["-m", "codespell_lib"],
    }
