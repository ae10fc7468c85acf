"""Logical lines: which physical lines make one statement or one header, by the standard tokenizer.

What this module does not do: parse, or hang on hostile text. Where the tokenizer gives up, later lines belong to none.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import tokenize
from functools import lru_cache

from engine.records import Span
from engine.text import ProgramText

_LAYOUT = {tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER}


def without_block(text: ProgramText, span: Span) -> Span:
    """The span up to the end of the logical line it starts on: a compound statement's header, without its block.

    CPython 3.11 and pylint give some errors of a header (`for`, `with`, `class`, `except`) the whole statement's range.
    """
    if span.end_line == span.line:
        return span
    last = logical_lines(text.program).get(span.line, (span.line, span.line))[1]
    return span if span.end_line <= last else text.span(span.start_byte, text.line_end(last))


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
    source = program.removeprefix(codecs.BOM_UTF8).decode(errors="replace")
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    found: list[tokenize.TokenInfo] = []
    with contextlib.suppress(tokenize.TokenError, SyntaxError, RecursionError, MemoryError):
        found.extend(tokenize.generate_tokens(io.StringIO(source).readline))
    return tuple(found)
