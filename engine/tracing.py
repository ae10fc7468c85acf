"""A second look at a program that failed: the lines that each test ran, or the states that one test went through.

The first run decides the verdict; this one only adds to it, and only where it went the same way. Its cost is bounded:
by lines run (`engine.sandbox.lines`), by tests, and by CPU time for what happens inside one line.

What this module does not do: say what lines or states mean (`feedback.spectrum`, `engine.divergence`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from engine.claims import State
from engine.limits import Limits
from engine.records import ErrorKind, Execution, Problem, TestResult
from engine.sandbox.lines import EnoughSeen
from engine.sandbox.wire import Request
from engine.sandbox.worker import Outcome, Worker
from engine.steps import Step
from engine.trial import CompilerError, Trial

_MOST_TESTS = 64
"""Tests that are run again: more of them say little more."""
_CPU_SECONDS = 0.5
"""For one test of the second run: long calls of C code show no line."""


class Tracing(Trial):
    """Runs some tests of a program once more, noting `lines` or `states`."""

    def __init__(self, program: bytes, problem: Problem, limits: Limits, trace: str, tests: tuple[int, ...]) -> None:
        chosen = replace(
            problem,
            tests=tuple(problem.tests[index] for index in tests),
            time_limit=min(problem.time_limit or limits.cpu_seconds, _CPU_SECONDS),
        )
        super().__init__(program, chosen, replace(limits, timeouts=1), trace)
        self._chosen = tests
        self._states: list[State] = []

    def lines(self, worker: Worker, referee: Worker | None, execution: Execution) -> Execution:
        """`execution` with the lines that each chosen test ran.

        Raises:
            WorkerError: a worker is gone.
        """
        try:
            traced, _ = self._run_steps(worker, referee)
        except CompilerError:  # it had compiled: out of memory now
            return execution
        tests = list(execution.tests)
        for index, again in zip(self._chosen, traced, strict=True):
            if _same_way(tests[index], again):
                tests[index] = replace(tests[index], executed_lines=again.executed_lines)
        return replace(execution, tests=tuple(tests))

    def states(self, worker: Worker, referee: Worker | None) -> tuple[State, ...]:
        """The states of the first chosen test; none where it did not come to its end. Raises as `lines` does."""
        self._states = []
        try:
            self._run_steps(worker, referee)
        except CompilerError:
            return ()
        return tuple(self._states)

    def _result(self, step: Step, record: dict[str, Any], output: bytes, request: Request) -> TestResult:
        self._states = self._claims.states(record)
        return super()._result(step, record, output, request)

    def _judged(self, step: Step, record: dict[str, Any], said: dict[str, Any], played: Outcome) -> TestResult:
        self._states = self._claims.states(said)
        return super()._judged(step, record, said, played)


def worth_tracing(execution: Execution) -> tuple[int, ...]:
    """The tests to run again for their lines: those that began, the first of them where there are very many."""
    began = [index for index, test in enumerate(execution.tests) if not _given_up(test)]
    return tuple(began[:_MOST_TESTS])


def _given_up(test: TestResult) -> bool:
    """Whether the test was not run, because others had timed out."""
    return test.error is not None and test.error.kind is ErrorKind.TIMEOUT and test.seconds == 0


def _same_way(first: TestResult, again: TestResult) -> bool:
    """Whether a test went the same way twice; what ran out of time may be cut short."""
    if first.error is not None and first.error.kind is ErrorKind.TIMEOUT:
        return True
    errors = [test.error.type if test.error else "" for test in (first, again)]
    return first.verdict is again.verdict and errors[0] == errors[1] != EnoughSeen.__name__
