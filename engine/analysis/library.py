"""Read the modules of the standard library that a program imports, before the program's own time begins.

pylint parses a module of the library the first time that a program imports it: over a second of CPU for `asyncio`.
That is not the program's doing, and there are only so many modules (11 s and 190 MB for all of them).
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from engine.analysis.linter import Linter
from engine.text import ProgramText

_IMPORT = re.compile(rb"\b(?:from|import)\b([^\n;#]*)")
_NAME = re.compile(rb"[\w.]+")
_LONGEST = 64
_FOLDER = Path(os.__file__).parent


class Library:
    """The modules that a linter has read."""

    def __init__(self, linter: Linter) -> None:
        self._linter = linter
        self._read: set[str] = set()

    def read(self, program: bytes) -> bool:
        """Let the linter read what a program imports. Returns whether a module was new to it."""
        new = {name for name in imported(program) if name not in self._read and _is_file(name)}
        for name in sorted(new):
            self._read.add(name)
            with suppress(Exception):  # a module that astroid cannot read is one that it does not know
                self._linter.names(f"import {name}\n", ProgramText(b""))
        return bool(new)


def imported(program: bytes) -> set[str]:
    """Find names after `import` or `from` on a line, and the packages around them. The text is not parsed."""
    names = (name for match in _IMPORT.finditer(program) for name in _NAME.findall(match.group(1)))
    parts = [name.decode(errors="replace").split(".") for name in names if len(name) <= _LONGEST]
    return {".".join(words[:end]) for words in parts for end in range(1, len(words) + 1)}


def _is_file(name: str) -> bool:
    if not all(part.isidentifier() for part in name.split(".")):
        return False
    path = _FOLDER.joinpath(*name.split("."))
    return path.with_name(path.name + ".py").is_file() or (path / "__init__.py").is_file()
