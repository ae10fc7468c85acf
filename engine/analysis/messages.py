"""The messages between the analyser and its worker."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.analysis.facts import ProblemFacts
from engine.records import Diagnostic, Similarity


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits on one tool that reads one program."""

    seconds: float = 2.0
    """CPU time."""
    wall_factor: float = 30.0
    """Wall-clock time as a multiple of it: a bound for a reader that sleeps, which a busy machine does not reach."""
    memory_bytes: int = 2 << 30
    """Address space beside what the worker has mapped."""


@dataclass(frozen=True, slots=True)
class Start:
    """The message that a worker begins with."""

    limits: Limits = field(default_factory=Limits)
    finders: tuple[tuple[str, str], ...] = ()
    """Finders of somebody else's: the folder that holds each, and its `package.module:name`."""


@dataclass(frozen=True, slots=True)
class Request:
    """One program to read."""

    program: bytes
    facts: ProblemFacts = field(default_factory=ProblemFacts)
    references: tuple[bytes, ...] = ()
    """Programs to compare it with; it is read for findings only where there are none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The findings of one tool, or of all of them together."""

    diagnostics: tuple[Diagnostic, ...] = ()
    similarity: Similarity | None = None
    resident_bytes: int = 0
    """Memory that the process holds now."""
