"""Which problems a step takes, what their samples are compared with, and what becomes of those we cannot judge."""

from __future__ import annotations

import dataclasses
from concurrent.futures import Future
from types import SimpleNamespace

import numpy as np

from engine import Execution, Problem, Report, StdinTest, Verdict
from feedback import COMPONENTS, Feedback, FinishReason
from training.baselines import HistoricalBest
from training.config import TrainConfig
from training.experiences import filling_requests, further_requests, judge, sample, step_requests, with_signal
from training.ranks import ALONE
from training.records import Rollout


def problems(count):
    return {f"p{i}": Problem(f"p{i}", (StdinTest("", ""),)) for i in range(count)}


def configured(**changes):
    return TrainConfig.load(overrides={"sampler.problems_per_step": 4, **changes})


def session(step=0, **parts):
    given = {"greedy": None, "best": HistoricalBest(), "problems": problems(10), "prompt": lambda problem: (1, 2)}
    given |= {"ranks": ALONE, "cut_prompts": set()}
    return SimpleNamespace(**{"config": configured(), "step": step, "go_on": lambda: None, **given, **parts})


def chosen(step):
    return [request.problem_id for request in step_requests(session(step))]


def test_problems_are_a_function_of_seed_and_step_alone():
    assert chosen(3) == chosen(3)
    assert chosen(3) != chosen(4)


def test_every_problem_comes_once_before_any_comes_twice():
    first_round = [identifier for step in range(5) for identifier in chosen(step)][:10]
    assert sorted(first_round) == sorted(problems(10))


def test_seeds_differ_between_steps_and_problems():
    seeds = {request.seed for step in range(5) for request in step_requests(session(step))}
    assert len(seeds) == sum(len(chosen(step)) for step in range(5))


def rollout(sample, problem="p0"):
    return Rollout(problem, sample, (1, 2), (5, 6), (-1.0, -1.0), FinishReason.STOP, 0)


def feedback(verdict, coarse=0.0):
    report = Report(b"x", Execution(verdict, (), None, 0.0, "test"), ())
    rewards = {name: np.zeros(2, np.float32) for name in COMPONENTS}
    rewards["coarse"] += np.float32(coarse)
    return Feedback(report, (), np.zeros((2, 2), np.int32), rewards)


class FakeScorer:
    """Answers every submission with the next of the given feedbacks."""

    def __init__(self, feedbacks):
        self.feedbacks = list(feedbacks)

    def submit(self, token_ids, problem, finish_reason):
        future: Future[Feedback] = Future()
        future.set_result(self.feedbacks.pop(0))
        return future


def pending(*pairs):
    return [(rollout, FakeScorer([feedback]).submit((), None, None)) for rollout, feedback in pairs]


def test_a_program_that_we_failed_to_judge_is_left_out_and_counted():
    pairs = pending((rollout(0), feedback(Verdict.INFRA)), (rollout(1), feedback(Verdict.FAILED)))
    judged = judge(session(), pairs)
    assert [each.rollout.sample for each in judged.experiences] == [1]
    assert (judged.infra, judged.programs) == (1, 2)


class FakeSampler:
    def sample(self, requests, policy_version):
        for request in requests:
            yield [rollout(sample, request.problem_id) for sample in range(request.samples)]


def test_the_greedy_baseline_is_the_outcome_of_one_more_program_of_the_same_policy():
    now = session(
        scorer=FakeScorer([feedback(Verdict.FAILED, -0.3)] * 4 + [feedback(Verdict.PASSED, 1.0)]), greedy=FakeSampler()
    )
    now.sampler, now.config = FakeSampler(), configured(**{"objective.baseline": "greedy"})
    (request, *_) = step_requests(now)
    judged = judge(now, sample(now, [dataclasses.replace(request, samples=4)]))
    assert [each.baseline.coarse for each in judged.experiences] == [1.0] * 4
    assert [each.rollout.sample for each in judged.experiences] == [0, 1, 2, 3]
    assert (judged.infra, judged.programs) == (0, 5)


def test_samples_whose_greedy_program_we_failed_to_judge_are_left_out_and_counted():
    infra = feedback(Verdict.INFRA)
    now = session(scorer=FakeScorer([feedback(Verdict.FAILED), infra]), greedy=FakeSampler())
    now.sampler, now.config = FakeSampler(), configured(**{"objective.baseline": "greedy"})
    judged = judge(now, sample(now, [dataclasses.replace(step_requests(now)[0], samples=1)]))
    assert (judged.experiences, judged.infra) == ([], 1)


def test_groups_without_any_weight_have_no_signal():
    now = session()
    now.config = configured(**{"objective.algorithm": "dapo"})
    outcomes = {"p0": (-0.3, -0.3), "p1": (-0.3, 1.0), "p2": (1.0, 1.0)}
    pairs = [(rollout(i, name), feedback(Verdict.FAILED, r)) for name, rs in outcomes.items() for i, r in enumerate(rs)]
    judged = judge(now, pending(*pairs))
    assert {each.rollout.problem_id for each in with_signal(now, judged.experiences)} == {"p1"}
    assert len(with_signal(now, judged.experiences)) == 2


def test_further_problems_are_new_ones_and_a_function_of_step_and_attempt():
    asked = {"p0", "p1", "p2"}

    def further(attempt, step=0):
        return [request.problem_id for request in further_requests(session(step=step), asked, 4, attempt)]

    assert further(0) == further(0)
    assert len(set(further(0))) == 4
    assert not asked & set(further(0))
    assert further(0) != further(1) != further(0, step=1)


def test_filling_takes_all_problems_in_turn_and_then_draws_anew():
    now = session()
    now.config = configured(**{"buffer.initial": 13 * 8, "sampler.samples_per_problem": 8})
    requests = [request for portion in filling_requests(now) for request in portion]
    names = [request.problem_id for request in requests]
    assert len(names) == 13
    assert sorted(names[:10]) == sorted(problems(10))
    assert len({request.seed for request in requests}) == 13
