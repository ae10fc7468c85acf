"""Read the sandbox's results for amplifying: whether references agree, and whether a test catches a program."""

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
from training.quality.amplify.shapes import Given


def disagreement(problem: Problem, outputs: Sequence[Output]) -> str:
    """Say why the references' outputs for one input give no test. The text is empty if they give one."""
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
    """Say whether a program passed a test."""
    return index < len(execution.tests) and execution.tests[index].verdict is Verdict.PASSED


def catches(execution: Execution, index: int) -> bool:
    """Say whether a program went wrong on a test. A test that was not run, after timeouts, catches nothing."""
    if execution.verdict is Verdict.INFRA or index >= len(execution.tests):
        return False
    result = execution.tests[index]
    return result.verdict in (Verdict.FAILED, Verdict.ERROR) and not given_up(result.error)


def given_up(error: ProgramError | None) -> bool:
    """Say whether an input was not tried because of a timeout before it (`engine.steps.not_run`)."""
    return error is not None and error.kind is ErrorKind.TIMEOUT and error.message.startswith("not run")


def key_of(given: Given) -> str:
    """Write an input as text, to tell inputs apart and to measure their size."""
    return given.stdin if isinstance(given, StdinTest) else repr(given.args)
