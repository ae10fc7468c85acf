"""Pass rates on problems: sampling, judging, and the unbiased estimator.

What this module does not do: lint, reward or learn.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from engine import Execution, Judge, Problem, Verdict
from training.models.prompts import encode_prompt, program_place
from training.policy import Policy
from training.protocols import Sampler
from training.records import Rollout, SampleRequest
from training.sampler import request_seed

EVALUATION_STEP = 2**31 - 1
"""Stands for the step in evaluation seeds: every evaluation of a run draws with the same numbers."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One sampled program with its execution."""

    problem_id: str
    rollout: Rollout
    program: bytes
    execution: Execution


@dataclass(frozen=True, slots=True)
class PassRate:
    """Result of one evaluation."""

    pass_at_1: float
    """Mean over problems of passes / samples."""
    problems: int
    samples_per_problem: int
    classes: dict[str, float]
    """Share of samples by outcome class (see `outcome_class`)."""
    infra: int
    """Samples whose judging failed on our side; left out of the rates."""


def pass_at_k(samples: int, passes: int, k: int) -> float:
    """Unbiased estimate of the chance that at least one of k samples passes (Chen et al. 2021, eq. 1).

    Raises:
        ValueError: fewer samples than k; the estimator is not defined there.
    """
    if samples < k:
        raise ValueError(f"pass@{k} needs at least {k} samples of each problem, not {samples}")
    return 1.0 - math.comb(samples - passes, k) / math.comb(samples, k)


def outcome_class(execution: Execution) -> str:
    """Passed | failed | infra | syntax | runtime | timeout | other: the classes that curves and tables show."""
    if execution.error is None:
        return str(execution.verdict)
    kind = str(execution.error.kind)
    return kind if kind in ("syntax", "runtime", "timeout") else "other"


def judged_samples(
    policy: Policy,
    sampler: Sampler,
    judge: Judge,
    problems: Sequence[Problem],
    samples: int,
    *,
    seed: int,
    go_on: Callable[[], None] = lambda: None,
) -> Iterator[Judged]:
    """Sample every problem and judge each program while the next batch is sampled.

    `go_on` is called between batches and may raise to stop.
    """
    by_id = {problem.id: problem for problem in problems}
    requests = [
        SampleRequest(
            problem.id,
            encode_prompt(policy, problem),
            samples,
            request_seed(seed, EVALUATION_STEP, problem.id),
        )
        for problem in problems
    ]
    pending: list[tuple[Rollout, bytes, Future[Execution]]] = []
    for batch in sampler.sample(requests, policy_version=0):
        go_on()
        for rollout in batch:
            completion = b"".join(policy.bytes_of(rollout.token_ids))
            program = completion[program_place(completion, policy.section)]
            pending.append((rollout, program, judge.submit(program, by_id[rollout.problem_id])))
    for rollout, program, execution in pending:
        yield Judged(rollout.problem_id, rollout, program, execution.result())


def pass_rate(judged: Sequence[Judged]) -> PassRate:
    """Sum up judged samples.

    Raises:
        RuntimeError: nothing could be judged: that is our failure and not a pass rate of 0.
    """
    executions: dict[str, list[Execution]] = {}
    for each in judged:
        executions.setdefault(each.problem_id, []).append(each.execution)
    infra = sum(each.execution.verdict is Verdict.INFRA for each in judged)
    rates = []
    for group in executions.values():
        counted = [execution for execution in group if execution.verdict is not Verdict.INFRA]
        if counted:
            passes = sum(execution.verdict is Verdict.PASSED for execution in counted)
            rates.append(pass_at_k(len(counted), passes, 1))
    if not rates:
        reasons = Counter(each.execution.infra_reason for each in judged)
        raise RuntimeError(f"no sample could be judged: {reasons.most_common(1)}")
    classes = Counter(outcome_class(each.execution) for each in judged)
    shares = {name: count / len(judged) for name, count in sorted(classes.items())}
    return PassRate(sum(rates) / len(rates), len(rates), len(judged) // len(executions), shares, infra)
