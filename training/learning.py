"""Which `Learner` a run uses: one process, or all that were launched.

What this module does not do: learn.
"""

from __future__ import annotations

from training.config import ConfigError, TrainConfig
from training.learner import LocalLearner
from training.policy import Policy
from training.ranks import Ranks


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
    from training.accelerate_learner import AccelerateLearner
    from training.accelerate_ranks import AccelerateRanks

    assert isinstance(ranks, AccelerateRanks)
    return AccelerateLearner(policy, config.optimizer, config.training.steps, ranks)
