"""One policy learned by several processes through Accelerate.

Every process is told all sequences of a batch and learns from its part of them. Plain data parallel training keeps
whole weights everywhere and adds up gradients once for each update, whatever number of tokens each process had (DDP
would take means, after each micro batch). FSDP2 shards gradients, moments and the weights that are learned; each
process keeps whole weights beside them, which sample and score. What this module does not do: launch processes, or let
them agree (`training.accelerate_ranks`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from torch.distributed.tensor import DTensor, distribute_tensor

from training.accelerate_ranks import AccelerateRanks
from training.config import ConfigError, OptimizerSection
from training.learner import LocalLearner, with_gradient
from training.models.families import network, prepare_checkpointing
from training.objective.loss import PLAIN, LossTerms
from training.policy import Policy
from training.records import WeightedSequence

T = TypeVar("T")


class AccelerateLearner(LocalLearner):
    """The `Learner` of several processes: the updates that `LocalLearner` would make of the same sequences.

    Args:
        policy: Samples and scores; it is what is trained, or gets every update of the sharded copy that is.
        section: As for one process.
        steps: As for one process.
        ranks: The processes.

    Raises:
        ConfigError: what is configured does not work on sharded weights, or the policy is on another device.
    """

    def __init__(self, policy: Policy, section: OptimizerSection, steps: int, ranks: AccelerateRanks) -> None:
        accelerator = ranks.accelerator
        if policy.device.type != accelerator.device.type:
            device = accelerator.device.type
            raise ConfigError(f"model.device {policy.section.device!r}: the processes work on {device}; allowed: auto")
        self._ranks = ranks
        self._sampling = policy
        self._sharded = accelerator.is_fsdp2
        self._means: dict[str, float] = {}
        if self._sharded:
            policy = _copied(policy, section)
        super().__init__(policy, section, steps)
        if self._sharded:
            self._within, _ = accelerator.prepare(_Within(policy.model), self.optimizer)

    def accumulate(self, sequences: Sequence[WeightedSequence], divisor: float, terms: LossTerms = PLAIN) -> float:
        """Add the gradient of this process's part of `sequences`, which all have; returns the loss of them all."""
        shares = shared_out(with_gradient(sequences, terms), self._ranks.count)
        if self._sharded:
            total = self._in_step(shares, divisor, terms)
            return sum(self._ranks.gather(lambda: total))
        return sum(self._ranks.gather(partial(super().accumulate, shares[self._ranks.index], divisor, terms)))

    def _in_step(self, shares: list[list[WeightedSequence]], divisor: float, terms: LossTerms) -> float:
        """The same on sharded weights, whose layers all processes go through equally often."""
        batches, count = [self._micro_batches(share) for share in shares], self._ranks.count
        own, total = batches[self._ranks.index], 0.0
        with self._ranks.meeting("while learning"):
            for turn in range(max(map(len, batches))):
                if turn < len(own):
                    total += self._learn(own[turn], divisor / count, terms) / count  # FSDP averages over processes
                else:
                    one = next(batch[turn][0] for batch in batches if turn < len(batch))
                    logprobs, _ = self._logprobs([one], entropy=False)
                    torch.autograd.backward(logprobs.sum() * 0)
        return total

    def _logprobs(
        self, batch: Sequence[WeightedSequence], *, entropy: bool
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        if not self._sharded:
            return super()._logprobs(batch, entropy=entropy)
        found: tuple[torch.Tensor, torch.Tensor | None] = self._within(
            lambda: super(AccelerateLearner, self)._logprobs(batch, entropy=entropy)
        )
        return found

    def update(self) -> dict[str, float]:
        """One step with the gradients of all processes; its metrics are of all of them. Raises as `LocalLearner`."""
        told = self._ranks.gather(self._told)
        self._tokens = [sum(column) for column in zip(*(each.tokens for each in told), strict=True)]
        self._means = _means([each.sums for each in told])
        with self._ranks.meeting("in an update"):
            if not self._sharded:
                self._add_up([any(column) for column in zip(*(each.touched for each in told), strict=True)])
            metrics = super().update()
            if self._sharded:
                self._hand_over()
        return metrics

    def _told(self) -> _Told:
        sums = {name: (float(torch.cat(rows).sum()), sum(map(len, rows))) for name, rows in self._watched.items()}
        return _Told([each.grad is not None for each in self._policy.trained], self._tokens, sums)

    def _add_up(self, touched: list[bool]) -> None:
        """Gradients summed over processes; none where nobody has one, as in one process, for weight decay to spare."""
        for parameter, used in zip(self._policy.trained, touched, strict=True):
            if used:
                parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
                torch.distributed.all_reduce(parameter.grad)

    @torch.no_grad()
    def _hand_over(self) -> None:
        """Give the whole weights, which sample, what was learned."""
        for whole, part in zip(self._sampling.trained, self._policy.trained, strict=True):
            whole.copy_(_full(part))

    def _clipped_norm(self) -> float:
        norm = torch.nn.utils.clip_grad_norm_(self._policy.trained, self._section.gradient_clip)
        return float(_full(norm))

    def _telemetry(self) -> dict[str, float]:
        return self._means

    def state(self) -> dict[str, Any]:
        """Optimizer, schedule and loss scale as one process has them; all processes ask for it together."""
        state = super().state()
        moments = state["optimizer"]["state"]
        state["optimizer"]["state"] = {
            index: {name: _full(value) for name, value in own.items()} for index, own in moments.items()
        }
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from `state()`, whatever the number of processes that made it."""
        super().load_state(state)
        for parameter, own in self.optimizer.state.items():
            if isinstance(parameter, DTensor):
                for name, value in own.items():
                    if value.shape == parameter.shape:
                        own[name] = distribute_tensor(value, parameter.device_mesh, parameter.placements)


@dataclass(frozen=True, slots=True)
class _Told:
    """What a process tells the others before an update."""

    touched: list[bool]
    """Which parameters have a gradient."""
    tokens: list[int]
    sums: dict[str, tuple[float, int]]
    """Of each metric over its tokens: their sum, and how many."""


class _Within(torch.nn.Module):
    """A model in which one computes with its parts: FSDP gathers weights when its outermost module is called."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401
        super().__init__()
        self.model = model
        self._no_split_modules = list(network(model)._no_split_modules or ())

    def forward(self, work: Callable[[], T]) -> T:
        return work()


def shared_out(sequences: Sequence[WeightedSequence], count: int) -> list[list[WeightedSequence]]:
    """Neighbours together (their prompt is read once) in `count` parts with about as many tokens each."""
    sizes = np.array([len(each.prompt_ids) + len(each.token_ids) for each in sequences], dtype=np.float64)
    middles = np.cumsum(sizes) - sizes / 2
    parts: list[list[WeightedSequence]] = [[] for _ in range(count)]
    for sequence, middle in zip(sequences, middles, strict=True):
        parts[int(middle * count / sizes.sum())].append(sequence)
    return parts


def _copied(policy: Policy, section: OptimizerSection) -> Policy:
    """Weights of their own, to be sharded; their layers are checkpointed, so that every text goes through them once."""
    if section.eight_bit or policy.section.dtype == "float16":
        raise ConfigError(
            "optimizer.eight_bit, model.dtype float16: not with FSDP; allowed: false, float32 or bfloat16"
        )
    own = replace(policy, model=copy.deepcopy(policy.model))
    prepare_checkpointing(own.model)
    return replace(own, section=own.section.model_copy(update={"gradient_checkpointing": True}))


def _means(sums: list[dict[str, tuple[float, int]]]) -> dict[str, float]:
    names = dict.fromkeys(name for each in sums for name in each)
    columns = {name: [each[name] for each in sums if name in each] for name in names}
    return {
        name: sum(total for total, _ in column) / sum(tokens for _, tokens in column)
        for name, column in columns.items()
    }


def _full(value: Any) -> Any:  # noqa: ANN401
    """A tensor with all its parts; whatever is not sharded, as it is."""
    return value.full_tensor() if isinstance(value, DTensor) else value
