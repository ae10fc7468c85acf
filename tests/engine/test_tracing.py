"""Second runs of programs that failed: the lines that their tests ran."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine import Execution, Judge, Limits, Problem, StdinTest, parse_problem

CALLS = parse_problem({"fn_name": "f", "inputs": [[0], [1], [2]], "outputs": [0, 1, 2]})


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(limits=Limits(cpu_seconds=0.5, timeouts=2)) as started:
        yield started


def traced(judge: Judge, program: str, problem: Problem = CALLS) -> list[set[int] | None]:
    first = judge.submit(program.encode(), problem).result()
    again: Execution = judge.trace_lines(program.encode(), problem, first).result()
    assert [(test.verdict, test.error) for test in again.tests] == [(test.verdict, test.error) for test in first.tests]
    return [None if test.executed_lines is None else set(test.executed_lines) for test in again.tests]


def test_each_test_has_its_own_lines_whether_it_passed_failed_or_raised(judge) -> None:
    program = "def f(x):\n    if x == 0:\n        return 0\n    if x == 1:\n        return 3\n    return [][x]\n"
    assert traced(judge, program) == [{1, 2, 3}, {1, 2, 4, 5}, {1, 2, 4, 6}]


def test_an_endless_loop_shows_its_lines_and_the_tests_after_it_too(judge) -> None:
    program = "def f(x):\n    while x == 1:\n        x = 1\n    return x\n"
    assert traced(judge, program) == [{1, 2, 4}, {1, 2, 3}, {1, 2, 4}]


def test_a_test_that_runs_very_many_lines_is_cut_and_has_none(judge) -> None:
    program = "def f(x):\n    if x == 1:\n        for i in range(250_000):\n            y = i\n    return x + 1\n"
    assert traced(judge, program) == [{1, 2, 5}, None, {1, 2, 5}]


def test_a_program_that_catches_everything_only_hides_its_lines(judge) -> None:
    program = "def f(x):\n    while x == 1:\n        try:\n            x = 1\n        except BaseException:\n            pass\n"
    lines = traced(judge, program)
    assert lines[0] == {1, 2}
    assert lines[1] is None or 4 in lines[1]
    assert traced(judge, "def f(x):\n    return 5\n") == [{1, 2}] * 3


def test_tests_that_were_given_up_and_those_after_very_many_are_not_run_again(judge) -> None:
    many = Problem("p", tuple(StdinTest("1", "2") for _ in range(70)))
    assert traced(judge, "print(input())\n", many) == [{1}] * 64 + [None] * 6
    endless = traced(judge, "while True:\n    pass\n", Problem("p", many.tests[:4]))
    assert endless[2:] == [None, None]


def test_the_referees_tests_are_traced_too(judge) -> None:
    problem = parse_problem({"test_list": ["assert abs(f(1) - 2) < 1", "assert abs(f(0) - 2) < 1"]})
    assert traced(judge, "def f(x):\n    if x:\n        return 2\n    return 0\n", problem) == [{1, 2, 3}, {1, 2, 4}]
