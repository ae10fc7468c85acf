"""Reading programs as words, by hand and on any bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from training.algorithms.words import read


def bound(text):
    return [sorted(name.decode() for name in line.bound) for line in read(text.encode())]


def test_words_have_their_bytes_and_comments_have_none():
    text = b"# first\n\nif  x<=10: # why\n    s = 'a # b'\n"
    lines = read(text)
    assert [line.words for line in lines] == [(b"if", b"x", b"<=", b"10", b":"), (b"s", b"=", b"'a # b'")]
    assert [line.indent for line in lines] == [0, 4]
    assert all([text[start:end] for start, end in line.places] == list(line.words) for line in lines)


def test_a_line_binds_what_it_assigns_loops_over_takes_or_calls_as():
    assert bound("a, b = c\nx += y") == [["a", "b"], ["x"]]
    assert bound("for i, j in pairs:\n  z = [k for k in i if k == j]") == [["i", "j"], ["k", "z"]]
    assert bound("def f(a, b):\nwith open(p) as file:\nkey = lambda u: u") == [["a", "b"], ["file"], ["key", "u"]]


def test_what_only_looks_like_it_binds_nothing():
    assert bound("f(key=rank)\nx[i] = 1\nx.y = 2\na == b") == [[], [], [], []]


def test_an_attribute_is_no_name():
    _, line = read(b"count = 1\ntext.count(count)")
    assert line.names == (False, False, False, False, True, False)


def test_lines_are_of_one_form_where_names_are_exchanged_one_for_one():
    one, other, mixed = (read(f"for {text}:".encode())[0] for text in ("a, b in a", "x, y in x", "x, y in y"))
    assert one.form == other.form != mixed.form


@given(st.binary(max_size=60))
def test_any_bytes_can_be_read(program):
    for line in read(program):
        assert len(line.words) == len(line.places) == len(line.names) == len(list(line.contexts())) > 0
        assert [program[start:end] for start, end in line.places] == list(line.words)
