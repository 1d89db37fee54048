"""The book's boxes, exercises, cards and links, made from plain Markdown.

A notebook is read in many places that know CommonMark and formulas alone, so it holds nothing else. Here a few plain
shapes become what they mean in the book; `prose.py` says which these are, and refuses whatever is not plain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import prose
from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

logger = logging.getLogger(__name__)


class Plain(SphinxTransform):
    """Turns the shapes of a page into the book's nodes, before Sphinx collects its targets and its contents."""

    default_priority = 300

    def apply(self, **kwargs) -> None:
        for step in (self.anchors, self.boxes, self.cards, self.exercises, self.solutions, self.links, self.ways):
            step()

    def anchors(self) -> None:
        """What follows an anchor is what it names."""
        for raw in list(self.document.findall(nodes.raw)):
            if match := prose.ANCHOR.fullmatch(raw.astext().strip()):
                named = raw.next_node(descend=False, ascend=True)
                while isinstance(named, nodes.raw):  # several anchors of one thing
                    named = named.next_node(descend=False, ascend=True)
                if named is not None:
                    named["ids"].append(match[1])
                raw.parent.remove(raw)

    def boxes(self) -> None:
        for quote in list(self.document.findall(nodes.block_quote)):
            if quote.children and (title := take_title(quote[0])):
                kind = next((kind for start, kind in prose.BOXES.items() if title.astext().startswith(start)), None)
                quote.replace_self(box([kind] if kind else [], title, filled(quote), quote["ids"]))

    def cards(self) -> None:
        for cards in self.document.findall(nodes.bullet_list):
            if all(item.children and is_card(item[0]) for item in cards):
                cards["classes"].append("cbp-cards")
                for item in cards:
                    item[0].insert(0, nodes.strong("", "", *take_title(item[0]).children))

    def ways(self) -> None:
        """The way to the next page stands below each page of the book, too."""
        for paragraph in list(self.document.findall(nodes.paragraph)):
            if paragraph.astext().startswith("Next: "):
                paragraph.parent.remove(paragraph)

    def exercises(self) -> None:
        """An exercise is its heading and the text below, up to the next code cell or heading."""
        for section, name in self.sections("Exercise"):
            content = section.children[1:]
            end = next((i for i, node in enumerate(content) if not is_text(node)), len(content))
            text = [node for node in content[:end] if not is_link_to(node, "Solution")]
            exercise = box(["exercise"], nodes.title("", name), text, [prose.heading_id(name)])
            section.replace_self([exercise, *content[end:]])

    def solutions(self) -> None:
        """A solution comes, closed, after its exercise and the code that belongs to it."""
        for section, name in self.sections("Solution"):
            text = [node for node in section.children[1:] if not is_link_to(node, "Exercise")]
            ids = [prose.heading_id(name), *section["ids"]]  # also those of anchors above it
            solution = box(["solution", "dropdown"], nodes.title("", "Solution"), text, ids)
            home, chapter = prose.heading_id(name.replace("Solution", "Exercise")), section.parent
            chapter.remove(section)
            for exercise in self.document.findall(nodes.admonition):
                if home in exercise["ids"]:
                    place = exercise.parent.index(exercise) + 1
                    while place < len(exercise.parent) and is_code(exercise.parent[place]):
                        place += 1
                    exercise.parent.insert(place, solution)
                    break
            if len(chapter) == 1:  # nothing but its heading is left
                chapter.parent.remove(chapter)

    def sections(self, kind: str) -> Iterator[tuple[nodes.section, str]]:
        """The sections that are exercises, or solutions, and their names."""
        for section in list(self.document.findall(nodes.section)):
            name = section[0].astext()
            if re.fullmatch(rf"{kind} {prose.NUMBER}", name):
                yield section, name

    def links(self) -> None:
        """Links to an anchor, of this page or another. That it is there has been checked by `prose`."""
        for link in list(self.document.findall(addnodes.pending_xref)):
            if link.get("refdomain") == "doc" and link.get("reftargetid"):
                uri = self.app.builder.get_relative_uri(self.env.docname, link["reftarget"])
                self.link(link, f"{uri}#{link['reftargetid']}", link[0].children)
        for link in list(self.document.findall(nodes.reference)):
            if link.get("id_link"):
                self.link(link, link["refuri"], link.children)

    def link(self, old: nodes.Element, uri: str, text: list[nodes.Node]) -> None:
        old.replace_self(nodes.reference("", "", *text, internal=True, refuri=uri))


def bold_start(paragraph: nodes.Node) -> nodes.strong | None:
    """The bold words that a paragraph begins with."""
    if not isinstance(paragraph, nodes.paragraph):
        return None
    paragraph.children = [child for child in paragraph if child.astext() or not isinstance(child, nodes.Text)]
    return paragraph[0] if paragraph.children and isinstance(paragraph[0], nodes.strong) else None


def take_title(paragraph: nodes.Node) -> nodes.title | None:
    """Take the bold words from a paragraph's beginning; they are a title, without its period."""
    if (strong := bold_start(paragraph)) is None:
        return None
    paragraph.remove(strong)
    if paragraph.children and isinstance(paragraph[0], nodes.Text):
        paragraph.replace(paragraph[0], nodes.Text(paragraph[0].lstrip()))
    if isinstance(strong[-1], nodes.Text):
        strong.replace(strong[-1], nodes.Text(strong[-1].removesuffix(".")))
    return nodes.title("", "", *strong.children)


def filled(parent: nodes.Element) -> list[nodes.Node]:
    """The children without the paragraphs that have nothing in them."""
    empty = [node for node in parent if isinstance(node, nodes.paragraph) and not node.astext().strip()]
    return [node for node in parent if node not in empty or node.next_node(nodes.image)]


def box(classes: list[str], title: nodes.title, content: list[nodes.Node], ids: list[str]) -> nodes.admonition:
    return nodes.admonition("", title, *content, classes=classes, ids=ids)


def is_card(paragraph: nodes.Node) -> bool:
    """Whether it begins with a link in bold."""
    strong = bold_start(paragraph)
    return strong is not None and isinstance(strong[0], (nodes.reference, addnodes.pending_xref))


def is_code(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and "cell" in node["classes"]


def is_text(node: nodes.Node) -> bool:
    return not (is_code(node) or isinstance(node, nodes.section))


def is_link_to(node: nodes.Node, kind: str) -> bool:
    """Whether a paragraph is nothing but the way to the exercise's solution, or back."""
    return isinstance(node, nodes.paragraph) and bool(re.fullmatch(rf"{kind}( {prose.NUMBER})?", node.astext()))


def check(app) -> None:
    for complaint in prose.complaints(Path(app.srcdir)):
        logger.warning(complaint)


def setup(app):
    app.connect("builder-inited", check)
    app.add_transform(Plain)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
