"""Learning: the same gradient however the sequences are batched and padded."""

import copy
import dataclasses

import numpy as np
import pytest
import torch

from training.algorithms.loss import Loss
from training.config import ConfigError, ModelSection, OptimizerSection
from training.learners.local import LocalLearner
from training.models.batching import sequence_logprobs
from training.models.reference import Reference
from training.records import WeightedSequence


def sequences():
    generator = np.random.default_rng(0)
    return [
        WeightedSequence(
            tuple(generator.integers(5, 200, prompt).tolist()),
            tuple(generator.integers(5, 200, length).tolist()),
            generator.normal(size=length).astype(np.float32),
        )
        for prompt, length in [(3, 5), (9, 2), (1, 7), (4, 4)]
    ]


def learner(policy, **changes):
    own = copy.copy(policy)
    object.__setattr__(own, "model", copy.deepcopy(policy.model))
    return LocalLearner(own, OptimizerSection(**changes), steps=10), own


def gradients(policy):
    return torch.cat(
        [parameter.grad.flatten() for parameter in policy.model.parameters() if parameter.grad is not None]
    )


def test_padding_and_batch_order_do_not_change_logprobs(tiny_policy):
    together = sequence_logprobs(tiny_policy, sequences())
    for row, sequence in enumerate(sequences()):
        alone = sequence_logprobs(tiny_policy, [sequence])[0]
        assert torch.allclose(together[row, : len(sequence.token_ids)], alone, atol=1e-5)


def test_micro_batch_size_does_not_change_the_gradient(tiny_policy):
    large, large_policy = learner(tiny_policy, micro_batch_tokens=10_000)
    small, small_policy = learner(tiny_policy, micro_batch_tokens=1)
    assert large.accumulate(sequences(), 4.0) == pytest.approx(small.accumulate(sequences()[::-1], 4.0), abs=1e-5)
    assert torch.allclose(gradients(large_policy), gradients(small_policy), atol=1e-5)


def test_sequences_without_weight_have_no_gradient(tiny_policy):
    some, some_policy = learner(tiny_policy)
    zero = [WeightedSequence(s.prompt_ids, s.token_ids, np.zeros_like(s.weights)) for s in sequences()]
    assert some.accumulate(zero, 4.0) == 0
    assert all(parameter.grad is None for parameter in some_policy.model.parameters())


def test_positive_weights_make_a_sequence_likelier_and_negative_ones_less_likely(tiny_policy):
    for sign in (1.0, -1.0):
        one, policy = learner(tiny_policy, learning_rate=1e-3, warmup_steps=0)
        sequence = WeightedSequence((7, 8, 9), (20, 21, 22), np.full(3, sign, np.float32))
        before = sequence_logprobs(policy, [sequence]).sum().item()
        one.accumulate([sequence], 1.0)
        one.update()
        assert sign * (sequence_logprobs(policy, [sequence]).sum().item() - before) > 0


def test_a_gradient_that_is_not_finite_stops_the_update_and_leaves_the_weights(tiny_policy):
    one, policy = learner(tiny_policy)
    before = [parameter.detach().clone() for parameter in policy.model.parameters()]
    one.accumulate([WeightedSequence((7,), (8, 9), np.array([np.inf, 1], np.float32))], 1.0)
    with pytest.raises(FloatingPointError):
        one.update()
    assert all(torch.equal(a, b) for a, b in zip(before, policy.model.parameters(), strict=True))


def test_learning_rate_warms_up_and_falls_to_its_final_fraction(tiny_policy):
    one, _ = learner(tiny_policy, learning_rate=1.0, warmup_steps=2, final_fraction=0.1)
    rates = []
    for _ in range(10):
        one.accumulate(sequences(), 1.0)
        rates.append(one.update()["learning_rate"])
    assert rates[:3] == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert rates == sorted(rates[:2]) + sorted(rates[2:], reverse=True)
    assert rates[-1] == pytest.approx(0.1 + 0.9 / 8)


def with_extras(sequence, generator):
    return dataclasses.replace(
        sequence,
        scale=1 / len(sequence.token_ids),
        old_logprobs=generator.uniform(-6, -4, len(sequence.token_ids)).astype(np.float32),
        reference_logprobs=generator.uniform(-6, -4, len(sequence.token_ids)).astype(np.float32),
    )


def test_every_term_is_invariant_to_padding_batch_order_and_micro_batches(tiny_policy):
    generator = np.random.default_rng(1)
    given, terms = [with_extras(each, generator) for each in sequences()], Loss((0.2, 0.3), kl=0.1)
    large, large_policy = learner(tiny_policy, micro_batch_tokens=10_000)
    small, small_policy = learner(tiny_policy, micro_batch_tokens=1)
    assert large.accumulate(given, 4.0, terms) == pytest.approx(small.accumulate(given[::-1], 4.0, terms), abs=1e-5)
    assert torch.allclose(gradients(large_policy), gradients(small_policy), atol=1e-5)


def test_a_kl_term_pulls_on_tokens_without_weight(tiny_policy):
    generator = np.random.default_rng(1)
    zero = [dataclasses.replace(with_extras(s, generator), weights=np.zeros_like(s.weights)) for s in sequences()]
    some, some_policy = learner(tiny_policy)
    assert some.accumulate(zero, 4.0, Loss(kl=0.1)) > 0
    assert gradients(some_policy).abs().max() > 0


def test_a_batch_where_only_some_have_old_logprobs_is_refused(tiny_policy):
    first, *rest = sequences()
    some, _ = learner(tiny_policy)
    with pytest.raises(ValueError, match="all sequences"):
        some.accumulate([with_extras(first, np.random.default_rng(1)), *rest], 1.0, Loss((0.2, 0.2)))


def test_the_reference_gives_the_policys_own_logprobs_in_the_order_asked(tiny_policy):
    own = dataclasses.replace(tiny_policy, model=copy.deepcopy(tiny_policy.model))
    found = Reference(own, micro_batch_tokens=20).logprobs(sequences())
    for sequence, row in zip(sequences(), found, strict=True):
        expected = sequence_logprobs(tiny_policy, [sequence])[0].detach().numpy()
        assert np.allclose(row, expected, atol=1e-5)


def test_float16_leaves_out_a_step_that_overflows_and_halves_the_scale(tiny_policy):
    half = dataclasses.replace(tiny_policy, section=ModelSection(dtype="float16"))
    one, policy = learner(half, learning_rate=1e-3, warmup_steps=0)
    before = [parameter.detach().clone() for parameter in policy.model.parameters()]
    one.accumulate([WeightedSequence((7,), (8, 9), np.array([1e30, 1], np.float32))], 1.0)
    metrics = one.update()
    assert (metrics["optimizer/skipped"], metrics["loss_scale"]) == (1, 2**16)
    assert all(torch.equal(a, b) for a, b in zip(before, policy.model.parameters(), strict=True))
    one.accumulate(sequences(), 4.0)
    metrics = one.update()
    assert (metrics["optimizer/skipped"], metrics["loss_scale"]) == (0, 2**15)
    plain, _ = learner(tiny_policy)
    plain.accumulate(sequences(), 4.0)
    assert metrics["gradient_norm"] == pytest.approx(plain.update()["gradient_norm"], rel=0.02)


def test_eight_bit_moments_are_refused_without_a_gpu(tiny_policy):
    with pytest.raises(ConfigError, match=r"optimizer\.eight_bit"):
        learner(tiny_policy, eight_bit=True)


def test_the_metrics_watch_the_distance_from_sampler_and_reference_and_what_is_clipped(tiny_policy):
    one, policy = learner(tiny_policy)
    sequence = WeightedSequence((7, 8, 9), (20, 21), np.ones(2, np.float32))
    now = sequence_logprobs(policy, [sequence])[0].detach().numpy()
    shifted = dataclasses.replace(
        sequence, old_logprobs=now - np.float32([np.log(2), 0]), reference_logprobs=now + np.float32([np.log(2), 0])
    )
    one.accumulate([shifted], 1.0, Loss((0.2, 0.2), kl=0.1))
    metrics = one.update()
    assert metrics["policy/kl_from_sampler"] == pytest.approx((0.5 + np.log(2) - 1) / 2, abs=1e-5)
    assert metrics["policy/kl_from_reference"] == pytest.approx((2 - np.log(2) - 1) / 2, abs=1e-5)
    assert metrics["policy/clipped_share"] == 0.5
    one.accumulate([sequence], 1.0)
    assert "policy/clipped_share" not in one.update()
