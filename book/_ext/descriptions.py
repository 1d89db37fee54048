"""What search engines and chats show beside a link: each page's description, from descriptions.yml.

MyST takes a description (`html_meta`) from a page's front matter alone, which in a notebook is its metadata, and there
`make outputs` keeps nothing that varies from author to author. In one file, each can also be seen to say something of
its own. Chats read the tags `og:...`; none holds an address, since the book does not know where it will stand.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

import yaml
from sphinx.util import logging

logger = logging.getLogger(__name__)
FILE = "descriptions.yml"


def read(app, config) -> None:
    config.descriptions = yaml.safe_load(Path(app.srcdir, FILE).read_text(encoding="utf-8"))


def check(app, env) -> None:
    described = set(app.config.descriptions)
    for page in sorted(env.found_docs - described):
        logger.warning("%s: the page %r has no description", FILE, page)
    for page in sorted(described - env.found_docs):
        logger.warning("%s: there is no page %r", FILE, page)


def describe(app, pagename, templatename, context, doctree) -> None:
    if not (description := app.config.descriptions.get(pagename)):
        return
    tags = {
        'name="description"': description,
        'property="og:title"': app.env.titles[pagename].astext(),
        'property="og:description"': description,
        'property="og:site_name"': app.config.html_title,
        'property="og:type"': "website" if pagename == app.config.root_doc else "article",
    }
    context["metatags"] += "".join(f'\n    <meta {key} content="{escape(value)}" />' for key, value in tags.items())


def setup(app):
    app.add_config_value("descriptions", {}, "html")  # so that a change of the file renews the pages
    app.connect("config-inited", read)
    app.connect("env-check-consistency", check)
    app.connect("html-page-context", describe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
