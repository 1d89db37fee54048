r"""The paper's own equation numbers.

Sphinx counts equations; this book keeps the numbers of the paper. A notebook writes

    $$
    \mathbf{y} = \boldsymbol{\sigma}(\mathbf{x}) \tag{1}
    $$ (eq-1)

so that JupyterLab shows the number too. Here the number moves from the `\tag` to the math domain, where {eq}`eq-1`
finds it. Labels `eq-N` are the paper's and must carry `\tag{N}`; our own formulas are `our-...`.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.util import logging

logger = logging.getLogger(__name__)
TAG = re.compile(r"\s*\\tag\s*\{([^{}]*)\}")
LABEL = re.compile(r"eq-([1-9]\d*)|our-[a-z0-9-]+")


def warn(message: str, *args: str, node: nodes.Node) -> None:
    logger.warning(message, *args, location=node, type="paper_equations")


def number(app, document) -> None:
    """Give every labeled formula of a page the number of its tag, and make the formula itself the target of links."""
    domain = app.env.get_domain("math")
    docname = app.env.docname
    numbers = {n: label for label, (doc, n) in domain.equations.items() if doc != docname}
    app.env.paper_formulas = getattr(app.env, "paper_formulas", {})
    for node in list(document.findall(nodes.math_block)):
        label, latex = node.get("label"), node.astext()
        tags = TAG.findall(latex)
        if label is None:
            if tags:
                warn("a formula with \\tag{%s} needs a label", tags[0], node=node)
            continue
        match = LABEL.fullmatch(label)
        if match is None:
            warn("equation label %r is neither eq-N nor our-name", label, node=node)
        if len(tags) != 1:
            warn("equation %r needs exactly one \\tag{...}", label, node=node)
            continue
        tag = tags[0].strip()
        if match and match[1] and match[1] != tag:
            warn("equation %r carries \\tag{%s}", label, tag, node=node)
        if tag in numbers:
            warn("equations %r and %r are both (%s)", numbers[tag], label, tag, node=node)
        numbers[tag] = label
        latex = TAG.sub("", latex).strip()
        node.children = []
        node.rawsource = latex
        node += nodes.Text(latex)
        node["number"] = tag
        domain.equations[label] = (docname, tag)
        app.env.paper_formulas[label] = latex
        move_target(node, nodes.make_id(f"equation-{label}"))


def move_target(node: nodes.math_block, node_id: str) -> None:
    """MyST puts an empty target before the formula; with the id on the formula, it gets a permalink and a highlight."""
    parent = node.parent
    position = parent.index(node)
    if position and isinstance(parent[position - 1], nodes.target) and node_id in parent[position - 1]["ids"]:
        parent.remove(parent[position - 1])
        node["ids"].append(node_id)


def setup(app):
    app.connect("doctree-read", number)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
