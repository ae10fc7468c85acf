"""Convert byte offsets in a program's text to lines and columns, and back.

A line ends where CPython's tokenizer ends it, which is at LF, CR LF or CR. It never ends at form feeds or Unicode
separators, where `str.splitlines` would end it.
"""

from __future__ import annotations

import bisect
import re

from engine.records import Span

_LINE_END = re.compile(rb"\r\n|\r|\n")


class ProgramText:
    """A program's bytes with an index of its lines.

    Positions outside the text are clamped into it, because they come from hostile processes and from foreign tools.
    """

    def __init__(self, program: bytes) -> None:
        self.program = program
        self._starts = [0, *(match.end() for match in _LINE_END.finditer(program))]

    @property
    def line_count(self) -> int:
        """Count the lines. Text after the last line end counts as a line, even when empty."""
        return len(self._starts)

    def line_start(self, line: int) -> int:
        """Return the byte offset of the start of 1-based `line`, or the end of the text for lines past it."""
        if line > len(self._starts):
            return len(self.program)
        return self._starts[max(line, 1) - 1]

    def line_end(self, line: int) -> int:
        """Return the byte offset of the end of 1-based `line`, without its line end."""
        end = self.line_start(line + 1)
        return self.line_start(line) + len(self.program[self.line_start(line) : end].rstrip(b"\r\n"))

    def line(self, line: int) -> str:
        """Return the text of 1-based `line`, without its indentation and end."""
        return self.program[self.line_start(line) : self.line_end(line)].strip().decode(errors="replace")

    def indentation(self, line: int) -> int:
        """Return the width of the blanks at the start of 1-based `line`, with tabs as CPython counts them."""
        text = self.program[self.line_start(line) : self.line_end(line)].expandtabs()
        return len(text) - len(text.lstrip())

    def span(self, start_byte: int, end_byte: int) -> Span:
        """Return the span of bytes `start_byte`..`end_byte` (half-open), with its lines and columns."""
        start = min(max(start_byte, 0), len(self.program))
        end = min(max(end_byte, start), len(self.program))
        line, column = self._place(start)
        end_line, end_column = self._place(end)
        return Span(start, end, line, column, end_line, end_column)

    def line_span(self, line: int, end_line: int | None = None) -> Span:
        """Return the span of whole lines, without their indentation and trailing line end."""
        start, end = self.line_start(line), self.line_end(end_line or line)
        text = self.program[start:end]
        return self.span(start + len(text) - len(text.lstrip(b" \t\f")), end)

    def span_of_columns(self, line: int, column: int, end_line: int, end_column: int) -> Span:
        """Return the span between two places with 1-based lines and 0-based columns in **bytes** (`co_positions`)."""
        return self.span(self._byte(line, column), self._byte(end_line, end_column))

    def _byte(self, line: int, column: int) -> int:
        return min(self.line_start(line) + max(column, 0), self.line_end(line))

    def _place(self, offset: int) -> tuple[int, int]:
        line = bisect.bisect_right(self._starts, offset)
        prefix = self.program[self._starts[line - 1] : offset]
        return line, len(prefix.decode(errors="replace"))
