"""What the search shows of a page: its words, and each formula once.

Sphinx's search fetches every page that it found and takes all its text. There a formula stands twice, once for the eye
and once for screen readers, and a page from disk may fetch nothing. Here search_texts.js holds the texts of all
sections; search.js gives them to Sphinx's search.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

from docutils import nodes
from katex_build import set_formula
from sphinx import addnodes

FILE = "search_texts.js"
SKIPPED = (nodes.title, nodes.raw, nodes.comment, nodes.image, nodes.target, nodes.section)
MATHML = "{http://www.w3.org/1998/Math/MathML}"


def write(app, exception) -> None:
    if exception or app.builder.name != "html":
        return
    texts = {page: sections(app.env.get_doctree(page)) for page in sorted(app.env.found_docs)}
    text = json.dumps(texts, ensure_ascii=False, indent=0)
    Path(app.outdir, "_static", FILE).write_text(f"const SEARCH_TEXTS = {text};\n", encoding="utf-8")


def sections(doctree: nodes.document) -> list[tuple[list[str], str]]:
    """Of each section its ids and its own text, in their order."""
    return [(section["ids"], " ".join(words(section)[1:])) for section in doctree.findall(nodes.section)]


def words(node: nodes.Element) -> list[str]:
    """The text of each block; the first is empty."""
    blocks = [""]
    for child in node.children:
        # What a cell gave stands there once for each reader of it, as bare text for the poorest.
        if isinstance(child, SKIPPED) or (child.get("mime_type") == "text/plain" and len(node) > 1):
            continue
        if isinstance(child, (nodes.TextElement, nodes.FixedTextElement)):
            blocks.append(re.sub(r"\s+", " ", inline(child)).strip())
        elif isinstance(child, nodes.Element):
            blocks += words(child)[1:]
    return blocks


def inline(node: nodes.Node) -> str:
    if isinstance(node, (nodes.math, nodes.math_block)):
        return formula(node.astext())
    if isinstance(node, nodes.Text):
        return node.astext()
    # A name stands there twice, for when it has a page to link to and for when it has none.
    unwanted = isinstance(node, addnodes.pending_xref_condition) and node["condition"] != "*"
    return "" if unwanted or isinstance(node, SKIPPED) else "".join(map(inline, node.children))


@cache
def formula(latex: str) -> str:
    """A formula in a line, as one would type it: z = (∑_i |y_i|^p)^(1/p)."""
    html = set_formula(latex, {"output": "mathml"})
    math = html[html.index("<math") : html.index("</math>") + len("</math>")]
    return re.sub(r"\s+", " ", typed(ElementTree.fromstring(math))).strip()


def typed(element: ElementTree.Element) -> str:
    kind, parts = element.tag.removeprefix(MATHML), [typed(child) for child in element]
    if kind == "annotation":
        return ""
    if kind == "mfrac":
        return "/".join(map(grouped, parts))
    if kind in ("msub", "munder"):
        return f"{parts[0]}_{grouped(parts[1])}"
    if kind in ("msup", "mover"):
        return parts[0] + parts[1] if parts[1] in ("′", "⊤") else f"{parts[0]}^{grouped(parts[1])}"
    if kind in ("msubsup", "munderover"):
        return f"{parts[0]}_{grouped(parts[1])}^{grouped(parts[2])}"
    if kind == "mtr":
        return " ".join(parts) + "; "
    text = (element.text or "") + "".join(parts)
    return f" {text} " if kind == "mo" and text in "=+−≤≥<>≈→∈·×" else text


def grouped(part: str) -> str:
    return part if len(part.strip()) <= 1 else f"({part.strip()})"


def setup(app):
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
