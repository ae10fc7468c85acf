"""From experiences to weights on their tokens.

What this module does not do: look up baselines (`training.baselines`), run a model, or add the supervised term.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from training.config.objective import ObjectiveSection
from training.objective.loss import LossTerms
from training.records import Experience, WeightedSequence


@dataclass(frozen=True, slots=True)
class Batch:
    """What a learner is told of one batch: `sum over sequences and tokens of scale * loss / divisor`."""

    sequences: list[WeightedSequence]
    divisor: float
    terms: LossTerms
    metrics: dict[str, float] = field(default_factory=dict)
    """What making the weights had to say."""


def token_weights(experience: Experience, objective: ObjectiveSection) -> NDArray[np.float32]:
    """What each token's log-probability is multiplied by (its advantage), float32 [T].

    Coarse and adaptive rewards say something of the whole program: they are taken relative to the baseline over 0..T
    (eq. 8, 10), divided by the group's standard deviation where the baseline has one (GRPO).
    Fine rewards lie on their span with alpha already in them, with no baseline (eq. 9) and not divided: a group that
    fails alike has no spread, and its blamed tokens are all there is to learn from it. Static rewards are treated like
    fine ones. So GRPO with token rewards is `(R - mean R) / std R + fine_t + static_t`.

    With `mask_unexecuted` program rewards skip tokens that no test ran: they cannot have changed the outcome
    (StepCoder, FGO). Nothing is skipped where executed lines are not known: after a pass, say.
    """
    rewards, baseline = experience.feedback.rewards, experience.baseline
    program = objective.coarse * (rewards["coarse"] - np.float32(baseline.coarse)) + objective.adaptive * (
        rewards["adaptive"] - np.float32(baseline.adaptive)
    )
    executed = experience.feedback.executed
    if objective.mask_unexecuted and executed is not None:
        program = program * executed
    weights: NDArray[np.float32] = (
        program / np.float32(baseline.scale) + objective.fine * rewards["fine"] + objective.static * rewards["static"]
    ).astype(np.float32)
    return weights


def loss_terms(objective: ObjectiveSection) -> LossTerms:
    """The terms of the loss beside the weighted log-probability."""
    clip = (objective.clip_low, objective.clip_high) if objective.clip_high else None
    return LossTerms(clip, objective.kl, objective.entropy)


def weighted_batch(
    experiences: Sequence[Experience],
    weights: Sequence[NDArray[np.float32]],
    objective: ObjectiveSection,
    longest: int,
) -> Batch:
    """A batch of experiences with weights on their tokens, normalised as the objective says.

    `longest` is the longest completion there can be, in tokens (the constant normaliser of Dr. GRPO).
    """
    scales, divisor = sequence_scales([len(each.rollout.token_ids) for each in experiences], objective, longest)
    sequences = [
        WeightedSequence(
            each.rollout.prompt_ids,
            each.rollout.token_ids,
            own,
            scale=scale,
            old_logprobs=np.array(each.rollout.logprobs, dtype=np.float32),
        )
        for each, own, scale in zip(experiences, weights, scales, strict=True)
    ]
    return Batch(sequences, divisor, loss_terms(objective))


def sequence_scales(lengths: Sequence[int], objective: ObjectiveSection, longest: int) -> tuple[list[float], float]:
    """What each sequence's token terms are multiplied by, and what the sum over the batch is divided by.

    `sequence_sum`: over samples (eq. 2). `sequence_mean`: each sample's own mean, over samples (GRPO).
    `token_mean`: over all tokens (DAPO, and RLTF's released code). `constant`: over samples times `longest` (Dr. GRPO).
    """
    count = float(max(1, len(lengths)))
    match objective.normalisation:
        case "sequence_sum":
            return [1.0] * len(lengths), count
        case "sequence_mean":
            return [1.0 / max(1, length) for length in lengths], count
        case "token_mean":
            return [1.0] * len(lengths), float(max(1, sum(lengths)))
        case "constant":
            return [1.0] * len(lengths), count * longest
