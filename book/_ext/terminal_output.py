"""What a cell prints, as a terminal leaves it.

The kernel hands over the printed text in pieces, cut by time, and a progress bar draws itself anew after each carriage
return. Here the pieces become one again, and of a bar only the last state stays. (MyST-NB's own way to join pieces,
`nb_merge_streams`, takes the carriage returns for line ends.)
"""

from __future__ import annotations

from docutils import nodes


def collapse(text: str) -> str:
    """What a terminal shows in the end: a carriage return starts its line again."""
    return "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.split("\n"))


def settle(app, document) -> None:
    """Join neighboring pieces of one stream, and collapse them."""
    for cell in document.findall(lambda node: "cell_output" in getattr(node, "attributes", {}).get("classes", [])):
        for block in [child for child in cell.children if is_stream(child)]:
            before = cell.children[cell.index(block) - 1] if cell.index(block) else None
            if before is not None and is_stream(before) and before["classes"] == block["classes"]:
                before.replace_self(printed(before, before.astext() + block.astext()))
                cell.remove(block)
        for block in [child for child in cell.children if is_stream(child) and "\r" in child.astext()]:
            block.replace_self(printed(block, collapse(block.astext()).rstrip("\n")))


def is_stream(node: nodes.Node) -> bool:
    return isinstance(node, nodes.literal_block) and {"stream", "stderr"} & set(node["classes"]) != set()


def printed(block: nodes.literal_block, text: str) -> nodes.literal_block:
    return nodes.literal_block(text, text, **block.attributes)


def setup(app):
    app.connect("doctree-read", settle)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
