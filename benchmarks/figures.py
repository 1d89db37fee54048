"""How fast the book's live figures follow the hand, and what their pages weigh.

    python -m benchmarks.figures        after `make book`; saves benchmarks/figures.json

In headless Chromium on the built book, from a local server:

* latency: from the arrival of a pointer event in the page to drawing and layout done, 100 real moves of the mouse for
  each mark; once more for each mark, and the better of the two runs counts, because other programs run on the machine;
* first figure: from navigation to the first drawn figure, the median of 3 visits with an empty cache;
* weight: all that the page loads, each file gzipped at level 6, on a first visit.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

import numpy as np
from playwright.sync_api import Browser, Locator, Page, Response

from benchmarks.harness import Json, about, save, table

ROOT = Path(__file__).resolve().parents[1]
HTML = ROOT / "_build" / "html"
MOVES, RUNS, VISITS = 100, 2, 3
SCREEN = {"width": 1280, "height": 900}
sys.path.insert(0, str(ROOT / "tests"))

from chromium import launched, serving  # noqa: E402
from live import grasp, live_pages  # noqa: E402
from widget_cases import CASES  # noqa: E402

WATCH_EVENTS = """() => {
    window.times = [];
    let start;
    addEventListener("pointermove", () => { start = performance.now(); }, true);
    addEventListener("pointermove", () => {
        document.body.getBoundingClientRect();
        times.push(performance.now() - start);
    });
}"""
WATCH_FIGURE = """new MutationObserver((_, observer) => {
    if (!document.querySelector(".cbp:not(.cbp-still *) svg")) return;
    document.body.getBoundingClientRect();
    window.drawn = performance.now();
    observer.disconnect();
}).observe(document, { childList: true, subtree: true })"""


def main() -> None:
    """Measure, print, save."""
    pages = live_pages(HTML)
    if not pages:
        raise SystemExit("no page with a live figure in _build/html: run `make book` first")
    with launched(whole=True) as browser, serving(HTML) as address:
        latency = [row for name in pages for row in latencies(browser, f"{address}/{name}.html")]
        visits = [visit(browser, f"{address}/{name}.html") for name in pages]
    for title, rows in (
        ("From the pointer event to the finished layout, in ms (goal: 95% within 4)", latency),
        ("First visit: first figure in ms, KB gzipped, requests (goals: 600, 600, 25)", visits),
    ):
        print(f"\n{title}\n\n" + table({key: str(value) for key, value in row.items()} for row in rows))
    results = {**about("python -m benchmarks.figures", peers=["playwright"]), "latency": latency, "pages": visits}
    save(Path(__file__).with_name("figures.json"), results)


def latencies(browser: Browser, url: str) -> Iterator[Json]:
    """One row for each timed mark of each figure of a page."""
    page = browser.new_page(viewport=SCREEN)
    page.goto(url, wait_until="load")
    page.wait_for_function("!document.querySelector('.cbp-still')")
    page.evaluate(WATCH_EVENTS)
    for figure in page.locator(".cbp").all():
        kind = figure.get_attribute("data-figure") or ""
        for mark in CASES[kind].TIMED:
            handle = figure.locator(f'[data-slider="{mark}"]')
            if handle.count():
                runs = [timed_drag(page, handle) for _ in range(RUNS)]
                middle, late = min(((median(t), quantiles(t, n=20)[-1]) for t in runs), key=lambda run: run[1])
                row = {"page": Path(url).stem, "figure": kind, "mark": mark}
                yield {**row, "median": round(middle, 3), "p95": round(late, 3)}
    page.close()


def timed_drag(page: Page, mark: Locator) -> list[float]:
    """Milliseconds that the page needed for each move of one long drag."""
    x, y = grasp(mark)
    seen = set()
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate("times.length = 0")
    for i in range(MOVES):
        page.mouse.move(x + 60 * np.sin(i / 9), y + 60 * np.cos(i / 7))
        if i % 10 == 0:
            seen.add(mark.get_attribute("aria-valuenow"))
    times = page.evaluate("times")
    page.mouse.move(x, y)
    page.mouse.up()
    if len(seen) < 3 or len(times) < MOVES:
        raise RuntimeError(f"{mark} did not follow the hand")
    return list(times)


def visit(browser: Browser, url: str) -> Json:
    """Time to the first figure, and in one more visit, so that reading it disturbs no clock, the weight of all."""
    drawn, responses = [], list[Response]()
    for _ in range(VISITS):
        with browser.new_context(viewport=SCREEN) as context:
            page = context.new_page()
            page.add_init_script(WATCH_FIGURE)
            page.goto(url, wait_until="load")
            page.wait_for_function("window.drawn")
            drawn.append(page.evaluate("window.drawn"))
    with browser.new_context(viewport=SCREEN) as context:
        page = context.new_page()
        page.on("response", lambda response: responses.append(response))
        page.goto(url, wait_until="networkidle")
        weight = sum(len(gzip.compress(response.body(), 6)) for response in responses) / 1000
    row = {"page": Path(url).stem, "first figure": round(median(drawn), 1)}
    return {**row, "weight": round(weight, 1), "requests": len(responses)}


if __name__ == "__main__":
    main()
