"""Read the sandbox's results for amplifying: whether references agree, and whether a test catches a program."""

from __future__ import annotations

from collections.abc import Sequence

from engine import (
    ErrorKind,
    Execution,
    Output,
    ProgramError,
    StdinTest,
    TestResult,
    Verdict,
)
from training.quality.amplify.shapes import Given

_NOT_RUN = "not run (our own failure)"


def unanswered(output: Output) -> str:
    """Say why a reference's output for one input gives no test. The text is empty if it gives one."""
    if output.infra_reason:
        return _NOT_RUN
    return f"a reference ends with {output.error.kind}" if output.error is not None else ""


def disagreement(results: Sequence[TestResult]) -> str:
    """Say why results of all references on one test show that it is none. The text is empty if all passed."""
    if any(result.verdict is Verdict.INFRA for result in results):
        return _NOT_RUN
    errors = [result.error for result in results if result.error is not None]
    if errors:
        return f"a reference ends with {errors[0].kind}"
    agree = all(result.verdict is Verdict.PASSED for result in results)
    return "" if agree else "the references disagree, or one with itself"


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
