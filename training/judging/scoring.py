"""Open the run's scorer, whose engine is on this machine or on a Ray cluster.

Tokens, rewards and the policy stay in this process. The engine's place therefore changes no feedback.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine import Engine, Limits, ProgramEngine
from feedback import Scorer
from training.config import TrainConfig
from training.judging.cluster import RayEngine
from training.models.families import is_encoder_decoder
from training.models.policy import Policy
from training.named import load_named


def open_scorer(config: TrainConfig, policy: Policy, tell: Callable[[str], None], sharing: int = 1) -> Scorer:
    """Start the configured feedback workers. `tell` receives a line for whatever happens to a cluster's workers later.

    Each of `sharing` processes opens a scorer, on its own machine's workers or on its share of the cluster's.

    Raises:
        SandboxError: programs cannot be confined as required, here or on a node of the cluster.
        ConfigError: there is no such cluster, or no Ray.
    """
    for name in config.engine.analysers:
        load_named("engine.analysers", name)  # refused here, before a worker stumbles over it
    limits = Limits(
        cpu_seconds=config.engine.time_limit,
        memory_bytes=config.engine.memory_limit_mb << 20,
        timeouts=1,  # one is enough to know, and a hanging program costs a thousand times another
    )
    arguments: dict[str, Any] = {
        "judge_workers": config.engine.judge_workers,
        "analysis_workers": config.engine.analysis_workers,
        "limits": limits,
        "require": config.engine.require,
        "finders": config.engine.analysers,
        "trace_lines": config.objective.needs_lines(config.feedback.needs_lines),  # a second run of failing programs
    }
    engine: ProgramEngine
    if config.feedback.backend == "ray":
        engine = RayEngine(arguments, config.feedback.ray_address, config.feedback.ray_workers, tell, sharing)
    else:
        engine = Engine(**arguments)
    return Scorer(
        policy.tokenizer,
        engine,
        completions=policy.format.completion,
        settings=config.feedback,
        encoder_decoder=is_encoder_decoder(policy.model),
    )
