"""What axe is spared in tests/looks.py costs it no finding."""

from __future__ import annotations

import pytest
from looks import LOOKS, take, violations

PAGE = """<!doctype html><html lang="en"><head><title>A page</title><style>
    body {{ background: white; color: black }}
    [data-theme="dark"] body {{ background: black; color: white }}
    {style}
</style></head><body><main><h1>A page</h1><p hidden class="pale">Not seen.</p>{body}</main></body></html>"""
MANY = "<p>Words.</p>" * 20


@pytest.mark.parametrize(
    ("style", "body", "found"),
    [
        ("", MANY, set()),
        (".pale { color: #bbb }", f"{MANY}<p class='pale'>Words.</p>", {"light"}),
        (".pale { color: #444 }", f"{MANY}<p class='pale'>Words.</p>", {"dark"}),
        (".gray { background: #777 }", f"{MANY}<div class='gray'><p>Words.</p></div>", {"dark"}),
        (".faint { opacity: 0.3 }", f"{MANY}<div class='faint'><div><p>Words.</p></div></div>", {"light", "dark"}),
        ("span { color: #888 }", f"<pre class='highlight'>{'<span>one</span>' * 9}</pre>", {"light"}),
    ],
    ids=["none", "pale", "dark alone", "its ground", "faint", "code"],
)
def test_a_color_that_cannot_be_read_is_found_among_many_that_can(context, style, body, found):
    page = context.new_page()
    page.set_content(PAGE.format(style=style, body=body))
    page.evaluate("""() => {
        const dark = matchMedia("(prefers-color-scheme: dark)");
        const show = () => (document.documentElement.dataset.theme = dark.matches ? "dark" : "light");
        dark.addEventListener("change", show);
        show();
    }""")
    take(page, LOOKS[2])
    complaints = violations(page, LOOKS)
    page.close()
    assert all("color-contrast" in complaint for complaint in complaints)
    assert {theme for theme in ("light", "dark") if any(f"'{theme}'" in c for c in complaints)} == found
