"""What the reference of the package shows beyond autodoc's: brackets, formulas' numbers as links, and sources.

A family such as `eta` is shown with what may stand in its brackets. A number such as (32) leads to the formula. Each
name has a link to its line of code, on a page of this book (sphinx.ext.viewcode, which knows `def` and `class` alone,
and looks for a layer such as `sigma` where its class is).
"""

from __future__ import annotations

import ast
import inspect
import re
import sys

from docutils import nodes
from sphinx import addnodes
from sphinx.util.nodes import make_refnode

import chainbp

NUMBER = re.compile(r"\(([A-Z]?\d+)\)")
PAGE = "api"


# ---- the brackets of a family ----


def bracketed(parameters: inspect.Signature) -> str:
    """`[p, n]`: what may stand in the brackets; what may be left out, again in brackets after a comma."""
    wanted = [name for name, p in parameters.parameters.items() if p.default is p.empty]
    text = ", ".join(wanted)
    for name in list(parameters.parameters)[len(wanted) :]:
        text += f"[, {name}]"
    return f"[{text}]"


def show_brackets(app, domain, objtype, content) -> None:
    if domain != "py":
        return
    for signature in content.parent.findall(addnodes.desc_signature):
        thing = getattr(chainbp, signature.get("fullname", ""), None)
        if isinstance(thing, chainbp.Family):
            place = next(signature.findall(addnodes.desc_name))
            text = bracketed(inspect.signature(thing._bind))
            place.parent.insert(place.parent.index(place) + 1, addnodes.desc_sig_punctuation("", text))


# ---- (32) as a link ----


def link_numbers(app, doctree, docname) -> None:
    """Make a link of each formula's number in the text of the reference."""
    if docname != PAGE:
        return
    equations = app.env.get_domain("math").equations
    for text in list(doctree.findall(nodes.Text)):
        if isinstance(text.parent, (nodes.literal, nodes.literal_block, nodes.reference, nodes.title)):
            continue
        parts = NUMBER.split(text.astext())
        if len(parts) == 1:
            continue
        made: list[nodes.Node] = []
        for index, part in enumerate(parts):
            label = f"eq-{part}"
            if index % 2 == 0:
                made.append(nodes.Text(part))
            elif label in equations:
                page, _ = equations[label]
                made.append(make_refnode(app.builder, docname, page, label, nodes.Text(f"({part})")))
            else:
                made.append(nodes.Text(f"({part})"))
        text.parent.replace(text, made)


# ---- sources ----


def defined_in(name: str) -> str | None:
    """The module of chainbp whose source defines a public name."""
    thing = getattr(chainbp, name, None)
    for module, its in list(sys.modules.items()):
        if module.startswith("chainbp.") and vars(its).get(name) is thing and name in lines(module):
            return module
    return None


def lines(module: str) -> dict[str, tuple[str, int, int]]:
    """Where a module defines a name at its top, or in a class: what viewcode calls tags."""
    found = {}

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for statement in body:
            first = statement.lineno - len(getattr(statement, "decorator_list", []))
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                found[prefix + statement.targets[0].id] = ("def", first, statement.end_lineno)
            elif isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
                kind = "class" if isinstance(statement, ast.ClassDef) else "def"
                found[prefix + statement.name] = (kind, first, statement.end_lineno)
                if kind == "class":
                    visit(statement.body, f"{prefix}{statement.name}.")

    visit(ast.parse(inspect.getsource(sys.modules[module])).body, "")
    return found


def source(app, module: str):
    """For viewcode: a module's code, and the lines of its names."""
    if module.partition(".")[0] != "chainbp" or module not in sys.modules:
        return None
    return inspect.getsource(sys.modules[module]), lines(module)


def follow(app, module: str, name: str) -> str | None:
    """For viewcode: the module that a public name comes from."""
    return defined_in(name.partition(".")[0]) if module == "chainbp" else None


def setup(app):
    app.connect("object-description-transform", show_brackets)
    app.connect("doctree-resolved", link_numbers)
    app.connect("viewcode-find-source", source)
    app.connect("viewcode-follow-imported", follow)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
