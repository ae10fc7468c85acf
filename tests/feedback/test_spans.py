"""From places to text and tokens: goldens by hand, properties by hypothesis."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.logical import layout, logical_lines
from engine.text import ProgramText
from feedback import token_offsets
from feedback.spans import refine, token_range
from tests.feedback.programs import span_of


def blamed(program: bytes, part: bytes, granularity: str, after: bytes = b"") -> bytes:
    span = refine(ProgramText(program), layout(program), span_of(program, part, after), granularity)  # type: ignore[arg-type]
    return program[span.start_byte : span.end_byte]


CALL = b"def f(a):\n    x = max(\n        a,\n        'b',\n    )\n    return x\n"
CASES = [
    # program, part at fault, line, statement, expression
    (b"x = 1\ny = zz\n", b"zz", b"y = zz", b"y = zz", b"zz"),
    (CALL, b"max(\n        a,\n        'b',\n    )", b"x = max(", b"x = max(\n        a,\n        'b',\n    )", None),
    (CALL, b"'b'", b"'b',", b"x = max(\n        a,\n        'b',\n    )", b"'b'"),
    (b"for i in g(\n  x):\n    pass\n", b"g(\n  x)", b"for i in g(", b"for i in g(\n  x):", None),
    (b"@deco(zz)\ndef f():\n    pass\n", b"deco(zz)", b"@deco(zz)", b"@deco(zz)", b"deco(zz)"),
    (b"if a: x = b; y = c\n", b"b", b"if a: x = b; y = c", b"if a: x = b; y = c", b"b"),
    (b"s = '''\nzz\n''' + q\n", b"q", b"''' + q", b"s = '''\nzz\n''' + q", b"q"),
    (b"def f():\r\n\treturn q\r\n", b"q", b"return q", b"return q", b"q"),
    (
        "é = 'ü🎉' + naïve\n".encode(),
        "naïve".encode(),
        "é = 'ü🎉' + naïve".encode(),
        "é = 'ü🎉' + naïve".encode(),
        None,
    ),
    (b"x = [i for i in y\n     if z]\n", b"z", b"if z]", b"x = [i for i in y\n     if z]", b"z"),
    (b"f = lambda x: (\n  x.y)\n", b"x.y", b"x.y)", b"f = lambda x: (\n  x.y)", b"x.y"),
    (b"p = f'{a} {b!r}'\n", b"b", b"p = f'{a} {b!r}'", b"p = f'{a} {b!r}'", b"b"),
    (b"with f(\n  x):\n    y\n    z\n", b"with f(\n  x):\n    y\n    z", b"with f(", b"with f(\n  x):", None),
    (b"a = b \\\n    + c\n", b"c", b"+ c", b"a = b \\\n    + c", b"c"),
]


def test_the_token_that_ends_a_line_is_blamed_where_the_line_end_is_the_finding() -> None:
    program = b"if a\n    b = 1\n"
    place = refine(ProgramText(program), layout(program), ProgramText(program).span(4, 5), "statement")
    pieces = [b"if", b" a", b"\n    ", b"b", b" = 1\n"]
    assert token_range(place, token_offsets(pieces, slice(0, len(program)))) == (0, 3)
    assert blamed(program, b"b = 1", "statement") == b"b = 1"


@pytest.mark.parametrize(("program", "part", "line", "statement", "expression"), CASES)
def test_granularities(program, part, line, statement, expression) -> None:
    assert blamed(program, part, "line") == line
    assert blamed(program, part, "statement") == statement
    assert blamed(program, part, "expression") == (part if expression is None else expression)


def test_the_second_of_two_equal_lines_is_blamed_when_it_failed() -> None:
    program = b"x = f(1)\ny = 2\nx = f(1)\n"
    text = ProgramText(program)
    assert refine(text, layout(text.program), text.line_span(3), "line").start_byte == 15


def test_a_line_that_is_part_of_another_is_not_confused_with_it() -> None:
    program = b"xx = 1\nx = 1\n"
    text = ProgramText(program)
    span = refine(text, layout(text.program), text.line_span(2), "statement")
    assert (span.start_byte, span.end_byte) == (7, 12)


@pytest.mark.parametrize("granularity", ["line", "statement", "expression"])
def test_a_place_without_text_moves_to_the_last_text_before_it(granularity) -> None:
    program = b"x = (1\n\n\n"
    text = ProgramText(program)
    span = refine(text, layout(text.program), text.span(9, 9), granularity)
    assert program[span.start_byte : span.end_byte] == b"x = (1"


def test_logical_lines_before_a_tokenizing_error_stand() -> None:
    lines = logical_lines(b"x = [\n 1]\n# note\n\ny = '''open\n")
    assert lines[1] == lines[2] == (1, 2)
    assert 3 not in lines
    assert 5 not in lines


TEXT = st.text(st.sampled_from(list("ab(='\"\n\r\t #:é🎉[")), max_size=60)


@given(TEXT, st.integers(0, 200), st.integers(0, 200), st.sampled_from(["line", "statement", "expression"]))
def test_refined_places_stay_in_the_text_and_keep_some_of_it(source, start, length, granularity) -> None:
    program = source.encode()
    text = ProgramText(program)
    span = text.span(start, start + length)
    found = refine(text, layout(text.program), span, granularity)
    assert 0 <= found.start_byte <= found.end_byte <= len(program)
    if program[: text.line_end(span.line)].strip():
        assert found.end_byte > found.start_byte


@given(st.lists(st.integers(0, 4), max_size=40), st.integers(0, 80), st.integers(1, 20))
def test_tokens_of_a_span_are_those_that_share_a_byte_with_it(sizes, start, length) -> None:
    offsets = token_offsets([b"x" * size for size in sizes], slice(0, sum(sizes)))
    span = ProgramText(b"x" * sum(sizes)).span(start, start + length)
    first, last = token_range(span, offsets)
    sharing = [
        index
        for index, (begin, end) in enumerate(offsets.tolist())
        if begin < span.end_byte and end > span.start_byte and end > begin
    ]
    if not sharing:
        assert first == last
    else:
        assert (first, last) == (sharing[0], sharing[-1] + 1)


@given(st.lists(st.binary(min_size=1, max_size=4), min_size=1, max_size=30), st.data())
def test_every_byte_of_a_span_is_covered_and_no_token_outside_it(pieces, data) -> None:
    text = b"".join(pieces)
    offsets = token_offsets(pieces, slice(0, len(text)))
    start = data.draw(st.integers(0, len(text) - 1))
    span = ProgramText(text).span(start, data.draw(st.integers(start + 1, len(text))))
    first, last = token_range(span, offsets)
    assert offsets[first, 0] <= span.start_byte
    assert offsets[last - 1, 1] >= span.end_byte
    assert (offsets[first:last, 1] > span.start_byte).all()
    assert (offsets[first:last, 0] < span.end_byte).all()
    assert np.array_equal(offsets[first + 1 : last, 0], offsets[first : last - 1, 1])
