"""How the benchmarks of blame find strangers, write mutants and weigh rare words."""

from __future__ import annotations

import ast

import pytest

from benchmarks import mutants, peer_blame, strangers

ONE = "def f(n):\n    return n + 1\n"


def test_strangers_differ_in_more_than_names_comments_and_blanks() -> None:
    renamed, other, third = "def f(k):\n    return k + 1\n", "f = lambda n: n + 1\n", "def f(n): pass\n"
    assert strangers._differing(ONE, [ONE + "# again\n", renamed, other, other, third]) == [other, third]


def test_tasks_that_share_solutions_are_one_family() -> None:
    assert strangers._families({1: [], 2: [5], 5: [], 7: [5], 8: [8]}) == {1: 1, 2: 2, 5: 2, 7: 2, 8: 8}


def test_the_most_similar_text_is_the_nearest() -> None:
    texts = ["sum of odd numbers", "write a list", "sum of even numbers", *["other words entirely"] * 20]
    assert strangers._neighbours(texts)[0][0] == 2


def test_a_mutant_has_the_quotes_and_brackets_that_a_person_would_write() -> None:
    source = 'def f(a, b):\n    return a + "x" if b == "y" else b * (a + b)\n'
    programs = [program for _, program in mutants.changes(ast.parse(source), source)]
    assert source.replace('a + "x"', 'a - "x"') in programs
    assert source.replace('b == "y"', 'b != "y"') in programs
    assert source.replace("(a + b)", "(a - b)") in programs
    assert not any("'" in program or "((" in program for program in programs)


@pytest.mark.parametrize(("seen", "value"), [((), 1.0), (("x = 2\nprint(2 - x)",), 0.5)])
def test_words_are_rarer_the_fewer_programs_have_them_and_those_of_a_peer_do_not_count(seen, value) -> None:
    program = b"a = 1\nprint(2 - a)\n"
    assert peer_blame.rarity(program, ["b = 1\nprint(2 + b)"], seen) == {1: 0.0, 2: value}
