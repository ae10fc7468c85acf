"""Observe what a program answers, with nothing to compare it with, for new inputs whose outputs are wanted."""

from __future__ import annotations

from dataclasses import dataclass

from engine.messages import Answered
from engine.records import ErrorKind, Problem, ProgramError
from engine.sandbox.values import decode
from engine.sandbox.wire import load_line
from engine.steps import step_of


@dataclass(frozen=True, slots=True)
class Output:
    """The answer of a program to one input."""

    value: object = None
    """The printed text, or the returned value as plain data (an `Opaque` where it is none); None beside an error."""
    error: ProgramError | None = None
    """Why there is no answer, where the program is why."""
    seconds: float = 0.0
    """CPU seconds."""
    infra_reason: str = ""
    """Why there is no answer, where we are why."""

    @property
    def answered(self) -> bool:
        """Say whether `value` is an answer."""
        return self.error is None and not self.infra_reason


def check_observable(problem: Problem) -> None:
    """Raise ValueError for a test whose input alone cannot be given to a program."""
    for index, test in enumerate(problem.tests):
        if step_of(test, problem).kind == "assert":
            raise ValueError(f"tests[{index}] of {problem.id or 'the problem'} is not one call or one input")


def output_of(answered: Answered) -> Output:
    """Make the output of which a clerk tells."""
    record = load_line(answered.value) or {}
    return Output(decode(record.get("value")), answered.error, answered.seconds, answered.infra_reason)


def unreadable_outputs(problem: Problem) -> tuple[Output, ...]:
    """Make the outputs of a program whose answers could not be read."""
    error = ProgramError(ErrorKind.CRASHED, "SystemExit", "its answers could not be read")
    return (Output(error=error),) * len(problem.tests)


def no_outputs(problem: Problem, reason: str) -> tuple[Output, ...]:
    """Make the outputs where we could not run the program."""
    return (Output(infra_reason=reason),) * len(problem.tests)
