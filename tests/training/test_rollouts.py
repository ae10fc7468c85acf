"""Which problems a step takes, what its samples are compared with, and what becomes of those we cannot judge."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from engine import Execution, Problem, Report, StdinTest, Verdict
from feedback import COMPONENTS, Feedback, FinishReason
from tests.training.algorithms import algorithm
from training.config import TrainConfig
from training.ranks import ALONE
from training.records import GREEDY, Group, Rollout
from training.rollouts import Rollouts, merged
from training.samplers import Sampler


def problems(count):
    return [Problem(f"p{i}", (StdinTest("", ""),)) for i in range(count)]


def rollout(sample, problem="p0", *, greedy=False, prompt=(1, 2)):
    return Rollout(problem, sample, prompt, (5, 6), (-1.0, -1.0), FinishReason.STOP, 0, greedy=greedy)


def feedback(verdict, coarse=0.0):
    report = Report(b"x", Execution(verdict, (), None, 0.0, "test"), ())
    rewards = {name: np.zeros(2, np.float32) for name in COMPONENTS}
    rewards["coarse"] += np.float32(coarse)
    return Feedback(report, (), np.zeros((2, 2), np.int32), rewards)


class Scorer:
    """Answers every submission with the next of the given feedbacks."""

    def __init__(self, feedbacks):
        self.feedbacks = list(feedbacks)

    def submit(self, token_ids, problem, finish_reason):
        future: Future[Feedback] = Future()
        future.set_result(self.feedbacks.pop(0))
        return future


class FakeSampler(Sampler):
    """Draws what it is asked for, the last request first."""

    def sample(self, requests):
        for request in reversed(requests):
            yield [
                rollout(sample, request.problem_id, greedy=request.drawing.greedy)
                for sample in range(request.first, request.first + request.samples)
            ]


class Prompted(Rollouts):
    """Without a policy: all prompts are alike."""

    def prompt(self, problem):
        return (1, 2)


def rollouts(feedbacks=(), count=10, **changes):
    config = TrainConfig.load(overrides={"sampler.problems_per_step": 4, **changes})
    return Prompted(config, None, FakeSampler(), Scorer(feedbacks), problems(count), ALONE, lambda: None)


def chosen(step):
    return [request.problem_id for request in rollouts().requests(step)]


def test_problems_are_a_function_of_seed_and_step_alone():
    assert chosen(3) == chosen(3)
    assert chosen(3) != chosen(4)


def test_every_problem_comes_once_before_any_comes_twice():
    first_round = [identifier for step in range(5) for identifier in chosen(step)][:10]
    assert sorted(first_round) == sorted(problem.id for problem in problems(10))


def test_seeds_differ_between_steps_and_problems():
    seeds = {request.seed for step in range(5) for request in rollouts().requests(step)}
    assert len(seeds) == sum(len(chosen(step)) for step in range(5))


def test_what_is_drawn_comes_in_the_order_of_the_requests_whoever_is_first():
    now = rollouts([feedback(Verdict.PASSED)] * 12, **{"sampler.samples_per_problem": 3})
    requests = now.requests(0)
    drawn = now.draw(requests).sampled
    assert [(each.problem_id, each.sample) for each in drawn] == [
        (request.problem_id, sample) for request in requests for sample in range(3)
    ]


def judged(now, *pairs):
    futures = [(each, now.scorer.submit((), None, None)) for each in pairs]
    return now.groups(futures)


def masked(given):
    return SimpleNamespace(masked=True, report=given.report)


def test_a_program_we_failed_to_judge_is_left_out_and_counted():
    now = rollouts([masked(feedback(Verdict.INFRA)), feedback(Verdict.FAILED)])
    (group,) = judged(now, rollout(0), rollout(1))
    assert ([each.rollout.sample for each in group.samples], group.lost) == ([1], 1)


def test_the_greedy_baseline_is_the_outcome_of_one_more_program_of_the_same_policy():
    own = algorithm(keys={"baseline": "greedy"})
    now = rollouts()
    (request, *_) = now.requests(0)
    asked = own.ask([replace(request, samples=4)])
    assert [(each.samples, each.drawing == GREEDY) for each in asked] == [(4, False), (1, True)]
    now.scorer = Scorer([feedback(Verdict.PASSED, 1.0)] + [feedback(Verdict.FAILED, -0.3)] * 4)  # greedy is drawn first
    drawn = now.draw(asked)
    assert [each.sample for each in drawn.sampled] == [0, 1, 2, 3]
    (group,) = now.portions_of(drawn).__next__()
    experiences = own.credit(group)
    assert [each.baseline.coarse for each in experiences] == [1.0] * 4
    assert [each.rollout.sample for each in experiences] == [0, 1, 2, 3]
    assert (group.lost, len(drawn.judged)) == (0, 5)


def test_samples_whose_greedy_program_we_failed_to_judge_are_left_out_and_counted():
    now = rollouts([feedback(Verdict.FAILED), masked(feedback(Verdict.INFRA))])
    (group,) = judged(now, rollout(0), rollout(0, greedy=True))
    assert (group.samples, group.lost) == ((), 1)
    assert algorithm(keys={"baseline": "greedy"}).credit(group) == []


def groups(outcomes):
    now = rollouts([feedback(Verdict.FAILED, reward) for rewards in outcomes.values() for reward in rewards])
    return judged(now, *(rollout(i, name) for name, rewards in outcomes.items() for i, _ in enumerate(rewards)))


def test_dapo_leaves_out_groups_without_any_weight():
    own = algorithm("dapo")
    found = groups({"p0": (-0.3, -0.3), "p1": (-0.3, 1.0), "p2": (1.0, 1.0)})
    assert [len(own.credit(group)) for group in found] == [0, 2, 0]


def test_further_problems_are_new_ones_and_a_function_of_step_and_round():
    now = rollouts()
    own = algorithm("dapo", problems=now.problems, request=now.request)
    silent = [Group(f"p{i}", ()) for i in range(3)]

    def further(*rounds, step=0):
        return [request.problem_id for request in own.further(rounds, step)]

    assert further(silent) == further(silent)
    assert len(set(further(silent))) == 3
    assert not {"p0", "p1", "p2"} & set(further(silent))
    assert further(silent) != further(silent, step=1)
    assert further(silent, silent) != further(silent)
    assert further(silent, silent, silent) == []  # resampling is 2


def test_further_problems_are_as_many_as_have_nothing_to_learn():
    now = rollouts()
    own = algorithm("dapo", problems=now.problems, request=now.request)
    found = groups({"p0": (-0.3, -0.3), "p1": (-0.3, 1.0), "p2": (1.0, 1.0)})
    assert len(own.further([found], 0)) == 2


def test_samples_of_further_rounds_join_their_problems_group():
    now = rollouts([feedback(Verdict.FAILED)] * 4)
    more = now.draw([replace(now.requests(0)[0], problem_id="p0", first=5, samples=2)])
    (one, other) = merged([judged(now, rollout(0), rollout(0, "p1")), now.groups(more.judged)])
    assert ([each.rollout.sample for each in one.samples], len(other.samples)) == ([0, 5, 6], 1)


def test_filling_takes_all_problems_in_turn_and_then_draws_anew():
    now = rollouts(**{"buffer.initial": 13 * 8, "sampler.samples_per_problem": 8})
    requests = [request for portion in now.filling() for request in portion]
    names = [request.problem_id for request in requests]
    assert len(names) == 13
    assert sorted(names[:10]) == sorted(problem.id for problem in problems(10))
    assert len({request.seed for request in requests}) == 13


@pytest.mark.parametrize("portions", [1, 3, 8])
def test_portions_keep_problems_together_and_the_order(portions):
    now = rollouts([feedback(Verdict.FAILED)] * 12, **{"sampler.samples_per_problem": 3})
    now.portions = portions
    drawn = now.draw(now.requests(0))
    found = [group.problem_id for groups in now.portions_of(drawn) for group in groups]
    assert found == [request.problem_id for request in now.requests(0)]
