"""Rewards that depend on the group or the objective, by hand; what is listed stays what is added."""

from __future__ import annotations

import numpy as np
import pytest

from engine import Execution, Report, TestResult, Verdict
from feedback import FinishReason, RewardSettings, assess
from tests.training.algorithms import algorithm, section
from training.algorithms.shaping import overlong_penalty, shaped, weights_of_tests
from training.records import Group, Rollout, Sample

SETTINGS = RewardSettings()


def sampled(passes, problem="p", tokens=4):
    results = tuple(TestResult(Verdict.PASSED if passed else Verdict.FAILED, 0.0) for passed in passes)
    verdict = Verdict.PASSED if all(passes) else Verdict.FAILED
    report = Report(b"x=1\n", Execution(verdict, results, None, 0.0, ""), ())
    rollout = Rollout(problem, 0, (1,), tuple(range(tokens)), (-1.0,) * tokens, FinishReason.STOP, 0)
    offsets = np.array([[i, i + 1] for i in range(tokens)], np.int32)
    return Sample(rollout, assess(report, offsets, settings=SETTINGS))


def adaptive(group, **keys):
    found = shaped(group, section(**keys), SETTINGS, longest=8)
    return [float(sample.feedback.rewards["adaptive"][0]) for sample in found]


GROUP = [sampled([1, 1, 0]), sampled([1, 0, 0]), sampled([1, 1, 1]), sampled([0, 0, 0])]


def test_the_raw_pass_ratio_is_equation_5():
    assert np.allclose(adaptive(GROUP), [-0.3 + 1.3 * 2 / 3, -0.3 + 1.3 / 3, 1.0, -0.3])


def test_binary_gives_all_or_nothing():
    assert np.allclose(adaptive(GROUP, adaptive_reward="binary"), [-0.3, -0.3, 1.0, -0.3])


def test_difficulty_weighs_tests_by_how_few_pass_them():
    # pass rates 3/4, 2/4, 1/4 are 2.5 kernel widths apart: density 1 + e^-3.125 (+ e^-12.5) at the ends, 1 + 2e^-3.125
    near, far = np.exp(-3.125), np.exp(-12.5)
    raw = np.exp([-1.5, -1.0, -0.5]) / np.array([1 + near + far, 1 + 2 * near, 1 + near + far])
    weights = raw / raw.sum()
    expected = [weights[:2].sum(), weights[0], 1.0, 0.0]
    assert np.allclose(adaptive(GROUP, adaptive_reward="difficulty"), -0.3 + 1.3 * np.array(expected))


def test_tests_of_one_difficulty_share_their_weight():
    # three tests that half of the samples pass, one that a quarter passes
    passes = np.array([[1, 1, 1, 1], [1, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]], dtype=float)
    weights = weights_of_tests(passes)
    assert weights.sum() == pytest.approx(1)
    assert np.allclose(weights[:3], weights[0])
    near = np.exp(-3.125)
    assert weights[3] / weights[:3].sum() == pytest.approx(np.exp(0.5) / (1 + 3 * near) * (3 + near) / 3)


def test_the_greedy_program_is_one_of_the_group_and_each_group_is_weighed_alone():
    own = algorithm(keys={"adaptive_reward": "difficulty"}, longest=8)
    samples, greedy = own.shaped(Group("p", tuple(GROUP[:3]), GROUP[3]))
    found = [float(each.feedback.rewards["adaptive"][0]) for each in (*samples, greedy)]
    assert np.allclose(found, adaptive(GROUP, adaptive_reward="difficulty"))


def test_a_program_that_never_ran_passed_nothing():
    rollout = sampled([1]).rollout
    report = Report(b"x=1\n", Execution(Verdict.ERROR, (), None, 0.0, ""), ())
    broken = Sample(rollout, assess(report, np.array([[i, i + 1] for i in range(4)], np.int32), settings=SETTINGS))
    found = adaptive([*GROUP, broken], adaptive_reward="difficulty")
    assert found[4] == pytest.approx(-0.3)
    assert adaptive([broken], adaptive_reward="difficulty") == [pytest.approx(-0.3)]


def test_the_overlong_penalty_is_that_of_dapo():
    assert [overlong_penalty(tokens, 4, 16) for tokens in (1, 12, 13, 16)] == [0, 0, -0.25, -1]
    assert overlong_penalty(16, 0, 16) == 0


@pytest.mark.parametrize(
    "objective", [{"overlong": 6}, {"adaptive_reward": "difficulty"}, {"adaptive_reward": "binary"}]
)
def test_contributions_still_add_up_to_the_rewards(objective):
    for sample in shaped(GROUP, section(**objective), SETTINGS, longest=8):
        for index in range(4):
            for component, values in sample.feedback.rewards.items():
                amounts = [each.amount for each in sample.feedback.explain(index) if each.component == component]
                assert np.float32(sum(amounts)) == values[index]


def test_length_costs_coarse_reward_on_every_token():
    before, after = GROUP[2], shaped(GROUP, section(overlong=6), SETTINGS, longest=8)[2]
    assert np.allclose(after.feedback.rewards["coarse"], before.feedback.rewards["coarse"] - 2 / 6)


def failing(tokens):
    """A program that fails its test, of so many tokens."""
    execution = Execution(Verdict.FAILED, (), None, 0.0, "")
    report = Report(b"x" * tokens, execution, ())
    offsets = np.array([[i, i + 1] for i in range(tokens)], np.int32)
    rollout = Rollout("p", 0, (1,), tuple(range(tokens)), (0.0,) * tokens, FinishReason.STOP, 0)
    return Sample(rollout, assess(report, offsets, settings=SETTINGS))


@pytest.mark.parametrize("name", ["grpo", "dapo", "gspo", "dr_grpo"])
def test_a_group_that_fails_alike_has_no_deviation_of_its_lengths(name):
    keys = {"overlong": 20, "resampling": 0} if name == "dapo" else {"overlong": 20}
    own = algorithm(name, keys=keys, longest=40)
    group = Group("p", tuple(failing(tokens) for tokens in (10, 30, 32, 36)))
    weights = [float(experience.weights[0]) for experience in own.credit(group)]
    assert np.allclose(weights, [0.0, -10 / 20, -12 / 20, -16 / 20])  # the penalty itself, divided by nothing
    assert not own.has_signal(group)


def test_dynamic_sampling_filters_on_the_outcome_and_not_on_lengths():
    own = algorithm("dapo", keys={"overlong": 20}, longest=40, problems={"p": None, "q": None})
    group = Group("p", tuple(failing(tokens) for tokens in (10, 30, 32, 36)))
    assert own.credit(group) == []
    assert [request.problem_id for request in own.further([[group]], step=0)] == ["q"]
