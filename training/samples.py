"""What a run keeps of each sample, and how a step is summed up in numbers.

What this module does not do: write them (`training.store`) or draw them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import Problem
from feedback import COMPONENTS, Category, Feedback, token_range
from training.evaluation import outcome_class
from training.page import shown_record
from training.records import Experience
from training.store import SampleRow

OUTCOMES = ("passed", "failed", "syntax", "runtime", "timeout", "other", "infra")


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
    rollout, feedback = experience.rollout, experience.feedback
    execution = feedback.report.execution
    record: dict[str, Any] = {
        **shown_record(feedback, problem, f"{problem.id}/{step}/{rollout.sample}"),
        "prompt": prompt,
        "step": step,
        "sample": rollout.sample,
        "policy_version": rollout.policy_version,
        "finish_reason": str(rollout.finish_reason),
        "baseline": {"coarse": experience.baseline.coarse, "adaptive": experience.baseline.adaptive},
    }
    columns = zip(record["tokens"], rollout.token_ids, rollout.logprobs, weights.tolist(), strict=True)
    for token, token_id, logprob, advantage in columns:
        token |= {"id": token_id, "logprob": logprob, "advantage": advantage}
    return SampleRow(
        problem_id=problem.id,
        sample=rollout.sample,
        verdict=str(execution.verdict),
        error_type=execution.error.type if execution.error else "",
        pass_ratio=execution.pass_ratio,
        reward=mean_reward(experience),
        codes=" ".join(sorted({blame.diagnostic.code for blame in feedback.blames})),
        record=record,
    )


def mean_reward(experience: Experience) -> float:
    """Mean over a sample's tokens of its total reward; 0 for an empty completion."""
    total = experience.feedback.total
    return float(total.mean()) if len(total) else 0.0


def step_metrics(experiences: Sequence[Experience], infra: int) -> dict[str, float]:
    """Rewards and outcome shares of a step's samples; `infra` samples count in the shares and nowhere else."""
    count = len(experiences)
    classes = Counter(outcome_class(each.feedback.report.execution) for each in experiences)
    classes["infra"] += infra
    metrics = {f"outcome/{name}": classes[name] / max(1, count + infra) for name in OUTCOMES}
    metrics["pass_rate"] = classes["passed"] / max(1, count)
    metrics["reward/mean"] = float(np.mean([mean_reward(each) for each in experiences])) if count else 0.0
    rewards = [each.feedback.rewards for each in experiences]
    for component in COMPONENTS:
        values = [reward[component] for reward in rewards]
        metrics[f"reward/{component}"] = float(np.mean([value.mean() for value in values if len(value)] or [0.0]))
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
