"""Make paths of standard streams, such as `/dev/stdin`, and of the program work although no such file is visible.

A program's root has no `/proc`, and Landlock knows no file for a descriptor. So `open` and `os.open` of these paths
return a duplicate of the descriptor, which is read and written like a pipe. This grants nothing, because a program only
gets descriptors that it already has.
"""

from __future__ import annotations

import builtins
import io
import os
import re
from typing import Any

from engine.sandbox.own_source import open_own

_NAMED = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_NUMBERED = re.compile(r"/(?:dev/fd|proc/(?:self|thread-self)/fd)/(\d{1,4})")

_open, _os_open = io.open, os.open


def install() -> None:
    """Replace the two functions, for this process and its children."""
    builtins.open = io.open = open_path
    os.open = open_descriptor
    open_path.__name__ = open_path.__qualname__ = "open"


def open_path(file: Any, mode: str = "r", *arguments: Any, **keywords: Any) -> Any:
    """Open a path as `open` does."""
    descriptor = _descriptor_of(file)
    if descriptor is not None:
        return _open(os.dup(descriptor), mode, *arguments, **keywords)
    try:
        return _open(file, mode, *arguments, **keywords)
    except OSError:
        own = open_own(file, mode, *arguments, **keywords)
        if own is None:
            raise
        return own


def open_descriptor(path: Any, flags: int, *arguments: Any, **keywords: Any) -> int:
    """Open a path as `os.open` does."""
    descriptor = _descriptor_of(path)
    return _os_open(path, flags, *arguments, **keywords) if descriptor is None else os.dup(descriptor)


def _descriptor_of(path: Any) -> int | None:
    """Return the descriptor that `path` names, or None for anything else."""
    if isinstance(path, int):
        return None
    try:
        name = os.fsdecode(path)
    except (TypeError, ValueError):
        return None
    if not name.startswith(("/dev/", "/proc/")):
        return None
    if (found := _NUMBERED.fullmatch(name)) is not None:
        return int(found[1])
    return _NAMED.get(name)
