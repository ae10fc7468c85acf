"""Ask a problem's own checker about answers, in the referee's worker: a child that never held the program.

A checker decides alone. Where it raises, gives no bool, or needs more CPU time, memory or sleep than a test may, the
answer is wrong, whoever is to blame: a program must not gain by an answer that its checker cannot stand. Only a checker
that cannot even be loaded, before it sees an answer, makes its problem `infra` for every program alike.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from engine.claims import Claims
from engine.limits import Limits
from engine.messages import UNLOADABLE
from engine.records import TestResult, Verdict
from engine.sandbox.rules import rule_of
from engine.sandbox.values import encode
from engine.sandbox.wire import OUT_OF_MEMORY, Request, Task, dump_line, load_line
from engine.sandbox.worker import Outcome, Port
from engine.steps import Step, child_records, ran_out

_TOGETHER_BYTES = 1 << 24
"""Of answers that one child is given, unless a single one is longer."""


class Said(NamedTuple):
    """What became of one answer."""

    right: bool
    note: str = ""
    """Why the checker did not decide."""


class Checker:
    """A checker in Python, and the worker that runs it."""

    def __init__(self, source: str, referee: Port, limits: Limits) -> None:
        self._source, self._referee, self._limits = source.encode(), referee, limits

    def fault(self) -> str:
        """Say why the checker cannot be loaded. Empty where it can. Raises WorkerError as `Port.run` does."""
        outcome = self._run(())
        if outcome.reply.begun:
            return ""
        report = load_line(outcome.report) or {}
        reason = Claims.text(report.get("infra")) or ("it does not end" if ran_out(outcome.reply) else "it ended")
        return f"{UNLOADABLE} ({reason})"

    def ask(self, questions: Sequence[bytes]) -> list[Said]:
        """Ask the checker about each answer. Raises WorkerError as `Port.run` does."""
        said: list[Said] = []
        late = 0
        while waiting := questions[len(said) :]:
            if late >= self._limits.timeouts:
                return said + [Said(False, "the checker was not asked: it had run out of time")] * len(waiting)
            some = _first(waiting)
            outcome = self._run(some)
            records = list(child_records(outcome, len(some)))
            said += map(_said, records)
            ended = not records or records[-1].get("more") is not False
            if len(records) < len(some) and ended and not (records and ran_out(outcome.reply)):
                late += ran_out(outcome.reply)
                said.append(Said(False, f"the checker {_ending(outcome)}"))
        return said

    def _run(self, questions: Sequence[bytes]) -> Outcome:
        room, cpu = self._limits.output_bytes, self._limits.cpu_seconds
        task = Task("check", self._source, "", "", "", tuple(questions), b"", room, "")
        return self._referee.run(task, Request(cpu, cpu * self._limits.wall_factor, 2 * room))


class Checked:
    """The answers of one program, as the checker of its problem sees them."""

    def __init__(self, checker: str, limits: Limits) -> None:
        self._checker, self._limits, self._rule = checker, limits, rule_of(checker)
        self._questions: dict[int, bytes] = {}
        self._otherwise: dict[int, TestResult] = {}
        """By the identity of steps: what to ask about, and the results where the checker says no."""

    def may_be_right(self, step: Step, answer: object) -> bool:
        """Say whether the rule accepts an answer. A checker in Python is asked when all tests have run (`settled`)."""
        if self._rule is not None:
            return self._rule(step.expected, answer) or (_is_wrapped(step) and self._rule(step.expected[0], answer))
        given = step.given if step.kind == "stdin" else [*step.given[1], *step.given[2].values()]
        self._questions[id(step)] = dump_line({"v": [encode(given), encode(step.expected), encode(answer)]})
        return True

    def note(self, step: Step, result: TestResult) -> None:
        """Make the result of a step where its answer is wrong."""
        self._otherwise[id(step)] = result

    def settled(self, steps: Sequence[Step], results: list[TestResult], referee: Port | None) -> list[TestResult]:
        """Give the results after the checker was asked. Raises WorkerError as `Port.run` does."""
        passed = [index for index, result in enumerate(results) if result.verdict is Verdict.PASSED]
        waiting = [index for index in passed if id(steps[index]) in self._questions]
        if waiting:
            assert referee is not None
            checker = Checker(self._checker, referee, self._limits)
            answers = checker.ask([self._questions[id(steps[index])] for index in waiting])
            for index, (right, note) in zip(waiting, answers, strict=True):
                if not right:
                    wrong = self._otherwise.get(id(steps[index]), replace(results[index], verdict=Verdict.FAILED))
                    results[index] = replace(wrong, note=note)
        return results


def _is_wrapped(step: Step) -> bool:
    """Say whether the expected list of one element may be that element (APPS wraps results)."""
    return step.kind == "call" and isinstance(step.expected, list) and len(step.expected) == 1


def _first(questions: Sequence[bytes]) -> Sequence[bytes]:
    """Take as many as are given to one child."""
    room, count = _TOGETHER_BYTES, 0
    while count < len(questions) and (room := room - len(questions[count])) >= 0:
        count += 1
    return questions[: max(count, 1)]


def _said(record: dict[str, Any]) -> Said:
    if isinstance(error := record.get("error"), dict):
        return Said(False, f"the checker raised {Claims.text(error.get('type'))}: {Claims.text(error.get('message'))}")
    return Said(record.get("passed") is True)


def _ending(outcome: Outcome) -> str:
    if ran_out(outcome.reply):
        return "ran out of time"
    code = os.waitstatus_to_exitcode(outcome.reply.status)
    return "ran out of memory" if code == OUT_OF_MEMORY else f"ended with status {code} before it answered"
