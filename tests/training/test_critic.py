"""The critic on tiny real models: numbers from the definitions, learning, and exact restoring."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from engine import ErrorKind, Execution, ProgramError, Verdict
from training.algorithms.critic import OUTCOMES, PASSED, Critic, CriticLearner, load_critic, outcome_of, value_loss
from training.errors import PolicyError


@dataclass(frozen=True)
class Written:
    prompt_ids: tuple[int, ...]
    token_ids: tuple[int, ...]


TEXTS = [Written((5, 6, 7), (8, 9)), Written((5, 6), (10, 11, 12, 13)), Written((20,), (21,))]


@pytest.fixture(params=["decoder", "encoder_decoder"])
def policy(request, tiny_policy, encoder_decoder_policy):
    return tiny_policy if request.param == "decoder" else encoder_decoder_policy


def with_random_head(policy, outputs: int) -> Critic:
    critic = Critic(policy, outputs)
    torch.manual_seed(7)
    torch.nn.init.normal_(critic.network["head"].weight)
    torch.nn.init.normal_(critic.network["head"].bias)
    return critic


def model_states(policy, text: Written) -> torch.Tensor:
    """The last hidden states of the whole model, by transformers' own output of them."""
    prompt, tokens = torch.tensor([text.prompt_ids]), torch.tensor([text.token_ids])
    with torch.no_grad():
        if policy.model.config.is_encoder_decoder:
            start = torch.cat([torch.tensor([[0]]), tokens], dim=1)
            output = policy.model(input_ids=prompt, decoder_input_ids=start, output_hidden_states=True)
            return output.decoder_hidden_states[-1][0]
        output = policy.model(torch.cat([prompt, tokens], dim=1), output_hidden_states=True)
        return output.hidden_states[-1][0, len(text.prompt_ids) - 1 :]


def test_states_are_the_initial_policys_own(policy):
    states = Critic(policy, 1).states(TEXTS)
    for found, text in zip(states, TEXTS, strict=True):
        torch.testing.assert_close(found, model_states(policy, text), atol=1e-5, rtol=1e-4)


def test_token_values_follow_the_definition_q_is_softmax_of_the_linear_layer(policy):
    critic = with_random_head(policy, 4)
    outcomes = [2, 0, 3]
    head = critic.network["head"]
    for found, text, outcome in zip(critic.token_outcomes(TEXTS, outcomes, 6), TEXTS, outcomes, strict=True):
        logits = model_states(policy, text)[1:] @ head.weight.T + head.bias
        np.testing.assert_allclose(found, torch.softmax(logits, 1)[:, outcome].detach(), atol=1e-5)


def test_state_values_do_not_see_the_token_they_are_for(policy):
    critic = with_random_head(policy, 1)
    changed = replace(TEXTS[1], token_ids=(10, 11, 12, 40))
    before, after = critic.token_values([TEXTS[1], changed], 4096)
    np.testing.assert_allclose(before, after, atol=1e-5)
    other = critic.token_values([replace(TEXTS[1], token_ids=(10, 11, 30, 13))], 4096)[0]
    assert abs(other[3] - before[3]) > 1e-4


def test_the_last_prefix_is_the_whole_program(policy):
    critic = with_random_head(policy, 4)
    prefixes = critic.prefix_outcomes(TEXTS, 4096)
    assert [rows.shape for rows in prefixes] == [(2, 4), (4, 4), (1, 4)]
    pooled = model_states(policy, TEXTS[1])[1:].max(dim=0).values
    expected = torch.softmax(critic.head(pooled), dim=0).detach()
    np.testing.assert_allclose(prefixes[1][-1], expected, atol=1e-5)


def test_an_untrained_critic_finds_every_outcome_equally_likely(tiny_policy):
    found = Critic(tiny_policy, len(OUTCOMES)).token_outcomes(TEXTS, [0, 1, 2], 4096)
    assert all((row == 0.25).all() for row in found)


def test_the_critic_learns_its_samples_and_leaves_the_policy_alone(policy):
    untouched = {name: value.clone() for name, value in policy.model.state_dict().items()}
    learner = CriticLearner(Critic(policy, len(OUTCOMES)), 3e-3, 4096, 1.0)
    first = learner.fit_outcomes(TEXTS, [0, 1, 3])
    assert first["critic/loss"] == pytest.approx(np.log(4), abs=1e-5)  # uniform over four
    for _ in range(60):
        last = learner.fit_outcomes(TEXTS, [0, 1, 3])
    assert last["critic/accuracy"] == 1.0
    assert last["critic/loss"] < 0.2
    assert all(torch.equal(value, untouched[name]) for name, value in policy.model.state_dict().items())


def test_the_micro_batch_does_not_change_a_step(policy):
    def learned(tokens: int) -> dict[str, torch.Tensor]:
        learner = CriticLearner(with_random_head(policy, 4), 1e-2, tokens, 1.0)
        learner.fit_outcomes(TEXTS, [0, 1, 2])
        return learner.critic.network["head"].state_dict()

    one, many = learned(1), learned(4096)
    assert all(torch.allclose(one[name], many[name], atol=1e-4) for name in one)


def test_value_loss_by_hand():
    # v 1.0, R 2.0, old 0.5, clip 0.2: clipped to 0.7, (0.7 - 2)^2 = 1.69 > 1; within the clip the plain error counts
    values, returns, old = torch.tensor([1.0, 0.6]), torch.tensor([2.0, 0.0]), torch.tensor([0.5, 0.5])
    torch.testing.assert_close(value_loss(values, returns, old, 0.2), torch.tensor([0.845, 0.18]))


def test_values_approach_their_returns(policy):
    learner = CriticLearner(Critic(policy, 1), 3e-3, 4096, 1.0)
    returns = [np.full(len(text.token_ids), -0.5, dtype=np.float32) for text in TEXTS]
    for _ in range(40):
        old = learner.critic.token_values(TEXTS, 4096)
        loss = learner.fit_values(TEXTS, returns, old, clip=0.2)
    assert loss["critic/loss"] < 0.005


def test_a_restored_critic_goes_on_exactly(policy, tmp_path):
    def learner() -> CriticLearner:
        return CriticLearner(Critic(policy, len(OUTCOMES)), 1e-3, 4096, 1.0)

    one, two = learner(), learner()
    one.fit_outcomes(TEXTS, [0, 1, 2])
    torch.save(one.state(), tmp_path / "state.pt")
    two.load(torch.load(tmp_path / "state.pt", weights_only=True))
    for each in (one, two):
        each.fit_outcomes(TEXTS, [3, 1, 0])
    assert all(
        torch.equal(a, b) for a, b in zip(*(each.critic.network.parameters() for each in (one, two)), strict=True)
    )


def test_a_policy_with_an_adapter_gives_the_critic_whole_weights_of_its_own(tiny_policy):
    from copy import deepcopy

    from training.config import ModelSection
    from training.models.adapters import new_adapter

    adapted = replace(tiny_policy, model=new_adapter(deepcopy(tiny_policy.model), ModelSection(lora_rank=2)).eval())
    critic = Critic(adapted, 1)
    assert not any("lora" in name for name, _ in critic.network.named_parameters())
    assert all(parameter.requires_grad for parameter in critic.network.parameters())
    for found, text in zip(critic.states(TEXTS), TEXTS, strict=True):
        torch.testing.assert_close(found, model_states(tiny_policy, text), atol=1e-5, rtol=1e-4)


def test_a_gradient_that_is_not_finite_changes_nothing(tiny_policy):
    critic = with_random_head(tiny_policy, 1)
    learner = CriticLearner(critic, 1e-2, 4096, 1.0)
    before = [parameter.clone() for parameter in critic.network.parameters()]
    wrong = [np.full(len(text.token_ids), np.inf, dtype=np.float32) for text in TEXTS]
    with pytest.raises(FloatingPointError, match="critic's gradient norm"):
        learner.fit_values(TEXTS, wrong, wrong, 0.2)
    assert all(torch.equal(a, b) for a, b in zip(before, critic.network.parameters(), strict=True))


def test_a_checkpoints_critic_is_found(policy, tmp_path):
    with pytest.raises(PolicyError, match="holds no critic"):
        load_critic(tmp_path, policy)
    critic = with_random_head(policy, 4)
    torch.save({"critic": CriticLearner(critic, 1e-3, 4096, 1.0).state()}, tmp_path / "algorithm.pt")
    found = load_critic(tmp_path, policy).token_outcomes(TEXTS, [0, 1, 2], 4096)
    for left, right in zip(found, critic.token_outcomes(TEXTS, [0, 1, 2], 4096), strict=True):
        assert (left == right).all()


@pytest.mark.parametrize(
    ("verdict", "kind", "name"),
    [
        (Verdict.PASSED, None, "passed"),
        (Verdict.FAILED, None, "failed"),
        (Verdict.ERROR, ErrorKind.SYNTAX, "syntax"),
        (Verdict.ERROR, ErrorKind.TIMEOUT, "runtime"),
        (Verdict.ERROR, ErrorKind.RUNTIME, "runtime"),
    ],
)
def test_outcomes_are_coderls_four(verdict, kind, name):
    error = ProgramError(kind, "Some", "") if kind else None
    assert OUTCOMES[outcome_of(Execution(verdict, (), error, 0.0, ""))] == name
    assert OUTCOMES[PASSED] == "passed"


def test_what_we_failed_to_judge_has_no_outcome():
    with pytest.raises(ValueError, match="could not be judged"):
        outcome_of(Execution(Verdict.INFRA, (), None, 0.0, ""))
