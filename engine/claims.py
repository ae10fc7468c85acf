"""Reads what a child claims without belief: clamps numbers, cuts texts, puts places into the program."""

from __future__ import annotations

import builtins
import contextlib
import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

from engine.positions import SourceMap
from engine.records import ErrorKind, Frame, ProgramError, Span
from engine.text import ProgramText

_TEXT = 500
_FRAMES = 40
_STATES = 4_000
_EXCEPTIONS = frozenset(
    name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)
)


class State(NamedTuple):
    """What one line did: variables that hold something new after it, as texts."""

    line: int
    function: str
    changed: Mapping[str, str]


class Claims:
    """Reads what children say about one program."""

    def __init__(self, program: bytes) -> None:
        self._program = program
        self._spans: dict[tuple[int | None, ...], Span] = {}
        """By line and columns: most tests of a program fail at one place."""

    @cached_property
    def _source(self) -> SourceMap:
        return SourceMap(self._program)

    @cached_property
    def _line_count(self) -> int:
        return ProgramText(self._program).line_count

    def error(self, claim: dict[str, Any]) -> ProgramError:
        """Make the error of an exception that left the program while it ran. It is never more than a run-time error."""
        kind = ErrorKind.MEMORY if claim.get("memory") is True else ErrorKind.RUNTIME
        message, frames = self.text(claim.get("message")), self._frames(claim)
        return ProgramError(kind, self._name(claim), message, frames, _builtin(claim.get("bases")))

    def compile_error(self, claim: dict[str, Any]) -> ProgramError:
        """Make the error that the compiler raised, in a process that had not run a line of the program."""
        kind = ErrorKind.MEMORY if claim.get("memory") is True else ErrorKind.SYNTAX
        position, span = claim.get("position"), None
        with contextlib.suppress(Exception):  # a refusal stays one where its place cannot be told
            if isinstance(position, list) and len(position) == 4:
                span = self._source.syntax_span(position, claim.get("bytes") is True)
            elif kind is ErrorKind.SYNTAX:
                span = self._source.bad_byte_span()
        frames = () if span is None else (Frame("<module>", span),)
        return ProgramError(kind, self._name(claim), self.text(claim.get("message")), frames)

    def _name(self, claim: dict[str, Any]) -> str:
        return self.text(claim.get("type")) or "Exception"

    def _frames(self, claim: dict[str, Any]) -> tuple[Frame, ...]:
        frames = claim.get("frames")
        if not isinstance(frames, list):
            return ()
        return tuple(frame for frame in map(self._frame, frames[-_FRAMES:]) if frame is not None)

    def _frame(self, claim: object) -> Frame | None:
        if not isinstance(claim, list) or len(claim) != 5:
            return None
        function, *numbers = claim
        if not isinstance(numbers[0], int) or not all(number is None or type(number) is int for number in numbers):
            return None
        place = tuple(numbers)
        try:
            if place not in self._spans:
                self._spans[place] = self._source.span(*numbers)
            return Frame(self.text(function), self._spans[place])
        except Exception:  # an error stays one where a place of it cannot be told
            return None

    def lines(self, record: dict[str, Any]) -> frozenset[int] | None:
        """1-based lines that ran; None where none were collected."""
        lines = record.get("lines")
        if not isinstance(lines, list):
            return None
        return frozenset(line for line in lines if type(line) is int and 0 < line <= self._line_count)

    def states(self, record: dict[str, Any]) -> list[State]:
        """Read what each line of a traced test did."""
        claimed = record.get("states")
        found = []
        for step in claimed[:_STATES] if isinstance(claimed, list) else ():
            if isinstance(step, list) and len(step) == 3 and type(step[0]) is int and isinstance(step[2], dict):
                changed = {self.text(name): self.text(text) for name, text in list(step[2].items())[:_STATES]}
                found.append(State(min(max(step[0], 1), self._line_count), self.text(step[1]), changed))
        return found

    @staticmethod
    def seconds(record: dict[str, Any]) -> float:
        """CPU seconds of a test."""
        spent: Any = record.get("cpu")
        if type(spent) not in (int, float) or not -math.inf < spent < math.inf:
            return 0.0
        return float(min(max(spent, 0), 1e15)) / 1e9  # bounded first: an integer may be larger than any float

    @staticmethod
    def shown(output: bytes) -> str:
        return output.decode(errors="replace")

    @staticmethod
    def text(claim: object) -> str:
        """Read a short text without lone surrogates. It is still hostile, and shown escaped only."""
        return claim[:_TEXT].encode(errors="replace").decode() if isinstance(claim, str) else ""

    @classmethod
    def repr(cls, value: object) -> str:
        """Write a decoded value for display."""
        try:
            return cls.text(repr(value))
        except (ValueError, RecursionError):  # an integer beyond the digit limit, deep nesting
            return f"<{type(value).__name__}>"


def _builtin(bases: object) -> str:
    """Find the first builtin exception among the names of a class and of its bases."""
    names = bases if isinstance(bases, list) else []
    return next((name for name in names if isinstance(name, str) and name in _EXCEPTIONS), "Exception")
