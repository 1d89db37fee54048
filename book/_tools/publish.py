"""Make the site of the book: its built pages, and what only pages with an address can have (`make site SITE=https://...`).

The built book does not know where it will stand, and is the same everywhere. The site, _build/site, is a copy of it in
which each page also says its own address and shows a card in chats, each notebook can be opened elsewhere, and readers
can report an error. What it opens works alone: the published notebooks begin with a cell that installs chainbp from the
site's own wheel where it is missing, and fetches the data that the page reads.

All that is known of the place comes from the environment:

    SITE                                      the address of the book
    GITHUB_SERVER_URL and GITHUB_REPOSITORY   its repository, as a workflow knows it; without it, no link needs one

Colab and Binder open a notebook only from a repository, and those of the main branch lack the first cell, so the
workflow puts the published ones, site/notebooks, on a branch of their own, `notebooks`. It has one commit, and a new
one only if something changed: Binder keeps what it has built for a commit.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path
from urllib.parse import quote, urlencode

import nbformat
import yaml
from browser import MISSING, OPTIONS, find_chromium
from execution import BOOK, notebooks

sys.path.insert(0, str(BOOK / "_ext"))

import prose
from outputs import WIDGET_VIEW, write
from whole import replace_folder

ROOT = BOOK.parent
BUILD = ROOT / "_build"
HTML, SITE, PART, PDF = BUILD / "html", BUILD / "site", BUILD / "site.part", BUILD / "chainbp.pdf"
BRANCH = "notebooks"
CARD = (1200, 630)
# Of the pages that are made by Sphinx and by no author.
UNLISTED = {"genindex", "search"}  # of the latter, the bar is the theme's
DOOR = '  <noscript>\n    <p class="cbp-menu">'  # _templates/layout.html: between a page's bar and its text


@dataclass(frozen=True)
class Place:
    """Where the book will stand."""

    site: str
    """Its address, without a slash at the end."""
    repository: str = ""
    """OWNER/NAME on GitHub."""
    server: str = "https://github.com"

    @classmethod
    def of(cls, environment: dict[str, str]) -> Place:
        site = environment.get("SITE", "").rstrip("/")
        if not re.fullmatch(r"https?://[\w.-]+(:\d+)?(/[\w.~%-]+)*", site) or site.endswith(".html"):
            raise SystemExit(f"SITE is {site!r}; say where the book will stand: make site SITE=https://HOST/PATH")
        server = (environment.get("GITHUB_SERVER_URL") or cls.server).rstrip("/")
        return cls(site, environment.get("GITHUB_REPOSITORY", ""), server)

    def page(self, name: str) -> str:
        return f"{self.site}/" if name == "index" else f"{self.site}/{name}.html"

    def links(self, name: str, title: str, *, notebook: bool) -> dict[str, tuple[str, str]]:
        """The buttons of a page: their words, what they lead to, and the same in full."""
        found = {}
        if notebook and self.repository and self.server == Place.server:  # Colab and Binder know no other
            path = quote(f"{name}.ipynb")
            colab = f"https://colab.research.google.com/github/{self.repository}/blob/{BRANCH}/{path}"
            binder = f"https://mybinder.org/v2/gh/{self.repository}/{BRANCH}?urlpath=lab/tree/{path}"
            found["Colab"] = colab, "Open this notebook in Colab"
            found["Binder"] = binder, "Open this notebook in Binder"
        if notebook:
            found["Download"] = f"notebooks/{name}.ipynb", "Download this notebook"
        if name == "index" and PDF.is_file():
            found["PDF"] = PDF.name, "The whole book as a PDF"
        if self.repository:
            asked = urlencode({"template": "error.yml", "title": f"{title}: ", "page": self.page(name)})
            new = f"{self.server}/{self.repository}/issues/new?{asked}"
            found["Report an error"] = new, "Report an error on this page"
        return found


# ---- notebooks ----


def portable(notebook: nbformat.NotebookNode, place: Place, wheel: str, data: list[str]) -> nbformat.NotebookNode:
    """Make a notebook, in place, work alone; `data` are the files that it may read."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = linked(cell.source, place)
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET_VIEW, None)  # without its kernel; the picture beside it stays
    lines = [
        "# Where this page is not at home, as in Colab: install chainbp, and fetch what the page reads.",
        "import importlib.util",
        "",
        'if importlib.util.find_spec("chainbp") is None:',
        f'    %pip install -q "chainbp[notebooks] @ {place.site}/wheels/{wheel}"',
    ]
    if any('"_data"' in cell.source for cell in notebook.cells if cell.cell_type == "code"):
        lines[2:2] = ["from pathlib import Path", "from urllib.request import urlopen"]
        lines += [
            f"for name in {json.dumps(data)}:",
            '    if not (file := Path("_data", name)).is_file():',
            f'        content = urlopen(f"{place.site}/notebooks/_data/{{name}}").read()',
            "        file.parent.mkdir(exist_ok=True)",
            "        file.write_bytes(content)",
        ]
    first = nbformat.v4.new_code_cell("\n".join(lines), id="at-home")
    first.metadata = nbformat.from_dict({"jupyter": {"source_hidden": True}})
    notebook.cells.insert(0, first)
    return notebook


def linked(markdown: str, place: Place) -> str:
    """A cell whose links to other pages lead to the site."""
    for inline in prose.parse(markdown)[0]:
        for child in inline.children or []:
            address = str(child.attrs.get("href", ""))
            if child.type == "link_open" and not re.match("#|https?:|mailto:", address):
                file, hash_, anchor = address.partition("#")
                there = file.removeprefix("_extra/") if file.startswith("_extra/") else f"{Path(file).stem}.html"
                markdown = markdown.replace(f"]({address})", f"]({place.site}/{there}{hash_}{anchor})")
    return markdown


def publish_notebooks(place: Place, wheel: Path) -> None:
    """Write them, and what Binder makes their environment from: the branch `notebooks`."""
    folder = PART / "notebooks"
    folder.mkdir()
    shutil.copytree(BOOK / "_data", folder / "_data")
    data = sorted(file.name for file in folder.glob("_data/*"))
    for path in notebooks():
        notebook = portable(nbformat.read(path, as_version=4), place, wheel.name, data)
        (folder / path.name).write_text(write(notebook), encoding="utf-8")
    environment = (ROOT / "environment.yml").read_text(encoding="utf-8")
    own = environment.replace("-e .[book,test]", f"chainbp[notebooks] @ {place.site}/wheels/{wheel.name}")
    (folder / "environment.yml").write_text(own, encoding="utf-8")
    shutil.copy(ROOT / "constraints.txt", folder)
    (folder / "README.md").write_text(
        f"The notebooks of [the book]({place.site}/), made from its main branch each time that it is published.\n"
        # Binder, which keeps what it built for a commit, builds anew if this line changes.
        f"\n{wheel.name}: sha256 {hashlib.sha256(wheel.read_bytes()).hexdigest()}\n",
        encoding="utf-8",
    )


# ---- pages ----


def citation() -> dict:
    return yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def learning_resource(place: Place, description: str) -> dict:
    """What search engines read of the book: the words of CITATION.cff, and what it teaches."""
    cited = citation()
    (note,) = cited["references"]
    (author,) = note["authors"]
    return {
        "@context": "https://schema.org",
        "@type": ["LearningResource", "Book"],
        "name": cited["title"],
        "description": description,
        "url": place.page("index"),
        "image": f"{place.site}/card.png",
        "author": [{"@type": "Organization", "name": author["name"]} for author in cited["authors"]],
        "version": cited["version"],
        "license": [f"https://spdx.org/licenses/{name}" for name in cited["license"]],
        "keywords": cited["keywords"],
        "inLanguage": "en",
        "isAccessibleForFree": True,
        "learningResourceType": "textbook",
        "educationalLevel": "undergraduate",
        "teaches": [
            "derive the backward pass of any differentiable layer by the chain rule",
            "write that backward pass, and check it with finite differences",
            "train a network whose Lp pooling learns its p",
        ],
        "isBasedOn": {
            "@type": "CreativeWork",
            "name": note["title"],
            "author": {"@type": "Person", "givenName": author["given-names"], "familyName": author["family-names"]},
            "datePublished": str(note["date-released"]),
        },
    }


def shown(html: str, key: str) -> str:
    """What a page's tag `og:...` says; empty if there is none."""
    found = re.search(rf'<meta property="og:{key}" content="([^"]*)"', html)
    return unescape(found[1]) if found else ""


def head(place: Place, name: str, html: str) -> str:
    """What the site adds to a page's head. Of these, a page loads the style sheet alone, and it is the site's own."""
    tags = [f'<link rel="canonical" href="{escape(place.page(name))}" />']
    tags += [
        f'<meta name="theme-color" media="(prefers-color-scheme: {theme})" content="{color}" />'
        for theme, color in zip(("light", "dark"), paper())
    ]
    tags.append('<link rel="apple-touch-icon" href="touch-icon.png" />')
    if name in UNLISTED:
        tags.append('<meta name="robots" content="noindex" />')
    tags.append('<link rel="stylesheet" href="_static/site.css" />')
    if description := shown(html, "description"):
        image = {"": f"{place.site}/card.png", ":width": CARD[0], ":height": CARD[1], ":alt": alt()}
        card = {"og:url": place.page(name), **{f"og:image{key}": value for key, value in image.items()}}
        tags += [f'<meta property="{key}" content="{escape(str(value))}" />' for key, value in card.items()]
        tags.append('<meta name="twitter:card" content="summary_large_image" />')
    if name == "index":
        data = json.dumps(learning_resource(place, description), ensure_ascii=False).replace("</", r"<\/")
        tags.append(f'<script type="application/ld+json">{data}</script>')
    return "".join(f"    {tag}\n" for tag in tags)


def paper() -> tuple[str, str]:
    """What the pages are drawn on, in the light theme and in the dark one."""
    palette = (ROOT / "chainbp" / "palette.css").read_text(encoding="utf-8")
    light, dark = re.search(r"--cbp-paper: light-dark\((#\w+), (#\w+)\)", palette).groups()
    return light, dark


def alt() -> str:
    return "A small network with its values and errors; one weight is about to be pulled along its green gradient arrow"


def buttons(place: Place, name: str, html: str, *, notebook: bool) -> str:
    links = place.links(name, shown(html, "title") or name, notebook=notebook)
    items = [
        f'<a href="{escape(address)}" title="{escape(full)}"{" download" if address.startswith("notebooks/") else ""}>'
        f"{escape(word)}</a>"
        for word, (address, full) in links.items()
    ]
    return f'  <nav class="cbp-site d-print-none" aria-label="This page">{"".join(items)}</nav>\n' if items else ""


def publish_pages(place: Place) -> None:
    known = {path.stem for path in notebooks()}
    listed = []
    for path in sorted(PART.glob("*.html")):
        name, html = path.stem, path.read_text(encoding="utf-8")
        if html.count("  </head>") != 1 or html.count(DOOR) != (name != "search"):
            raise SystemExit(f"{path.name}: its head or its bar is not where _templates/layout.html puts it")
        html = html.replace(DOOR, buttons(place, name, html, notebook=name in known) + DOOR)
        path.write_text(html.replace("  </head>", head(place, name, html) + "  </head>"), encoding="utf-8")
        if name not in UNLISTED:
            listed.append(f"<url><loc>{escape(place.page(name))}</loc></url>")
    (PART / "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        + "\n".join(listed)
        + "\n</urlset>\n",
        encoding="utf-8",
    )
    # Read only where the site is a host of its own.
    (PART / "robots.txt").write_text(f"User-agent: *\nAllow: /\nSitemap: {place.site}/sitemap.xml\n", encoding="utf-8")


# ---- pictures ----


def draw(page: Path, file: Path, width: int, height: int) -> None:
    """Draw a page, as it looks after its scripts have run."""
    if (chromium := find_chromium("")) is None:
        raise SystemExit(f"The card is not drawn: {MISSING}")
    options = [*OPTIONS, "--headless", "--hide-scrollbars", "--virtual-time-budget=5000"]
    command = [chromium, *options, f"--window-size={width},{height}", f"--screenshot={file}", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode or not file.is_file():
        raise SystemExit(f"Chromium drew no {file.name}:\n{done.stderr}")


def draw_pictures() -> None:
    """The card that chats show is the landing page's first screen; the touch icon is the logo on white."""
    card, icon = PART / "card.html", PART / "icon.html"
    landing = (HTML / "index.html").read_text(encoding="utf-8")
    card.write_text(landing.replace("</head>", '<link rel="stylesheet" href="_static/card.css" /></head>'), "utf-8")
    draw(card, PART / "card.png", *CARD)
    icon.write_text('<body style="margin:0"><img src="_static/favicon.svg" width="180" height="180">', "utf-8")
    draw(icon, PART / "touch-icon.png", 180, 180)
    for made in card, icon, PART / "_static" / "card.css":
        made.unlink()


def make(place: Place) -> None:
    """Make the site beside the one before, and put it into its place when it is whole."""
    shutil.rmtree(PART, ignore_errors=True)
    shutil.copytree(HTML, PART)
    for sheet in BOOK.glob("_site/*.css"):
        shutil.copy(sheet, PART / "_static")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--wheel-dir", PART / "wheels", ROOT], check=True)
    (wheel,) = (PART / "wheels").glob("*.whl")
    publish_notebooks(place, wheel)
    publish_pages(place)
    draw_pictures()
    if PDF.is_file():
        shutil.copy(PDF, PART)
    replace_folder(PART, SITE)


def main() -> int:
    place = Place.of(dict(os.environ))
    if sys.argv[1:] == ["--address"]:
        return 0  # it is one: there is something to build the book for
    if PDF.is_file() and PDF.stat().st_mtime < (HTML / "index.html").stat().st_mtime:
        print(f"{PDF.name} is older than the book, and is printed anew", flush=True)
        if code := subprocess.run([sys.executable, Path(__file__).with_name("pdf.py")]).returncode:
            return code  # it has said why
    try:
        make(place)
    except KeyboardInterrupt:
        raise SystemExit(f"Interrupted. What is in {SITE}, if anything, is the last site that was whole") from None
    finally:
        shutil.rmtree(PART, ignore_errors=True)
    print(f"The site for {place.site}/ is in {SITE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
