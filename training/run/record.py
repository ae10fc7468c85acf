"""What a record says beyond the line of `rltf feedback`: the program, its problem, and what each test was about.

What this module does not do: sampling's side of a record (`training.run.samples`), or reward anything.
"""

from __future__ import annotations

from typing import Any

from engine import AssertTest, CallTest, Execution, Problem, StdinTest, Test
from feedback import Feedback, to_json

_SHOWN = 300
"""Characters of a test's input, expected and actual output that are kept for display."""


def shown_record(feedback: Feedback, problem: Problem, id: object) -> dict[str, Any]:
    """The record of a program judged on a problem (docs/architecture.md), without what only a sampled one has."""
    record = {
        **to_json(feedback, id),
        "program": feedback.report.program.decode(errors="replace"),
        "prompt": problem.prompt,
        "problem_id": problem.id,
    }
    _add_tests(record["tests"], problem, feedback.report.execution)
    return record


def _add_tests(entries: list[dict[str, Any]], problem: Problem, execution: Execution) -> None:
    # no test ran after a syntax error: then there are none to show
    for entry, test, result in zip(entries, problem.tests, execution.tests, strict=False):
        asked, expected = _displayed(test)
        entry |= {"input": asked[:_SHOWN], "expected": expected[:_SHOWN], "actual": result.actual[:_SHOWN]}


def _displayed(test: Test) -> tuple[str, str]:
    """What a test asks and what it expects, as text."""
    match test:
        case StdinTest():
            return test.stdin, test.expected
        case CallTest():
            named = [f"{name}={value!r}" for name, value in test.kwargs.items()]
            return ", ".join([*map(repr, test.args), *named]), repr(test.expected)
        case AssertTest():
            return test.source, ""
