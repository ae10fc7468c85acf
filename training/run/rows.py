"""Turn feedback into rows of a run: one sample with its record, and a step's feedback as metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine import Execution, Problem
from feedback import COMPONENTS, Feedback
from training.run.record import shown_record
from training.run.store import SampleRow

OUTCOMES = ("passed", "failed", "runtime", "syntax", "timeout", "other", "infra")
"""The classes of curves and tables."""


def outcome_class(execution: Execution) -> str:
    """Return which of `OUTCOMES` an execution is."""
    if execution.error is None:
        return str(execution.verdict)
    kind = str(execution.error.kind)
    return kind if kind in ("syntax", "runtime", "timeout") else "other"


def feedback_row(
    feedback: Feedback,
    problem: Problem,
    *,
    step: int,
    sample: int,
    facts: Mapping[str, Any] | None = None,
    columns: Mapping[str, Sequence[Any]] | None = None,
) -> SampleRow:
    """Make one row of `samples` with its record (docs/architecture.md, "A run directory").

    Args:
        feedback: The feedback on the program.
        problem: The problem that it answers.
        step: The step at which it was sampled.
        sample: Its number among the step's samples of this problem.
        facts: More fields of the record, such as `policy_version`.
        columns: More fields of each token, by name with one value per token.

    Raises:
        ValueError: a column does not have one value per token.
    """
    record = {**shown_record(feedback, problem, f"{problem.id}/{step}/{sample}"), "step": step, "sample": sample}
    record |= facts or {}
    for name, values in (columns or {}).items():
        if len(values) != len(record["tokens"]):
            raise ValueError(f"{name}: {len(values)} values for {len(record['tokens'])} tokens; one each is needed")
        for token, value in zip(record["tokens"], values, strict=True):
            token[name] = value
    execution = feedback.report.execution
    return SampleRow(
        problem_id=problem.id,
        sample=sample,
        verdict=str(execution.verdict),
        error_type=execution.error.type if execution.error else "",
        pass_ratio=execution.pass_ratio,
        reward=mean_reward(feedback),
        codes=" ".join(sorted({blame.diagnostic.code for blame in feedback.blames})),
        record=record,
    )


def mean_reward(feedback: Feedback) -> float:
    """Compute the mean total reward over a sample's tokens, or 0 for an empty completion."""
    total = feedback.total
    return float(total.mean()) if len(total) else 0.0


def feedback_metrics(feedbacks: Sequence[Feedback], infra: int = 0) -> dict[str, float]:
    """Compute rewards and outcome shares of a step's samples. `infra` samples count in the shares alone."""
    count = len(feedbacks)
    classes = Counter(outcome_class(feedback.report.execution) for feedback in feedbacks)
    classes["infra"] += infra
    metrics = {f"outcome/{name}": classes[name] / max(1, count + infra) for name in OUTCOMES}
    metrics["pass_rate"] = classes["passed"] / max(1, count)
    metrics["reward/mean"] = float(np.mean([mean_reward(feedback) for feedback in feedbacks])) if count else 0.0
    for component in COMPONENTS:
        values = [feedback.rewards[component] for feedback in feedbacks]
        metrics[f"reward/{component}"] = float(np.mean([value.mean() for value in values if len(value)] or [0.0]))
    return metrics
