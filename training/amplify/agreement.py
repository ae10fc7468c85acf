"""What came back from the sandbox, read for amplifying: do references agree, did a test catch a program.

What this module does not do: run anything.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine import (
    ErrorKind,
    Execution,
    Output,
    Problem,
    ProgramError,
    StdinTest,
    Verdict,
    outputs_match,
    values_match,
)
from training.amplify.shapes import Given


def disagreement(problem: Problem, outputs: Sequence[Output]) -> str:
    """Why the references' outputs for one input give no test; empty if they do."""
    if any(output.infra_reason for output in outputs):
        return "not run (our own failure)"
    errors = [output.error for output in outputs if output.error is not None]
    if errors:
        return f"a reference ends with {errors[0].kind}"
    first = outputs[0].value
    for output in outputs[1:]:
        if isinstance(first, str) and isinstance(problem.tests[0], StdinTest):
            same = outputs_match(first, str(output.value), problem.comparison)
        else:
            same = values_match(first, output.value, problem.comparison) and type(first) is type(output.value)
        if not same:
            return "the references disagree, or one with itself"
    return ""


def passed(execution: Execution, index: int) -> bool:
    """Whether a program passed a test."""
    return index < len(execution.tests) and execution.tests[index].verdict is Verdict.PASSED


def catches(execution: Execution, index: int) -> bool:
    """Whether a program was seen to go wrong on a test; one that was not run for time-outs before it was not."""
    if execution.verdict is Verdict.INFRA or index >= len(execution.tests):
        return False
    result = execution.tests[index]
    return result.verdict in (Verdict.FAILED, Verdict.ERROR) and not given_up(result.error)


def given_up(error: ProgramError | None) -> bool:
    """Whether an input was not tried, because of a time-out before it (`engine.steps.not_run`)."""
    return error is not None and error.kind is ErrorKind.TIMEOUT and error.message.startswith("not run")


def key_of(given: Given) -> str:
    """An input as text, for telling inputs apart and for their size."""
    return given.stdin if isinstance(given, StdinTest) else repr(given.args)
