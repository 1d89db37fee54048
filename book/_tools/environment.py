"""Make the environment, or install into it what an extra of the project needs; the Makefile calls it.

    python3 book/_tools/environment.py .venv/venv.stamp                    make it, by this Python
    python book/_tools/environment.py .venv/book.stamp -c constraints.txt  install `.[book]` into it

Where two want it at the same time, one waits for the other, and has what that one made.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

# --no-compile: most of what comes is never imported, and Python compiles what is.
PIP = ["-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-compile"]


def made(stamp: Path) -> bool:
    """Whether it was made, by another perhaps, since what it is made from changed."""
    if not stamp.is_file() or stamp.stem == "venv":
        return stamp.is_file()
    needs = Path("pyproject.toml"), Path("constraints.txt"), stamp.with_stem("venv")
    return all(need.stat().st_mtime <= stamp.stat().st_mtime for need in needs)


def main() -> int:
    stamp, options = Path(sys.argv[1]), sys.argv[2:]
    venv, extra = stamp.parent, stamp.stem
    venv.parent.mkdir(parents=True, exist_ok=True)
    # Beside the environment, which may have to go. The lock ends with this process and the one that it starts.
    with Path(f"{venv}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another make sets up this environment. Waiting for its end", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        if made(stamp):
            return 0
        if extra == "venv":
            if venv.exists() and any(venv.iterdir()) and not (venv / "pyvenv.cfg").is_file():
                sys.exit(f"{venv} is there, and is no environment: name another place, make VENV=...")
            print(f"Setting up {venv} with Python {sys.version.split()[0]}", flush=True)
            shutil.rmtree(venv, ignore_errors=True)
            command = [sys.executable, "-m", "venv", venv]
        else:
            command = [venv / "bin" / "python", *PIP, *options, "-e", f".[{extra}]"]
        code = subprocess.run(command, pass_fds=[lock.fileno()]).returncode
        if code == 0:
            stamp.touch()
        return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("Interrupted: the environment is not complete, and the next make goes on with it")
