"""A trial that keeps what a program answers and believes all of it to be right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from engine.limits import Limits
from engine.messages import MOST_BYTES, Answered
from engine.reading import Reading
from engine.records import ErrorKind, Execution, Problem, ProgramError, TestResult, Verdict
from engine.sandbox.wire import Request, dump_line
from engine.sandbox.worker import Port
from engine.steps import Step
from engine.trial import Trial

_TIMEOUTS = 3
"""Inputs on which a program may run out of time before the rest are given up: each answer is wanted for itself."""


class Observation(Trial):
    """Runs a program on the inputs of a problem, whose tests are all one input or one call."""

    def __init__(
        self, program: bytes, problem: Problem, limits: Limits, steps: Sequence[Step], reading: Reading
    ) -> None:
        patient = replace(limits, timeouts=max(limits.timeouts, _TIMEOUTS))
        super().__init__(program, problem, patient, steps, reading)
        self._seen: dict[int, object] = {}
        """Encoded answers by the identity of steps, which live as long as this object."""
        self._value: object = None

    def observe(self, worker: Port, isolation: str) -> tuple[Answered, ...]:
        """Run the program on all inputs. Gives one answer for each, in order. Raises WorkerError as `run` does."""
        execution = self.run(worker, None, isolation)
        if not execution.tests:  # refused by the compiler
            return (Answered(error=execution.error, seconds=execution.seconds),) * len(self._steps)
        return self._answers(execution)

    def _answers(self, execution: Execution) -> tuple[Answered, ...]:
        answers, room = [], MOST_BYTES // 2
        for step, result in zip(self._steps, execution.tests, strict=True):
            error, value = result.error, b""
            if result.verdict is Verdict.PASSED:
                value = dump_line({"value": self._seen[id(step)]})
                room -= len(value)
                if room < 0:
                    value, error = b"", ProgramError(ErrorKind.OUTPUT_LIMIT, "OutputLimit", "its answers are too long")
            elif result.verdict is not Verdict.INFRA:
                error = error or ProgramError(ErrorKind.CRASHED, "SystemExit", "ended without an answer")
            reason = execution.infra_reason if result.verdict is Verdict.INFRA else ""
            answers.append(Answered(value, error, result.seconds, reason))
        return tuple(answers)

    def _result(self, step: Step, record: dict[str, Any], output: bytes, request: Request) -> TestResult:
        self._value = record.get("value")
        return super()._result(step, record, output, request)

    def _printed_right(self, step: Step, output: bytes) -> bool:
        try:
            self._seen[id(step)] = output.decode()
        except UnicodeDecodeError:
            return False
        return True

    def _returned_right(self, step: Step, value: object) -> bool:  # noqa: ARG002 (its encoded form is kept)
        self._seen[id(step)] = self._value
        return True
