"""Two borders of the loop (docs/architecture.md); the third is `engine.ProgramEngine`. Others can stand behind each.

What this module does not do: implement any of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from training.objective.loss import PLAIN, LossTerms
from training.records import Rollout, SampleRequest, WeightedSequence


class Sampler(Protocol):
    """Draws completions from the current policy."""

    def sample(self, requests: Sequence[SampleRequest], policy_version: int) -> Iterator[list[Rollout]]:
        """Yield every request's rollouts, batch by batch as they finish, in any order."""
        ...


class Learner(Protocol):
    """Changes the policy. It is given weights on tokens and does not know which algorithm made them."""

    def accumulate(self, sequences: Sequence[WeightedSequence], divisor: float, terms: LossTerms = PLAIN) -> float:
        """Add the gradient of `sum(scale * token_losses) / divisor` (`training.objective.loss`); returns that loss."""
        ...

    def update(self) -> dict[str, float]:
        """Take one optimizer step with the accumulated gradient; returns metrics."""
        ...
