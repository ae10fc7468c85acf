"""Duplicates within a set and overlap with another one."""

from hypothesis import given
from hypothesis import strategies as st

from engine import StdinTest, parse_problem
from engine.records import Problem
from training.quality.audit.duplicates import _similar, duplicates, overlap


def mbpp(identity, text, *tests):
    return parse_problem({"id": identity, "text": text, "test_list": list(tests)})


LONG = "Write a function to find the sum of all the even numbers that are in a list of whole numbers and return it"
FIRST = mbpp("a", LONG, "assert f([1, 2]) == 2", "assert f([2]) == 2")


def test_the_same_tests_under_another_name_are_a_duplicate():
    other = mbpp("b", "Something else entirely, in other words.", "assert even( [1,2] ) == 2", "assert even([2]) == 2")
    found = duplicates([FIRST, other], 0.8)
    assert (found.keys(), found[1].other, found[1].exact, found[1].tests) == ({1}, "a", True, 1.0)


def test_the_same_prompt_is_a_duplicate_and_one_with_another_word_is_near():
    same = mbpp("b", LONG.upper() + ".", "assert g(1) == 1")
    near = mbpp("c", LONG + " now", "assert h(1) == 2")
    found = duplicates([FIRST, same, near], 0.8)
    assert (found[1].exact, found[2].exact) == (True, False)
    assert 0.8 < found[2].prompt < 1.0


def test_different_problems_are_not_alike_and_empty_prompts_are_not_the_same():
    problems = [Problem(str(i), (StdinTest(f"{i}\n", str(i)),)) for i in range(3)]
    assert duplicates(problems, 0.8) == {}
    assert duplicates([FIRST, mbpp("b", "Reverse a string.", "assert r('ab') == 'ba'")], 0.8) == {}


def test_overlap_names_the_held_out_problem():
    held_out = mbpp("h", "Another text about it.", "assert g([1, 2]) == 2", "assert g([2]) == 2")
    assert overlap([FIRST], [held_out], 0.8)[0].other == "h"
    assert overlap([FIRST], [], 0.8) == {}


SETS = st.lists(st.frozensets(st.sampled_from("abcdefgh"), max_size=8), max_size=8)


@given(SETS, SETS, st.sampled_from([0.3, 0.5, 0.8, 1.0]))
def test_all_similar_pairs_are_found(left, right, threshold):
    expected = {
        (i, j): len(a & b) / len(a | b)
        for i, a in enumerate(left)
        for j, b in enumerate(right)
        if a and b and len(a & b) / len(a | b) >= threshold
    }
    assert _similar(left, right, threshold) == expected
