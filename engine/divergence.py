"""Find where a wrong answer and a reference part, which is the first shared variable that takes another value.

This compares the states of both on one test (`engine.sandbox.states`), which are texts. Where names mean different
things in the two programs, the place means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from engine.claims import State
from engine.records import Diagnostic, Source
from engine.sandbox.states import RETURNED
from engine.text import ProgramText

_DECIDES = re.compile(r"(?:if|elif|while|for|async for|match|case)\b")


class _Change(NamedTuple):
    """A variable that took a new value."""

    step: int
    name: tuple[str, str]
    """Function and variable."""
    text: str


def parting(program: bytes, states: Sequence[State], reference: Sequence[State]) -> Diagnostic | None:
    """Find the line of `program` where its states first differ from the reference's.

    A variable that takes another value is blamed on the line that gave it. Variables changed in another order are
    blamed on the last decision before that. Returns None where they share no variable of their own, or never part.
    """
    ours, theirs = _changes(states), _changes(reference)
    shared = {change.name for change in ours} & {change.name for change in theirs}
    if not _own(states, shared) or not _own(reference, shared):
        return None
    ours, theirs = ([change for change in changes if change.name in shared] for changes in (ours, theirs))
    for index in range(max(len(ours), len(theirs))):
        mine, other = (changes[index] if index < len(changes) else None for changes in (ours, theirs))
        if mine is not None and other is not None and mine[1:] == other[1:]:
            continue
        text = ProgramText(program)
        if mine is not None and other is not None and mine.name == other.name:
            line, what = states[mine.step].line, "returns" if mine.name[1] == RETURNED else f"{mine.name[1]} becomes"
            message = f"{what} {mine.text}; {other.text} in a reference solution"
        else:
            before = ours[index - 1].step if index else -1
            line = _decision(text, states, before, mine.step if mine is not None else len(states))
            message = "after this a reference solution goes another way"
        return Diagnostic(Source.REFERENCE, "diverged", message, text.line_span(line))
    return None


def _changes(states: Sequence[State]) -> list[_Change]:
    return [
        _Change(index, (state.function, name), text)
        for index, state in enumerate(states)
        for name, text in sorted(state.changed.items())
    ]


def _own(states: Sequence[State], names: set[tuple[str, str]]) -> bool:
    """Say whether one of the names is more than a parameter that keeps its value, or a function's return value."""
    entered: set[str] = set()
    for state in states:
        if state.function in entered and any(
            (state.function, name) in names for name in set(state.changed) - {RETURNED}
        ):
            return True
        entered.add(state.function)
    return False


def _decision(text: ProgramText, states: Sequence[State], before: int, after: int) -> int:
    """Return the last line between two steps that made a decision, or else the line of the later step."""
    for state in reversed(states[before + 1 : after]):
        if _DECIDES.match(text.line(state.line)):
            return state.line
    return states[min(after, len(states) - 1)].line
