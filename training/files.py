"""Writing files so that a crash leaves the old one or the new one, never half of it.

What this module does not do: lock. One trainer owns a run directory (`training.loop` holds its lock).
"""

from __future__ import annotations

import os
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Write aside, flush to disk, rename."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write aside, flush to disk, rename."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with aside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def why_unwritable(path: Path) -> str:
    """What is known against writing a file, before the work whose result it is to hold; empty where nothing is."""
    if path.is_dir():
        return f"{path}: cannot be written: is a folder"
    return "" if path.parent.is_dir() else f"{path}: cannot be written: no folder {path.parent}"


def sync_folder(folder: Path) -> None:
    """Flush a folder and every file below it to disk."""
    for path in [*folder.rglob("*"), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
