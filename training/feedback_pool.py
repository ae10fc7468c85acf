"""Feedback from an engine's workers: rollout in, future of feedback out.

What this module does not do: judge or lint (the engine's workers do, on this machine or on a Ray cluster), or decide
what happens to `infra` verdicts.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from engine import Engine, Limits, Problem, Report
from feedback import Feedback, FinishReason, RewardSettings, assess, token_offsets
from training.cluster import RayEngine
from training.config import TrainConfig
from training.models.prompts import program_place
from training.policy import Policy
from training.protocols import ProgramEngine
from training.records import Rollout


class EngineFeedbackPool:
    """The `FeedbackPool` over any engine: what a report means for the tokens is found out here, in the trainer.

    Tokens, rewards and the policy stay in this process whichever engine judges, so its place changes no feedback.

    Args:
        engine: Judges and reads the programs; closed with the pool.
        policy: Knows the bytes of the token ids, and where the program lies in a completion.
        settings: The reward settings.
    """

    def __init__(self, engine: ProgramEngine, policy: Policy, settings: RewardSettings) -> None:
        self.engine = engine
        self._policy = policy
        self._settings = settings

    def submit(self, rollout: Rollout, problem: Problem) -> Future[Feedback]:
        """Start on a rollout; may block while too much is outstanding."""
        pieces = self._policy.bytes_of(rollout.token_ids)
        completion = b"".join(pieces)
        place = program_place(completion, self._policy.section)
        offsets = token_offsets(pieces, place)
        cut = rollout.finish_reason is FinishReason.LENGTH and place.stop == len(completion)
        finish_reason = FinishReason.LENGTH if cut else FinishReason.STOP  # what came after the program was cut off
        feedback: Future[Feedback] = Future()

        def finish(reported: Future[Report]) -> None:
            try:
                report = reported.result()
                feedback.set_result(assess(report, offsets, finish_reason=finish_reason, settings=self._settings))
            except BaseException as error:  # handed to whoever waits for the feedback
                feedback.set_exception(error)

        self.engine.submit(completion[place], problem).add_done_callback(finish)
        return feedback

    def close(self) -> None:
        """End every worker."""
        self.engine.close()


def open_pool(config: TrainConfig, policy: Policy, tell: Callable[[str], None], sharing: int = 1) -> EngineFeedbackPool:
    """Start the configured feedback workers; `tell` is given a line for whatever befalls those of a cluster later.

    `sharing` processes of the run each open a pool: on its own machine's workers, or on its share of the cluster's.

    Raises:
        SandboxError: programs cannot be confined as required, here or on a node of the cluster.
        ConfigError: there is no such cluster, or no Ray.
    """
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
        "trace_lines": needs_lines(config),
    }
    engine: ProgramEngine
    if config.feedback.backend == "ray":
        engine = RayEngine(arguments, config.feedback.ray_address, config.feedback.ray_workers, tell, sharing)
    else:
        engine = Engine(**arguments)
    return EngineFeedbackPool(engine, policy, config.feedback)


def needs_lines(config: TrainConfig) -> bool:
    """Whether anything is made of the lines that tests run; finding them costs failing programs one more run."""
    spectrum = config.feedback.mode == "default" and config.feedback.spectrum != "none" and config.objective.fine > 0
    return spectrum or config.objective.mask_unexecuted
