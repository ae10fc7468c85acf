"""Places of errors as spans of the program's bytes."""

import codecs
import traceback
from collections.abc import Iterator

import pytest

from engine import Judge, parse_problem
from engine.positions import SourceMap
from engine.records import Span

ECHO = parse_problem({"inputs": ["a\n"], "outputs": ["a\n"]})


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge() as judge:
        yield judge


def syntax_span(text: str) -> Span:
    with pytest.raises(SyntaxError) as caught:
        compile(text, "<program>", "exec")
    error = caught.value
    span = SourceMap(text.encode()).syntax_span(
        [error.lineno, error.offset, error.end_lineno, error.end_offset], in_bytes=False
    )
    assert span is not None
    return span


def test_a_place_covers_a_whole_character():
    text = "x = 1 \u2013 2\n"
    span = syntax_span(text)
    assert text.encode()[span.start_byte : span.end_byte] == "\u2013".encode()
    assert (span.column, span.end_column) == (6, 7)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n    pass\n"])
def test_a_place_at_the_end_of_a_line_stays_on_its_line(end):
    span = syntax_span("for i in range(3)" + end)
    assert (span.line, span.column, span.end_line, span.end_column) == (1, 17, 1, 18)
    assert span.end_byte - span.start_byte == len(end.removesuffix("    pass\n"))


def test_a_place_past_the_end_is_the_last_whole_character():
    text = "x = é"
    place = SourceMap(text.encode()).syntax_span([1, 6, 1, 6], in_bytes=False)
    assert place is not None
    assert text.encode()[place.start_byte : place.end_byte] == "é".encode()


@pytest.mark.parametrize("head", ["", "\ufeff", "# coding: utf-8\n"])
@pytest.mark.parametrize(
    ("line", "start", "end"),
    [
        ("é='é'; x = (1 2)\n", 12, 15),
        ("é='😀'; x = 1 2\n", 13, 14),
        ("é='😀'; def = 3\n", 7, 10),
        ("é='é'; x = 1 \u2013 2\n", 13, 14),
        ("é='é'; x = 'abc\n", 11, 12),
        ("é='é'; return 'é'\n", 7, 17),
    ],
)
def test_columns_of_a_syntax_error_are_characters_after_any_character(judge, head, line, start, end):
    span = judge.submit((head + line).encode(), ECHO).result().error.span
    shift = head.startswith("\ufeff")
    assert (span.column - shift, span.end_column - shift) == (start, end)


HEADERS = [
    b"for x in 5:\n    a = 1\n    b = 2\n",
    b"for k in (\n  5\n  ):\n    a = 1\n    b = 2\n",
    b"with 5 as x:  # note\n    a = 1\n    b = 2\n",
    b"class A(int, str):\n    a = 1\n    b = 2\n",
    b"try:\n    1 / 0\nexcept 5:\n    a = 1\n    b = 2\n",
    b"while 'a' + 1:\n    a = 1\n    b = 2\n",
    b"if 'a' + 1:\n    a = 1\n    b = 2\n",
    b"def f(p=zz,\n      q=1):\n    a = 1\n    b = 2\n",
    b"@5\ndef f():\n    a = 1\n    b = 2\n",
    b"async def f():\n    async with 5 as x:\n        a = 1\n        b = 2\nf().send(None)\n",
]


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("program", HEADERS)
def test_an_error_of_a_header_never_takes_its_block(program, mark) -> None:
    with pytest.raises((TypeError, NameError)) as caught:
        exec(compile(mark + program, "<program>", "exec"), {})
    last = [frame for frame in traceback.extract_tb(caught.value.__traceback__) if frame.filename == "<program>"][-1]
    span = SourceMap(mark + program).span(last.lineno or 0, last.end_lineno, last.colno, last.end_colno)
    text = (mark + program)[span.start_byte : span.end_byte]
    assert text.strip()
    assert b"a = 1" not in text


def test_an_expression_over_several_lines_is_whole() -> None:
    program = b"x = [\n  1,\n  2]\ny = 3\n"
    span = SourceMap(program).span(1, 3, 4, 4)
    assert program[span.start_byte : span.end_byte] == b"[\n  1,\n  2]"
