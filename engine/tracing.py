"""Look again at a program that failed, for the lines that each test ran or the states that one test went through.

The first run decides the verdict. This one only adds to it, and only where it went the same way. Its cost is bounded by
lines run (`engine.sandbox.lines`), by tests, and by CPU time for what happens inside one line. `feedback.spectrum` and
`engine.divergence` say what lines and states mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from engine.claims import State
from engine.limits import Limits
from engine.reading import Reading
from engine.records import Problem, TestResult
from engine.sandbox.wire import Request
from engine.sandbox.worker import Outcome, Port
from engine.steps import Step
from engine.trial import CompilerError, Trial

_CPU_SECONDS = 0.5
"""For one test of the second run: long calls of C code show no line."""


class Tracing(Trial):
    """Runs some tests of a program once more, noting `lines` or `states`."""

    def __init__(
        self,
        program: bytes,
        problem: Problem,
        limits: Limits,
        steps: Sequence[Step],
        reading: Reading,
        *,
        trace: str,
        tests: Sequence[int],
    ) -> None:
        """Take what `Trial` takes, for those of the problem's `tests` that are chosen by their indices."""
        chosen = replace(
            problem,
            tests=tuple(problem.tests[index] for index in tests),
            time_limit=min(problem.time_limit or limits.cpu_seconds, _CPU_SECONDS),
        )
        once = replace(limits, timeouts=1)
        super().__init__(program, chosen, once, [steps[index] for index in tests], reading, trace)
        self._states: list[State] = []

    def results(self, worker: Port, referee: Port | None) -> tuple[TestResult, ...]:
        """Give the results of the chosen tests, with the lines that each ran. None where the program does not compile.

        Raises:
            WorkerError: a worker is gone.
        """
        try:
            return tuple(self._run_steps(worker, referee)[0])
        except CompilerError:  # it had compiled: out of memory now
            return ()

    def states(self, worker: Port, referee: Port | None) -> tuple[State, ...]:
        """Give the states of the first chosen test, none where it did not come to its end. Raises as `results` does."""
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
