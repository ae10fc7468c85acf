"""Each algorithm's loss and gradient against its published equation, worked out apart in float64.

On a decoder-only and an encoder-decoder model: the same weights on tokens, whatever makes their log-probabilities.
"""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from feedback import FinishReason
from tests.training.algorithms import algorithm
from tests.training.families import build
from training.config import ModelSection, OptimizerSection
from training.learners.local import LocalLearner
from training.models.batching import sequence_logprobs
from training.models.policy import load_policy
from training.records import Baseline, Group, Rollout, Sample, WeightedSequence

LONGEST = 12
LENGTHS = (5, 3, 6, 4)
COARSE = (1.0, -0.3, -0.6, -0.3)
ADAPTIVE = (1.0, 0.35, -0.3, 0.1)
BEST = (0.4, 0.25)
"""Coarse and adaptive reward of the historical best (or greedy) program."""
GENERATOR = np.random.default_rng(7)
FINE = [GENERATOR.choice([0.0, -1.2], length).astype(np.float32) for length in LENGTHS]
STATIC = [GENERATOR.choice([0.0, -0.3], length).astype(np.float32) for length in LENGTHS]
EXECUTED = [None, None, np.array([1, 1, 0, 1, 0, 1], bool), np.array([1, 0, 1, 1], bool)]
TOKENS = [tuple(GENERATOR.integers(5, 300, length).tolist()) for length in LENGTHS]
OLD_SHIFT = [GENERATOR.normal(0, 0.3, length) for length in LENGTHS]
REFERENCE_SHIFT = [GENERATOR.normal(0, 0.5, length) for length in LENGTHS]
CLIP = (0.2, 0.28)

RETURNS = np.array(COARSE) + np.array(ADAPTIVE)
SPREAD = np.sqrt(((RETURNS - RETURNS.mean()) ** 2).mean())


def per_token(value):
    """[samples] -> one value for each token of each sample."""
    return [np.full(length, each) for length, each in zip(LENGTHS, value, strict=True)]


def added(*parts):
    return [sum(each) for each in zip(*parts, strict=True)]


BEYOND_BEST = per_token(RETURNS - sum(BEST))
BEYOND_MEAN = per_token(RETURNS - RETURNS.mean())
STANDARDISED = per_token((RETURNS - RETURNS.mean()) / SPREAD)
MASKED = [each * (1 if run is None else run) for each, run in zip(BEYOND_BEST, EXECUTED, strict=True)]
MEANS = [1 / (4 * length) for length in LENGTHS]

# algorithm, changed keys -> advantages, what each sample's sum is multiplied by, clip, KL weight
EQUATIONS = {
    "rltf_paper": ({}, added(BEYOND_BEST, FINE), [1 / 4] * 4, None, 0),  # eq. 6, 8, 9, 10
    "rltf_release": ({}, added(BEYOND_BEST, FINE), [1 / 18] * 4, None, 0),  # as released
    "rltf": (
        {"mask_unexecuted": True, "baseline": "historical_best", "normalisation": "sequence_sum", "clip_low": 0.2},
        added(MASKED, FINE, STATIC),
        [1 / 4] * 4,
        CLIP,
        0,
    ),
    "grpo": ({"kl": 0.04, "clip_high": 0.28}, STANDARDISED, MEANS, CLIP, 0.04),  # DeepSeekMath, eq. 3, 4
    "dr_grpo": ({"clip_high": 0.28}, BEYOND_MEAN, [1 / (4 * LONGEST)] * 4, CLIP, 0),
    "dapo": ({}, STANDARDISED, [1 / 18] * 4, CLIP, 0),  # DAPO, eq. 8
    "grpo, token rewards": (
        {"fine": 1, "static": 1, "clip_high": 0.28},
        added(STANDARDISED, FINE, STATIC),
        MEANS,
        CLIP,
        0,
    ),
    "rltf, no mask": (
        {"mask_unexecuted": False, "baseline": "historical_best", "clip_low": 0.0, "clip_high": 0.0},
        added(BEYOND_BEST, FINE, STATIC),
        [1 / 4] * 4,
        None,
        0,
    ),
}


@pytest.fixture(scope="module", params=["qwen2", "codet5"])
def policy(request, tmp_path_factory):
    return load_policy(ModelSection(name=str(build(request.param, tmp_path_factory.mktemp("m") / request.param))))


def batch_of(own, old, reference):
    rollouts = [
        Rollout("p", i, (7, 8, 9), ids, tuple(row), FinishReason.STOP, 0)
        for i, (ids, row) in enumerate(zip(TOKENS, old, strict=True))
    ]
    feedbacks = [
        SimpleNamespace(
            rewards={
                "coarse": np.full(length, coarse, np.float32),
                "adaptive": np.full(length, adaptive, np.float32),
                "fine": fine,
                "static": static,
            },
            executed=run,
        )
        for length, coarse, adaptive, fine, static, run in zip(
            LENGTHS, COARSE, ADAPTIVE, FINE, STATIC, EXECUTED, strict=True
        )
    ]
    own.comparison.best = {"p": Baseline(*BEST)}
    samples = tuple(Sample(*pair) for pair in zip(rollouts, feedbacks, strict=True))
    greedy = SimpleNamespace(
        rollout=None, feedback=SimpleNamespace(rewards={"coarse": [BEST[0]], "adaptive": [BEST[1]]})
    )
    batch = own.batch(own.credit(Group("p", samples, greedy)), 0)
    rows = [row.astype(np.float32) for row in reference]
    return dataclasses.replace(
        batch,
        sequences=[
            dataclasses.replace(each, reference_logprobs=row) for each, row in zip(batch.sequences, rows, strict=True)
        ],
    )


def expected_terms(logprobs, old, reference, advantages, clip, kl):
    """Loss of each token and its derivative by the log-probability, float64."""
    if clip:
        ratio = np.exp(logprobs - old)
        bounded = np.clip(ratio, 1 - clip[0], 1 + clip[1])
        loss = -np.minimum(ratio * advantages, bounded * advantages)
        held = (advantages > 0) & (ratio > 1 + clip[1]) | (advantages < 0) & (ratio < 1 - clip[0])
        slope = np.where(held, 0.0, -ratio * advantages)
    else:
        loss, slope = -advantages * logprobs, -advantages
    q_over_p = np.exp(reference - logprobs)
    return loss + kl * (q_over_p - np.log(q_over_p) - 1), slope + kl * (1 - q_over_p)


@pytest.mark.parametrize("name", EQUATIONS)
def test_loss_and_gradient_are_those_of_the_equations(policy, name):
    changes, advantages, factors, clip, kl = EQUATIONS[name]
    own = algorithm(
        name.partition(",")[0], keys={key: value for key, value in changes.items() if key != "kl"}, longest=LONGEST
    )
    plain = [WeightedSequence((7, 8, 9), ids, np.ones(len(ids), np.float32)) for ids in TOKENS]
    rows = sequence_logprobs(policy, plain)
    logprobs = [rows[i, :length].double() for i, length in enumerate(LENGTHS)]
    now = [row.detach().numpy() for row in logprobs]
    old, reference = added(now, OLD_SHIFT), added(now, REFERENCE_SHIFT)
    terms = [expected_terms(*each, clip, kl) for each in zip(now, old, reference, advantages, strict=True)]
    expected_loss = sum(factor * loss.sum() for factor, (loss, _) in zip(factors, terms, strict=True))
    policy.model.zero_grad()
    sum(
        (factor * torch.from_numpy(slope) * row).sum()
        for factor, (_, slope), row in zip(factors, terms, logprobs, strict=True)
    ).backward()
    expected = gradients(policy)

    for tokens in (1, 10_000):  # whatever shares a micro-batch
        policy.model.zero_grad()
        batch = batch_of(own, old, reference)
        learner = LocalLearner(policy, OptimizerSection(micro_batch_tokens=tokens), steps=10)
        loss = learner.accumulate(batch.sequences, batch.divisor, dataclasses.replace(batch.loss, kl=kl))
        assert loss == pytest.approx(expected_loss, rel=1e-4)
        assert torch.allclose(gradients(policy), expected, atol=1e-6 + 1e-4 * float(expected.abs().max()))


def gradients(policy):
    return torch.cat([each.grad.flatten() for each in policy.trained if each.grad is not None])


def test_the_entropy_bonus_is_that_of_the_whole_distribution(policy):
    sequence = WeightedSequence((7, 8, 9), TOKENS[0], np.zeros(5, np.float32))
    entropies = []
    for length in range(5):  # by the log-probability of every token of the vocabulary
        last = [(*TOKENS[0][:length], token) for token in range(520)]
        all_tokens = [WeightedSequence((7, 8, 9), ids, np.zeros(length + 1, np.float32)) for ids in last]
        logprobs = sequence_logprobs(policy, all_tokens)[:, length].detach().double()
        entropies.append(float(-(logprobs.exp() * logprobs).sum()))
    learner = LocalLearner(policy, OptimizerSection(), steps=10)
    rollout = Rollout("p", 0, (7, 8, 9), TOKENS[0], (-1.0,) * 5, FinishReason.STOP, 0)
    experience = SimpleNamespace(rollout=rollout, weights=sequence.weights)
    batch = algorithm(keys={"entropy": 0.5}).batch([experience], 0)
    assert learner.accumulate(batch.sequences, 1.0, batch.loss) == pytest.approx(-0.5 * sum(entropies), rel=1e-4)
    assert learner.update()["policy/entropy"] == pytest.approx(np.mean(entropies), rel=1e-4)
