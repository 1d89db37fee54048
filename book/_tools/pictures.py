"""The pictures of live figures in the saved notebooks."""

from __future__ import annotations

import sys
from base64 import b64encode
from io import BytesIO

from browser import MISSING, OPTIONS, find_chromium
from execution import BOOK, Run
from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(BOOK / "_ext"))

from live_widgets import STATIC, STYLE, WIDTHS, stills

WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def drawn(run: Run) -> Run:
    """An executed notebook with a picture beside each live figure, as a page without a script shows it."""
    models = run.notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    outputs = [output for cell in run.notebook.cells for output in cell.get("outputs", [])]
    shown = [output.data for output in outputs if WIDGET_VIEW in output.get("data", {})]
    figures = [(data, html) for data in shown if (html := stills(models, data[WIDGET_VIEW]["model_id"], ""))]
    if not figures:
        return run
    style = (STATIC / STYLE).read_text(encoding="utf-8")
    with sync_playwright() as playwright:
        path = find_chromium(playwright.chromium.executable_path)
        if path is None:
            raise SystemExit(MISSING)
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        page = browser.new_page(viewport={"width": WIDTHS["wide"], "height": 800}, java_script_enabled=False)
        for data, html in figures:
            page.set_content(f"<style>{style} body {{ margin: 0 }}</style>{html}")
            picture, file = Image.open(BytesIO(page.locator(".cbp-still").screenshot())), BytesIO()
            # In so many colors it weighs a third.
            picture.convert("RGB").quantize(200, kmeans=1).save(file, "PNG", optimize=True)
            data["image/png"] = b64encode(file.getvalue()).decode()
        browser.close()
    return run
