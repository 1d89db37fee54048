"""Print the book: the built pages as one PDF, _build/chainbp.pdf (`make pdf`).

paper.js lays the pages out as one document, in Chromium, and paper.css says how it looks on paper. It is printed twice,
since only the first print tells on which page each thing is.
"""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

import yaml
from browser import MISSING, OPTIONS, find_chromium
from execution import BOOK
from playwright.sync_api import Error, Page, sync_playwright
from pypdf import PdfReader
from whole import write_whole

ROOT = BOOK.parent
HTML = ROOT / "_build" / "html"
PDF = ROOT / "_build" / "chainbp.pdf"
TOOLS = Path(__file__).parent
FILL = """numbers => document.querySelectorAll("[data-page-of]").forEach(node => {
    node.textContent = numbers[node.dataset.pageOf];
})"""


def load(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def parts() -> list[dict]:
    """The pages' names in the order of the contents, by part; the first page is a part of its own."""
    toc = load(BOOK / "_toc.yml")
    named = [{"caption": part["caption"], "files": [c["file"] for c in part["chapters"]]} for part in toc["parts"]]
    return [{"caption": "", "files": [toc["root"]]}, *named]


def lay_out(page: Page) -> None:
    """Put the whole book in the place of the first page."""
    page.goto((HTML / "index.html").as_uri())
    order, cite, config = parts(), load(ROOT / "CITATION.cff"), load(ROOT / "_config.yml")
    book = {
        "style": (TOOLS / "paper.css").read_text(encoding="utf-8"),
        "parts": order,
        "pages": {
            name: (HTML / f"{name}.html").read_text(encoding="utf-8") for part in order for name in part["files"]
        },
        "author": config["author"],
        "edition": f"chainbp {cite['version']}, {config['copyright']}",
        "notice": config["html"]["extra_footer"],
    }
    if lost := page.evaluate((TOOLS / "paper.js").read_text(encoding="utf-8"), book):
        raise SystemExit(f"FAILED: links lead to what no page has: {', '.join(lost)}")


def page_numbers(pdf: bytes) -> dict[str, int]:
    """The page of each id that a link of the PDF leads to."""
    reader = PdfReader(io.BytesIO(pdf))
    found = {name: reader.get_destination_page_number(place) for name, place in reader.named_destinations.items()}
    return {name.removeprefix("/"): number + 1 for name, number in found.items() if number is not None}


def print_book(page: Page) -> bytes:
    lay_out(page)
    page.evaluate("document.body.className = 'cbp-measured'")
    numbers = page_numbers(page.pdf(prefer_css_page_size=True))
    page.evaluate("document.body.className = ''")
    page.evaluate(FILL, numbers)
    pdf = page.pdf(prefer_css_page_size=True, outline=True, tagged=True)
    if page_numbers(pdf) != numbers:
        raise SystemExit("FAILED: the pages moved when their numbers were filled in")
    return pdf


def main() -> int:
    if not (HTML / "index.html").is_file():
        print("make pdf prints the built book, and there is none: run `make book` first", file=sys.stderr)
        return 1
    start = time.monotonic()
    with sync_playwright() as playwright:
        path = find_chromium(playwright.chromium.executable_path)
        if path is None:
            print(f"make pdf prints with Chromium, and {MISSING}", file=sys.stderr)
            return 1
        try:
            browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        except Error as error:
            print(f"make pdf prints with Chromium, and {path} does not start: {error.message}", file=sys.stderr)
            return 1
        page = browser.new_page(java_script_enabled=False, color_scheme="light")
        page.set_default_timeout(300_000)
        pdf = print_book(page)
        browser.close()
    write_whole(PDF, pdf)
    size = len(pdf) / 1e6
    print(f"Printed in {time.monotonic() - start:.1f} s, {size:.1f} MB: {PDF.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
