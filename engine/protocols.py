"""What an engine does for its callers, wherever its workers are: on this machine or on a cluster."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol

from engine.records import Execution, Problem, Report, Similarity
from engine.sandbox.isolation import Isolation


class ProgramJudge(Protocol):
    """Runs programs, as `engine.Judge` does."""

    def submit(self, program: bytes, problem: Problem) -> Future[Execution]:
        """Start judging; may block while too much is outstanding."""
        ...


class ProgramEngine(Protocol):
    """Judges and reads programs, as `engine.Engine` does."""

    @property
    def judge(self) -> ProgramJudge:
        """For verdicts alone."""
        ...

    @property
    def isolation(self) -> Isolation:
        """How well programs are confined where they are confined the least."""
        ...

    @property
    def retries(self) -> int:
        """Programs given to another worker so far because theirs was lost."""
        ...

    def submit(self, program: bytes, problem: Problem) -> Future[Report]:
        """Start judging and reading; may block while too much is outstanding."""
        ...

    def compare(self, program: bytes, references: tuple[str, ...]) -> Future[Similarity]:
        """Start comparing a program with references."""
        ...

    def close(self) -> None:
        """End every worker."""
        ...
