"""Names that readers hear as others see them.

What unfolds the code of a cell is called "Toggle hidden content" by MyST-NB, for screen readers alone, in place of the
words that stand there.
"""

from __future__ import annotations


def make_plain(app, pagename, templatename, context, doctree) -> None:
    if "body" in context:
        context["body"] = context["body"].replace('<summary aria-label="Toggle hidden content">', "<summary>")


def setup(app):
    app.connect("html-page-context", make_plain)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
