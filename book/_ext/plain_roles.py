"""Roles that browsers still know, and names that readers hear as others see them.

Docutils marks an entry of a bibliography as `doc-biblioentry`, a role that the standard has withdrawn and that
accessibility checkers refuse. An entry of a list is what it is. And what unfolds the code of a cell is called "Toggle
hidden content" by MyST-NB, for screen readers alone, in place of the words that stand there.
"""

from __future__ import annotations


def make_plain(app, pagename, templatename, context, doctree) -> None:
    if "body" in context:
        body = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')
        context["body"] = body.replace('<summary aria-label="Toggle hidden content">', "<summary>")


def setup(app):
    app.connect("html-page-context", make_plain)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
