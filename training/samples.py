"""What a run keeps of each sample, and how a step is summed up in numbers.

What this module does not do: write them (`training.store`) or draw them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine import Problem
from feedback import Category, Feedback, token_range
from training.records import Experience
from training.rows import feedback_metrics, feedback_row
from training.store import SampleRow


def sample_row(
    experience: Experience, problem: Problem, step: int, weights: NDArray[np.float32], prompt: str
) -> SampleRow:
    """One row of `samples` with its record (docs/architecture.md, "A run directory").

    Args:
        experience: The sample.
        problem: What it answers.
        step: The step it was drawn in.
        weights: [T] what its tokens' log-probabilities are multiplied by.
        prompt: What the policy was asked.
    """
    rollout = experience.rollout
    facts = {
        "prompt": prompt,
        "policy_version": rollout.policy_version,
        "finish_reason": str(rollout.finish_reason),
        "baseline": {"coarse": experience.baseline.coarse, "adaptive": experience.baseline.adaptive},
    }
    columns = {"id": rollout.token_ids, "logprob": rollout.logprobs, "advantage": weights.tolist()}
    return feedback_row(experience.feedback, problem, step=step, sample=rollout.sample, facts=facts, columns=columns)


def step_metrics(experiences: Sequence[Experience], infra: int) -> dict[str, float]:
    """Rewards and outcome shares of a step's samples; `infra` samples count in the shares and nowhere else."""
    count = len(experiences)
    metrics = feedback_metrics([each.feedback for each in experiences], infra)
    rewards = [each.feedback.rewards for each in experiences]
    lengths = [len(each.rollout.token_ids) for each in experiences]
    metrics["tokens/mean"] = float(np.mean(lengths)) if count else 0.0
    penalised = [np.count_nonzero(reward["fine"] + reward["static"]) for reward in rewards]
    skipped = [np.count_nonzero(~each.feedback.executed) for each in experiences if each.feedback.executed is not None]
    metrics["tokens/penalised_share"] = float(sum(penalised)) / max(1, sum(lengths))
    metrics["tokens/unexecuted_share"] = float(sum(skipped)) / max(1, sum(lengths))
    blames = [_located(each.feedback) for each in experiences]
    metrics["blames/unlocated"] = float(sum(group.count(False) for group in blames))
    metrics["blames/located"] = float(sum(group.count(True) for group in blames))
    return metrics


def _located(feedback: Feedback) -> list[bool]:
    """Of each blame for a line: whether any sampled token wrote that line. A mask that is silently empty shows here."""
    found = []
    for blame in feedback.blames:
        if blame.category is Category.LINE:
            first, last = token_range(blame.span, feedback.offsets) if blame.span else (0, 0)
            found.append(first < last)
    return found
