"""Baselines, by hand."""

from types import SimpleNamespace

import numpy as np

from tests.training.algorithms import algorithm, section
from training.algorithms.baselines import group_baselines, outcome
from training.records import NO_BASELINE, Baseline, Group, Sample


def feedback(coarse, adaptive, length=3):
    rewards = {"coarse": coarse, "adaptive": adaptive, "fine": 0.0, "static": 0.0}
    return SimpleNamespace(
        rewards={name: np.full(length, value, np.float32) for name, value in rewards.items()}, executed=None
    )


def group(name, *rewards):
    return Group(name, tuple(Sample(SimpleNamespace(problem_id=name), feedback(*each)) for each in rewards))


def baselines(rewards, **keys):
    found = group_baselines([outcome(feedback(*each)) for each in rewards], section("rltf", **keys))
    return [(each.coarse, each.adaptive) for each in found]


def test_historical_best_is_the_best_of_earlier_steps_only():
    own = algorithm(keys={"baseline": "historical_best"})

    def credited(*groups):
        return [(each.baseline.coarse, each.baseline.adaptive) for one in groups for each in own.credit(one)]

    first = credited(group("a", (-0.6, -0.3), (-0.3, 0.35)), group("b", (1, 1)))
    assert np.allclose(first, [(0, 0), (0, 0), (0, 0)])
    second = credited(group("a", (-1.0, -0.3)), group("b", (-0.3, 0.35)), group("c", (1, 1)))
    assert np.allclose(second, [(-0.3, 0.35), (1, 1), (0, 0)])
    assert own.comparison.best["a"] == Baseline(-0.30000001192092896, 0.3499999940395355)


def test_the_best_is_kept_up_to_date_whichever_baseline_is_used():
    own = algorithm(keys={"baseline": "none"})
    assert [each.baseline for each in own.credit(group("a", (1, 1)))] == [NO_BASELINE]
    assert own.comparison.best == {"a": Baseline(1.0, 1.0)}


def test_leave_one_out_is_the_mean_of_the_others_of_the_same_problem():
    found = baselines([(1, 1), (-0.3, 0), (-0.6, -0.3)], baseline="leave_one_out")
    assert np.allclose(found, [(-0.45, -0.15), (0.2, 0.35), (0.35, 0.5)])
    assert baselines([(1, 1)], baseline="leave_one_out") == [(0, 0)]


def test_group_mean_includes_the_sample_itself():
    assert np.allclose(baselines([(1, 1), (-0.3, -0.3)], baseline="group_mean"), [(0.35, 0.35)] * 2)


def test_an_empty_completion_has_an_outcome_of_zero():
    assert outcome(feedback(1, 1, length=0)) == NO_BASELINE


def test_group_std_is_that_of_the_weighted_rewards_and_1_where_all_agree():
    keys = section("rltf", baseline="group_mean", group_std=True, coarse=1, adaptive=0.5)
    different = [outcome(feedback(1, 1)), outcome(feedback(-0.3, 0))]
    # rewards: 1.5 and -0.3, mean 0.6, deviation 0.9
    assert np.allclose([each.scale for each in group_baselines(different, keys)], [0.9, 0.9])
    alike = [outcome(feedback(-0.3, 0.1))] * 2
    assert [each.scale for each in group_baselines(alike, keys)] == [1.0, 1.0]


def test_a_resumed_algorithm_knows_the_best_so_far():
    own, resumed = algorithm(), algorithm()
    own.credit(group("a", (1, 1)))
    resumed.load(own.state())
    assert resumed.comparison.best == own.comparison.best
