"""The notebooks' prose is plain Markdown, so that it reads the same everywhere, and its links lead somewhere."""

from __future__ import annotations

import nbformat
import prose
import pytest
from docutils import nodes
from docutils.utils import new_document
from nbformat.v4 import new_code_cell
from nbformat.v4 import new_markdown_cell as cell
from notebooks import BOOK
from plain_markdown import Plain

FORMULA = '<div id="eq-1"></div>\n\n$$\ny = x \\tag{1}\n$$'
SOLUTION = [
    cell("## Solutions"),
    cell("### Solution 1.1", metadata={prose.FOLDED: True}),
    cell("[Exercise 1.1](#Exercise-1.1)\n\nYes."),
]
EXERCISE = "### Exercise 1.1\n\nIs it?\n\n[Solution](#Solution-1.1)"


def complaints(folder, *cells) -> list[str]:
    """What is said of the book whose first page has these cells."""
    (folder / "references.md").write_text('<div id="tanaka2013"></div>\n\n**Tanaka, 2013.** A note.\n')
    for page, its in {"page": cells, "other": [FORMULA.replace("1", "2")]}.items():
        made = [cell(it) if isinstance(it, str) else it for it in its]
        nbformat.write(nbformat.v4.new_notebook(cells=made), folder / f"{page}.ipynb")
    return prose.complaints(folder)


def test_the_book_s_prose_is_plain_and_its_links_lead_somewhere():
    assert prose.complaints(BOOK) == []


@pytest.mark.parametrize(
    "plain",
    [
        "> **Try it.** Let $p$ be $10^3$:\n>\n> - a list,\n> - `code`.",
        f"{FORMULA}\n\nSee [(1)](#eq-1), [(2)](other.ipynb#eq-2) and [[Tanaka, 2013](references.md#tanaka2013)].",
        '<div id="slip-1"></div>\n\n<div id="slip-2"></div>\n\n> **As printed: (1).** No.\n\n[there](#slip-2)',
        "[`eta`](api.md#chainbp.eta), [a page](other.ipynb), [a site](https://example.org)",
        "The letters [$\\mathbf{x}$](other.ipynb#eq-2) and $y$",
        "| $a$ | b |\n|:--|:--|\n| `{eq}` | $\\boldsymbol{\\rho}[\\![\\mathbf{W}]\\!](\\mathbf{x})$ |",
        "```python\nloss = {eq}\n:class: x\n```",
        "Over $90$% of it costs \\$5, `a`:b: c",
    ],
    ids=["box", "formula-and-links", "anchors", "code-name", "letter", "table", "code", "signs"],
)
def test_what_is_plain_is_accepted(tmp_path, plain):
    assert complaints(tmp_path, "# A page", plain) == []


def test_a_link_may_lead_to_a_file_that_is_offered_for_download(tmp_path):
    (tmp_path / "_extra").mkdir()
    (tmp_path / "_extra" / "layer.py").touch()
    assert complaints(tmp_path, "# A page", "[layer.py](_extra/layer.py)") == []
    assert len(complaints(tmp_path, "# A page", "[other.py](_extra/other.py)")) == 1


@pytest.mark.parametrize(
    ("source", "instead"),
    [
        ("```{admonition} Try it\n:class: try\nDo.\n```", "> **Try it.**"),
        (":::{note}\nDo.\n:::", "> **Try it.**"),
        ("````{exercise}\n:label: ex-1\nDo.\n````", "blockquote"),
        ("> **Beware.** Of the dog.", "**Predict"),
        ("> No title.", "**Predict"),
        ("By {eq}`eq-1` it is.", "[(13)](page.ipynb#eq-13)"),
        ("As {cite}`tanaka2013` says.", "a link"),
        ("(slip-1)=\n# A heading", "<div id="),
        ("{{ name }}", "the text itself"),
        ("% A comment", "nothing"),
        ("Text\n\n+++\n\nMore.", "nothing"),
        ("[there]: other.ipynb\n\nSee [there].", "in the link itself"),
        ("See [there][1].", "in the link itself"),
        ("The value of \\(x\\) is", "write $…$"),
        ("\\[ x \\]", "write $…$"),
        ("An <b>HTML</b> word.", "only anchors"),
        ("<details>\n\nMore.\n\n</details>", "only anchors"),
        ("$$\ny = x \\tag{1}\n$$ (eq-1)", "its \\tag are enough"),
        ("$$\ny = x\n$$", "needs one \\tag"),
        ("$$\ny = x \\tag{1}\n$$", '<div id="eq-1"></div>'),
        (FORMULA.replace("tag{1}", "tag{3}"), '<div id="eq-3"></div>'),
        ("Text $$x$$ text.", "write $…$"),
        ("Its $x = $ value", "$…$ in a line"),
        ("It costs $5", "$…$ in a line"),
        ("``` {note}\nDo.\n```", "> **Try it.**"),
        ("text\n\n>", "**Predict"),
        ("[](other.ipynb)", "no text"),
        ("[x](#)", "leads nowhere"),
        ("[(2)](other.ipynb)", "leads elsewhere"),
        ("[(3)](other.ipynb#eq-2)", "[(2)]"),
        ("[$x$ there](other.ipynb#eq-2)", "[(2)]"),
        ("[$x$](other.ipynb#eq-9)", "leads to nothing"),
        ("[(2)](#eq-2)", "it is in other.ipynb"),
        ("[(9)](other.ipynb#eq-9)", "leads to nothing"),
        ("[other](other)", "with its ending"),
        ("[(1)](page.ipynb#eq-1)", "[(1)](#eq-1)"),
        ("[Tanaka, 2014](references.md#tanaka2013)", "[Tanaka, 2013]"),
        ("[Nobody, 2013](references.md#nobody2013)", "leads to nothing"),
        ("[`eta`](api.md#chainbp.sigma)", "[sigma]"),
        ("[`lost`](api.md#chainbp.lost)", "leads to nothing"),
    ],
    ids=lambda text: text.replace("\n", " ")[:24],
)
def test_what_is_not_plain_is_refused_with_its_cell_and_a_better_way(tmp_path, source, instead):
    found = complaints(tmp_path, "# A page", source)
    assert found
    assert all(complaint.startswith("page.ipynb, cell 1: ") for complaint in found)
    assert instead in found[0]


def test_an_exercise_and_its_solution_know_each_other(tmp_path):
    assert complaints(tmp_path, EXERCISE, *SOLUTION) == []
    assert complaints(tmp_path, EXERCISE, *SOLUTION, new_code_cell("1"), "And so.") == []


@pytest.mark.parametrize(
    ("cells", "instead"),
    [
        ([EXERCISE.replace("[Solution]", "[Answer]"), *SOLUTION], "end with [Solution](#Solution-1.1)"),
        ([EXERCISE, SOLUTION[0], cell("### Solution 1.1"), SOLUTION[2]], prose.FOLDED),
        ([EXERCISE, SOLUTION[0], cell(SOLUTION[1].source + "\n\nYes.", metadata=SOLUTION[1].metadata)], "of its own"),
        ([EXERCISE, *SOLUTION[:2], "Yes."], "[Exercise 1.1](#Exercise-1.1)"),
        ([EXERCISE], "exercises ['1.1'], but solutions []"),
        ([EXERCISE, "More text.", *SOLUTION], "would be in its box"),
        ([EXERCISE.replace("[S", "#### Hint\n\n[S"), *SOLUTION], "must be a cell's heading"),
        ([EXERCISE, EXERCISE, *SOLUTION], "two anchors are called Exercise-1.1"),
        ([EXERCISE, *SOLUTION, "More text."], "would be in its box"),
        ([EXERCISE, *SOLUTION, new_code_cell("1"), "So.", "More text."], "would be in its box"),
        ([EXERCISE, *SOLUTION[:2], SOLUTION[2].source + "\n\n#### Why\n\nSo."], "would tear Solution 1.1"),
        ([EXERCISE, *SOLUTION, "## Summary"], "would tear Solution 1.1"),
    ],
    ids=[
        *("no way to it", "not folded", "open", "no way back", "none", "continued", "torn apart", "twice"),
        *("text after it", "text after its code", "a heading in it", "a heading after it"),
    ],
)
def test_a_solution_that_is_open_or_lost_is_refused(tmp_path, cells, instead):
    assert any(instead in complaint for complaint in complaints(tmp_path, *cells))


def test_an_anchor_above_a_solution_or_an_exercise_is_kept():
    document = new_document("page")
    for name in ("Exercise 1.1", "Solution 1.1"):
        anchor = f'<div id="our-{name[:8].lower()}"></div>'
        document += nodes.raw("", anchor, format="html")
        document += nodes.section("", nodes.title("", name), nodes.paragraph("", "Text."), ids=["its-own"])
    Plain(document).apply()
    boxes = list(document.findall(nodes.admonition))
    assert [box["ids"][0] for box in boxes] == ["Exercise-1.1", "Solution-1.1"]
    assert ["our-exercise" in boxes[0]["ids"], "our-solution" in boxes[1]["ids"]] == [True, True]
