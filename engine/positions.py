"""Turn places that CPython reports into byte ranges of the original program.

CPython counts bytes of the source decoded and encoded again as UTF-8, without its byte order mark. The program's own
bytes differ from those after a mark and under another encoding cookie. No number is believed: all are clamped into the
text.
"""

from __future__ import annotations

import codecs
import io
import re
import tokenize
from dataclasses import replace

from engine.logical import without_block
from engine.records import Span
from engine.text import ProgramText

_BY_CHARACTER = re.compile(
    r"ascii|(?:iso)?-?8859|latin|cp\d+|koi8|kz1048|mac[-_]|hp-|tis|ptcp|palmos|gb|big5|hz|euc|shift|johab"
)
"""Codecs that decode each line alone, in linear time, with `replace` for what is wrong. The program names the codec.
Others (`undefined`, `idna`, `punycode`, `utf_7`) raise what they like or take quadratic time, and count as UTF-8."""


class SourceMap:
    """Turns CPython's lines and columns into spans of `program`."""

    def __init__(self, program: bytes) -> None:
        self._text = ProgramText(program)
        self._program = program
        self._mark = len(codecs.BOM_UTF8) if program.startswith(codecs.BOM_UTF8) else 0
        self._encoding = _encoding(program)

    def span(self, line: int, end_line: int | None, column: int | None, end_column: int | None) -> Span:
        """Return the span between two places, with 1-based lines and columns in bytes. None is the whole line.

        A compound statement's place (CPython 3.11 has it for errors of its header) ends with the header.
        """
        if end_line is None or column is None or end_column is None:
            return self._text.line_span(line)
        start, end = self._byte(line, column), self._byte(end_line, end_column)
        if start >= end:
            return self._text.line_span(line)
        return without_block(self._text, self._text.span(start, end))

    def syntax_span(self, position: list[int | None], in_bytes: bool) -> Span | None:
        """Return the span of a `SyntaxError` from its line, offset, end line and end offset (1-based, or nothing)."""
        line, offset, end_line, end_offset = position
        if line is None or line < 1:
            return self.bad_byte_span() or self._text.line_span(1)
        if not offset or offset < 1:
            return self._text.line_span(line)
        convert = self._byte if in_bytes else self._byte_of_character
        start = convert(line, offset - 1)
        end = convert(end_line or line, end_offset - 1) if end_offset and end_offset > 0 else start
        return self._text.span(start, end) if end > start else self._point(start)

    def _point(self, start: int) -> Span:
        """Return the character at `start`, or the last one of the text. A line end belongs to its line."""
        if start >= len(self._program):
            start = max(len(self._program) - 1, 0)
            while self._encoding == "utf-8" and start and self._program[start] & 0xC0 == 0x80:
                start -= 1
        rest = self._program[start : start + 4]
        if rest[:1] in (b"\r", b"\n"):
            span = self._text.span(start, start + (2 if rest.startswith(b"\r\n") else 1))
            return replace(span, end_line=span.line, end_column=span.column + 1)
        wide = len(rest.decode(errors="ignore")[:1].encode()) if self._encoding == "utf-8" else 1
        return self._text.span(start, start + max(wide, 1))

    def bad_byte_span(self) -> Span | None:
        """Return the first byte that no source may hold: a NUL, or one that is wrong in the source's encoding."""
        place = self._program.find(b"\0")
        if place < 0:
            try:
                self._program.decode(self._encoding)
            except UnicodeDecodeError as error:
                place = error.start
        return None if place < 0 else self._text.span(place, place + 1)

    def _line(self, line: int) -> tuple[int, bytes]:
        start, end = self._text.line_start(line), self._text.line_end(line)
        start += self._mark if line == 1 else 0
        return start, self._program[start:end]

    def _byte(self, line: int, column: int) -> int:
        start, text = self._line(line)
        if self._encoding == "utf-8":
            return start + min(max(column, 0), len(text))
        prefix = text.decode(self._encoding, "replace").encode()[: max(column, 0)]
        return start + len(prefix.decode(errors="ignore").encode(self._encoding, "replace"))

    def _byte_of_character(self, line: int, column: int) -> int:
        start, text = self._line(line)
        prefix = text.decode(self._encoding, "replace")[: max(column, 0)]
        if self._encoding == "utf-8" and "\ufffd" in prefix:  # a wrong byte took one character, not three bytes
            return start + min(column, len(text))
        return start + len(prefix.encode(self._encoding, "replace"))


def _encoding(program: bytes) -> str:
    """Find the source's encoding by mark or cookie. UTF-8 where the cookie is not to be believed."""
    try:
        name = codecs.lookup(tokenize.detect_encoding(io.BytesIO(program[:4096]).readline)[0]).name
    except (SyntaxError, LookupError, UnicodeError):
        return "utf-8"
    return name if _BY_CHARACTER.match(name) else "utf-8"
