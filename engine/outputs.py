"""What a program answers, with nothing to compare it with: for new inputs whose outputs are to be found out.

What this module does not do: say whether an answer is right (`Judge.submit`), or run a referee: an assertion other than
`assert f(literals) == literal` has no answer of its own and is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.limits import Limits
from engine.records import ErrorKind, Execution, Problem, ProgramError, Verdict
from engine.sandbox.worker import Worker
from engine.steps import Step
from engine.trial import Trial

_TIMEOUTS = 3
"""Inputs on which a program may run out of time before the rest are given up: each answer is wanted for itself."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a program answered to one input."""

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
        """Whether `value` is an answer."""
        return self.error is None and not self.infra_reason


class Observation(Trial):
    """A trial that keeps what comes back and believes all of it to be right."""

    def __init__(self, program: bytes, problem: Problem, limits: Limits) -> None:
        """Raises ValueError for a test whose input alone cannot be given to a program."""
        super().__init__(program, problem, replace(limits, timeouts=max(limits.timeouts, _TIMEOUTS)))
        for index, step in enumerate(self._steps):
            if step.kind == "assert":
                raise ValueError(f"tests[{index}] of {problem.id or 'the problem'} is not one call or one input")
        self._seen: dict[int, object] = {}
        """By the identity of steps, which live as long as this object."""

    def observe(self, worker: Worker, isolation: str) -> tuple[Output, ...]:
        """Runs the program on all inputs; one output for each, in order. Raises WorkerError as `run` does."""
        self._seen.clear()
        return self._outputs(self.run(worker, None, isolation))

    def _outputs(self, execution: Execution) -> tuple[Output, ...]:
        if not execution.tests:  # refused by the compiler
            return (Output(error=execution.error, seconds=execution.seconds),) * len(self._steps)
        outputs = []
        for step, result in zip(self._steps, execution.tests, strict=True):
            if result.verdict is Verdict.INFRA:
                outputs.append(Output(seconds=result.seconds, infra_reason=execution.infra_reason))
            elif result.verdict is Verdict.PASSED:
                outputs.append(Output(self._seen[id(step)], seconds=result.seconds))
            else:
                error = result.error or ProgramError(ErrorKind.CRASHED, "SystemExit", "ended without an answer")
                outputs.append(Output(error=error, seconds=result.seconds))
        return tuple(outputs)

    def _printed_right(self, step: Step, output: bytes) -> bool:
        try:
            self._seen[id(step)] = output.decode()
        except UnicodeDecodeError:
            return False
        return True

    def _returned_right(self, step: Step, value: object) -> bool:
        self._seen[id(step)] = value
        return True


def no_outputs(problem: Problem, reason: str) -> tuple[Output, ...]:
    """The outputs where we could not run the program."""
    return (Output(infra_reason=reason),) * len(problem.tests)
