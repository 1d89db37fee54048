"""Live figures in the static pages: chainbp.widgets without a kernel, without requirejs, without another host.

A page whose notebook shows widgets gets one script and one style sheet from _static (lean.py puts the latter into every
page's own), and the state of its widgets without the copies of script and style that each of them carries. Each figure
stands there as it begins, drawn by the same script in node; the page's takes that away when it has drawn the figure.
Where no script runs, it stays.
"""

from __future__ import annotations

import json
import re
import subprocess
from html import escape
from pathlib import Path

from docutils import nodes
from katex_build import find_node
from myst_nb.core.render import WIDGET_VIEW_MIMETYPE
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.transforms.post_transforms import SphinxPostTransform

import chainbp

STATIC = Path(chainbp.__file__).parent / "widgets" / "static"
SCRIPT, STYLE = "book.js", "widgets.css"
STATE = "ipywidgets_state"  # myst-nb's key for the state among a page's scripts
BOXES = {"HBoxModel", "VBoxModel"}
PLUMBING = ("_esm", "_css", "_anywidget_id", "_dom_classes", "_model", "_view", "layout", "tabbable", "tooltip")
# How wide a figure is drawn where no script runs: on a screen or a sheet of paper, and on a phone.
WIDTHS = {"wide": 640, "narrow": 356}


def still(state: dict, name: str) -> str:
    """A figure as it begins, as HTML for either width; `name` tells its ids from those of the page's other figures."""
    # Who cannot answer is not asked.
    wanted = [{"width": width, "state": {**state, "ask": ""}} for width in WIDTHS.values()]
    command = [find_node(), Path(__file__).with_name("still.mjs"), STATIC / "widgets.js"]
    done = subprocess.run(command, input=json.dumps(wanted), stdout=subprocess.PIPE, check=True, encoding="utf-8")
    pictures = []
    for kind, drawn in zip(WIDTHS, json.loads(done.stdout)):
        html = re.sub(r"\bcbp\d+-", f"still-{name}-{kind}-", drawn["html"])
        alt = escape(drawn["text"])
        pictures.append(f'<div class="{kind}" role="img" aria-label="{alt}"><div inert>{html}</div></div>')
    return "".join(pictures)


def stills(models: dict, shown: str, name: str) -> str:
    """What stands on a page for a widget: its figures as they begin; "" where it has none."""
    drawn = [still(state, f"{name}-{k}") for k, state in enumerate(figures(models, shown))]
    return f'<div class="cbp-still">{"".join(drawn)}</div>' if drawn else ""


def figures(models: dict, shown: str) -> list[dict]:
    """The states of the figures in a widget: of itself, or of what a box holds."""
    state = models[shown]["state"]
    if "figure" in state:
        return [state]
    return [found for child in state.get("children", []) for found in figures(models, child.removeprefix("IPY_MODEL_"))]


class DrawStill(SphinxPostTransform):
    """Put before each figure what stands there without a script."""

    default_priority = 3  # just before myst-nb's SelectMimeType, which keeps the widget alone
    formats = ("html",)

    def run(self, **kwargs) -> None:
        files = NbMetadataCollector.get_doc_data(self.env)[self.env.docname].get("js_files", {})
        models = json.loads(files[STATE][1]["body"])["state"] if STATE in files else {}
        views = [n for n in self.document.findall(nodes.container) if n.get("mime_type") == WIDGET_VIEW_MIMETYPE]
        for number, view in enumerate(views):
            live = nodes.container(classes=["cbp-live"])
            shown = re.search(r'"model_id": *"(\w+)"', view.astext())[1]
            live += nodes.raw("", stills(models, shown, str(number)), format="html")
            live += view.children
            view.parent.replace_self(live)


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
        # It draws what has arrived of the page, and does not wait for the rest.
        app.add_js_file(SCRIPT, loading_method="async", priority=100)
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
    app.add_post_transform(DrawStill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
