"""Logical lines: which physical lines make one statement or one header, and how much each line does.

The text is hostile and need not parse. So it is read by one pattern that takes each character once, in time linear in
the length, whatever the text. CPython's `tokenize` needs minutes for an open string of escaped quotes.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from functools import lru_cache

from engine.records import Layout, Span
from engine.text import ProgramText

_MOST_BYTES = 1 << 16
"""Longer programs have no logical lines: their physical lines stand."""
_TOKEN = re.compile(
    r"""
    (?P<blank> [ \t\f]++ | \\\n | \#[^\n]*+ )
  | (?P<end> \n )
  | (?P<string> (?:[rR][bBfF]?|[bBfF][rR]?|[uU])? (?:
        '{3}(?: [^'\\] | \\. | '(?!'') )*+'{3} | "{3}(?: [^"\\] | \\. | "(?!"") )*+"{3}
      | (?!'{3}|"{3}) (?: '(?: [^'\\\n] | \\. )*+' | "(?: [^"\\\n] | \\. )*+" ) ) )
  | (?P<endless> (?: '{3} | "{3} ) )
  | (?P<open> '(?: [^'\\\n] | \\. )*+ | "(?: [^"\\\n] | \\. )*+ )
  | (?P<number> \.?[0-9](?: [eE][+-] | [\w.] )*+ )
  | (?P<name> \w++ )
  | (?P<opening> [(\[{] )
  | (?P<closing> [)\]}] )
  | (?P<operator> \*\*=? | //=? | >>=? | <<=? | -> | := | \.{3} | [-+*/%&@|^=<>!]= | [-+*/%&@|^<>~] )
  | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_WEIGHTS = {"number": 1.0, "operator": 1.0, "name": 0.5}
_COUNTED_BRACKETS = "(["


def without_block(text: ProgramText, span: Span) -> Span:
    """Give the span up to the end of the logical line on which it starts: a compound statement's header, no block.

    CPython 3.11 and pylint give some errors of a header (`for`, `with`, `class`, `except`) the whole statement's range.
    """
    if span.end_line == span.line:
        return span
    last = logical_lines(text.program).get(span.line, (span.line, span.line))[1]
    return span if span.end_line <= last else text.span(span.start_byte, text.line_end(last))


def logical_lines(program: bytes) -> Mapping[int, tuple[int, int]]:
    """Physical line -> first and last line of the logical line it belongs to (1-based)."""
    return layout(program).statements


@lru_cache(maxsize=16)
def layout(program: bytes) -> Layout:
    """Read the lines of a program. One that does not parse is read as far as strings and brackets can be told.

    An unclosed string ends with its line, and its line ends the statement: what follows is read afresh.
    """
    if len(program) > _MOST_BYTES:
        return Layout()
    source = program.removeprefix(codecs.BOM_UTF8).decode(errors="replace")
    source = source.replace("\r\n", "\n").replace("\r", "\n") + "\n"
    statements: dict[int, tuple[int, int]] = {}
    weights: dict[int, float] = {}
    line, first, depth = 1, 0, 0
    for match in _TOKEN.finditer(source):
        kind, token = str(match.lastgroup), match.group()
        if kind == "end" and not depth:
            statements.update(dict.fromkeys(range(first, line + 1), (first, line)) if first else {})
            first = 0
        elif kind == "endless":
            break
        elif kind not in ("blank", "end"):
            first = first or line
            depth = 0 if kind == "open" else max(depth + (kind == "opening") - (kind == "closing"), 0)
            weight = _WEIGHTS.get(kind, float(token in _COUNTED_BRACKETS))
            weights[line] = weights.get(line, 0.0) + weight
        line += token.count("\n")
    return Layout(statements, {number: weight for number, weight in weights.items() if number in statements})
