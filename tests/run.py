"""Run all the tests of the project in stages, and print a summary (`make test`).

    python tests/run.py                  every stage
    python tests/run.py package book     only these

A stage that runs no test is a failure: it would be green by accident. Only the browser stage may be skipped as a whole,
where there is no Chromium, and never under CI=true.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
# A browser or a kernel keeps little more than one core busy, and small machines have two.
TWO_PROCESSES = "--numprocesses=2"
sys.path.insert(0, str(ROOT / "book" / "_tools"))

from outputs import notebooks  # noqa: E402


@dataclass
class Result:
    """What one stage did."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    status: str = "ok"
    seconds: float = 0.0


def python(*arguments: str | Path) -> int:
    """Run a module of this environment from the project's root; its output goes straight to the terminal."""
    sys.stdout.flush()
    return subprocess.run([sys.executable, "-m", *map(str, arguments)], cwd=ROOT, check=False).returncode


def pytest(*arguments: str | Path) -> Result:
    """One run of pytest, counted by its own report."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        code = python("pytest", "--quiet", "--color=auto", f"--junit-xml={report}", *arguments)
        suites = list(ElementTree.parse(report).iter("testsuite")) if report.is_file() else []
    count = {
        key: sum(int(suite.get(key, "0")) for suite in suites) for key in ("tests", "failures", "errors", "skipped")
    }
    failed = count["failures"] + count["errors"]
    result = Result(count["tests"] - failed - count["skipped"], failed, count["skipped"])
    if failed or code not in (0, 5):
        result.status = "FAILED"
    elif not count["tests"]:
        result.status = "FAILED: no test was run"
    elif not result.passed:
        result.status = "skipped"
    return result


def commands(*lines: tuple[str | Path, ...]) -> Result:
    """Commands that are each one test."""
    codes = [python(*line) for line in lines]
    failed = sum(code != 0 for code in codes)
    return Result(len(codes) - failed, failed, status="FAILED" if failed else "ok")


def package() -> Result:
    return pytest("tests", "--ignore=tests/book", "--ignore=tests/browser", TWO_PROCESSES, "--dist=worksteal")


def doctests() -> Result:
    return pytest("--doctest-modules", "chainbp")


def style() -> Result:
    return commands(("ruff", "check", "."), ("mypy",))


def nbval() -> Result:
    # A notebook stays in one process: its cells share a kernel.
    options = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=300", TWO_PROCESSES, "--dist=loadfile"]
    return pytest(*options, *notebooks())


def build() -> Result:
    sys.stdout.flush()
    code = subprocess.run(["make", "--no-print-directory", f"VENV={sys.prefix}", "pages"], cwd=ROOT, check=False)
    return Result(int(not code.returncode), int(bool(code.returncode)), status="FAILED" if code.returncode else "ok")


def book() -> Result:
    return pytest("tests/book")


def browser() -> Result:
    return pytest("tests/browser", TWO_PROCESSES, "--dist=worksteal")


STAGES: dict[str, tuple[str, Callable[[], Result]]] = {
    "package": ("package tests", package),
    "doctests": ("doctests", doctests),
    "style": ("style and types", style),
    "nbval": ("notebooks (nbval)", nbval),
    "build": ("book build, -n -W", build),
    "book": ("book tests", book),
    "browser": ("browser tests", browser),
}


def run(names: list[str]) -> dict[str, Result]:
    """Run the stages; those that read the built book are not run on one that failed to build."""
    results: dict[str, Result] = {}
    for name in names:
        print(f"\n==== {STAGES[name][0]} ====", flush=True)
        if name in ("book", "browser") and "build" in results and results["build"].failed:
            results[name] = Result(status="FAILED: the book was not built")
            continue
        start = time.monotonic()
        results[name] = STAGES[name][1]()
        results[name].seconds = time.monotonic() - start
        if results[name].status == "skipped" and (name != "browser" or os.environ.get("CI")):
            results[name].status = "FAILED: every test was skipped"
    return results


def summary(results: dict[str, Result]) -> str:
    """The table at the end."""
    lines = [f"{'':20s}{'passed':>8s}{'failed':>8s}{'skipped':>9s}{'seconds':>9s}"]
    for name, r in results.items():
        numbers = f"{r.passed:8d}{r.failed:8d}{r.skipped:9d}{r.seconds:9.1f}"
        lines.append(f"{STAGES[name][0]:20s}{numbers}  {r.status}")
    bad = [STAGES[name][0] for name, r in results.items() if r.status.startswith("FAILED")]
    if results.get("browser", Result()).status == "skipped":
        lines.append("The browser tests need Chromium (Debian: apt install chromium), or CHROMIUM=/path/to/it.")
    lines.append(f"FAILED: {', '.join(bad)}" if bad else "All stages passed.")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"of {', '.join(STAGES)}")
    names = parser.parse_args().stages or list(STAGES)
    if unknown := [name for name in names if name not in STAGES]:
        parser.error(f"no stage {', '.join(unknown)}; there are {', '.join(STAGES)}")
    results = run(names)
    print("\n==== summary ====")
    print(summary(results))
    return any(result.status.startswith("FAILED") for result in results.values())


if __name__ == "__main__":
    sys.exit(main())
