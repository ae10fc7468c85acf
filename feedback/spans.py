"""Turn a finding's place into the text that it blames, and text into tokens.

Nothing is parsed here. Logical lines come with the report (`Execution.layout`). Where they are not known, physical
lines take their place.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine import Layout, Span
from engine.text import ProgramText

Granularity = Literal["line", "statement", "expression"]
GRANULARITIES = ("line", "statement", "expression")


def refine(text: ProgramText, layout: Layout, span: Span, granularity: Granularity) -> Span:
    """Find the text that a finding at `span` blames.

    `expression` keeps the span, and `line` takes the line on which it starts. `statement` takes the logical line on
    which it starts, which is a header with its continuation lines and never a block. Indentation and line ends are left
    out. A line end that is the finding itself stays: where a colon or an operand is missing, the token that ends the
    line is wrong. A span without text (end of file, a blank line) moves back to the last line that has some.
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
        line, end_line = layout.statements.get(line, (line, end_line))
    placed = text.line_span(line, end_line)
    ends_line = placed.end_byte <= span.start_byte < span.end_byte == text.line_end(span.line) + 1
    return text.span(placed.start_byte, span.end_byte) if granularity != "line" and ends_line else placed


def token_range(span: Span, offsets: NDArray[np.int32]) -> tuple[int, int]:
    """Find the first and one past the last token whose bytes overlap `span`. They are equal where none does.

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
