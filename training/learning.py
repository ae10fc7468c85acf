"""Which `Learner` a run uses: one process, or all that were launched.

What this module does not do: learn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.config import ConfigError, TrainConfig
from training.learner import LocalLearner
from training.policy import Policy
from training.ranks import Ranks

if TYPE_CHECKING:
    from training.accelerate_learner import AccelerateLearner
    from training.accelerate_ranks import AccelerateRanks


def new_learner(config: TrainConfig, policy: Policy, ranks: Ranks) -> LocalLearner:
    """What changes the policy: in this process, or in all that were launched.

    Raises:
        ConfigError: what is configured does not work in several.
    """
    if ranks.count == 1:
        return LocalLearner(policy, config.optimizer, config.training.steps)
    if config.sampler.backend != "transformers":
        raise ConfigError(
            f"sampler.backend {config.sampler.backend!r}: one process asks the servers, and {ranks.count} were"
            " launched; allowed in several: 'transformers'"
        )
    from training.accelerate_ranks import AccelerateRanks

    assert isinstance(ranks, AccelerateRanks)
    return _shared(ranks)(policy, config.optimizer, config.training.steps, ranks)


def _shared(ranks: AccelerateRanks) -> type[AccelerateLearner]:
    """What Accelerate is configured for."""
    match ranks.accelerator.distributed_type.value:
        case "DEEPSPEED":
            from training.deepspeed_learner import DeepSpeedLearner

            return DeepSpeedLearner
        case "FSDP":
            from training.sharded_learner import FsdpLearner

            return FsdpLearner
    from training.accelerate_learner import AccelerateLearner

    return AccelerateLearner
