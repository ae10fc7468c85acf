"""One step's parts: which problems it takes, and what it does with programs that could not be judged."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace

import numpy as np
import pytest

from engine import Execution, Problem, Report, StdinTest, Verdict
from feedback import COMPONENTS, Feedback, FinishReason
from training.baselines import HistoricalBest
from training.config import TrainConfig
from training.records import Rollout
from training.step import experiences_of, requests_of


def problems(count):
    return {f"p{i}": Problem(f"p{i}", (StdinTest("", ""),)) for i in range(count)}


def session(step=0, problems_per_step=4, **parts):
    config = TrainConfig.load(overrides={"sampler.problems_per_step": problems_per_step, "objective.baseline": "none"})
    return SimpleNamespace(
        config=config, step=step, problems=problems(10), best=HistoricalBest(), prompt=lambda problem: (1, 2), **parts
    )


def chosen(step):
    return [request.problem_id for request in requests_of(session(step))]


def test_problems_are_a_function_of_seed_and_step_alone():
    assert chosen(3) == chosen(3)
    assert chosen(3) != chosen(4)


def test_every_problem_comes_once_before_any_comes_twice():
    first_round = [identifier for step in range(5) for identifier in chosen(step)][:10]
    assert sorted(first_round) == sorted(problems(10))


def test_seeds_differ_between_steps_and_problems():
    seeds = {request.seed for step in range(5) for request in requests_of(session(step))}
    assert len(seeds) == sum(len(chosen(step)) for step in range(5))


def rollout(sample):
    return Rollout("p0", sample, (1, 2), (5, 6), (-1.0, -1.0), FinishReason.STOP, 0)


def feedback(verdict):
    report = Report(b"x", Execution(verdict, (), None, 0.0, "test"), ())
    zeros = {name: np.zeros(2, np.float32) for name in COMPONENTS}
    return Feedback(report, (), np.zeros((2, 2), np.int32), zeros)


class Pool:
    """Answers every repeated submission with the given verdicts."""

    def __init__(self, verdicts):
        self.verdicts = list(verdicts)

    def submit(self, rollout, problem):
        future: Future[Feedback] = Future()
        future.set_result(feedback(self.verdicts.pop(0)))
        return future


@pytest.mark.parametrize(("second", "kept", "lost"), [(Verdict.PASSED, 2, 0), (Verdict.INFRA, 1, 1)])
def test_a_program_we_failed_to_judge_is_judged_again_and_then_left_out_and_counted(second, kept, lost):
    experiences, infra = experiences_of(
        session(pool=Pool([second])),
        [rollout(0), rollout(1)],
        [feedback(Verdict.INFRA), feedback(Verdict.FAILED)],
    )
    assert (len(experiences), infra) == (kept, lost)
