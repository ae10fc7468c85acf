"""What a clerk is asked and what it answers. Answers are small, finished and checked by type where they arrive."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

from engine.limits import Limits
from engine.records import Diagnostic, Execution, ProgramError, TestResult

MOST_BYTES = 1 << 26
"""Of one answer. A longer one is not read."""
DEADLINE = struct.Struct("<d")
"""The time on the monotonic clock by which a clerk's owner hears from it, in a page that both have."""
UNLOADABLE = "the problem's checker cannot be loaded"
"""How `Execution.infra_reason` begins where a checker fails before it sees an answer."""
Job = Literal["judge", "lines", "parting", "outputs"]
"""The verdict; executed lines; where a program parts from a reference; its answers, compared with nothing."""


@dataclass(frozen=True, slots=True)
class ClerkLimits:
    """What reading and comparing the answers of one program may take, in a process of ours."""

    cpu_seconds: float = 8.0
    memory_bytes: int = 2 << 30


@dataclass(frozen=True, slots=True)
class Settings:
    """What a clerk is told when it starts."""

    limits: Limits
    own_limits: ClerkLimits
    isolation: str
    """For `Execution.isolation`."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a clerk is asked about one program."""

    job: Job
    program: bytes
    problem: int
    """The number by which the clerk knows the problem."""
    packed: bytes = b""
    """The problem, where the clerk does not know it."""
    forget: tuple[int, ...] = ()
    """Problems that it need not know any more."""
    tests: tuple[int, ...] = ()
    """Indices of the tests that are meant, for `lines` and `parting`."""
    careful: bool = False
    """Whether a clerk was lost with this program: the child compiles it then."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a program answered to one input."""

    value: bytes = b""
    """The record of an encoded value (`engine.sandbox.values`); empty where there is none."""
    error: ProgramError | None = None
    seconds: float = 0.0
    infra_reason: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A clerk's answer to an order: what its job asks for, or why there is none."""

    execution: Execution | None = None
    results: tuple[TestResult, ...] = ()
    outputs: tuple[Answered, ...] = ()
    diagnostic: Diagnostic | None = None
    notice: Literal["", "asleep", "worn program", "worn referee"] = ""
    """This is no answer yet: the program under way sleeps; a worker is worn, and the clerk waits for another's port."""
    fault: str = ""
    """What went wrong on our side: a worker is gone, the problem cannot be prepared."""
    unreadable: bool = False
    """Whether what the program made could not be read."""
