"""What every `Learner` does; under a launcher (test_processes.py) the same file holds it of many processes."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from training.algorithms.loss import Loss
from training.config import OptimizerSection, TrainConfig
from training.learners import open_learner, open_ranks
from training.learners.local import LocalLearner
from training.records import WeightedSequence

WHOLE = Loss(clip=(0.2, 0.2), kl=0.1, entropy=0.01)


@pytest.fixture(scope="module")
def ranks():
    opened = open_ranks()
    yield opened
    opened.close()


@pytest.fixture(params=["tiny", "tied", "encoder_decoder"])
def policy(request, tiny_policy, encoder_decoder_policy):
    if request.param == "encoder_decoder":
        return encoder_decoder_policy
    if request.param == "tiny":
        return tiny_policy
    config = copy.deepcopy(tiny_policy.model.config)
    config.tie_word_embeddings = True
    return replace(tiny_policy, model=type(tiny_policy.model)(config).eval())


@pytest.fixture
def make(ranks):
    def made(policy, **changes):
        own = replace(policy, model=copy.deepcopy(policy.model))
        settings = {"learning_rate": 1e-3, "warmup_steps": 0, **changes}
        overrides = {f"optimizer.{name}": value for name, value in settings.items()}
        return open_learner(TrainConfig.load(overrides=overrides).optimizer, own, 10, ranks), own

    return made


def local(policy, **changes):
    own = replace(policy, model=copy.deepcopy(policy.model))
    return LocalLearner(own, OptimizerSection(learning_rate=1e-3, warmup_steps=0, **changes), steps=10), own


def sequences(seed=0, count=9):
    """Prompts that some share, and lengths from one token to many: no two processes have as many tokens."""
    generator = np.random.default_rng(seed)
    prompts = [tuple(generator.integers(5, 90, length).tolist()) for length in (3, 9, 4)]

    def sequence(index):
        length = int(generator.integers(1, 4) ** 3)
        old = generator.uniform(-6, -3, length).astype(np.float32)
        reference = generator.uniform(-6, -3, length).astype(np.float32)
        ids, weights = generator.integers(5, 90, length), generator.normal(size=length).astype(np.float32)
        return WeightedSequence(prompts[index // 3 % 3], tuple(ids.tolist()), weights, 1 / length, old, reference)

    return [sequence(index) for index in range(count)]


def weights(policy):
    return torch.cat([parameter.detach().flatten() for parameter in policy.model.parameters()])


@pytest.mark.parametrize(("loss", "tokens"), [(Loss(), 4000), (WHOLE, 40)], ids=["plain", "whole"])
def test_it_makes_the_updates_of_one_process_and_says_the_same_of_them(make, policy, loss, tokens):
    learner, own = make(policy, micro_batch_tokens=tokens)
    one, expected = local(policy, micro_batch_tokens=tokens)
    for step in range(3):
        for part in (sequences(step), sequences(step + 10, count=1), []):  # accumulated, more and fewer than processes
            assert learner.accumulate(part, 7.0, loss) == pytest.approx(one.accumulate(part, 7.0, loss), rel=1e-4)
        found, wanted = learner.update(), one.update()
        for each in (found, wanted):
            assert 0 <= each.pop("padding_share") < 1
            assert each.pop("learned/prompt_tokens") > 0  # read once in each micro batch that needs it
        assert found == pytest.approx(wanted, rel=1e-3)
    assert torch.allclose(weights(own), weights(expected), atol=1e-5)  # a step moves them by 1e-3
    assert not torch.equal(weights(own), weights(policy))


def test_without_anything_to_learn_it_leaves_the_weights_alone(make, tiny_policy):
    learner, own = make(tiny_policy, weight_decay=0.5)
    learner.accumulate([replace(each, weights=np.zeros_like(each.weights)) for each in sequences()], 1.0)
    assert learner.update()["gradient_norm"] == 0
    assert torch.equal(weights(own), weights(tiny_policy))


def test_a_gradient_that_is_not_finite_stops_it_and_leaves_the_weights(make, tiny_policy):
    learner, own = make(tiny_policy)
    bad = sequences()
    bad[0].weights[0] = np.inf
    learner.accumulate(bad, 1.0)
    with pytest.raises(FloatingPointError):
        learner.update()
    assert torch.equal(weights(own), weights(tiny_policy))
    learner.accumulate(sequences(), 1.0)
    assert learner.update()["gradient_norm"] > 0


@pytest.mark.parametrize("way", ["to one process", "from one process"])
def test_its_state_is_gone_on_with_by_any_number_of_processes(make, tiny_policy, way):
    first, second = (make, local) if way == "to one process" else (local, make)
    begun, policy = first(tiny_policy)
    begun.accumulate(sequences(1), 3.0)
    begun.update()
    resumed, other = second(policy)
    resumed.load_state(copy.deepcopy(begun.state()))
    for learner in (begun, resumed):
        learner.accumulate(sequences(2), 3.0)
    assert resumed.update()["gradient_norm"] == pytest.approx(begun.update()["gradient_norm"], rel=1e-4)
    assert torch.allclose(weights(other), weights(policy), atol=1e-5)  # a step moves them by 1e-3
