"""Baselines: what the outcome of a rollout is compared with.

What this module does not do: touch fine or static rewards; those have no baseline (eq. 9).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from feedback import Feedback
from training.records import Baseline, Rollout

NO_BASELINE = Baseline(0.0, 0.0)


def outcome(feedback: Feedback) -> Baseline:
    """The program-level rewards of one sample: the same for all of its tokens, 0 for an empty completion."""
    coarse, adaptive = feedback.rewards["coarse"], feedback.rewards["adaptive"]
    return Baseline(float(coarse[0]), float(adaptive[0])) if len(coarse) else NO_BASELINE


class HistoricalBest:
    """The best program the policy itself has produced so far for each problem (RLTF section 3.2.3, `W_base`).

    A problem never sampled before has no best program: its baseline is 0, plain REINFORCE.
    """

    def __init__(self, best: dict[str, Baseline] | None = None) -> None:
        self.best = dict(best or {})

    def baselines(self, rollouts: Sequence[Rollout], feedbacks: Sequence[Feedback]) -> list[Baseline]:
        """The best of each rollout's problem before this batch; the batch is then taken into account."""
        known = [self.best.get(rollout.problem_id, NO_BASELINE) for rollout in rollouts]
        for rollout, feedback in zip(rollouts, feedbacks, strict=True):
            new, old = outcome(feedback), self.best.get(rollout.problem_id)
            if old is None or new.coarse + new.adaptive > old.coarse + old.adaptive:
                self.best[rollout.problem_id] = new
        return known


def group_mean(
    rollouts: Sequence[Rollout], feedbacks: Sequence[Feedback], *, leave_one_out: bool = False
) -> list[Baseline]:
    """Mean outcome of the samples of the same problem in this batch, with or without the sample itself.

    A problem with a single sample has nothing to leave out: its baseline is 0.
    """
    outcomes = [outcome(feedback) for feedback in feedbacks]
    groups: dict[str, list[Baseline]] = defaultdict(list)
    for rollout, own in zip(rollouts, outcomes, strict=True):
        groups[rollout.problem_id].append(own)
    out = 1 if leave_one_out else 0
    found = []
    for rollout, own in zip(rollouts, outcomes, strict=True):
        group = groups[rollout.problem_id]
        others = len(group) - out
        coarse = sum(each.coarse for each in group) - out * own.coarse
        adaptive = sum(each.adaptive for each in group) - out * own.adaptive
        found.append(Baseline(coarse / others, adaptive / others) if others else NO_BASELINE)
    return found
