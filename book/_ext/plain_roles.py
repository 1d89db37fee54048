"""Roles that browsers still know.

Docutils marks an entry of a bibliography as `doc-biblioentry`, a role that the standard has withdrawn and that
accessibility checkers refuse. An entry of a list is what it is.
"""

from __future__ import annotations


def replace_roles(app, pagename, templatename, context, doctree) -> None:
    if "body" in context:
        context["body"] = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')


def setup(app):
    app.connect("html-page-context", replace_roles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
