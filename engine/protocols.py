"""The border to engines, whose workers may be on this machine or on a cluster."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol

from engine.records import Execution, Problem, Report, Similarity
from engine.sandbox.isolation import Isolation


class ProgramJudge(Protocol):
    """Runs programs, as `engine.Judge` does."""

    def submit(self, program: bytes, problem: Problem) -> Future[Execution]:
        """Start judging. May block while too many submissions wait."""
        ...


class ProgramEngine(Protocol):
    """Judges and reads programs, as `engine.Engine` does."""

    @property
    def judge(self) -> ProgramJudge:
        """Return the judge, for verdicts alone."""
        ...

    @property
    def isolation(self) -> Isolation:
        """Return the weakest isolation of all workers."""
        ...

    @property
    def retries(self) -> int:
        """Return the number of programs given to another worker so far because theirs was lost."""
        ...

    def submit(self, program: bytes, problem: Problem) -> Future[Report]:
        """Start judging and reading. May block while too many submissions wait."""
        ...

    def compare(self, program: bytes, references: tuple[str, ...]) -> Future[Similarity]:
        """Start comparing a program with references."""
        ...

    def close(self) -> None:
        """End every worker."""
        ...
