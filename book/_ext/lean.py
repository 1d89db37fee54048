"""One style sheet and one script for every page, with what the book uses.

Themes and extensions bring a dozen of each, most of them for what no page of this book has: two thousand icons, menus,
tooltips, a search on every page. Here they become page.css and page.js. Rules whose classes no page and no script
names are dropped; of the icon font only the icons that are left stay, inside the style sheet. And since paper is white,
the dark theme's rules are kept from print, where the light theme's hold in their place.

Pictures become WebP, which loses nothing and halves them, say their size, and wait until they are almost in sight.
"""

from __future__ import annotations

import base64
import hashlib
import io
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

import pydata_sphinx_theme
import tinycss2
from fontTools import subset
from fontTools.ttLib import TTFont
from PIL import Image
from sphinx.util import logging

logger = logging.getLogger(__name__)
# In the order in which a page would load them; all lie in _static.
STYLES = [
    "basic.css",
    "styles/pydata-sphinx-theme.css",
    "pygments.css",
    "styles/sphinx-book-theme.css",
    "togglebutton.css",
    "copybutton.css",
    "mystnb.*.css",
    "vendor/katex/katex.min.css",
    "katex-math.css",
    "widgets.css",
    "chainbp.css",
]
SCRIPTS = [
    "documentation_options.js",
    "doctools.js",
    "sphinx_highlight.js",
    "clipboard.min.js",
    "copybutton.js",
    "togglebutton.js",
    "scripts/sphinx-book-theme.js",
    "scripts/pydata-sphinx-theme.js",
    "chainbp.js",
]
# bootstrap.js draws the buttons' titles, as the browser does by itself; theme.css only imports basic.css.
LEFT_OUT = ["scripts/bootstrap.js", "styles/theme.css"]
STYLE, SCRIPT = "page.css", "page.js"
# The theme measures each box of code as a page arrives, one after the other, and each time lays out what is far below;
# chainbp.js measures them when they are laid out.
MEASURING = "e.tabIndex=e.scrollWidth>e.clientWidth||e.scrollHeight>e.clientHeight?0:-1"
# What sphinx_togglebutton and the search would be told by scripts in each page.
SETTINGS = """
let toggleHintShow = "", toggleHintHide = "", toggleOpenOnPrint = "true";
var togglebuttonSelector = ".toggle, .admonition.dropdown";
DOCUMENTATION_OPTIONS.search_as_you_type = false;
"""
# Rules that round corners, and make each change of a figure in a cell a question about half the page.
COSTLY = re.compile(r"div\.cell:has|\.above-input:has|div\.cell_input:has")
NAME = r"(?:\\.|[\w-])+"
ICONS = Path(pydata_sphinx_theme.__file__).parent.joinpath(
    "theme/pydata_sphinx_theme/static/vendor/fontawesome/webfonts/fa-solid-900.ttf"
)


def replace_files(app, pagename, templatename, context, doctree) -> None:
    """Leave a page the scripts that are its own; what all have is in the two files that layout.html names."""
    known = [*STYLES, *SCRIPTS, *LEFT_OUT]
    for file in [*context["css_files"], *context["script_files"]]:
        name = str(file.filename or "").removeprefix("_static/").partition("?")[0]
        if name and not any(Path(name).match(pattern) for pattern in known) and name != "book.js":
            logger.warning("%s is in no list of _ext/lean.py", name, type="lean")
    context["css_files"] = []
    context["script_files"] = [
        file for file in context["script_files"] if file.filename == "_static/book.js" or "type" in file.attributes
    ]


def write_files(app, exception) -> None:
    """Write the two files, and let all pages name their present state."""
    if exception or app.builder.name != "html":
        return
    out = Path(app.outdir)
    pages = {path: path.read_text(encoding="utf-8") for path in out.glob("*.html")}
    script = SETTINGS.join(read_scripts(out / "_static"))
    others = [out / "_static" / name for name in ("book.js", "searchtools.js")]
    code = [script, *(path.read_text(encoding="utf-8") for path in others if path.is_file())]
    words = frozenset(re.findall(r"[\w-]+", " ".join(code)))
    for html in pages.values():
        words |= set(" ".join(re.findall(r'\b(?:class|id)="([^"]*)"', html)).split())
    files = {SCRIPT: script, STYLE: style_sheet(out / "_static", words)}
    for name, content in files.items():
        (out / "_static" / name).write_text(content, encoding="utf-8")
    sizes = {picture.name: compress(picture) for picture in out.glob("_images/*.png")}
    for path, html in pages.items():
        changed = with_pictures(html, sizes)
        for name, content in files.items():
            version = hashlib.sha256(content.encode()).hexdigest()[:8]
            changed = re.sub(rf'(?<=_static/){re.escape(name)}(\?v=\w*)?(?=")', f"{name}?v={version}", changed)
        if changed != html:
            path.write_text(changed, encoding="utf-8")


def compress(picture: Path) -> tuple[int, int]:
    """Put a WebP without loss in the place of a PNG; return its size in pixels."""
    with Image.open(picture) as image:
        # The least effort that is worth it: the highest takes ten times as long for a tenth less.
        image.save(picture.with_suffix(".webp"), lossless=True, method=1, quality=30)
        size = image.size
    picture.unlink()
    return size


def with_pictures(html: str, sizes: dict[str, tuple[int, int]]) -> str:
    def lazy(tag: re.Match[str]) -> str:
        width, height = sizes[tag[2]]
        place = f'width="{width}" height="{height}" loading="lazy" decoding="async"'
        return f'<img {place} {tag[1]}src="_images/{tag[2].removesuffix("png")}webp"'

    html = re.sub(r'<img ([^>]*)src="_images/([^"]*\.png)"', lazy, html)
    return re.sub(r'(?<=href="_images/)([^"]*\.)png(?=")', r"\1webp", html)


def read_scripts(static: Path) -> tuple[str, str]:
    """The first script, which the settings follow, and all others."""
    first, *others = (static.joinpath(name).read_text(encoding="utf-8") for name in SCRIPTS)
    rest = ";\n".join(re.sub(r"\n//# sourceMappingURL=.*", "", text) for text in others)
    if MEASURING not in rest:
        logger.warning("the theme no longer says %s: see _ext/lean.py", MEASURING, type="lean")
    return first, rest.replace(MEASURING, "0")


def style_sheet(static: Path, words: frozenset[str]) -> str:
    """All style sheets, without the rules that can match nothing."""
    parts = []
    for pattern in STYLES:
        (path,) = static.glob(pattern)
        css = moved(path.read_text(encoding="utf-8"), path.parent.relative_to(static))
        rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
        parts += slimmed(rules, words)
    css = "\n".join(parts)
    return f'@charset "utf-8";\n{icon_font(css)}\n{css}\n'


def moved(css: str, folder: Path) -> str:
    """A style sheet whose addresses of fonts and pictures lead from the folder _static to where they led."""

    def address(match: re.Match[str]) -> str:
        return f"url({posixpath.normpath(folder.as_posix() + '/' + match[1])})"

    return re.sub(r"url\(['\"]?(?!data:)([^)'\"]+)['\"]?\)", address, css)


def slimmed(rules: list, words: frozenset[str]) -> Iterator[str]:
    """The rules that may match, as text."""
    for rule in rules:
        if rule.type == "qualified-rule":
            yield from by_medium(matching(rule.prelude, words), tinycss2.serialize(rule.content).strip())
        elif rule.type == "at-rule" and rule.at_keyword in ("media", "supports") and rule.content is not None:
            inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
            if kept := "".join(slimmed(inner, words)):
                yield f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{kept}}}"
        elif rule.type == "at-rule" and rule.at_keyword not in ("charset", "import"):
            text = rule.serialize()
            yield "" if "Font Awesome" in text else text  # of the icon fonts comes one, by icon_font


def matching(prelude: list, words: frozenset[str]) -> list[str]:
    """The selectors of a rule that are worth their time, and whose classes and ids are all named somewhere."""
    selectors, current = [], []
    for token in [*prelude, None]:
        if token is None or token == ",":
            selectors.append(tinycss2.serialize(current).strip())
            current = []
        else:
            current.append(token)
    return [selector for selector in selectors if named(selector) <= words and not COSTLY.search(selector)]


def named(selector: str) -> set[str]:
    """The classes and ids without which a selector matches nothing."""
    certain = re.sub(r"\[[^\]]*\]", "", selector)
    deeper = None
    while certain != deeper:  # :not(.a), :is(.a, .b) may match without
        deeper, certain = certain, re.sub(r"\([^()]*\)", "", certain)
    return {re.sub(r"\\(.)", r"\1", name) for name in re.findall(rf"[.#]({NAME})", certain)}


def by_medium(selectors: list[str], content: str) -> Iterator[str]:
    """A rule as it is; but paper has no dark theme, and the light one whatever the screen has."""
    theme = r"\[data-theme=[\"']?{}[\"']?\]"
    dark = [s for s in selectors if re.search(theme.format("dark"), s)]
    light = [s for s in selectors if s not in dark and re.search(theme.format("light"), s)]
    if always := [s for s in selectors if s not in dark]:
        yield f"{','.join(always)}{{{content}}}"
    if light:
        printed = ",".join(re.sub(theme.format("light"), "[data-theme]", s) for s in light)
        yield f"@media print{{{printed}{{{content}}}}}"
    if dark:
        yield f"@media not print{{{','.join(dark)}{{{content}}}}}"


def icon_font(css: str) -> str:
    """The icons that a style sheet draws, as a font inside it."""
    codes = {ord(sign) for sign in re.findall("[\ue000-\uf8ff]", css)}  # of Unicode's private area
    font = TTFont(ICONS)
    subset.log.setLevel("WARNING")  # it tells each table that it keeps
    options = subset.Options(layout_features=[], notdef_outline=True, hinting=False)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=codes)
    subsetter.subset(font)
    font.flavor, file = "woff", io.BytesIO()
    font.save(file, reorderTables=False)
    data = base64.b64encode(file.getvalue()).decode()
    return (
        '@font-face{font-family:"Font Awesome 6 Free";font-weight:900;font-display:block;'
        f'src:url(data:font/woff;base64,{data}) format("woff")}}'
    )


def setup(app):
    app.connect("html-page-context", replace_files, priority=900)
    app.connect("build-finished", write_files, priority=900)  # after the theme has rewritten pygments.css
    return {"parallel_read_safe": True, "parallel_write_safe": True}
