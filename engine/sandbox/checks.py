"""Run a problem's own `check(input, expected, actual)` on answers, in a process that never held the program.

The answers are data that was decoded here. A checker that raises, hangs or fills its memory ends its own process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.sandbox.recorder import Recorder
from engine.sandbox.rules import rule_of
from engine.sandbox.values import Opaque, decode
from engine.sandbox.wire import Task, load_line

Check = Callable[[object, object, object], object]
_TRUTHS = ("bool", "bool_")
"""Types of a verdict: Python's own and numpy's."""


def check_answers(task: Task, begin: Callable[[], None]) -> None:
    """Record what the checker in `task.source` says of each answer in `task.tests`: lines of input, expected, actual.

    The checker's module runs before `begin`, so what it raises there comes before any answer.
    """
    check = load_check(task.source.decode())
    begin()
    recorder = Recorder(task)
    for index, line in enumerate(task.tests):
        recorder.begin(index)
        given, expected, actual = (decode(value) for value in (load_line(line) or {})["v"])
        if not recorder.run(lambda given=given, expected=expected, actual=actual: _say(check, given, expected, actual)):  # type: ignore[misc]
            return


def load_check(checker: str) -> Check:
    """Load the function that decides: a named rule, or what the source defines."""
    if (rule := rule_of(checker)) is not None:
        return lambda _given, expected, actual: rule(expected, actual)
    namespace: dict[str, Any] = {"__name__": "checker"}
    exec(compile(checker, "<checker>", "exec", dont_inherit=True), namespace)  # noqa: S102
    check: Check = namespace["check"]
    return check


def decide(check: Check, given: object, expected: object, actual: object) -> bool:
    """Say whether an answer is right.

    Raises:
        TypeError: the checker gave no bool.
    """
    if isinstance(actual, Opaque):  # also what stays with the program
        return False
    verdict = check(given, expected, actual)
    if type(verdict).__name__ not in _TRUTHS:
        raise TypeError(f"check() must return a bool, not {type(verdict).__name__}")
    return bool(verdict)


def _say(check: Check, given: object, expected: object, actual: object) -> dict[str, object]:
    return {"passed": decide(check, given, expected, actual)}
