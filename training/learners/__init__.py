"""Learners change the policy, in one process or in all processes that were launched."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from engine.extras import needs
from training.errors import ConfigError
from training.ranks import ALONE, Ranks

if TYPE_CHECKING:
    from training.learners.accelerate_ranks import AccelerateRanks
    from training.learners.base import Learner
    from training.models.policy import Policy
    from training.sections import OptimizerSection

__all__ = ["open_learner", "open_ranks"]


def open_ranks() -> Ranks:
    """Find the processes that a launcher started, from its environment, or this process alone.

    Raises:
        ConfigError: they cannot work together. The message says why.
    """
    size = os.environ.get("WORLD_SIZE", "1")
    if "RANK" not in os.environ or int(size) == 1:
        return ALONE
    try:
        from training.learners.accelerate_ranks import AccelerateRanks
    except ImportError as error:
        if error.name != "accelerate":
            raise
        raise ConfigError(f"{size} processes were launched: that {needs('accelerate', 'accelerate')}") from None
    return AccelerateRanks()


def open_learner(section: OptimizerSection, policy: Policy, steps: int, ranks: Ranks) -> Learner:
    """Open the learner of this process, or of all processes in `ranks`.

    Raises:
        ConfigError: the configuration does not work in several processes.
    """
    from training.learners.local import LocalLearner

    if ranks.count == 1:
        return LocalLearner(policy, section, steps)
    launched = cast("AccelerateRanks", ranks)
    match launched.engine:
        case "DEEPSPEED":
            from training.learners.deepspeed import DeepSpeedLearner

            return DeepSpeedLearner(policy, section, steps, launched)
        case "FSDP":
            from training.learners.sharded import FsdpLearner

            return FsdpLearner(policy, section, steps, launched)
    from training.learners.accelerate import AccelerateLearner

    return AccelerateLearner(policy, section, steps, launched)
