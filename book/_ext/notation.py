"""Symbols that show what they mean.

The first chapter has a table of the letters. On each later chapter's page the first use of a letter links to its row,
and so shows it in place: previews.py and chainbp.js do the rest.
"""

from __future__ import annotations

import re

from docutils import nodes

PAGE, TABLE = "1-introduction", "notation"
CHAPTER = re.compile(r"[2-7]-")
# Beyond the note each layer has an x and a y of its own.
NOTE = re.compile(r"[234]-")
OF_THE_NOTE = {r"\mathbf{x}", r"\mathbf{y}", r"\mathbf{y}'", r"\mathbf{z}", r"\mathbf{z}'", "z"}
# An error is one whatever it is the error of.
ERROR = re.compile(r"(?:\\boldsymbol\{\\delta\}|\\delta)(?:_(?:\w|\{(?:[^{}]|\{[^{}]*\})*\}))?")


def rows(document: nodes.document) -> list[nodes.row]:
    """The rows of the table of letters."""
    table = next(node for node in document.findall(nodes.table) if TABLE in node["ids"])
    return list(table.next_node(nodes.tbody).findall(nodes.row))


def name(app, document) -> None:
    """Give each row of the table a name that links can lead to."""
    if app.env.docname == PAGE:
        for number, row in enumerate(rows(document), start=1):
            row["ids"].append(f"{TABLE}-{number}")


def letters(document: nodes.document) -> dict[str, str]:
    """The letters of the table, and the names of their rows."""
    return {known(math): row["ids"][0] for row in rows(document) for math in row[0].findall(nodes.math)}


def known(math: nodes.math) -> str:
    return "error" if ERROR.fullmatch(math.astext()) else math.astext()


def link(app, document, page: str) -> None:
    """Link the first use of each letter in the text of a chapter to its row."""
    if not CHAPTER.match(page) or PAGE not in app.env.found_docs:
        return
    left = letters(app.env.get_doctree(PAGE))
    if not NOTE.match(page):
        left = {letter: row for letter, row in left.items() if letter not in OF_THE_NOTE}
    home = app.builder.get_relative_uri(page, PAGE)
    for math in list(document.findall(nodes.math)):
        if known(math) in left and not inside(math, nodes.title, nodes.reference):
            uri = f"{home}#{left.pop(known(math))}"
            math.replace_self(nodes.reference("", "", math.deepcopy(), internal=True, refuri=uri))


def inside(node: nodes.Node, *kinds: type[nodes.Node]) -> bool:
    while (node := node.parent) is not None:
        if isinstance(node, kinds):
            return True
    return False


def setup(app):
    app.connect("doctree-read", name)
    app.connect("doctree-resolved", link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
