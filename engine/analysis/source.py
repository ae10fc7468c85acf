"""Guard the tools: decide which programs they are given, and as what text.

It refuses what makes pylint or libcst hang or explode for nothing.
"""

from __future__ import annotations

import ast
import codecs
import io
import re
import tokenize

from engine.text import ProgramText

_MOST_BYTES = 64 * 1024
_MOST_LINES = 2_000
_MOST_CUTS = 4


class UnreadableError(ValueError):
    """A program that the tools are not given."""


def readable_source(program: bytes) -> tuple[str, ProgramText]:
    """Give the program as text with LF line ends, and as it was written. Lines and byte columns are the same in both.

    Both are without a byte order mark.

    Raises:
        UnreadableError: It is not UTF-8, a NUL byte, another coding cookie, or too long to be worth reading.
    """
    if len(program) > _MOST_BYTES or program.count(b"\n") > _MOST_LINES:
        raise UnreadableError("too long")
    if b"\0" in program:
        raise UnreadableError("a NUL byte")
    program = program.removeprefix(codecs.BOM_UTF8)
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(program).readline)
        source = program.decode("utf-8")
    except (SyntaxError, UnicodeDecodeError):
        raise UnreadableError("not UTF-8") from None
    if encoding != "utf-8":
        raise UnreadableError(f"declares {encoding}")
    return re.sub("\r\n?", "\n", source), ProgramText(program)


def parsable_part(source: str) -> str:
    """Blank out the top-level statements that do not parse. The text stays the same if it all parses.

    Raises:
        UnreadableError: What is left still does not parse after a few cuts, or nothing is left.
    """
    lines = source.split("\n")
    for _ in range(_MOST_CUTS):
        try:
            ast.parse("\n".join(lines))
        except SyntaxError as error:
            if error.lineno is None:
                break
            first, last = _top_level_statement(lines, min(error.lineno, len(lines)) - 1)
            lines[first:last] = [""] * (last - first)
        except (ValueError, RecursionError, MemoryError):
            break
        else:
            return "\n".join(lines)
    raise UnreadableError("does not parse")


def longest_chain(source: str) -> int:
    """Count the subscripts, attributes and calls that follow each other at most, three in `a[0].b()`."""
    longest, seen = 0, set[ast.AST]()
    for node in ast.walk(ast.parse(source)):
        length, link = 0, node
        while isinstance(link, ast.Subscript | ast.Attribute | ast.Call) and link not in seen:
            seen.add(link)
            link, length = link.func if isinstance(link, ast.Call) else link.value, length + 1
        longest = max(longest, length)
    return longest


def _top_level_statement(lines: list[str], index: int) -> tuple[int, int]:
    """Find the lines from the last one before `index` that starts a top-level statement to the next one that does."""
    first = index
    while first > 0 and not _starts_statement(lines[first]):
        first -= 1
    last = index + 1
    while last < len(lines) and not _starts_statement(lines[last]):
        last += 1
    return first, last


def _starts_statement(line: str) -> bool:
    return (line[:1].isidentifier() and not line.startswith(("else", "elif", "except", "finally"))) or line[:1] == "@"
