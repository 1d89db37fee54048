"""Where a line may end.

A browser may break a line on either side of a formula, and inside it after a sign. So a comma would open a line where
the formula before it ends one, and p = 4.7 would be torn apart. Here a formula is tied to the signs that touch it, a
short one is kept in one piece, as short code is, and so are products and percentages that stand in the text.
"""

from __future__ import annotations

import re

from docutils import nodes

BEFORE = re.compile(r"[(\[“‘]+$")
AFTER = re.compile(r"[^\s\w]{1,3}(?=\s|$)|[^\s\w](?:th|s)(?=\W|$)")
SHORT, SHORT_CODE = 12, 18  # signs, as they are set
SIGNS = [".", ",", ":", ";", "?", ")", ").", "),", "):"]
AS_IT_IS = (nodes.FixedTextElement, nodes.literal, nodes.math, nodes.math_block)
NUMBERS = re.compile(r"(?<=\d) (?=[×%])|(?<=\d ×) (?=\d)|(?<=\d\u00a0×) (?=\d)")


def length(latex: str) -> int:
    """About how many signs a reader sees."""
    return len(re.sub(r"\\[a-zA-Z]+|\\.", "x", latex).translate(dict.fromkeys(map(ord, "{}_^& "))))


def tie(app, doctree) -> None:
    for math in list(doctree.findall(nodes.math)):
        short = length(math.astext()) <= SHORT
        if short:
            math["classes"].append("cbp-short")
        parent, index = math.parent, math.parent.index(math)
        before = parent[index - 1] if index else None
        after = parent[index + 1] if index + 1 < len(parent) else None
        opening = BEFORE.search(before) if isinstance(before, nodes.Text) else None
        closing = AFTER.match(after) if isinstance(after, nodes.Text) else None
        if closing and not short and closing[0] in SIGNS:
            # Beside the last piece of what may break inside a browser may break, too: so that piece takes the sign in.
            math[0] = nodes.Text(math.astext() + rf"\text{{{closing[0]}}}")
            parent.replace(after, nodes.Text(after[closing.end() :]))
            closing = None
        if not (opening or closing):
            continue
        tied = nodes.inline("", "", math.deepcopy(), classes=["cbp-tied"])
        if opening:
            parent.replace(before, nodes.Text(before[: opening.start()]))
            tied.insert(0, nodes.Text(opening[0]))
        if closing:
            parent.replace(after, nodes.Text(after[closing.end() :]))
            tied.append(nodes.Text(closing[0]))
        parent.replace(math, tied)
    for code in doctree.findall(nodes.literal):
        if len(code.astext()) <= SHORT_CODE:
            code["classes"].append("cbp-short")
    for text in list(doctree.findall(nodes.Text)):
        if not isinstance(text.parent, AS_IT_IS):
            kept = NUMBERS.sub("\u00a0", text)
            if kept != text:
                text.parent.replace(text, nodes.Text(kept))


def setup(app):
    app.connect("doctree-read", tie, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
