"""Write files so that a crash leaves the old one or the new one, and never half of it.

Nothing is locked here, because one trainer owns a run directory (`training.loop` holds its lock).
"""

from __future__ import annotations

import os
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Write aside, flush to disk, rename."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write aside, flush to disk, rename.

    Raises:
        OSError: it cannot be written, and names the file; what was there before is as it was.
    """
    if _is_special(path):
        path.write_bytes(data)
        return
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error


def why_unwritable(path: Path, spec: str = "") -> str:
    """Say what is known against writing a file, before the work whose result it is to hold. Empty where nothing is.

    Args:
        path: The file.
        spec: The problem set that is read, which is not to be lost.
    """
    probe = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.is_dir():
            return f"{path}: cannot be written: is a folder"
        if _is_special(path):
            return ""
        read = [Path(name) for name in (spec, spec.rpartition(":")[2]) if name]
        if path.exists() and any(file.exists() and path.samefile(file) for file in read):
            return f"{path}: is the data that is read; write elsewhere"
        if not path.parent.is_dir():
            return f"{path}: cannot be written: no folder {path.parent}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        return f"{path}: cannot be written: {error.strerror}"
    return ""


def _is_special(path: Path) -> bool:
    """Say whether something is there that takes what is written and keeps its place, such as a pipe or `/dev/null`."""
    return path.exists() and not path.is_file() and not path.is_dir()


def sync_folder(folder: Path) -> None:
    """Flush a folder's files and then the folder to disk."""
    for path in [*(path for path in folder.iterdir() if not path.is_dir()), folder]:
        flush(path)


def flush(path: Path) -> None:
    """Flush one file to disk, or a folder's list of names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
