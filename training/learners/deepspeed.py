"""Train one policy in several processes with DeepSpeed's ZeRO.

Whole weights are everywhere, and are trained and sampled from at once. ZeRO shards the moments and the copy of the
weights that AdamW works on (stage 1), and gradients too (stage 2). Stage 3 is refused, because FSDP2 shards the same
(`training.learners.sharded`).
"""

from __future__ import annotations

from typing import Any

import torch
from deepspeed.utils import (
    lazy_init_hp_params_optimizer_state,
    safe_get_full_optimizer_state,
    safe_set_full_optimizer_state,
)

from training.learners.accelerate_ranks import AccelerateRanks
from training.learners.sharded import ShardedLearner, Within, checkpointed
from training.models.policy import Policy
from training.sections import OptimizerSection

_MOMENTS = ("exp_avg", "exp_avg_sq")


class DeepSpeedLearner(ShardedLearner):
    """ZeRO's first two stages. The `optimizer` has one parameter, this process's shard of all weights, end to end.

    Weight decay therefore reaches parameters without a gradient too. Every other learner spares them.
    """

    def __init__(self, policy: Policy, section: OptimizerSection, steps: int, ranks: AccelerateRanks) -> None:
        config = ranks.accelerator.deepspeed_plugin.deepspeed_config
        config["gradient_clipping"] = section.gradient_clip
        config["managed_gradient_accumulation"] = False  # an update ends it, after any number of micro batches
        config |= {"train_micro_batch_size_per_gpu": 1, "train_batch_size": ranks.count}  # asked for, and not used
        if config["zero_optimization"]["stage"] > 1:
            policy = checkpointed(policy)  # gradients are added up as they come: everywhere in the same order
        super().__init__(policy, section, steps, ranks)
        self._within, _ = ranks.accelerator.prepare(Within(policy.model), self.optimizer)

    def _clipped_norm(self) -> float:
        """Take the step and return the norm, because no gradient is left for `optimizer` afterwards.

        Where the norm is not finite, DeepSpeed leaves the weights as they were.
        """
        if not any(self._tokens):
            return 0.0
        self._within.step()
        return float(self._within.get_global_grad_norm())

    def _whole(self, optimizer: dict[str, Any]) -> dict[str, Any]:
        (group,), shard, trained = optimizer["param_groups"], optimizer["state"], self._policy.trained
        moments = {
            index: {"step": shard[0]["step"].clone()}
            | {name: safe_get_full_optimizer_state(parameter, name).cpu() for name in _MOMENTS}
            for index, parameter in enumerate(trained)
            if shard  # there are none before the first update
        }
        return {"state": moments, "param_groups": [{**group, "params": list(range(len(trained)))}]}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from `state()`, whatever the number of processes that made it."""
        (group,), whole = state["optimizer"]["param_groups"], state["optimizer"]["state"]
        (shard,) = self.optimizer.param_groups[0]["params"]
        steps = [own["step"] for own in whole.values()]
        begun = {0: {"step": max(steps)} | {name: torch.zeros_like(shard) for name in _MOMENTS}} if steps else {}
        super().load_state({**state, "optimizer": {"state": begun, "param_groups": [{**group, "params": [0]}]}})
        if begun:
            lazy_init_hp_params_optimizer_state(self._policy.trained, shard, self.optimizer.state)
        for index, own in whole.items():
            for name in _MOMENTS:
                safe_set_full_optimizer_state(self._policy.trained[index], own[name].to(shard.device), name)
