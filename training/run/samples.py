"""What a run keeps of each sample of a step, and how the step is summed up in numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine import Problem, Verdict
from feedback import Category, Feedback, FinishReason, token_range
from training.records import NO_BASELINE, Experience, Group, Row, Sample
from training.run.recorder import Scored
from training.run.rows import feedback_metrics


def scored(sample: Sample, problem: Problem, experience: Experience | None, weights: Row | None, prompt: str) -> Scored:
    """Put together what is recorded of a sample (docs/architecture.md, "A run directory").

    Args:
        sample: With its feedback.
        problem: What it answers.
        experience: What the algorithm made of it; None where it left the group out.
        weights: [T] what its tokens' log-probabilities were multiplied by; None where it was not learned from yet.
        prompt: What the policy was asked.
    """
    rollout = sample.rollout
    baseline = experience.baseline if experience else NO_BASELINE
    if weights is None:
        weights = experience.weights if experience else np.zeros(len(rollout.token_ids), np.float32)
    facts = {
        "prompt": prompt,
        "policy_version": rollout.policy_version,
        "finish_reason": str(rollout.finish_reason),
        "baseline": {"coarse": baseline.coarse, "adaptive": baseline.adaptive},
        **({"moves": list(map(list, experience.moves))} if experience and experience.moves else {}),
    }
    feedback = experience.feedback if experience else sample.feedback
    return Scored(problem, feedback, rollout.token_ids, rollout.logprobs, weights.tolist(), rollout.sample, facts)


def step_metrics(groups: Sequence[Group], fresh: Sequence[Experience], turns: int) -> dict[str, float]:
    """Sum up a step's samples: rewards, outcomes, tokens, blames, turns.

    Samples that we failed to judge count in the outcomes' shares and nowhere else.

    Args:
        groups: The step's.
        fresh: What the algorithm made of them; their feedback is shaped.
        turns: Most tries of a sample.
    """
    shaped = {id(experience.rollout): experience.feedback for experience in fresh}
    samples = [sample for group in groups for sample in group.samples]
    feedbacks = [shaped.get(id(sample.rollout), sample.feedback) for sample in samples]
    metrics = feedback_metrics(feedbacks, sum(group.lost for group in groups))
    lengths = [len(sample.rollout.token_ids) for sample in samples]
    cut = sum(sample.rollout.finish_reason is FinishReason.LENGTH for sample in samples)
    metrics["completions/cut_share"] = cut / max(1, len(samples))
    metrics["tokens/mean"] = float(np.mean(lengths)) if lengths else 0.0
    penalised = [np.count_nonzero(feedback.rewards["fine"] + feedback.rewards["static"]) for feedback in feedbacks]
    skipped = [np.count_nonzero(~feedback.executed) for feedback in feedbacks if feedback.executed is not None]
    metrics["tokens/penalised_share"] = float(sum(penalised)) / max(1, sum(lengths))
    metrics["tokens/unexecuted_share"] = float(sum(skipped)) / max(1, sum(lengths))
    blames = [_located(feedback) for feedback in feedbacks]
    metrics["blames/unlocated"] = float(sum(group.count(False) for group in blames))
    metrics["blames/located"] = float(sum(group.count(True) for group in blames))
    signal = {experience.rollout.problem_id for experience in fresh if np.any(experience.weights)}
    silent = [sample for sample in samples if sample.rollout.problem_id not in signal]
    metrics["groups/without_signal"] = len(silent) / max(1, len(samples))
    for turn in range(turns if turns > 1 else 0):
        verdicts = [sample.feedback.report.execution.verdict for sample in samples if sample.rollout.turn == turn]
        metrics[f"turns/{turn + 1}/samples"] = float(len(verdicts))
        metrics[f"turns/{turn + 1}/pass_rate"] = verdicts.count(Verdict.PASSED) / max(1, len(verdicts))
    return metrics


def _located(feedback: Feedback) -> list[bool]:
    """Say of each blame for a line whether any sampled token wrote it. A mask that is silently empty shows here."""
    found = []
    for blame in feedback.blames:
        if blame.category is Category.LINE:
            first, last = token_range(blame.span, feedback.offsets) if blame.span else (0, 0)
            found.append(first < last)
    return found
