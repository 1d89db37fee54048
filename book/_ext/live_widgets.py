"""Live figures in the static pages: chainbp.widgets without a kernel, without requirejs, without another host.

A page whose notebook shows widgets gets one script and one style sheet from _static (lean.py puts the latter into every
page's own), and the state of its widgets without the copies of script and style that each of them carries. Each figure
is preceded by its still picture, which the script takes away when it has drawn the figure; where no script runs, the
picture stays.
"""

from __future__ import annotations

import json
from pathlib import Path

from docutils import nodes
from myst_nb.core.render import WIDGET_VIEW_MIMETYPE
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.transforms.post_transforms import SphinxPostTransform

import chainbp

STATIC = Path(chainbp.__file__).parent / "widgets" / "static"
SCRIPT, STYLE = "book.js", "widgets.css"
STATE = "ipywidgets_state"  # myst-nb's key for the state among a page's scripts
BOXES = {"HBoxModel", "VBoxModel"}
PLUMBING = ("_esm", "_css", "_anywidget_id", "_dom_classes", "_model", "_view", "layout", "tabbable", "tooltip")


class KeepStill(SphinxPostTransform):
    """Where an output is a widget and a picture, keep both; myst-nb's SelectMimeType would keep the widget alone."""

    default_priority = 3  # just before SelectMimeType
    formats = ("html",)

    def run(self, **kwargs) -> None:
        bundles = [n for n in self.document.findall(nodes.container) if n.get("nb_element") == "mime_bundle"]
        for bundle in bundles:
            parts = {part["mime_type"]: part for part in bundle.children}
            if WIDGET_VIEW_MIMETYPE not in parts:
                continue
            live = nodes.container(classes=["cbp-live"])
            if picture := parts.get("image/svg+xml"):
                (image,) = picture.findall(nodes.image)
                # In the page, not beside it: so it follows the page's theme.
                svg = Path(self.env.srcdir, image["uri"].lstrip("/")).read_text(encoding="utf-8")
                live += nodes.raw("", f'<div class="cbp-still">{svg}</div>', format="html")
            live += parts[WIDGET_VIEW_MIMETYPE].children
            bundle.replace_self(live)


def slim(state: str) -> str:
    """What book.js needs of a page's widget state: the figures' own traits, and what boxes hold."""
    slimmed = {}
    for model, entry in json.loads(state)["state"].items():
        name, traits = entry["model_name"], entry["state"]
        if entry["model_module"] == "anywidget":
            kept = {key: value for key, value in traits.items() if not key.startswith(PLUMBING)}
        elif name in BOXES:
            kept = {"children": traits["children"]}
        elif name.endswith(("LayoutModel", "StyleModel")):
            continue
        else:
            kept = {}
        slimmed[model] = {"model_name": name, "model_module": entry["model_module"], "state": kept}
    return json.dumps({"state": slimmed}, separators=(",", ":"), sort_keys=True).replace("</", r"<\/")


def add_files(app, pagename, templatename, context, doctree) -> None:
    """Give the pages that need them, and only these, the script and the style sheet."""
    if STATE in NbMetadataCollector.get_doc_data(app.env)[pagename].get("js_files", {}):
        # Before the theme's scripts, which may wait.
        app.add_js_file(SCRIPT, loading_method="defer", priority=100)
        app.add_css_file(STYLE)


def slim_states(app, env) -> None:
    for data in NbMetadataCollector.get_doc_data(env).values():
        if STATE in data.get("js_files", {}):
            _, options = data["js_files"][STATE]
            options["body"] = slim(options["body"])


def configure(app, config) -> None:
    config.nb_ipywidgets_js = {}  # instead of requirejs and the widget manager, which come from other hosts
    # Not through book/_static: Jupyter Book puts every script that it finds there on every page.
    config.html_static_path += [str(STATIC / SCRIPT), str(STATIC / STYLE)]


def setup(app):
    app.connect("config-inited", configure)
    app.connect("env-updated", slim_states)
    app.connect("html-page-context", add_files)
    app.add_post_transform(KeepStill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
