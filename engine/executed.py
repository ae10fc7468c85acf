"""The lines that tests ran: which tests are run again for them, and what of the second run is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.records import ErrorKind, Execution, TestResult
from engine.sandbox.lines import EnoughSeen

_MOST_TESTS = 64
"""Tests that are run again: more of them say little more."""


def with_lines(execution: Execution, chosen: Sequence[int], traced: Sequence[TestResult]) -> Execution:
    """`execution` with the lines that the chosen tests ran, of those that went the same way again."""
    tests = list(execution.tests)
    for index, again in zip(chosen, traced, strict=False):
        if _same_way(tests[index], again):
            tests[index] = replace(tests[index], executed_lines=again.executed_lines)
    return replace(execution, tests=tuple(tests))


def worth_tracing(execution: Execution) -> tuple[int, ...]:
    """Choose the tests to run again for their lines: those that began, the first of them where there are very many."""
    began = [index for index, test in enumerate(execution.tests) if not _given_up(test)]
    return tuple(began[:_MOST_TESTS])


def _given_up(test: TestResult) -> bool:
    """Say whether the test was not run, because others had timed out."""
    return test.error is not None and test.error.kind is ErrorKind.TIMEOUT and test.seconds == 0


def _same_way(first: TestResult, again: TestResult) -> bool:
    """Say whether a test went the same way twice. What ran out of time may be cut short."""
    if first.error is not None and first.error.kind is ErrorKind.TIMEOUT:
        return True
    errors = [test.error.type if test.error else "" for test in (first, again)]
    return first.verdict is again.verdict and errors[0] == errors[1] != EnoughSeen.__name__
