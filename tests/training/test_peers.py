"""Comparing programs word by word: golden cases by hand, and what must hold of anything."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from training.algorithms import peers
from training.algorithms.peers import NO_PARTNER, nearest, parting, partners
from training.algorithms.words import read

IDS = st.lists(st.integers(0, 4), max_size=12)


def marks(one, other):
    """The marked words of a program: apart, renamed, and those with something more before them in the other."""
    lines = read(one.encode())
    words = [word.decode() for line in lines for word in line.words]
    found = parting(lines, read(other.encode()))
    return tuple(
        " ".join(word for word, mark in zip(words, marked, strict=True) if mark)
        for marked in (found.apart, found.renamed, found.branch)
    )


def test_a_replaced_word_is_apart():
    assert marks("middle = len(x) / 2", "middle = len(x) // 2") == ("/", "", "")


def test_what_the_other_has_more_marks_the_word_after_it():
    assert marks("y = x[shift] + 1", "y = x[:shift] + 1") == ("", "", "shift")


def test_a_missing_line_marks_the_word_after_it():
    one = "n = 9\nwhile n > 0:\n    total += 1\nprint(total)"
    other = "n = 9\nwhile n > 0:\n    total += 1\n    n //= 2\nprint(total)"
    assert marks(one, other) == ("", "", "print")


def test_a_word_that_the_other_lacks_is_apart():
    assert marks("for i in range(1, len(x) + 1):", "for i in range(1, len(x)):")[0] == "+ 1"


def test_a_comment_is_no_difference():
    assert marks("# then\nx = 1  # one", "# first\nx = 1") == ("", "", "")


def test_lines_in_another_order_are_no_difference():
    assert marks("a = []\nn = int(input())\nprint(a)", "n = int(input())\na = []\nprint(a)") == ("", "", "")


def test_another_name_throughout_is_no_fault_and_not_apart():
    one = "kept = []\nfor e in x:\n    kept.append(e)\nx = kept"
    other = "large = []\nfor item in x:\n    large.append(item)\nx = large"
    assert marks(one, other) == ("", "kept e kept e kept", "")


def test_a_name_may_stand_for_another_one_in_each_loop():
    one = "for e in x:\n    f(e)\nfor e in y:\n    g(e)"
    other = "for a in x:\n    f(a)\nfor b in y:\n    g(b)"
    assert marks(one, other) == ("", "e e e e", "")


def test_a_name_that_stands_for_the_wrong_thing_is_apart():
    one = "values = []\nlow = 0\nvalues = [values - low for value in values]"
    other = "values = []\nlow = 0\nvalues = [value - low for value in values]"
    assert marks(one, other)[0] == "values"
    assert marks("kept = []\nbest = 1\nx = best", "large = []\nbest = 1\nx = large") == ("best", "kept", "")


def test_a_name_that_nothing_binds_is_a_word_like_any_other():
    assert marks("x = 1\nprint(y)", "x = 1\nprint(x)")[0] == "y"


def test_a_keyword_never_stands_for_a_name():
    assert marks("x = 1\ny = None", "x = 1\ny = x")[0] == "None"


def test_the_nearest_is_the_first_of_those_that_differ_least():
    one, *others = (read(text) for text in (b"a = 1", b"b = 2 + 3", b"c = 1 or 2", b"d = 1"))
    assert nearest(one, others).distance == 0


def test_what_is_too_long_shares_nothing(monkeypatch):
    monkeypatch.setattr(peers, "_LARGEST", 8)
    assert partners([1, 2], [1, 2]).tolist() == [0, 1]
    assert partners([1, 2, 3], [1, 2, 3]).tolist() == [NO_PARTNER] * 3


@given(IDS, IDS)
def test_partners_are_equal_in_rising_places_and_as_many_as_can_be(one, other):
    found = partners(one, other)
    pairs = [(i, int(j)) for i, j in enumerate(found) if j != NO_PARTNER]
    assert all(one[i] == other[j] for i, j in pairs)
    assert [j for _, j in pairs] == sorted({j for _, j in pairs})
    assert len(pairs) == longest(tuple(one), tuple(other))


LINES = st.lists(
    st.sampled_from(["a = b", "b = a", "for a in b:", "  f(a)", "f(b)", "# a", ")(", "a.b = 1"]), max_size=7
)


@given(LINES, LINES)
def test_marks_exclude_each_other_and_a_program_does_not_differ_from_itself(one, other):
    first, second = (read("\n".join(lines).encode()) for lines in (one, other))
    found = parting(first, second)
    assert not (found.apart & found.renamed).any()
    assert parting(first, first).distance == 0


def longest(one, other):
    """The length of a longest common subsequence, row by row."""
    row = [0] * (len(other) + 1)
    for token in one:
        above = row
        row = [0]
        for j, peer in enumerate(other):
            row.append(above[j] + 1 if token == peer else max(row[-1], above[j + 1]))
    return row[-1]
