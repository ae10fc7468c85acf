"""The border to learners, which change the policy. They are given weights on tokens, whichever algorithm made them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from training.algorithms.loss import PLAIN, Loss
from training.records import WeightedSequence


class Learner(ABC):
    """Changes the policy."""

    @abstractmethod
    def accumulate(self, sequences: Sequence[WeightedSequence], divisor: float, loss: Loss = PLAIN) -> float:
        """Add the gradient of `sum(scale * loss of tokens) / divisor`. Returns that loss."""

    @abstractmethod
    def update(self) -> dict[str, float]:
        """Take one optimizer step with the accumulated gradient. Returns metrics.

        Raises:
            FloatingPointError: the gradient is not finite. The weights are left as they were.
        """

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return the state that a checkpoint needs, as one process has it, whatever the number of processes."""

    @abstractmethod
    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from `state()`."""
