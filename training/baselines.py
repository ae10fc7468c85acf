"""Baselines: what the outcome of a rollout is compared with.

What this module does not do: touch fine or static rewards; those have no baseline (eq. 9).
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence

from feedback import Feedback
from training.config.objective import ObjectiveSection
from training.records import Baseline, Rollout

NO_BASELINE = Baseline(0.0, 0.0)
_NO_SPREAD = 1e-6
"""Rewards are float32: a smaller deviation is rounding."""


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


def group_baselines(
    rollouts: Sequence[Rollout],
    feedbacks: Sequence[Feedback],
    objective: ObjectiveSection,
) -> list[Baseline]:
    """Mean outcome of the samples of the same problem in this batch, with or without the sample itself.

    With `objective.group_std` the scale is the standard deviation (over the whole group, divided by n) of what the
    objective makes of the outcomes; a group without spread has scale 1: its differences are 0 anyway.
    A problem with a single sample has nothing to leave out: its baseline is 0.
    """
    outcomes = [outcome(feedback) for feedback in feedbacks]
    groups: dict[str, list[Baseline]] = defaultdict(list)
    for rollout, own in zip(rollouts, outcomes, strict=True):
        groups[rollout.problem_id].append(own)
    out = 1 if objective.baseline == "leave_one_out" else 0
    found = []
    for rollout, own in zip(rollouts, outcomes, strict=True):
        group = groups[rollout.problem_id]
        others = len(group) - out
        if not others:
            found.append(NO_BASELINE)
            continue
        coarse = (sum(each.coarse for each in group) - out * own.coarse) / others
        adaptive = (sum(each.adaptive for each in group) - out * own.adaptive) / others
        spread = statistics.pstdev(
            objective.coarse * each.coarse + objective.adaptive * each.adaptive for each in group
        )
        scaled = objective.group_std and spread > _NO_SPREAD
        found.append(Baseline(coarse, adaptive, spread if scaled else 1.0))
    return found
