"""Write the part of a record that goes beyond the line of `rltf feedback`: program, problem, and tests in words.

`training.run.samples` adds what only a sampled program has.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import AssertTest, CallTest, Execution, Problem, StdinTest, Test
from feedback import Feedback, to_json

_SHOWN = 300
"""Maximum number of characters of a test's input, expected and actual output, for display."""


def shown_record(feedback: Feedback, problem: Problem, id: object) -> dict[str, Any]:
    """Make the record of a program judged on a problem (docs/architecture.md), without what only a sample has."""
    record = {
        **to_json(feedback, id),
        "program": feedback.report.program.decode(errors="replace"),
        "prompt": problem.prompt,
        "problem_id": problem.id,
    }
    _add_tests(record["tests"], problem, feedback.report.execution)
    unexecuted = _unexecuted(feedback)
    return {**record, "unexecuted": unexecuted} if unexecuted else record


def _unexecuted(feedback: Feedback) -> list[list[int]]:
    """List ranges [first, last + 1) of tokens whose line no test ran. Empty where lines were not traced."""
    if feedback.executed is None:
        return []
    edges = np.flatnonzero(np.diff(np.concatenate([[True], feedback.executed, [True]]).astype(np.int8)))
    return edges.reshape(-1, 2).tolist()


def _add_tests(entries: list[dict[str, Any]], problem: Problem, execution: Execution) -> None:
    # no test ran after a syntax error: then there are none to show
    for entry, test, result in zip(entries, problem.tests, execution.tests, strict=False):
        asked, expected = _displayed(test)
        entry |= {"input": asked[:_SHOWN], "expected": expected[:_SHOWN], "actual": result.actual[:_SHOWN]}


def _displayed(test: Test) -> tuple[str, str]:
    """Write a test's input and expected output as text."""
    match test:
        case StdinTest():
            return test.stdin, test.expected
        case CallTest():
            return test.arguments, repr(test.expected)
        case AssertTest():
            return test.source, ""
