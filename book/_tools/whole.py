"""What is made by these is there as a whole, or as it was before, whatever fails or interrupts."""

from __future__ import annotations

import shutil
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def replace_folder(part: Path, folder: Path) -> None:
    """Put a folder that was made into the place of an older one."""
    old = folder.with_name(f"{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    part.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
