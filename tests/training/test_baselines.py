"""Baselines, by hand."""

from types import SimpleNamespace

import numpy as np

from training.baselines import HistoricalBest, group_baselines
from training.config.objective import ObjectiveSection
from training.records import Baseline

MEAN = ObjectiveSection(baseline="group_mean")


def feedback(coarse, adaptive, length=3):
    return SimpleNamespace(
        rewards={"coarse": np.full(length, coarse, np.float32), "adaptive": np.full(length, adaptive, np.float32)}
    )


def rollouts(*names):
    return [SimpleNamespace(problem_id=name) for name in names]


def close(found, expected):
    return np.allclose([(b.coarse, b.adaptive) for b in found], expected)


def test_historical_best_is_the_best_of_earlier_batches_only():
    best = HistoricalBest()
    first = best.baselines(rollouts("a", "a", "b"), [feedback(-0.6, -0.3), feedback(-0.3, 0.35), feedback(1, 1)])
    assert close(first, [(0, 0), (0, 0), (0, 0)])
    second = best.baselines(rollouts("a", "b", "c"), [feedback(-1.0, -0.3), feedback(-0.3, 0.35), feedback(1, 1)])
    assert close(second, [(-0.3, 0.35), (1, 1), (0, 0)])
    assert best.best["a"] == Baseline(-0.30000001192092896, 0.3499999940395355)


def test_leave_one_out_is_the_mean_of_the_others_of_the_same_problem():
    names, outcomes = (
        rollouts("a", "b", "a", "a"),
        [feedback(1, 1), feedback(1, 1), feedback(-0.3, 0), feedback(-0.6, -0.3)],
    )
    found = group_baselines(names, outcomes, ObjectiveSection(baseline="leave_one_out"))
    assert close(found, [(-0.45, -0.15), (0, 0), (0.2, 0.35), (0.35, 0.5)])


def test_group_mean_includes_the_sample_itself():
    found = group_baselines(rollouts("a", "a"), [feedback(1, 1), feedback(-0.3, -0.3)], MEAN)
    assert close(found, [(0.35, 0.35)] * 2)


def test_an_empty_completion_has_an_outcome_of_zero():
    assert close(group_baselines(rollouts("a"), [feedback(1, 1, length=0)], MEAN), [(0, 0)])


def test_group_std_is_that_of_the_weighted_rewards_and_1_where_all_agree():
    objective = ObjectiveSection(baseline="group_mean", group_std=True, coarse=1, adaptive=0.5)
    names, outcomes = rollouts("a", "a", "b", "b"), [feedback(1, 1), feedback(-0.3, 0), *[feedback(-0.3, 0.1)] * 2]
    found = group_baselines(names, outcomes, objective)
    # rewards of a: 1.5 and -0.3, mean 0.6, deviation 0.9
    assert np.allclose([each.scale for each in found], [0.9, 0.9, 1.0, 1.0])
