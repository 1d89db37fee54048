"""Run the tests of the project in stages, and print a summary (`make test`, `make soak`).

    python tests/run.py                  every stage but the long ones
    python tests/run.py package book     only these
    python tests/run.py soak             the long ones: the tests that are marked so, on a book that is up to date
    python tests/run.py frameworks       those that need PyTorch and JAX

A stage that runs no test is a failure: it would be green by accident. Only the browser stage may be skipped as a whole,
where there is no Chromium, and never under CI=true; then no long test may be skipped, either, and none of PyTorch and
JAX. What the stages say goes to _build/log/test.txt; here stand their results, and of those that fail also the reason.
"""

from __future__ import annotations

import argparse
import functools
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
LOG = ROOT / "_build" / "log" / "test.txt"
# A browser or a kernel keeps little more than one core busy, and small machines have two.
TWO_PROCESSES = "--numprocesses=2"
# Without PyTorch and JAX these are skipped.
NEED_FRAMEWORKS = [f"tests/test_{name}.py" for name in ("lp_pool_torch", "lp_pool_jax", "framework_snippets")]
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # each of the two has a core of its own
# What is there comes first in every process that the tests start.
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(ROOT / "tests" / "plugins"), os.environ.get("PYTHONPATH", "")])
)
sys.path.insert(0, str(ROOT / "book" / "_tools"))

from execution import largest_first, notebooks  # noqa: E402


@dataclass
class Result:
    """What one stage did."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    status: str = "ok"
    seconds: float = 0.0
    missing: set[str] = field(default_factory=set)  # why tests were skipped


def python(*arguments: str | Path, show: bool = False) -> tuple[int, str]:
    """Run a program of this environment from the project's root; return its exit code and what it says.

    What it says goes to the log, and here if it shall be shown; else how far it is, in percent.
    """
    said, percent = b"", 0
    alone = threading.current_thread() is threading.main_thread()
    with (
        LOG.open("ab", buffering=0) as log,
        subprocess.Popen(
            [sys.executable, *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process,
    ):
        while chunk := os.read(process.stdout.fileno(), 65536):
            log.write(chunk)
            said += chunk
            if show:
                print(chunk.decode(errors="replace"), end="", flush=True)
            elif alone and (found := re.findall(rb"\[ *(\d+)%\]", said[-2000:])) and int(found[-1]) >= percent + 10:
                percent = int(found[-1]) // 10 * 10
                print(f" {percent}%", end="", flush=True)
    return process.returncode, said.decode(errors="replace")


def pytest(*arguments: str | Path, marker: str = "not soak") -> Result:
    """One run of pytest, counted by its own report."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        code, said = python("-m", "pytest", "-v", "-m", marker, f"--junit-xml={report}", *arguments)
        suites = list(ElementTree.parse(report).iter("testsuite")) if report.is_file() else []
    count = {
        key: sum(int(suite.get(key, "0")) for suite in suites) for key in ("tests", "failures", "errors", "skipped")
    }
    failed = count["failures"] + count["errors"]
    result = Result(count["tests"] - failed - count["skipped"], failed, count["skipped"])
    result.missing = {skip.get("message", "") for suite in suites for skip in suite.iter("skipped")}
    if failed or code not in (0, 5):
        result.status = "FAILED"
        start = re.search("=+ (ERRORS|FAILURES) =+", said)
        print("\n" + said[start.start() if start else 0 :])
    elif not count["tests"]:
        result.status = "FAILED: no test was run"
    elif not result.passed:
        result.status = "skipped"
    return result


def commands(*lines: tuple[str | Path, ...], show: bool = False) -> Result:
    """Programs that are each one test."""
    runs = [python(*line, show=show) for line in lines]
    failures = [said for code, said in runs if code]
    if not show:
        print(*failures, sep="\n", end="")
    return Result(len(runs) - len(failures), len(failures), status="FAILED" if failures else "ok")


def package() -> Result:
    elsewhere = [f"--ignore=tests/{folder}" for folder in ("book", "browser", "soak")]
    return pytest("tests", *elsewhere, TWO_PROCESSES, "--dist=worksteal")


def long_package() -> Result:
    elsewhere = [f"--ignore={name}" for name in ("tests/browser", "tests/soak", *NEED_FRAMEWORKS)]
    return pytest("tests", *elsewhere, TWO_PROCESSES, "--dist=worksteal", marker="soak")


def doctests() -> Result:
    return pytest("--doctest-modules", "chainbp")


def style() -> Result:
    return commands(("-m", "ruff", "check", "."), ("-m", "mypy"), ("-m", "codespell_lib"))


def nbval() -> Result:
    # A notebook stays in one process, since its cells share a kernel; the largest come first. The build takes what they
    # show, so that each is executed once (plugins/kept.py).
    options = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=300", "-p", "kept"]
    distribution = [TWO_PROCESSES, "--dist=loadfile", "--no-loadscope-reorder"]
    return pytest(*options, *distribution, *largest_first(notebooks()))


def build(*options: str) -> Result:
    return commands(("book/_tools/build.py", *options), show=True)


def book() -> Result:
    # A file stays in one process: the pages are parsed once.
    return pytest("tests/book", TWO_PROCESSES, "--dist=loadfile", "--no-loadscope-reorder")


def browser(marker: str = "not soak") -> Result:
    return pytest("tests/browser", TWO_PROCESSES, "--dist=worksteal", marker=marker)


def engines() -> Result:
    return pytest("tests/soak", TWO_PROCESSES, "--dist=worksteal", marker="soak")


def frameworks() -> Result:
    return pytest(*NEED_FRAMEWORKS, TWO_PROCESSES, "--dist=worksteal")


STAGES: dict[str, tuple[str, Callable[[], Result]]] = {
    "package": ("package tests", package),
    "nbval": ("notebooks (nbval)", nbval),
    "build": ("book build, -n -W", build),
    "doctests": ("doctests", doctests),
    "style": ("style and types", style),
    "book": ("book tests", book),
    "browser": ("browser tests", browser),
}
SOAK: dict[str, tuple[str, Callable[[], Result]]] = {
    "soak-build": ("book up to date", functools.partial(build, "--again")),
    "soak-package": ("long package tests", long_package),
    "soak-browser": ("long browser tests", functools.partial(browser, "soak")),
    "soak-engines": ("three engines", engines),
}
FRAMEWORKS: dict[str, tuple[str, Callable[[], Result]]] = {"frameworks": ("PyTorch and JAX", frameworks)}
ALL = STAGES | SOAK | FRAMEWORKS
# The build keeps one core busy: these two have the other.
BESIDE_THE_BUILD = ("doctests", "style")


def timed(name: str) -> Result:
    start = time.monotonic()
    result = ALL[name][1]()
    result.seconds = time.monotonic() - start
    return result


def run(names: list[str]) -> dict[str, Result]:
    """Run the stages; those that read the built book are not run on one that failed to build."""
    results: dict[str, Result] = {}
    second, ahead = ThreadPoolExecutor(1), dict[str, Future[Result]]()
    for name in names:
        if name == "build":
            ahead = {other: second.submit(timed, other) for other in BESIDE_THE_BUILD if other in names}
        print(f"{ALL[name][0]:20s}", end="\n" if name.endswith("build") else "", flush=True)
        unbuilt = any(results[built].failed for built in results if built.endswith("build"))
        if unbuilt and name.endswith(("book", "browser", "engines")):
            result = Result(status="FAILED: the book was not built")
        else:
            result = ahead[name].result() if name in ahead else timed(name)
        if result.status == "skipped" and (name != "browser" or os.environ.get("CI")):
            result.status = "FAILED: every test was skipped"
        elif result.skipped and name in SOAK | FRAMEWORKS and os.environ.get("CI"):
            result.status = "FAILED: tests were skipped"
        print(f" {result.status}, {result.seconds:.1f} s", flush=True)
        results[name] = result
    return results


def summary(results: dict[str, Result]) -> str:
    """The table at the end."""
    lines = [f"{'':20s}{'passed':>8s}{'failed':>8s}{'skipped':>9s}{'seconds':>9s}"]
    for name, r in results.items():
        numbers = f"{r.passed:8d}{r.failed:8d}{r.skipped:9d}{r.seconds:9.1f}"
        lines.append(f"{ALL[name][0]:20s}{numbers}  {r.status}")
    lines += [f"Skipped: {reason}" for reason in sorted(set().union(*(r.missing for r in results.values())))]
    bad = [ALL[name][0] for name, r in results.items() if r.status.startswith("FAILED")]
    lines.append(f"FAILED: {', '.join(bad)}" if bad else "All stages passed.")
    counts = ("passed", "failed", "skipped")
    lines.append(", ".join(f"{sum(getattr(r, count) for r in results.values())} {count}" for count in counts))
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"of {', '.join(ALL)}, soak")
    names = parser.parse_args().stages or list(STAGES)
    if names == ["soak"]:
        names = list(SOAK)
    if unknown := [name for name in names if name not in ALL]:
        parser.error(f"no stage {', '.join(unknown)}; there are {', '.join(ALL)}, soak")
    LOG.parent.mkdir(parents=True, exist_ok=True)
    LOG.write_bytes(b"")
    results = run(names)
    print(f"\n{summary(results)}\nThe whole log: {LOG.relative_to(ROOT)}")
    return any(result.status.startswith("FAILED") for result in results.values())


if __name__ == "__main__":
    sys.exit(main())
