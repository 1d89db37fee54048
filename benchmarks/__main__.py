"""Run every benchmark under each BLAS setting in a process of its own, print the tables and save the results."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

from benchmarks.harness import BOOK_DATA, Json, Setting, about, blas, progress, save

MODULES = ("networks", "pooling")
# All of `make bench` is to take less than ten minutes.
SECONDS = 1.5
RESULTS = BOOK_DATA / "speed.json"

# They choose OpenBLAS's kernel when NumPy is imported; torch and JAX do not look at them.
PINS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
# On these kernels a pin to AVX2 makes a difference, and the processor is sure to have AVX2.
AVX512_KERNELS = ("SkylakeX", "Cooperlake", "SapphireRapids")


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help=f"how long to race on each row (default: {SECONDS:g})"
    )
    parser.add_argument("--output", type=Path, default=RESULTS, help="where to save (default: book/_data/speed.json)")
    parser.add_argument("--worker", choices=("native", "pinned"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        options.output.write_text(json.dumps(_measure(options.worker, options.seconds)), encoding="utf-8")
        return

    _use_two_cpus()
    results: Json = {
        **about("python -m benchmarks"),
        "seconds_per_row": options.seconds,
        "settings": _settings(options.seconds),
    }
    print(_heading(results))
    results["goals"] = {}
    for name, module in _modules().items():
        measured = {setting: result[name] for setting, result in results["settings"].items()}
        labels = {setting: _label(setting, result) for setting, result in results["settings"].items()}
        results["goals"][name] = module.goals(measured)
        for text in module.report(measured, labels):
            print(f"\n{text}")
    save(options.output, results)


def _modules() -> dict[str, ModuleType]:
    return {name: importlib.import_module(f"benchmarks.{name}") for name in MODULES}


def _use_two_cpus() -> None:
    """Hold this process and its children to two processors: JAX has no setting for its number of threads."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])


def _settings(seconds: float) -> Json:
    """The measurements with BLAS free to choose its kernel, and with the kernel pinned to an older processor's."""
    unpinned = {name: value for name, value in os.environ.items() if name not in PINS}
    pins = {name: os.environ[name] for name in PINS if name in os.environ}
    settings = {"native": {**_worker("native", unpinned, seconds), "environment": {}}}
    if not pins and settings["native"]["blas"]["kernel"] in AVX512_KERNELS:
        pins = {"OPENBLAS_CORETYPE": "Haswell"}
    if pins:
        settings["pinned"] = {**_worker("pinned", unpinned | pins, seconds), "environment": pins}
    return settings


def _worker(setting: Setting, environment: dict[str, str], seconds: float) -> Json:
    progress(f"BLAS {setting}:")
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "results.json")
        command = [sys.executable, "-m", "benchmarks", "--worker", setting, "--seconds", str(seconds), "--output"]
        subprocess.run([*command, str(output)], env=environment, check=True)
        result: Json = json.loads(output.read_text(encoding="utf-8"))
    return result


def _measure(setting: Setting, seconds: float) -> Json:
    # Before any peer is imported: it may bring a BLAS of its own.
    result: Json = {"blas": blas()}
    return result | {name: module.measure(setting == "native", seconds) for name, module in _modules().items()}


def _label(setting: str, result: Json) -> str:
    pins = " ".join(f"{name}={value}" for name, value in result["environment"].items())
    found = result["blas"]
    rate = ", ".join(f"{gflops} GF/s in {dtype}" for dtype, gflops in found["gflops"].items())
    return f"BLAS {setting}{f' ({pins})' if pins else ''}: {found['library']}, kernel {found['kernel']}, {rate}"


def _heading(results: Json) -> str:
    found = results["machine"]
    packages = ", ".join(f"{name} {version or 'not installed'}" for name, version in results["versions"].items())
    lines = [f"{found['cpus']} processors of {found['cpu']}, {found['system']}, {results['date']}", packages]
    if (found["load_before"] or 0) > 0.5:
        lines.append(f"Other work was running (load {found['load_before']}): trust no ratio before a quiet run.")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
