"""Tables that can be compared down a column, and read on a phone.

A column of numbers is flush right, with its heading. In a dictionary (`names`) each cell knows its column's heading, so
that on a phone, where four columns of code have no room side by side, a row can stand as a list.
"""

from __future__ import annotations

import re

from bs4 import BeautifulSoup, Tag

TABLE = re.compile(r"<table\b.*?</table>", re.DOTALL)
# A number, with at most a unit or a short remark.
NUMBER = re.compile(r"[≤≥<>≈±+−-]*\s*(\d[\d.,]*(e[+−-]?\d+)?|∞)\s*([%×]|[\wµ/]{0,8})?")
EMPTY = {"", "–", "—", "-"}


def improve(app, pagename, templatename, context, doctree) -> None:
    if "<table" in context.get("body", "") and doctree is not None:
        context["body"] = TABLE.sub(lambda match: table(match[0]), context["body"])


def table(html: str) -> str:
    soup = BeautifulSoup(html, "html.parser")
    classes = soup.table.get("class", [])
    for head in soup.find_all("th"):
        if not head.get_text(strip=True) and not head.find("img"):
            head.name = "td"  # an empty corner heads nothing
    html = str(soup)
    rows = [row.find_all(["th", "td"], recursive=False) for row in soup.find_all("tr")]
    if soup.find(colspan=True) or soup.find(rowspan=True) or len({len(row) for row in rows}) != 1 or len(rows) < 2:
        return html
    if "peers" in classes:  # three lines in each cell
        return html
    changed = False
    for head, *cells in zip(*rows):
        values = [value for value in map(number, cells) if value not in EMPTY]
        if values and all(map(NUMBER.fullmatch, values)):
            changed = True
            for cell in (head, *cells):
                cell["class"] = [*cell.get("class", []), "cbp-number"]
        if "names" in classes:
            changed = True
            for cell in cells:
                cell["data-column"] = head.get_text(" ", strip=True)
    return str(soup) if changed else html


def number(cell: Tag) -> str:
    """What a cell says, without what it says in small letters."""
    texts = [text.strip() for text in cell.find_all(string=True) if not text.find_parent("small")]
    return " ".join(filter(None, texts))


def setup(app):
    app.connect("html-page-context", improve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
