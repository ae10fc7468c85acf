"""The steps of a trial: tests as they are run, the records a child leaves, and the errors that we give names."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from engine.assertions import checked, equality, settled
from engine.records import CallTest, ErrorKind, Problem, ProgramError, StdinTest, Test, TestResult, Verdict
from engine.sandbox.wire import EXITED, Reply, load_line
from engine.sandbox.worker import Outcome


class Step(NamedTuple):
    """A test as it is run."""

    kind: str
    """`stdin`, `call` or `assert`."""
    given: Any
    """What the child gets: text, (name, args, kwargs), or, for the referee alone, the test's source."""
    expected: Any = None
    exact: bool = False
    """Whether Python's own `==` decides (an assertion) and not a comparison rule."""


def step_of(test: Test, problem: Problem) -> Step:
    """Decide how `test` is run: as input, as a call, or by the referee."""
    if isinstance(test, StdinTest):
        return Step("stdin", test.stdin, test.expected)
    if isinstance(test, CallTest):
        return Step("call", (problem.entry_point or "", test.args, test.kwargs), test.expected)
    plain = None if problem.setup else equality(test.source)
    if plain is None:
        return Step("assert", settled(checked(test.source) if problem.checker else test.source))
    return Step("call", (plain.name, plain.args, plain.kwargs), plain.expected, exact=True)


def steps_of(problem: Problem) -> tuple[Step, ...]:
    """Decide how the tests of a problem are run."""
    return tuple(step_of(test, problem) for test in problem.tests)


def child_records(outcome: Outcome, count: int) -> Iterable[dict[str, Any]]:
    """Read the child's records of its first tests. Ends at the first thing that is not one."""
    for index, line in enumerate(record_lines(outcome, count)):
        record = load_line(line)
        if record is None or record.get("i") != index or not isinstance(record.get("end", 0), int):
            return
        yield record


def record_lines(outcome: Outcome, count: int) -> list[bytes]:
    """Read the first `count` lines of what the child recorded. There are as many tests, and no more lines."""
    return outcome.records.split(b"\n", count)[:count]


def ran_out(reply: Reply) -> bool:
    """Say whether the time of a child ran out, which all its tests together had."""
    return reply.stopped != EXITED or os.waitstatus_to_exitcode(reply.status) == -signal.SIGXCPU


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Give the verdict on a program with these verdicts on its tests."""
    order = (Verdict.PASSED, Verdict.FAILED, Verdict.ERROR, Verdict.INFRA)
    return max(verdicts, key=order.index)


def timeouts(results: Sequence[TestResult]) -> int:
    """Number of tests that timed out."""
    return sum(result.error is not None and result.error.kind is ErrorKind.TIMEOUT for result in results)


def timed_out(message: str) -> ProgramError:
    """Make the error of a test that took too long."""
    return ProgramError(ErrorKind.TIMEOUT, "TimeoutError", message)


def not_run(reason: str) -> TestResult:
    """Make the result of a test that is given up."""
    return TestResult(Verdict.ERROR, 0.0, timed_out(f"not run: {reason}"))


def output_limit(limit: int) -> ProgramError:
    """Make the error of a test that printed too much."""
    return ProgramError(ErrorKind.OUTPUT_LIMIT, "OutputLimit", f"printed more than {limit} bytes")
