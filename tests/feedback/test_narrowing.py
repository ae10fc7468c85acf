"""Which part of a line a suspect's place is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text import ProgramText
from feedback.narrowing import value_of


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("    return a + b", "a + b"),
        ("x = y = f(1)", "y = f(1)"),
        ("x, *rest = f(k=1)  # x = 2", "f(k=1)"),
        ("if x == '#: ':  ", "x == '#: '"),
        ("for i, x in range(n):", "range(n)"),
        ("x += 1", "x += 1"),
        ("x[i] = x[j]", "x[i] = x[j]"),
        ("f(k=1)", "f(k=1)"),
        ("x == y", "x == y"),
        ("return", "return"),
        ("returned = 3", "3"),
        ("x: int = 3", "x: int = 3"),
        ("x = a <= b", "a <= b"),
        ("if (n := f(x)) > 2: return n", "(n := f(x)) > 2: return n"),
    ],
)
def test_the_value_of_a_line(line, value) -> None:
    program = f"\n{line}\n".encode()
    place = value_of(ProgramText(program), 2)
    assert program[place.start_byte : place.end_byte].decode() == value


@given(st.text(st.sampled_from("x =+#'\":()rn\t\n")))
def test_a_value_lies_in_its_line(text) -> None:
    program = text.encode()
    lines = ProgramText(program)
    for line in range(1, lines.line_count + 1):
        whole, place = lines.line_span(line), value_of(lines, line)
        assert whole.start_byte <= place.start_byte <= place.end_byte <= whole.end_byte
