"""GSPO against its published objective, by hand: one ratio for each sequence."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine import Execution, Report, Verdict
from feedback import COMPONENTS, Feedback, FinishReason
from tests.training.algorithms import algorithm
from training.algorithms.gspo import SequenceLoss
from training.records import Group, Rollout, Sample


def tensor(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def test_loss_and_gradient_are_those_of_the_sequences_ratio():
    # log ratios 0.2, 0.4 (mean 0.3, s = e^0.3 = 1.34986) and -0.1, -0.3, 0.1 (mean -0.1, s = e^-0.1 = 0.904837)
    logprobs = tensor([-0.8, -1.6, 0.0], [-1.1, -2.3, -0.4]).requires_grad_()
    old = tensor([-1.0, -2.0, 0.0], [-1.0, -2.0, -0.5])
    real = torch.tensor([[True, True, False], [True, True, True]])
    weights = tensor([1.0, 1.0, 0.0], [-2.0, -2.0, -2.0])
    losses = SequenceLoss(clip=(0.2, 0.5)).of_tokens(logprobs, weights, real=real, old_logprobs=old)
    assert torch.allclose(losses[0, :2], tensor(-1.3498588, -1.3498588), atol=1e-6)  # below 1.5: not clipped
    assert torch.allclose(losses[1], tensor(1.8096748, 1.8096748, 1.8096748), atol=1e-6)
    (losses[0, :2].mean() + losses[1].mean()).backward()
    # d/d logprob_t of -s A = -s A / T, the same for every token of a sequence
    assert torch.allclose(logprobs.grad[0], tensor(-0.6749294, -0.6749294, 0.0), atol=1e-6)
    assert torch.allclose(logprobs.grad[1], tensor(0.6032249, 0.6032249, 0.6032249), atol=1e-6)


def test_a_sequence_whose_ratio_has_gone_far_enough_has_no_gradient_at_all():
    logprobs = tensor([-0.5, -3.0]).requires_grad_()  # ratios e^0.5 and e^-0.1: the sequence's is e^0.2 = 1.22
    losses = SequenceLoss(clip=(0.1, 0.1)).of_tokens(logprobs, tensor([1.0, 1.0]), old_logprobs=tensor([-1.0, -2.9]))
    assert losses.tolist() == [pytest.approx([-1.1, -1.1])]
    losses.sum().backward()
    assert not logprobs.grad.any()


def test_its_advantages_and_scales_are_grpos_and_its_clip_the_papers():
    own = algorithm("gspo")
    rewards = [1.0, -0.3]
    samples = []
    for index, coarse in enumerate(rewards):
        parts = {name: np.zeros(2, np.float32) for name in COMPONENTS} | {"coarse": np.full(2, coarse, np.float32)}
        report = Report(b"x", Execution(Verdict.FAILED, (), None, 0.0, ""), ())
        rollout = Rollout("p", index, (1,), (5, 6), (-1.0, -1.0), FinishReason.STOP, 0)
        samples.append(Sample(rollout, Feedback(report, (), np.zeros((2, 2), np.int32), parts)))
    batch = own.batch(own.credit(Group("p", tuple(samples))), 0)
    assert [sequence.weights.tolist() for sequence in batch.sequences] == [
        pytest.approx([1, 1]),
        pytest.approx([-1, -1]),
    ]
    assert [sequence.scale for sequence in batch.sequences] == [0.5, 0.5]
    assert (batch.divisor, batch.loss) == (2, SequenceLoss(clip=(3e-4, 4e-4)))
