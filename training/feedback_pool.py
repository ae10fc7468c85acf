"""Feedback from local worker processes: rollout in, future of feedback out.

What this module does not do: judge or lint (the engine's workers do), or decide what happens to `infra` verdicts.
"""

from __future__ import annotations

from concurrent.futures import Future

from engine import Engine, Problem, Report
from feedback import Feedback, FinishReason, RewardSettings, assess, token_offsets
from training.models.prompts import program_place
from training.policy import Policy
from training.records import Rollout


class LocalFeedbackPool:
    """The embedded `FeedbackPool`: an engine's workers on this machine.

    Args:
        engine: Judges and reads the programs; closed with the pool.
        policy: Knows the bytes of the token ids, and where the program lies in a completion.
        settings: The reward settings.
    """

    def __init__(self, engine: Engine, policy: Policy, settings: RewardSettings) -> None:
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
