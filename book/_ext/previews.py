"""What a link leads to, shown beside it.

A reader who meets (13), a citation or a name of the package wants to see it without losing the place. Whatever the
links of the pages lead to is set once more, short, in one file, previews.js; chainbp.js loads it when a link is
hovered over, focused or tapped for the first time. A script and not JSON, because a page from disk may load nothing
else.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes

FILE = "previews.js"
LINK = re.compile(r'<a [^>]*\bclass="[^"]*\binternal\b[^"]*" href="([\w-]+\.html)?#([^"]+)"')


def write(app, exception) -> None:
    if exception or app.builder.name != "html":
        return
    found = {}
    for page, ids in sorted(wanted(Path(app.outdir)).items()):
        if page in app.env.found_docs:
            doctree = app.env.get_doctree(page)
            named = {name: node for node in doctree.findall(nodes.Element) for name in node["ids"] if name in ids}
            for name, node in named.items():
                if gist := short(node):
                    found[f"{page}#{name}"] = app.builder.render_partial(plain(gist))["fragment"].strip()
    text = json.dumps(found, ensure_ascii=False, indent=0, sort_keys=True)
    Path(app.outdir, "_static", FILE).write_text(f"var chainbpPreviews = {text};\n", encoding="utf-8")


def wanted(out: Path) -> dict[str, set[str]]:
    """The ids that the pages' texts link to, by page."""
    ids: dict[str, set[str]] = {}
    for path in out.glob("*.html"):
        html = path.read_text(encoding="utf-8")
        article = html[html.find("<article") : html.find("</article>")]
        for page, name in LINK.findall(article):
            ids.setdefault((page or path.name).removesuffix(".html"), set()).add(name)
    return ids


def short(node: nodes.Element) -> nodes.Element | None:
    """The formula, the reference, the letters and what they mean, or a title and the first sentences below it."""
    if isinstance(node, (nodes.math_block, nodes.paragraph)):
        return nodes.container("", node.deepcopy())
    if isinstance(node, (nodes.section, nodes.admonition)):
        title = node.next_node(nodes.title)
        text = next((child for child in node if isinstance(child, (nodes.paragraph, nodes.math_block))), None)
        return nodes.container("", bold(title.deepcopy().children), *([text.deepcopy()] if text else []))
    if isinstance(node, nodes.row):
        letters, meaning = (entry.next_node(nodes.paragraph) for entry in node)
        return nodes.container("", bold(letters.deepcopy().children), meaning.deepcopy())
    if isinstance(node, addnodes.desc_signature):
        text = node.parent.next_node(addnodes.desc_content).next_node(nodes.paragraph)
        signature = node.astext().strip()
        return nodes.container("", nodes.literal(signature, signature), *([text.deepcopy()] if text else []))
    return None


def bold(children: list[nodes.Node]) -> nodes.paragraph:
    return nodes.paragraph("", "", nodes.strong("", "", *children))


def plain(gist: nodes.Element) -> nodes.Element:
    """Without what has a meaning only in its own place: links, numbers, names."""
    for node in list(gist.findall(nodes.Element)):
        if isinstance(node, (nodes.reference, addnodes.pending_xref)):
            node.replace_self(nodes.inline("", "", *node.children))
        elif isinstance(node, (nodes.target, nodes.image, nodes.raw)):
            node.parent.remove(node)
        elif isinstance(node, nodes.math_block):
            node.attributes |= {"number": None, "label": None}
        node["ids"] = []
    return gist


def setup(app):
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
