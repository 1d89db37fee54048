r"""The paper's own equation numbers.

Sphinx counts equations; this book keeps the numbers of the paper. A notebook writes

    <div id="eq-1"></div>

    $$
    \mathbf{y} = \boldsymbol{\sigma}(\mathbf{x}) \tag{1}
    $$

so that every viewer shows the number. Here it moves from the `\tag` to the math domain, under the label `eq-1`. The
paper's formulas have numbers, our own a letter and a number.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.util import logging

logger = logging.getLogger(__name__)
TAG = re.compile(r"\s*\\tag\s*\{([^{}]*)\}")


def number(app, document) -> None:
    """Give every formula of a page that has a tag its number and its label."""
    domain = app.env.get_domain("math")
    docname = app.env.docname
    app.env.paper_formulas = getattr(app.env, "paper_formulas", {})
    for node in document.findall(nodes.math_block):
        tag = TAG.search(node.astext())
        if tag is None:
            continue
        label, latex = f"eq-{tag[1]}", TAG.sub("", node.astext()).strip()
        if label in domain.equations:
            logger.warning("two formulas are (%s)", tag[1], location=node, type="paper_equations")
        node.children = []
        node += nodes.Text(latex)
        node.update_all_atts({"label": label, "number": tag[1], "docname": docname})
        domain.equations[label] = (docname, tag[1])
        app.env.paper_formulas[label] = latex


def setup(app):
    app.connect("doctree-read", number)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
