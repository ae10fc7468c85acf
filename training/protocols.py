"""The three borders of the loop (docs/architecture.md). One embedded default each; others can stand behind them.

What this module does not do: implement any of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Protocol

from engine import Execution, Isolation, Problem, Report, Similarity
from feedback import Feedback
from training.objective.loss import PLAIN, LossTerms
from training.records import Rollout, SampleRequest, WeightedSequence


class Sampler(Protocol):
    """Draws completions from the current policy."""

    def sample(self, requests: Sequence[SampleRequest], policy_version: int) -> Iterator[list[Rollout]]:
        """Yield every request's rollouts, batch by batch as they finish, in any order."""
        ...


class ProgramJudge(Protocol):
    """Runs programs: what `engine.Judge` does, wherever its workers are."""

    def submit(self, program: bytes, problem: Problem) -> Future[Execution]:
        """Start judging; may block while too much is outstanding."""
        ...


class ProgramEngine(Protocol):
    """Judges and reads programs: what `engine.Engine` does, wherever its workers are."""

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


class FeedbackPool(Protocol):
    """Turns rollouts into feedback, elsewhere, while the caller goes on."""

    @property
    def engine(self) -> ProgramEngine:
        """What judges and reads the programs, for whoever needs no feedback on tokens."""
        ...

    def submit(self, rollout: Rollout, problem: Problem) -> Future[Feedback]:
        """Start judging and reading the rollout's program; may block while too much is outstanding."""
        ...

    def close(self) -> None:
        """End every worker."""
        ...


class Learner(Protocol):
    """Changes the policy. It is given weights on tokens and does not know which algorithm made them."""

    def accumulate(self, sequences: Sequence[WeightedSequence], divisor: float, terms: LossTerms = PLAIN) -> float:
        """Add the gradient of `sum(scale * token_losses) / divisor` (`training.objective.loss`); returns that loss."""
        ...

    def update(self) -> dict[str, float]:
        """Take one optimizer step with the accumulated gradient; returns metrics."""
        ...
