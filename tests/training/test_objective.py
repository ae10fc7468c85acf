"""The objective against numbers worked out by hand from the paper's equations."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.training.algorithms import algorithm, section
from training.algorithms.loss import Loss
from training.algorithms.policy_gradient import token_weights
from training.records import Baseline

PAPER = section("rltf_paper")


def weights(experience, keys):
    return token_weights(experience.feedback, experience.baseline, keys)


def experience():
    """Four tokens; a run-time error on token 2 of a program that passed one test of two; the best so far failed."""
    rewards = {
        "coarse": np.full(4, -0.6, np.float32),  # eq. 3: an error that is not a syntax error
        "adaptive": np.full(4, 0.35, np.float32),  # eq. 5: -0.3 + 1.3 * 1/2
        "fine": np.array([0, 0, -1.2, 0], np.float32),  # eq. 9: alpha * R_f = 4/1 * -0.3
        "static": np.array([0, -0.5, 0, 0], np.float32),
    }
    return SimpleNamespace(
        feedback=SimpleNamespace(rewards=rewards, executed=np.array([True, True, True, False])),
        baseline=Baseline(-0.3, -0.3),
    )


def test_weights_are_the_sum_of_equations_8_to_10():
    # coarse: -0.6 - -0.3 = -0.3; adaptive: 0.35 - -0.3 = 0.65; fine as it is
    assert np.allclose(weights(experience(), PAPER), [0.35, 0.35, -0.85, 0.35])


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
    assert np.allclose(weights(experience(), PAPER.model_copy(update=change)), expected)


def test_the_mask_spares_unexecuted_tokens_the_programs_reward_but_not_their_own():
    masked = experience()
    masked.feedback.rewards["fine"][3] = -0.25
    assert np.allclose(weights(masked, section(mask_unexecuted=True)), [0.35, -0.15, -0.85, -0.25])
    masked.feedback.executed = None  # lines not known: nothing is spared
    assert np.allclose(weights(masked, section(mask_unexecuted=True)), [0.35, -0.15, -0.85, 0.1])


def tensor(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def test_loss_and_gradient_are_those_of_equation_2():
    logprobs = tensor([-1.0, -2.0], [-0.5, -3.0]).requires_grad_()
    weights = tensor([1.0, -0.5], [0.25, 0.0])
    loss = Loss().of_tokens(logprobs, weights).sum() / 2
    assert loss.item() == pytest.approx(-(-1.0 + 1.0 - 0.125) / 2)
    loss.backward()
    assert torch.equal(logprobs.grad, -weights / 2)


def test_the_clipped_surrogate_has_no_gradient_where_the_ratio_has_gone_far_enough():
    # ratios 1.5, 1.5, 0.5, 0.5, 1.1 with clip 0.2 below and 0.3 above
    ratios = tensor([1.5, 1.5, 0.5, 0.5, 1.1])
    weights = tensor([2.0, -2.0, 2.0, -2.0, 1.0])
    logprobs = ratios.log().requires_grad_()
    loss = Loss(clip=(0.2, 0.3)).of_tokens(logprobs, weights, old_logprobs=torch.zeros_like(ratios))
    assert torch.allclose(loss, -tensor([1.3 * 2, 1.5 * -2, 0.5 * 2, 0.8 * -2, 1.1]))
    loss.sum().backward()
    assert torch.allclose(logprobs.grad, -tensor([0, 1.5 * -2, 0.5 * 2, 0, 1.1]))  # d ratio / d logprob = ratio


def test_on_policy_the_surrogate_has_the_gradient_of_reinforce():
    logprobs, weights = tensor([-1.0, -0.2]).requires_grad_(), tensor([0.7, -1.3])
    Loss(clip=(0.2, 0.2)).of_tokens(logprobs, weights, old_logprobs=logprobs.detach().clone()).sum().backward()
    assert torch.allclose(logprobs.grad, -weights)


def test_the_kl_term_is_the_k3_estimate_with_its_gradient():
    logprobs = tensor([-1.0, -2.0]).requires_grad_()
    reference = tensor([-1.0 + np.log(2), -2.0])
    loss = Loss(kl=0.5).of_tokens(logprobs, tensor([0.0, 0.0]), reference_logprobs=reference)
    assert torch.allclose(loss, 0.5 * tensor([2 - np.log(2) - 1, 0.0]))
    loss.sum().backward()
    assert torch.allclose(logprobs.grad, 0.5 * tensor([1 - 2.0, 0.0]))


@pytest.mark.parametrize("loss", [Loss(kl=1.0), Loss(entropy=1.0)])
def test_a_term_without_its_input_is_refused(loss):
    with pytest.raises(ValueError, match="needs"):
        loss.of_tokens(tensor([-1.0]), tensor([1.0]))


@pytest.mark.parametrize(
    ("normalisation", "scales", "divisor"),
    [
        ("sequence_sum", [1, 1], 2),
        ("sequence_mean", [1 / 3, 1 / 5], 2),
        ("token_mean", [1, 1], 8),
        ("constant", [1, 1], 2 * 64),
    ],
)
def test_normalisation_by_hand(normalisation, scales, divisor):
    found = algorithm(keys={"normalisation": normalisation}, longest=64).scales([3, 5])
    assert found == (pytest.approx(scales), divisor)


def test_a_group_deviation_divides_program_rewards_and_leaves_token_rewards():
    grouped = experience()
    grouped.baseline = Baseline(-0.3, -0.3, scale=0.5)
    # (0.35) / 0.5 = 0.7; fine and static as they are
    assert np.allclose(weights(grouped, PAPER.model_copy(update={"static": 1})), [0.7, 0.2, -0.5, 0.7])
