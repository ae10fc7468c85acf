"""Write feedback as plain JSON data: the line of `rltf feedback --batch` and the `record` of a run's samples.

Nothing is escaped for display here, and the text comes from hostile programs.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from engine import Diagnostic, Execution, ProgramError, Span
from feedback.records import COMPONENTS, Blame, Feedback


def to_json(feedback: Feedback, id: object, *, tokens: bool = True) -> dict[str, Any]:
    """Make the line of `rltf feedback --batch` for one program (docs/feedback.md).

    Args:
        feedback: What to write.
        id: The identity given with the program, as it came.
        tokens: Whether to add `tokens` and `contributions`.
    """
    diagnostics, index_of = _diagnostics(feedback.blames)
    line = {
        "id": id,
        **_execution(feedback.report.execution),
        "diagnostics": diagnostics,
        "isolation": feedback.report.execution.isolation,
        "seconds": feedback.report.execution.seconds,
    }
    if tokens:
        line["tokens"] = _tokens(feedback)
        line["contributions"] = [
            {
                "start_token": first,
                "end_token": last,
                "component": part.component,
                "amount": part.amount,
                "rule": part.rule,
                "diagnostic": None if part.blame is None else index_of[part.blame],
            }
            for (first, last), part in feedback.contributions
        ]
    return line


def _execution(execution: Execution) -> dict[str, Any]:
    tests: list[dict[str, Any]] = [
        {"verdict": test.verdict.value, "seconds": test.seconds} | ({"note": test.note} if test.note else {})
        for test in execution.tests
    ]
    line = {
        "verdict": execution.verdict.value,
        "error": _error(execution.error),
        "pass_ratio": execution.pass_ratio,
        "tests": tests,
    }
    if execution.infra_reason:
        line["infra_reason"] = execution.infra_reason
    return line


def _error(error: ProgramError | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {"kind": error.kind.value, "type": error.type, "message": error.message, **_place(error.span)}


def _place(span: Span | None, *, bytes_too: bool = False) -> dict[str, int | None]:
    keys = ["line", "column", "end_line", "end_column"] + (["start_byte", "end_byte"] if bytes_too else [])
    values = asdict(span) if span is not None else {}
    return {key: values.get(key) for key in keys}


def _diagnostics(blames: tuple[Blame, ...]) -> tuple[list[dict[str, Any]], dict[Blame, int]]:
    """List every finding with what its blame says of it, and where each blame's first one stands in that list."""
    lines: list[dict[str, Any]] = []
    index_of: dict[Blame, int] = {}
    for blame in blames:
        index_of.setdefault(blame, len(lines))
        lines += [_diagnostic(diagnostic, blame) for diagnostic in (blame.diagnostic, *blame.also)]
    return lines, index_of


def _diagnostic(diagnostic: Diagnostic, blame: Blame) -> dict[str, Any]:
    return {
        "source": diagnostic.source.value,
        "code": diagnostic.code,
        "message": diagnostic.message,
        "category": blame.category.value,
        **_place(diagnostic.span, bytes_too=True),
        "strength": blame.strength,
        "reason": blame.reason,
    }


def _tokens(feedback: Feedback) -> list[dict[str, Any]]:
    program = feedback.report.program
    totals = feedback.total.tolist()
    components = {name: feedback.rewards[name].tolist() for name in COMPONENTS}
    return [
        {
            "text": program[start:end].decode(errors="replace"),
            "start_byte": start,
            "end_byte": end,
            "reward": totals[index],
            "components": {name: values[index] for name, values in components.items()},
        }
        for index, (start, end) in enumerate(feedback.offsets.tolist())
    ]
