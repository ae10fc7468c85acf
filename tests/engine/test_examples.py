"""The tests that a problem's text shows are found, and nothing else is taken for one."""

import pytest

from engine import AssertTest, ProblemError, parse_problem

CODEFORCES = """Add.

-----Input-----

Two integers.

-----Output-----

Their sum.

-----Examples-----
Input
1 2

Output
3

Input
4 5

Output
9


-----Note-----

Output 9 is a sum.
"""
ATCODER = "Print.\n-----Sample Input-----\n5\n1 2\n\n-----Sample Output-----\nYes\n5\n\nThe figure shows it.\n"
LEETCODE = "Find it.\n \nExample 1:\nInput: arr = [2,3], k = 5, b = true\nOutput: 9\nExplanation: so.\n"


def test_examples_of_a_question_are_public_and_hidden_tests_are_not():
    problem = parse_problem(
        {
            "question": CODEFORCES,
            "inputs": ["7 7\n", "1 2\n", "4 5\n", "2 1\n"],
            "outputs": ["14\n", "3\n", "9\n", "3\n"],
        }
    )
    assert problem.public_indices == (1, 2)
    assert [test.stdin for test in problem.public_view().tests] == ["1 2\n", "4 5\n"]


def test_an_output_may_be_followed_by_an_explanation():
    problem = parse_problem({"question": ATCODER, "inputs": ["5\n1 2\n", "5\n"], "outputs": ["Yes\n5\n", "Yes\n"]})
    assert problem.public_indices == (0,)


def test_a_shown_input_with_another_output_is_not_that_test():
    problem = parse_problem({"question": ATCODER, "inputs": ["5\n1 2\n"], "outputs": ["No\n"]})
    assert problem.public_indices == ()


def test_calls_written_with_names_are_public():
    tests = {"fn_name": "f", "inputs": [[[2, 3], 5, True], [[2], 5, True]], "outputs": [9, 9]}
    assert parse_problem({"question": LEETCODE, **tests}).public_indices == (0,)


def test_mbpp_shows_every_assert():
    problem = parse_problem({"text": "Double.", "test_list": ["assert f(1) == 2", "assert f(2) == 4"]})
    assert problem.public_tests == problem.tests


def test_doctests_are_public_without_being_judged_by():
    prompt = (
        'def f(x):\n    """Double.\n    >>> f(2)\n    4\n    >>> print(f(3))\n    >>> f(object())\n    <a b>\n    """\n'
    )
    problem = parse_problem({"prompt": prompt, "entry_point": "f", "test": "def check(c):\n    assert c(1) == 2\n"})
    assert problem.public_tests == (AssertTest("assert f(2) == 4"),)
    assert problem.public_indices == ()
    assert len(problem.tests) == 1


def test_a_record_may_say_which_tests_are_public():
    data = {"inputs": ["a", "b"], "outputs": ["a", "b"], "public": [1]}
    assert parse_problem(data).public_indices == (1,)
    with pytest.raises(ProblemError, match=r"public.*indices of the 2 tests"):
        parse_problem({**data, "public": [2]})


def test_a_problem_that_shows_nothing_has_no_public_view():
    with pytest.raises(ValueError, match="no public tests"):
        parse_problem({"inputs": ["a"], "outputs": ["a"]}).public_view()
