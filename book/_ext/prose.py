"""What a Markdown cell of the book may hold, and what is wrong with one that holds something else.

Plain Markdown means CommonMark with tables and formulas, `$…$` and `$$…$$`: what JupyterLab, VS Code, Colab and GitHub
show alike. CONTRIBUTING.md lists the shapes that the book makes something of.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import nbformat
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

import chainbp

ANCHOR = re.compile(r'<div id="([\w.-]+)"></div>')
BOXES = {"Predict": "predict", "Try it": "try", "As printed": "slip"}
NUMBER = r"[0-9E]+(?:\.[0-9]+)+"
EXERCISE = re.compile(rf"(Exercise|Solution) ({NUMBER})")
FOLDED = "jp-MarkdownHeadingCollapsed"
BOX = re.compile(rf"\*\*({'|'.join(BOXES)}).*?\.\*\*(\s|$)", re.DOTALL)
CONTINUED = re.compile(r"(<div.*\n\n)*[^#<]")  # text, not a heading
ENTRY = re.compile(rf"^{ANCHOR.pattern}\n\n\*\*(.+?)\.\*\*", re.MULTILINE)
# What some renderer would show as source: a pattern, its name, and what to write instead.
SOURCE = [
    (r"^:::", "a directive", "a box is a blockquote: > **Try it.** …"),
    (r"^:[a-z-]+:", "an option of a directive", "a box is a blockquote: > **Try it.** …"),
    (r"^\([^()\s]+\)=$", "a label", 'an anchor is <div id="name"></div> on a line of its own'),
    (r"\{[\w:~-]+\}$", "a role", "a link: [(13)](page.ipynb#eq-13), [Exercise 1.1](page.ipynb#Exercise-1.1)"),
    (r"\{\{.*\}\}", "a substitution", "the text itself"),
    (r"^%", "a comment", "nothing: readers of the notebook would see it"),
    (r"^\+\+\+", "a break between blocks", "nothing: readers of the notebook would see it"),
    (r"\]\[", "a link without its address", "the address in the link itself: [text](page.ipynb)"),
    (r"\$|\\\[|\\\(|\\begin\{", "a formula that is not set", "$…$ in a line, or $$ on lines of their own"),
]

parser = MarkdownIt("commonmark").enable("table").use(
    dollarmath_plugin, double_inline=True, allow_space=False, allow_digits=False
).disable("text_join")  # an escape, as in \$5, is a token of its own


@functools.cache
def parse(markdown: str) -> tuple[list[Token], list[str]]:
    """The tokens of a cell, and the names of the addresses that it defines apart from its links."""
    env: dict[str, dict] = {}
    return parser.parse(markdown, env), [*env.get("references", {})]


def heading_id(heading: str) -> str:
    """The id that Jupyter gives to a heading."""
    return heading.replace(" ", "-")


def complaints(book: Path) -> list[str]:
    """What is wrong with the prose of a book's notebooks: the place, the fault, what to write instead."""
    notebooks = {path.name: nbformat.read(path, as_version=4).cells for path in sorted(book.glob("*.ipynb"))}
    targets = {path.name: set(ANCHOR.findall(path.read_text(encoding="utf-8"))) for path in book.glob("*.md")}
    targets |= {page: set(anchors(cells)) for page, cells in notebooks.items()}
    targets |= {f"_extra/{file.name}": set() for file in book.glob("_extra/*.py")}  # to download
    targets["api.md"] = {f"chainbp.{name}" for name in chainbp.__all__}
    references = book / "references.md"
    labels = dict(ENTRY.findall(references.read_text(encoding="utf-8"))) if references.is_file() else {}
    found = []
    for path in book.glob("*.md"):
        faults = links(path.read_text(encoding="utf-8"), path.name, targets, labels)
        found += [f"{path.name}: {fault}" for fault in faults]
    for page, cells in notebooks.items():
        twice = [name for name, count in Counter(anchors(cells)).items() if count > 1]
        found += [f"{page}: two anchors are called {name}" for name in twice]
        for index, cell in enumerate(cells):
            if cell.cell_type == "markdown":
                faults = [*shapes(cell), *links(cell.source, page, targets, labels)]
                found += [f"{page}, cell {index}: {fault}" for fault in faults]
        found += [f"{page}: {fault}" for fault in exercises(cells)]
    return found


def anchors(cells: list[nbformat.NotebookNode]) -> Iterator[str]:
    """What a link can lead to."""
    for cell in cells:
        if cell.cell_type == "markdown":
            for token in parse(cell.source)[0]:
                if token.type == "html_block":
                    yield from ANCHOR.findall(token.content)
            yield from (heading_id(title) for title in headings(cell) if EXERCISE.fullmatch(title))


def headings(cell: nbformat.NotebookNode) -> list[str]:
    tokens, _ = parse(cell.source)
    return [after.content for token, after in zip(tokens, tokens[1:]) if token.type == "heading_open"]


def is_text(cell: nbformat.NotebookNode | None) -> bool:
    """Whether a cell is prose without a heading."""
    return cell is not None and cell.cell_type == "markdown" and not headings(cell)


def shapes(cell: nbformat.NotebookNode) -> Iterator[str]:
    """What is not plain in a cell, or almost a shape."""
    tokens, definitions = parse(cell.source)
    for name in definitions:
        yield f"the address of [{name}] apart from its link; write it in the link itself: [text](page.ipynb)"
    for index, token in enumerate(tokens):
        if token.type == "fence" and token.info.strip().startswith("{"):
            yield f"the directive {token.info.strip()}; a box is a blockquote: > **Try it.** …"
        elif token.type == "html_block":
            if not all(ANCHOR.fullmatch(line) for line in token.content.strip().splitlines()):
                yield f'HTML, {token.content.strip()!r}; only anchors are plain enough: <div id="name"></div>'
        elif token.type == "math_block_label":
            yield f"a label after a formula, ({token.info}); its anchor and its \\tag are enough"
        elif token.type == "math_block":
            yield from formula(token, tokens[index - 1] if index else None)
        elif token.type == "blockquote_open":
            start, *text = tokens[index + 1 : index + 3]
            if start.type != "paragraph_open" or not BOX.match(text[0].content):
                yield f"a blockquote without a title; it begins with one of {', '.join(f'**{b}…**' for b in BOXES)}"
        elif token.type == "inline":
            yield from source(token)


def formula(token: Token, before: Token | None) -> Iterator[str]:
    tags = re.findall(r"\\tag\{([^}]*)\}", token.content)
    if len(tags) != 1:
        yield f"a displayed formula needs one \\tag{{…}} with its number: {token.content.strip()[:60]!r}"
        return
    anchor = f'<div id="eq-{tags[0]}"></div>'
    if before is None or before.type != "html_block" or before.content.strip() != anchor:
        yield f"formula ({tags[0]}) needs its anchor above it, and a blank line between: {anchor}"


def source(inline: Token) -> Iterator[str]:
    """What would be shown as source in a paragraph."""
    children = inline.children or []
    for before, child, after in zip([None, *children], children, [*children[1:], None]):
        if child.type == "html_inline":
            yield f'HTML, {child.content!r}; only anchors are plain enough: <div id="name"></div> alone on a line'
        if child.type == "math_inline_double":
            yield f"$${child.content}$$ in a line of text; write $…$, or $$ on lines of their own"
        if child.type == "text_special" and re.fullmatch(r"\\[()\[\]]", child.markup):
            yield f"{child.markup}, which is no sign of a formula here; write $…$, or {child.content} alone"
        if child.type == "text":
            for pattern, name, instead in SOURCE:
                if pattern.startswith("^") and before is not None and before.type not in ("softbreak", "hardbreak"):
                    continue  # not at the beginning of a line
                if re.search(pattern, child.content) and (name != "a role" or (after and after.type == "code_inline")):
                    yield f"{name}, {child.content[:60]!r}; write {instead}"


def links(markdown: str, page: str, targets: dict[str, set[str]], labels: dict[str, str]) -> Iterator[str]:
    """What is wrong with the links of a cell."""
    for inline in parse(markdown)[0]:
        children = inline.children or []
        for index, child in enumerate(children):
            if child.type != "link_open" or re.match(r"(https?|mailto):", str(child.attrs["href"])):
                continue
            end = next(i for i in range(index, len(children)) if children[i].type == "link_close")
            inner = children[index + 1 : end]
            text = "".join(part.content for part in inner)
            address = str(child.attrs["href"])
            file, _, anchor = address.partition("#")
            if not text or address in ("", "#"):
                yield f"[{text}]({address}) has no text, or leads nowhere"
            elif (file or page) not in targets:
                yield f"[{text}]({address}) leads to no page; write it with its ending, as in 3-chain-rule.ipynb"
            elif file == page:
                yield f"[{text}]({address}) leads to its own page; write [{text}](#{anchor})"
            elif anchor and anchor not in targets[file or page]:
                there = [f"; it is in {name}" for name, names in targets.items() if anchor in names]
                yield f"[{text}]({address}) leads to nothing: {file or page} has no {anchor}{''.join(there)}"
            elif all(part.type == "math_inline" for part in inner):
                pass  # a letter may lead to the formula that defines it
            elif (wanted := name_of(file, anchor, labels)) not in (None, text):
                yield f"[{text}]({address}) should be called [{wanted}]"
            elif re.fullmatch(r"\([A-Z]?\d+\)", text) and anchor != f"eq-{text[1:-1]}":
                yield f"{text} is a formula's number, but ({address}) leads elsewhere"


def name_of(file: str, anchor: str, labels: dict[str, str]) -> str | None:
    """What a link must be called, if there is a rule."""
    if number := re.fullmatch(r"eq-(.+)", anchor):
        return f"({number[1]})"
    if re.fullmatch(rf"Exercise-{NUMBER}", anchor):
        return anchor.replace("-", " ")
    if file == "api.md" and anchor:
        return anchor.removeprefix("chainbp.")
    return labels.get(anchor) if file == "references.md" else None


def exercises(cells: list[nbformat.NotebookNode]) -> Iterator[str]:
    """Whether each exercise has its solution, folded, and each knows the way to the other."""
    names = {kind: [] for kind in ("Exercise", "Solution")}
    solution = ""  # the one that we are in
    for cell, after in zip(cells, [*cells[1:], None]):
        if cell.cell_type != "markdown":
            continue
        if solution and is_text(cell) and is_text(after):
            yield f"the text after {solution} would be in its box; write one cell before its code, and one after it"
        for title in headings(cell):
            if not (match := EXERCISE.fullmatch(title)):
                if solution:
                    yield f"the heading {title!r} would tear {solution}; solutions have none, and stand at the end"
                continue
            kind, number = match.groups()
            names[kind].append(number)
            solution = title if kind == "Solution" else ""
            if kind == "Exercise" and not (
                cell.source.startswith(f"### {title}\n")
                and cell.source.endswith(f"\n\n[Solution](#Solution-{number})")
                and len(headings(cell)) == 1
            ):
                yield f"Exercise {number} must be a cell's heading and end with [Solution](#Solution-{number})"
            prose_follows = after is not None and after.cell_type == "markdown" and CONTINUED.match(after.source)
            if kind == "Exercise" and prose_follows:
                yield f"the text after Exercise {number} would be in its box; a heading or code must come between"
            if kind == "Solution" and not (
                cell.source == f"### {title}"
                and cell.metadata.get(FOLDED)
                and after is not None
                and after.source.startswith(f"[Exercise {number}](#Exercise-{number})")
            ):
                yield (
                    f"Solution {number} must be the heading ### {title} in a cell of its own with the metadata "
                    f'{{"{FOLDED}": true}}, and the next cell begin with [Exercise {number}](#Exercise-{number})'
                )
    if names["Exercise"] != names["Solution"]:
        yield f"exercises {names['Exercise']}, but solutions {names['Solution']}"
