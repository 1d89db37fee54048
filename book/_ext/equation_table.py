"""The directive {equation-table}: every formula of the book, its code and its test, made from equations.yml.

The formulas and their places are read from the chapters, not copied, so the table cannot drift from the book.
"""

from __future__ import annotations

from pathlib import Path

import yaml
from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

logger = logging.getLogger(__name__)
KEYS = {"label", "name", "code", "test"}


class equation_row(nodes.Element):
    """One row, to be filled in when all chapters have been read."""


class EquationTable(SphinxDirective):
    """One section per group of equations.yml, one row per formula."""

    required_arguments = 1

    def run(self):
        relative, path = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(relative)
        sections = []
        for group in yaml.safe_load(Path(path).read_text(encoding="utf-8")):
            section = nodes.section(ids=[nodes.make_id("equations-" + group["section"])])
            section += nodes.title("", group["section"])
            section += nodes.paragraph("", "", nodes.literal("", group["tests"]), classes=["cbp-row-tests"])
            self.state.document.note_implicit_target(section, section)
            for row in group["rows"]:
                if set(row) != KEYS:
                    raise self.error(f"{relative}: {row} must have exactly the keys {', '.join(sorted(KEYS))}")
                place = equation_row(row=row, section=group["section"])
                self.set_source_info(place)
                section += place
            sections.append(section)
        return sections


def fill(app, doctree, docname) -> None:
    """Replace each row by the formula, with a link to its place, its code and its test."""
    env = app.env
    domain = env.get_domain("math")
    for place in list(doctree.findall(equation_row)):
        row = place["row"]
        label = row["label"]
        page, tag = domain.equations.get(label, (None, ""))
        if page is None or env.titles[page].astext() != place["section"]:
            logger.warning("equations.yml: the page %r has no formula %r", place["section"], label, location=place)
            place.parent.remove(place)
            continue
        number = make_refnode(app.builder, docname, page, label, nodes.Text(f"({tag})"))
        name = nodes.strong("", row["name"])
        title = nodes.paragraph("", "", number, nodes.Text(" "), name, classes=["cbp-row-name"])
        latex = env.paper_formulas.get(label, "")
        formula = nodes.math_block(latex, latex, nowrap=False, number=None)
        code, test = nodes.literal("", row["code"]), nodes.inline("", row["test"])
        facts = nodes.paragraph("", "", code, nodes.Text(" "), test, classes=["cbp-row-facts"])
        place.replace_self(nodes.container("", title, formula, facts, classes=["cbp-row"]))


def setup(app):
    app.add_node(equation_row)
    app.add_directive("equation-table", EquationTable)
    app.connect("doctree-resolved", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
