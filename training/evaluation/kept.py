"""What a run keeps of its held-out samples: each program with its outcome, beside the rate that they make."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from training.evaluation.rates import Judged
from training.run.rows import outcome_class


def kept_samples(judged: Iterable[Judged], drawn: Literal["sampled", "greedy"]) -> list[dict[str, Any]]:
    """Make the rows of a `held_out` event: `problem_id, sample, drawn, outcome, error_type, tests, program`.

    `tests` has one letter per test, as in `training.run.listing`.
    """
    return [
        {
            "problem_id": sample.problem_id,
            "sample": sample.rollout.sample,
            "drawn": drawn,
            "outcome": outcome_class(sample.execution),
            "error_type": sample.execution.error.type if sample.execution.error else "",
            "tests": "".join(str(test.verdict)[:1] for test in sample.execution.tests),
            "program": sample.program.decode(errors="replace"),
        }
        for sample in judged
    ]
