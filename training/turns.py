"""Multi-turn repair in training: a program that fails its public tests goes back with what is wrong (after RLEF).

Every turn's rollout is an ordinary experience with its own prompt, rewarded on the hidden tests; RLEF (Gehring et al.
2024) rewards the last turn alone. What this module does not do: word the prompt (`training.repair`) or sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from engine import Problem, Verdict
from training.models.prompts import program_of
from training.records import Experience, Rollout, SampleRequest
from training.repair import complaint, encode_repair, split_tests

if TYPE_CHECKING:
    from training.session import Session


def public_and_hidden(
    problems: Iterable[Problem], turns: int, first: int
) -> tuple[dict[str, Problem], dict[str, Problem]]:
    """The problems as repair turns know them (none where there is one turn only), and as rewards are given on them."""
    if turns == 1:
        return {}, {problem.id: problem for problem in problems}
    split = {problem.id: split_tests(problem, first) for problem in problems}
    return {name: public for name, (public, _) in split.items()}, {name: hidden for name, (_, hidden) in split.items()}


def repair_requests(
    session: Session, rollouts: Sequence[Rollout], seeds: dict[str, tuple[int, ...]], turn: int
) -> list[SampleRequest]:
    """One more try for every rollout of the turn before whose program fails its public tests, but not for our failures.

    A sample keeps its index from turn to turn, `samples_per_problem` higher each time.
    """
    config = session.config
    judged = []
    for rollout in rollouts:
        public = session.public[rollout.problem_id]
        program = program_of(session.policy, rollout.token_ids, public)
        judged.append((rollout, program, public, session.scorer.engine.judge.submit(program, public)))
    requests = []
    for rollout, program, public, future in judged:
        execution = future.result()
        if execution.verdict in (Verdict.PASSED, Verdict.INFRA):
            continue
        prompt, cut = encode_repair(session.policy, public, program, complaint(execution, public))
        if cut:
            session.cut_prompts.add(rollout.problem_id)
        index = turn * config.sampler.samples_per_problem + rollout.sample % config.sampler.samples_per_problem
        requests.append(SampleRequest(rollout.problem_id, prompt, 1, seeds[rollout.problem_id], index))
    return requests


def turn_metrics(experiences: Sequence[Experience], samples_per_problem: int, turns: int) -> dict[str, float]:
    """How many programs each turn has, and how many of them pass: `turns/2/samples`, `turns/2/pass_rate`, and so on."""
    metrics: dict[str, float] = {}
    for turn in range(turns if turns > 1 else 0):
        own = [each for each in experiences if each.rollout.sample // samples_per_problem == turn]
        passed = sum(each.feedback.report.execution.verdict is Verdict.PASSED for each in own)
        metrics[f"turns/{turn + 1}/samples"] = float(len(own))
        metrics[f"turns/{turn + 1}/pass_rate"] = passed / max(1, len(own))
    return metrics
