"""What a step learns from."""

import pytest

from training.algorithms import ALGORITHMS
from training.buffer import Buffer
from training.config import TrainConfig
from training.seeds import in_turn


def buffer(rollouts, **changes):
    overrides = {
        "training.rollouts": rollouts,
        "buffer.batch_size": 3,
        "buffer.capacity": 4,
        "sampler.problems_per_step": 2,
        "sampler.samples_per_problem": 2,
        **changes,
    }
    return Buffer(TrainConfig.load(overrides=overrides))


def test_online_the_newest_are_learned_from_and_the_oldest_go():
    online = buffer("online", **{"buffer.batch_size": 7})
    online.add(range(6))
    assert list(online) == [2, 3, 4, 5]
    assert online.older(0, 4) == []  # more than the buffer holds beside the step's own
    online = buffer("online", **{"buffer.batch_size": 7, "buffer.capacity": 8})
    online.add(range(10))
    assert online.older(0, 4) == [7, 8, 9]


def test_samples_that_are_left_out_or_not_judged_are_not_made_up_for_with_older_ones():
    online = buffer("online", **{"buffer.batch_size": 6, "buffer.capacity": 8})
    online.add(range(8))
    assert [online.older(0, new) for new in (0, 3, 4, 5, 6)] == [[6, 7], [6, 7], [6, 7], [7], []]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("problems", [1, 16, 40])
def test_buffer_sizes_follow_what_a_step_samples(algorithm, problems):
    overrides = {
        "objective.algorithm": algorithm,
        "sampler.problems_per_step": problems,
        "sampler.samples_per_problem": 8,
    }
    config = TrainConfig.load(overrides=overrides)
    sampled, reuses = 8 * problems, algorithm in ("rltf", "credit", "branch")
    assert config.learned_per_step == (3 if reuses else 1) * sampled
    assert config.kept >= config.learned_per_step
    older = Buffer(config, range(config.kept)).older(5, sampled)  # without a ratio nobody learns from an old sample
    assert bool(older) == reuses
    assert not older or config.objective.clip_high


def test_without_the_ratio_the_default_learns_from_a_sample_once():
    config = TrainConfig.load(overrides={"objective.clip_low": 0, "objective.clip_high": 0})
    assert config.learned_per_step == 128


def test_repair_turns_have_room():
    config = TrainConfig.load(overrides={"sampler.turns": 4})
    assert config.kept == 4 * 128


def test_offline_all_are_kept_and_gone_through_in_turn():
    offline = buffer("offline")
    offline.add(range(6))
    assert sorted(offline.older(0, 0) + offline.older(1, 0)) == list(range(6))
    assert offline.older(2, 0) + offline.older(3, 0) != offline.older(0, 0) + offline.older(1, 0)
    assert offline.older(5, 0) == offline.older(5, 0)


def test_fewer_than_a_batch_are_all_learned_from():
    offline = buffer("offline")
    offline.add([7])
    assert offline.older(4, 0) == [7]
    assert buffer("online").older(0, 4) == buffer("offline").older(3, 0) == []


@pytest.mark.parametrize("portion", [1, 3, 7, 20])
def test_in_turn_is_the_same_sequence_in_whatever_portions_it_is_taken(portion):
    whole = in_turn(0, 2, 0, 40, 7)
    assert [i for start in range(0, 40, portion) for i in in_turn(0, 2, start, min(portion, 40 - start), 7)] == whole
    assert all(sorted(whole[start : start + 7]) == list(range(7)) for start in range(0, 35, 7))
