"""Where a program that never ends is stuck."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine import ErrorKind, Frame, ProgramError, Report
from feedback import RewardSettings, assess, token_offsets
from tests.feedback.programs import crashed, failed, span_of

LOOP = b"""def f(n):
    count = 0
    while n:
        n ^= n - 1
        count += 1
    for i in range(n):
        count = count + 2 * i
    return count
"""
RECURSION = b"""def f(n):
    if n == 0:
        return 1
    return f(n - 2) * n
"""


def traced(report: Report, *lines: set[int]) -> Report:
    tests = [
        replace(test, executed_lines=frozenset(ran)) for test, ran in zip(report.execution.tests, lines, strict=True)
    ]
    return replace(report, execution=replace(report.execution, tests=tuple(tests)))


def suspects(report: Report, **settings: str) -> list[tuple[str, int | None]]:
    blames = assess(report, token_offsets([], slice(0, 0)), settings=RewardSettings(**settings)).blames
    return [(blame.category.value, blame.span and blame.span.line) for blame in blames]


def recursion(*parts: bytes) -> Report:
    report = crashed(RECURSION, "RecursionError", span_of(RECURSION, b"f(n - 2)"), tests="ee")
    error = ProgramError(
        ErrorKind.RUNTIME,
        "RecursionError",
        "",
        tuple(Frame("f", span_of(RECURSION, part)) for part in parts),
        "RecursionError",
    )
    return replace(report, execution=replace(report.execution, error=error))


def test_a_time_out_keeps_its_whole_program_blame_and_gains_the_line_of_its_loop_that_does_most() -> None:
    late = traced(crashed(LOOP, "TimeoutError", None, tests="ee", kind="timeout"), {1, 2, 3, 4, 5}, {1, 2, 3, 4, 5})
    assert suspects(late) == [("U_global", None), ("U_line", 4)]
    feedback = assess(late, token_offsets(LOOP.splitlines(keepends=True), slice(0, len(LOOP))))
    assert np.argmin(feedback.rewards["fine"]) == 3
    assert (feedback.rewards["fine"] < 0).all()


@pytest.mark.parametrize("settings", [{"spectrum": "none"}, {"mode": "paper"}, {"mode": "release"}])
def test_without_a_spectrum_nothing_is_added(settings) -> None:
    late = traced(crashed(LOOP, "TimeoutError", None, tests="ee", kind="timeout"), {1, 2, 3}, {1, 2, 3})
    assert suspects(late, **settings) == [("U_global", None)]


def test_a_time_out_whose_lines_are_not_known_has_no_suspect() -> None:
    assert suspects(crashed(LOOP, "TimeoutError", None, kind="timeout")) == [("U_global", None)]


def test_a_loop_that_only_some_tests_reached_is_not_where_all_are_stuck() -> None:
    late = traced(crashed(LOOP, "TimeoutError", None, tests="ee", kind="timeout"), {1, 2, 6, 7}, {1, 2, 3, 4, 6, 7})
    assert suspects(late) == [("U_global", None), ("U_line", 7)]


def test_an_endless_recursion_is_stuck_where_it_calls_itself() -> None:
    assert suspects(recursion(b"if n == 0:", *[b"f(n - 2)"] * 3, b"n == 0")) == [("U_global", None), ("U_line", 4)]


def test_one_frame_is_no_recursion() -> None:
    assert suspects(recursion(b"if n == 0:", b"f(n - 2)")) == [("U_global", None)]


def test_a_time_out_still_never_scores_better_than_a_wrong_answer() -> None:
    offsets = token_offsets([bytes([byte]) for byte in LOOP], slice(0, len(LOOP)))
    lines = ({1, 2, 3, 6, 7, 8}, {1, 2, 3, 4, 5})
    wrong = assess(traced(failed(LOOP, tests="pf"), *lines), offsets)
    late = assess(traced(crashed(LOOP, "TimeoutError", None, kind="timeout"), *lines), offsets)
    assert late.total.sum() < wrong.total.sum()
