"""The objective against numbers worked out by hand from the paper's equations."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from training.config import ObjectiveSection
from training.objective import normaliser, policy_gradient_loss, token_weights
from training.records import Baseline

PAPER = ObjectiveSection(supervised=1, coarse=1, fine=1, adaptive=1, static=0, baseline="historical_best")


def experience():
    """Four tokens; a run-time error on token 2 of a program that passed one test of two; the best so far failed."""
    rewards = {
        "coarse": np.full(4, -0.6, np.float32),  # eq. 3: an error that is not a syntax error
        "adaptive": np.full(4, 0.35, np.float32),  # eq. 5: -0.3 + 1.3 * 1/2
        "fine": np.array([0, 0, -1.2, 0], np.float32),  # eq. 9: alpha * R_f = 4/1 * -0.3
        "static": np.array([0, -0.5, 0, 0], np.float32),
    }
    return SimpleNamespace(feedback=SimpleNamespace(rewards=rewards), baseline=Baseline(-0.3, -0.3))


def test_weights_are_the_sum_of_equations_8_to_10():
    # coarse: -0.6 - -0.3 = -0.3; adaptive: 0.35 - -0.3 = 0.65; fine as it is
    assert np.allclose(token_weights(experience(), PAPER), [0.35, 0.35, -0.85, 0.35])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"coarse": 0}, [0.65, 0.65, -0.55, 0.65]),
        ({"adaptive": 0}, [-0.3, -0.3, -1.5, -0.3]),
        ({"fine": 0}, [0.35, 0.35, 0.35, 0.35]),
        ({"static": 1}, [0.35, -0.15, -0.85, 0.35]),
        ({"fine": 0.5}, [0.35, 0.35, -0.25, 0.35]),
    ],
)
def test_each_component_has_its_own_weight(change, expected):
    assert np.allclose(token_weights(experience(), PAPER.model_copy(update=change)), expected)


def test_loss_and_gradient_are_those_of_equation_2():
    logprobs = torch.tensor([[-1.0, -2.0], [-0.5, -3.0]], dtype=torch.float64, requires_grad=True)
    weights = torch.tensor([[1.0, -0.5], [0.25, 0.0]], dtype=torch.float64)
    loss = policy_gradient_loss(logprobs, weights, divisor=2.0)
    assert loss.item() == pytest.approx(-(-1.0 + 1.0 - 0.125) / 2)
    loss.backward()
    assert torch.equal(logprobs.grad, -weights / 2)


def test_sequence_sum_divides_by_samples_and_token_mean_by_tokens():
    assert normaliser([3, 5], ObjectiveSection(normalisation="sequence_sum")) == 2
    assert normaliser([3, 5], ObjectiveSection(normalisation="token_mean")) == 8
