"""Train one policy in shards over several processes, which run its layers together and equally often.

FSDP2 shards gradients, moments and the learned weights. Each process keeps whole weights beside them to sample and
score.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch.distributed.tensor import DTensor, distribute_tensor

from training.algorithms.loss import PLAIN, Loss
from training.errors import ConfigError
from training.learners.accelerate import AccelerateLearner, shared_out
from training.learners.accelerate_ranks import AccelerateRanks
from training.models.batching import with_gradient
from training.models.families import network, prepare_checkpointing
from training.models.policy import Policy
from training.records import WeightedSequence
from training.sections import OptimizerSection

T = TypeVar("T")


class ShardedLearner(AccelerateLearner, ABC):
    """The common part of sharded learners.

    Raises:
        ConfigError: the configuration does not work in shards.
    """

    _within: Any
    """The prepared `Within`. Calling it with a function runs that function on the model."""

    def __init__(self, policy: Policy, section: OptimizerSection, steps: int, ranks: AccelerateRanks) -> None:
        if section.eight_bit or policy.section.dtype == "float16":
            raise ConfigError(
                "optimizer.eight_bit, model.dtype float16: not with FSDP or DeepSpeed;"
                " allowed: false, float32 or bfloat16"
            )
        super().__init__(policy, section, steps, ranks)

    def accumulate(self, sequences: Sequence[WeightedSequence], divisor: float, loss: Loss = PLAIN) -> float:
        """Accumulate as in one process. All processes must run the same number of forward passes.

        A process that runs out of micro-batches does a dummy pass with zero loss.
        """
        count = self._ranks.count
        batches = [
            self._micro_batches(share) for share in shared_out(with_gradient(sequences, loss.needs_every_token), count)
        ]
        own, total = batches[self._ranks.index], 0.0
        with self._ranks.meeting("while learning"):
            for turn in range(max(map(len, batches))):
                if turn < len(own):
                    total += self._learn(own[turn], divisor / count, loss) / count  # gradients become means
                else:
                    one = next(batch[turn][0] for batch in batches if turn < len(batch))
                    logprobs, _ = self._logprobs([one], entropy=False)
                    torch.autograd.backward(logprobs.sum() * 0)
        return sum(self._ranks.gather(lambda: total))

    def _logprobs(
        self, batch: Sequence[WeightedSequence], *, entropy: bool
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        found: tuple[torch.Tensor, torch.Tensor | None] = self._within(
            lambda: super(ShardedLearner, self)._logprobs(batch, entropy=entropy)
        )
        return found

    def _add_up(self, touched: list[bool]) -> None:
        """Do nothing, because the sharding library has already summed the gradients."""

    def state(self) -> dict[str, Any]:
        """Return the state of optimizer and schedule as one process has it. All processes must call this together."""
        state = super().state()
        with self._ranks.meeting("in a checkpoint"):
            state["optimizer"] = self._whole(state["optimizer"])
        return state

    @abstractmethod
    def _whole(self, optimizer: dict[str, Any]) -> dict[str, Any]:
        """Gather an optimizer's state, given this shard's, into the state of one process, on the CPU."""


class FsdpLearner(ShardedLearner):
    """FSDP2. The sharded copy is trained, and `policy`, which samples and scores, receives every update."""

    def __init__(self, policy: Policy, section: OptimizerSection, steps: int, ranks: AccelerateRanks) -> None:
        self._sampling = policy
        super().__init__(checkpointed(replace(policy, model=copy.deepcopy(policy.model))), section, steps, ranks)
        self._within, _ = ranks.accelerator.prepare(Within(self._policy.model), self.optimizer)

    def update(self) -> dict[str, float]:
        """Take one step, then copy the learned shards into the whole weights."""
        metrics = super().update()
        with self._ranks.meeting("in an update"), torch.no_grad():
            for whole, part in zip(self._sampling.trained, self._policy.trained, strict=True):
                whole.copy_(_full(part))
        return metrics

    def _clipped_norm(self) -> float:
        norm = torch.nn.utils.clip_grad_norm_(self._policy.trained, self._section.gradient_clip)
        return float(_full(norm))

    def _whole(self, optimizer: dict[str, Any]) -> dict[str, Any]:
        moments = {
            index: {name: _full(value).cpu() for name, value in own.items()}
            for index, own in optimizer["state"].items()
        }
        return {**optimizer, "state": moments}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from `state()`, whatever the number of processes that made it."""
        super().load_state(state)
        for parameter, own in self.optimizer.state.items():
            if isinstance(parameter, DTensor):
                for name, value in own.items():
                    if value.shape == parameter.shape:
                        own[name] = distribute_tensor(value, parameter.device_mesh, parameter.placements)


class Within(torch.nn.Module):
    """A wrapper that runs any computation inside the model's outermost call, which gathers the shards."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401
        super().__init__()
        self.model = model
        self._no_split_modules = list(network(model)._no_split_modules or ())

    def forward(self, work: Callable[[], T]) -> T:
        return work()


def checkpointed(policy: Policy) -> Policy:
    """Checkpoint the layers, so that every text goes through them once."""
    prepare_checkpointing(policy.model)
    return replace(policy, section=policy.section.model_copy(update={"gradient_checkpointing": True}))


def _full(value: Any) -> Any:  # noqa: ANN401
    """Gather a sharded tensor. Anything else is returned as it is."""
    return value.full_tensor() if isinstance(value, DTensor) else value
