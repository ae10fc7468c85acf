"""What a step learns from."""

import pytest

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
    online = buffer("online")
    online.add(range(6))
    assert list(online) == [2, 3, 4, 5]
    assert online.older(0, 0) == [3, 4, 5]


def test_online_older_ones_fill_up_what_a_step_samples_itself():
    online = buffer("online")
    online.add(range(6))
    assert [online.older(0, new) for new in range(5)] == [[3, 4, 5], [4, 5], [5], [], []]


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
    assert buffer("online").older(0, 0) == buffer("offline").older(3, 0) == []


@pytest.mark.parametrize("portion", [1, 3, 7, 20])
def test_in_turn_is_the_same_sequence_in_whatever_portions_it_is_taken(portion):
    whole = in_turn(0, 2, 0, 40, 7)
    assert [i for start in range(0, 40, portion) for i in in_turn(0, 2, start, min(portion, 40 - start), 7)] == whole
    assert all(sorted(whole[start : start + 7]) == list(range(7)) for start in range(0, 35, 7))
