"""Hold what one submission to the judge asks for, and how its result is made of the clerk's answer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from engine.messages import Answer, Job
from engine.records import Problem


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One submission to the judge."""

    job: Job
    program: bytes
    problem: Problem
    read: Callable[[Answer], object]
    """The result from the clerk's answer."""
    unreadable: Callable[[str], object]
    """Isolation -> the result where what the program made cannot be read."""
    failed: Callable[[str, str], object]
    """Reason, isolation -> the result where we could not run the program."""
    tests: tuple[int, ...] = ()
    key: tuple[bytes, int] | None = None
    """The same submission has the same."""
    future: Future[object] = field(default_factory=Future)
