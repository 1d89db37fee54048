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
from pathlib import Path
from statistics import median, quantiles

import numpy as np
from playwright.sync_api import Browser, Locator, Page, Response

from benchmarks.harness import Json, about, save, table

ROOT = Path(__file__).resolve().parents[1]
HTML = ROOT / "_build" / "html"
RESULTS = Path(__file__).with_name("figures.json")
MOVES, RUNS, VISITS = 100, 2, 3
GOALS = {"latency": 4.0, "first figure": 600.0, "weight": 1000.0}
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
    if (!document.querySelector(".cbp svg")) return;
    document.body.getBoundingClientRect();
    window.drawn = performance.now();
    observer.disconnect();
}).observe(document, { childList: true, subtree: true })"""


def main() -> None:
    """Measure, print, save."""
    pages = live_pages(HTML)
    if not pages:
        raise SystemExit("no page with a live figure in _build/html: run `make book` first")
    with launched() as browser, serving(HTML) as address:
        latency = [row for name in pages for row in latencies(browser, address, name)]
        visits = [{"page": name, **visit(browser, address, name)} for name in pages]
    result: Json = {
        **about("python -m benchmarks.figures"),
        "goals": GOALS,
        "latency": latency,
        "pages": visits,
    }
    print("From the pointer event to the finished layout, in ms (goal: 95 % within 4 ms)\n")
    rows = [[r["page"], r["figure"], r["mark"], f"{r['median']:.2f}", f"{r['p95']:.2f}"] for r in latency]
    print(table(["page", "figure", "mark", "median", "95 %"], rows))
    print("\nFirst visit (goals: 600 ms, 1000 KB)\n")
    rows = [[r["page"], f"{r['first figure']:.0f} ms", f"{r['weight']:.0f} KB", str(r["requests"])] for r in visits]
    print(table(["page", "first figure", "gzipped", "requests"], rows))
    save(RESULTS, result)


def latencies(browser: Browser, address: str, name: str) -> list[Json]:
    """One row for each timed mark of each figure of a page."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{address}/{name}.html", wait_until="load")
    page.evaluate(WATCH_EVENTS)
    rows = []
    for figure in page.locator(".cbp").all():
        kind = figure.get_attribute("data-figure") or ""
        for mark in CASES[kind].TIMED:
            handle = figure.locator(f'[data-slider="{mark}"]')
            if not handle.count():
                continue
            times = min((timed_drag(page, handle) for _ in range(RUNS)), key=lambda t: quantiles(t, n=20)[-1])
            rows.append({"page": name, "figure": kind, "mark": mark, "moves": len(times)})
            rows[-1] |= {"median": round(median(times), 3), "p95": round(quantiles(times, n=20)[-1], 3)}
    page.close()
    return rows


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


def visit(browser: Browser, address: str, name: str) -> Json:
    """Time to the first figure, and the weight of all that came."""
    drawn = []
    for _ in range(VISITS):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.add_init_script(WATCH_FIGURE)
        page.goto(f"{address}/{name}.html", wait_until="load")
        page.wait_for_function("window.drawn")
        drawn.append(page.evaluate("window.drawn"))
        context.close()
    return {"first figure": round(median(drawn), 1), **weigh(browser, address, name)}


def weigh(browser: Browser, address: str, name: str) -> Json:
    """What a first visit loads, in a visit of its own, so that reading it disturbs no clock."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        responses: list[Response] = []
        page.on("response", lambda response: responses.append(response))
        page.goto(f"{address}/{name}.html", wait_until="networkidle")
        weight = sum(len(gzip.compress(response.body(), 6)) for response in responses)
    return {"weight": round(weight / 1000, 1), "requests": len(responses)}


if __name__ == "__main__":
    main()
