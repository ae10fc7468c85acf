"""The program's own text, for programs that look at it: `open(__file__)`, `inspect.getsource`, tracebacks with lines.

There is no such file. The library finds the lines in `linecache`, and `open` finds the bytes here.
"""

from __future__ import annotations

import io
import os
import re
from typing import Any

from engine.sandbox.failures import PROGRAM_NAME

FILE = "program.py"
"""The program's `__file__`, in whatever directory it is."""
_LOOKS = re.compile(b"inspect|traceback|linecache|doctest|logging|warnings|getsource|exc_info")
"""Words without which no program looks at its lines."""
_source = [b""]


def show(source: bytes) -> None:
    """Let this process find `source` as the program's own."""
    _source[0] = source
    if _LOOKS.search(source):
        import linecache  # few programs need it, and every child would have to copy it

        text = io.IncrementalNewlineDecoder(None, translate=True).decode(source.decode(errors="replace"))
        lines = [line + "\n" for line in text.removeprefix("\ufeff").split("\n")]
        for name in (PROGRAM_NAME, FILE):
            linecache.cache[name] = (len(source), None, lines, name)


def open_own(file: Any, mode: str = "r", *arguments: Any, **keywords: Any) -> Any:
    """Open a file object on the program's text. None where `file` is another or is to be written."""
    try:
        name = os.path.abspath(os.fsdecode(file))
    except (TypeError, ValueError):
        return None
    if name != os.path.abspath(FILE) or not set(mode) <= set("rbt"):
        return None
    raw = io.BytesIO(_source[0])
    raw.name = os.fsdecode(file)
    if "b" in mode:
        return raw
    options = dict(zip(("buffering", "encoding", "errors", "newline"), arguments, strict=False)) | keywords
    options.pop("buffering", None)
    return io.TextIOWrapper(raw, **{"encoding": "utf-8", **options})
