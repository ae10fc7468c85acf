"""Train one policy in several processes through Accelerate, with plain data parallelism.

Every process receives all sequences of a batch and learns from its part of them. Whole weights are everywhere, and one
all-reduce per update sums the gradients, whatever number of tokens each process had. DDP would take means after each
micro-batch. `training.learners.sharded` and `training.learners.deepspeed` shard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from training.algorithms.loss import PLAIN, Loss
from training.errors import ConfigError
from training.learners.accelerate_ranks import AccelerateRanks
from training.learners.local import LocalLearner
from training.models.batching import with_gradient
from training.models.policy import Policy
from training.records import WeightedSequence
from training.sections import OptimizerSection


class AccelerateLearner(LocalLearner):
    """The `Learner` of several processes. It makes the updates that `LocalLearner` makes from the same sequences.

    Args:
        policy: The policy to train, the same in every process.
        section: The optimizer's section, as for one process.
        steps: Number of updates of the run, as for one process.
        ranks: The processes.

    Raises:
        ConfigError: the policy is on another device.
    """

    def __init__(self, policy: Policy, section: OptimizerSection, steps: int, ranks: AccelerateRanks) -> None:
        device = ranks.accelerator.device.type
        if policy.device.type != device:
            raise ConfigError(f"model.device {policy.section.device!r}: the processes work on {device}; allowed: auto")
        self._ranks = ranks
        self._means: dict[str, float] = {}
        super().__init__(policy, section, steps)

    def accumulate(self, sequences: Sequence[WeightedSequence], divisor: float, loss: Loss = PLAIN) -> float:
        """Add the gradient of this process's part of `sequences`, which all processes have. Returns the whole loss."""
        shares = shared_out(with_gradient(sequences, loss.needs_every_token), self._ranks.count)
        return sum(self._ranks.gather(partial(super().accumulate, shares[self._ranks.index], divisor, loss)))

    def update(self) -> dict[str, float]:
        """Take one step with the gradients of all processes. Metrics are over all of them. Raises as `LocalLearner`."""
        told = self._ranks.gather(self._told)
        self._tokens = [sum(column) for column in zip(*(message.tokens for message in told), strict=True)]
        self._means = _means([message.sums for message in told])
        with self._ranks.meeting("in an update"):
            self._add_up([any(column) for column in zip(*(message.touched for message in told), strict=True)])
            return super().update()

    def _told(self) -> _Told:
        sums = {name: (float(torch.cat(rows).sum()), sum(map(len, rows))) for name, rows in self._watched.items()}
        return _Told([parameter.grad is not None for parameter in self._policy.trained], self._tokens, sums)

    def _add_up(self, touched: list[bool]) -> None:
        """Sum the gradients over all processes.

        A parameter without a gradient in any process keeps none, so weight decay spares it as in one process.
        """
        for parameter, used in zip(self._policy.trained, touched, strict=True):
            if used:
                parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
                torch.distributed.all_reduce(parameter.grad)

    def _telemetry(self) -> dict[str, float]:
        return self._means


@dataclass(frozen=True, slots=True)
class _Told:
    """What a process sends the others before an update."""

    touched: list[bool]
    """Whether each parameter has a gradient."""
    tokens: list[int]
    sums: dict[str, tuple[float, int]]
    """Sum and count of each metric over the process's tokens."""


def shared_out(sequences: Sequence[WeightedSequence], count: int) -> list[list[WeightedSequence]]:
    """Split into `count` parts of about as many tokens. Neighbours stay together, because their prompt is read once."""
    sizes = np.array([len(sequence.prompt_ids) + len(sequence.token_ids) for sequence in sequences], dtype=np.float64)
    middles = np.cumsum(sizes) - sizes / 2
    parts: list[list[WeightedSequence]] = [[] for _ in range(count)]
    for sequence, middle in zip(sequences, middles, strict=True):
        parts[int(middle * count / sizes.sum())].append(sequence)
    return parts


def _means(sums: list[dict[str, tuple[float, int]]]) -> dict[str, float]:
    names = dict.fromkeys(name for table in sums for name in table)
    columns = {name: [table[name] for table in sums if name in table] for name in names}
    return {
        name: sum(total for total, _ in column) / sum(tokens for _, tokens in column)
        for name, column in columns.items()
    }
