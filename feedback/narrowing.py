"""Narrow a line to where a bug can be: the names, numbers, texts and operators of the value that it computes.

The text is not parsed. What cannot be told apart this way stays whole.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from engine import Span
from engine.text import ProgramText

_HEAD = re.compile(
    rb"""(?:return|if|elif|while|assert|yield)\b\s*
    |(?:async\s+)?for\b.*?\bin\b\s*
    |[\w\s.,*]*?(?<![-+*/%&|^@<>=!:])=(?!=)\s*""",
    re.VERBOSE,
)
"""What stands before the value. In `x += 1` and `x[i] = 1` it is a part of what the line does, so they stay whole."""
_PUNCTUATION = b"()[]{},:;.\"'`"
_IS_TELLING = np.array([chr(byte).strip() != "" and byte not in _PUNCTUATION for byte in range(256)])
_PIECE = re.compile(rb"'[^'\n]*'|\"[^\"\n]*\"|#.*")


def value_of(text: ProgramText, line: int) -> Span:
    """Find the place of the value in a line, without the keyword or targets before it, a final colon and a comment."""
    whole = text.line_span(line)
    source = text.program[whole.start_byte : whole.end_byte]
    comment = next((piece.start() for piece in _PIECE.finditer(source) if piece.group()[:1] == b"#"), len(source))
    source = source[:comment].rstrip()
    head = _HEAD.match(source)
    start = head.end() if head else 0
    value = source[start:].removesuffix(b":").rstrip()
    if not value:
        return whole
    return text.span(whole.start_byte + start, whole.start_byte + start + len(value))


def telling(program: bytes, offsets: NDArray[np.int32], first: int, last: int) -> list[tuple[int, int]]:
    """List the ranges of tokens from `first` to `last` that are more than blanks and punctuation, half-open."""
    marked = tells(program, offsets[first:last])
    borders = (np.flatnonzero(np.diff(marked, prepend=False, append=False)) + first).tolist()
    return list(zip(borders[::2], borders[1::2], strict=True))


def tells(program: bytes, offsets: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Say which tokens are more than blanks and punctuation, bool [T]."""
    counts = np.concatenate([[0], np.cumsum(_IS_TELLING[np.frombuffer(program, dtype=np.uint8)])])
    found: NDArray[np.bool_] = counts[offsets[:, 1]] > counts[offsets[:, 0]]
    return found
