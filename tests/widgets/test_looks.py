"""What axe is spared in tests/looks.py costs it no finding."""

from __future__ import annotations

import re

from looks import LOOKS, violations

PAGE = f"""<!doctype html><html lang="en" data-theme="light"><head><title>A page</title><style>
    body {{ background: white; color: black }}
    [data-theme="dark"] body {{ background: black; color: white }}
    .pale {{ color: #bbb }}
    .dim {{ color: #444 }}
    .gray {{ background: #777 }}
    .faint {{ opacity: 0.3 }}
    .highlight .word {{ color: #888 }}
</style></head><body><main><h1>A page</h1>
    <p hidden class="pale">Not seen.</p>
    {"<p>Words.</p>" * 20}
    <p class="pale">Words.</p>
    <p class="dim">Words.</p>
    <div class="gray"><p>Words.</p></div>
    <div class="faint"><div><p>Words.</p></div></div>
    <pre class="highlight">{"<span class='word'>one</span> " * 9}</pre>
</main></body></html>"""
SWITCH = """() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const show = () => (document.documentElement.dataset.theme = dark.matches ? "dark" : "light");
    dark.addEventListener("change", show);
    show();
}"""


def test_words_that_cannot_be_read_are_found_among_many_that_can(browser):
    with browser.new_context(viewport={"width": 360, "height": 800}) as context:
        page = context.new_page()
        page.set_content(PAGE)
        page.evaluate(SWITCH)
        light, dark = violations(page, LOOKS)
    named = re.compile(r"color-contrast|pale|dim|gray|faint|span")
    assert named.findall(light) == ["color-contrast", "pale", "faint", "span"]
    assert named.findall(dark) == ["color-contrast", "dim", "gray", "faint"]
