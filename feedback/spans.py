"""From a finding's place to the text it blames, and from text to tokens.

What this module does not do: decide what is blamed, or parse hostile text with anything that can hang: logical
lines come from the standard tokenizer, and where it gives up the physical line stands.
"""

from __future__ import annotations

import contextlib
import io
import tokenize
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine import Span
from engine.text import ProgramText

Granularity = Literal["line", "statement", "expression"]
GRANULARITIES = ("line", "statement", "expression")
_LAYOUT = {tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER}


def refine(text: ProgramText, span: Span, granularity: Granularity) -> Span:
    """The text that a finding at `span` blames.

    `expression` keeps the span; `line` takes the line it starts on; `statement` takes the logical lines it touches
    (a header with its continuation lines, never a block). Indentation and line ends are left out. A span without
    text (end of file, a blank line) moves back to the last line that has some.
    """
    if (
        granularity == "expression"
        and span.end_byte > span.start_byte
        and text.program[span.start_byte : span.end_byte].strip()
    ):
        return span
    line, end_line = span.line, span.line
    if granularity != "line":
        end_line = max(span.line, span.end_line - (span.end_column == 0 and span.end_line > span.line))
    while line > 1 and not text.program[text.line_start(line) : text.line_end(end_line)].strip():
        line = end_line = line - 1
    if granularity != "line":
        lines = logical_lines(text.program)
        line, end_line = lines.get(line, (line, line))[0], lines.get(end_line, (end_line, end_line))[1]
    return text.line_span(line, end_line)


@lru_cache(maxsize=256)
def logical_lines(program: bytes) -> dict[int, tuple[int, int]]:
    """Physical line -> first and last line of the logical line it belongs to (1-based).

    Lines that belong to none (blank ones, comments, those after a tokenizing error) are missing.
    """
    lines: dict[int, tuple[int, int]] = {}
    first: int | None = None
    for token in python_tokens(program):
        if token.type == tokenize.NEWLINE:
            if first is not None:
                lines.update(dict.fromkeys(range(first, token.start[0] + 1), (first, token.start[0])))
            first = None
        elif first is None and token.type not in _LAYOUT:
            first = token.start[0]
    return lines


@lru_cache(maxsize=256)
def python_tokens(program: bytes) -> tuple[tokenize.TokenInfo, ...]:
    """The program's Python tokens, up to the first tokenizing error; only their lines are places in the program."""
    source = program.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    found: list[tokenize.TokenInfo] = []
    with contextlib.suppress(tokenize.TokenError, SyntaxError, RecursionError, MemoryError):
        found.extend(tokenize.generate_tokens(io.StringIO(source).readline))
    return tuple(found)


def token_range(span: Span, offsets: NDArray[np.int32]) -> tuple[int, int]:
    """First and one past the last token whose bytes overlap `span`; equal where none does.

    Args:
        span: A place in the program.
        offsets: int32 [T, 2], rising (`feedback.token_offsets`).
    """
    first = int(np.searchsorted(offsets[:, 1], span.start_byte, side="right"))
    last = int(np.searchsorted(offsets[:, 0], span.end_byte, side="left"))
    if first >= last:
        return first, first
    inside = np.flatnonzero(offsets[first:last, 1] > offsets[first:last, 0])  # empty tokens overlap nothing
    return (first + int(inside[0]), first + int(inside[-1]) + 1) if len(inside) else (first, first)
