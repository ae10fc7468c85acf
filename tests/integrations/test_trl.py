"""Steps of TRL's own GRPO trainer on a tiny model, with rewards from a scorer."""

from __future__ import annotations

import json

import pytest
import torch

from engine import Engine, Verdict
from feedback import Scorer
from tests.feedback.test_scorer import Failing

trl = pytest.importorskip("trl", reason="TRL is not installed: pip install 'rltf[trl]'")
from integrations.trl import ScorerRewards, TokenRewardTrainer  # noqa: E402 (after the skip)

PROBLEM = {"inputs": ["3\n", "4\n"], "outputs": ["9\n", "16\n"]}
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def scorer(tokenizer):
    with Scorer(tokenizer, Engine(trace_lines=True)) as started:
        yield started


def arguments(folder, **changes):
    settings = {
        "output_dir": str(folder),
        "max_steps": 1,
        "per_device_train_batch_size": 16,
        "num_generations": 4,
        "max_completion_length": 64,
        "learning_rate": 1e-3,
        "use_cpu": True,
        "report_to": "none",
        "save_strategy": "no",
        "disable_tqdm": True,
        "logging_steps": 1,
        "seed": 3,
    }
    return trl.GRPOConfig(**{**settings, **changes})


def data(rows):
    from datasets import Dataset

    return Dataset.from_list(rows)


def test_a_grpo_step_learns_from_reward_functions(model_folder, tokenizer, scorer, rows, tmp_path):
    rewards = ScorerRewards(scorer, {tokenizer.eos_token_id})
    trainer = trl.GRPOTrainer(model_folder, rewards.functions, args=arguments(tmp_path), train_dataset=data(rows))
    before = {name: weight.clone() for name, weight in trainer.model.named_parameters()}
    trainer.train()
    (log,) = [entry for entry in trainer.state.log_history if "rewards/coarse/mean" in entry]
    assert log["rewards/coarse/mean"] == pytest.approx(
        sum(feedback.outcome("coarse") for feedback in rewards.feedback) / 16, abs=1e-6
    )
    passed = [feedback.report.execution.verdict is Verdict.PASSED for feedback in rewards.feedback]
    assert 0 < sum(passed) < len(passed)
    assert (log["pass_rate"], log["not_judged"]) == (sum(passed) / len(passed), 0.0)
    assert any((weight != before[name]).any() for name, weight in trainer.model.named_parameters())


def test_each_token_has_an_advantage_of_its_own(model_folder, tokenizer, scorer, rows, tmp_path):
    rewards = ScorerRewards(scorer, {tokenizer.eos_token_id})
    trainer = TokenRewardTrainer(model_folder, rewards, args=arguments(tmp_path), train_dataset=data(rows))
    kept = []
    inner = trainer._compute_loss

    def keeping(model, inputs):
        kept.append(inputs)
        return inner(model, inputs)

    trainer._compute_loss = keeping
    trainer.train()
    (batch,) = kept
    advantages, mask = batch["advantages"], batch["completion_mask"].bool()
    assert advantages.shape == batch["completion_ids"].shape
    scored = {}
    for feedback, ids in zip(rewards.feedback, rewards._scored, strict=True):
        scored.setdefault(tuple(ids), []).append(feedback)
    differing = 0
    for row, ids, valid in zip(advantages, batch["completion_ids"], mask, strict=True):  # TRL shuffles its batch
        feedback = scored[tuple(ids[valid].tolist())][0]
        rest = row[valid] - torch.from_numpy(feedback.token_rewards)
        assert torch.allclose(rest, rest[0].expand_as(rest), atol=1e-6)  # the completion's own, on all of its tokens
        differing += bool(feedback.token_rewards.any())
    assert differing  # some of these programs have errors


def test_completions_are_scored_once_with_their_own_finish_reason(tokenizer, scorer):
    rewards = ScorerRewards(scorer, {tokenizer.eos_token_id})
    ids = tokenizer("print(zz", add_special_tokens=False)["input_ids"]
    batch, columns = [[*ids, tokenizer.eos_token_id], ids], {"problem": [PROBLEM, json.dumps(PROBLEM)]}
    coarse, adaptive = (function(completion_ids=batch, **columns) for function in rewards.functions)
    ended, cut = rewards.feedback
    assert [function.__name__ for function in rewards.functions] == ["coarse", "adaptive"]
    assert coarse == [-1.0, -1.0]
    assert adaptive == pytest.approx([-0.3, -0.3])
    assert {blame.category.value for blame in ended.blames} == {"U_line"}
    assert {blame.category.value for blame in cut.blames} == {"U_global"}
    assert rewards.functions[0](completion_ids=batch, **columns) == coarse
    assert rewards.feedback == [ended, cut]
    assert len(rewards.functions[0](completion_ids=[ids], problem=[PROBLEM])) == 1


@pytest.mark.parametrize("changes", [{}, {"entropy_coef": 0.1}])
def test_a_completion_that_we_failed_to_judge_moves_nothing(model_folder, tokenizer, rows, tmp_path, changes):
    rewards = ScorerRewards(Scorer(tokenizer, Failing(10**6)), {tokenizer.eos_token_id})
    settings = arguments(tmp_path, **changes)
    trainer = TokenRewardTrainer(model_folder, rewards, args=settings, train_dataset=data(rows))
    before = {name: weight.clone() for name, weight in trainer.model.named_parameters()}
    trainer.train()
    assert {feedback.report.execution.verdict for feedback in rewards.feedback} == {Verdict.INFRA}
    assert all((weight == before[name]).all() for name, weight in trainer.model.named_parameters())


def test_a_weight_for_each_sequence_which_would_spread_token_rewards_is_refused(
    model_folder, tokenizer, scorer, rows, tmp_path
):
    rewards = ScorerRewards(scorer, {tokenizer.eos_token_id})
    settings = arguments(tmp_path, importance_sampling_level="sequence")
    with pytest.raises(ValueError, match=r"importance_sampling_level is 'sequence'; allowed .* 'token'"):
        TokenRewardTrainer(model_folder, rewards, args=settings, train_dataset=data(rows))


def test_a_data_set_without_the_column_is_told_so(tokenizer, scorer):
    rewards = ScorerRewards(scorer, {tokenizer.eos_token_id}, column="task")
    with pytest.raises(ValueError, match=r"column: no 'task' in the data set's; .*'problem'"):
        rewards.functions[0](completion_ids=[[1]], problem=[PROBLEM])


def test_reward_functions_of_ones_own_stand_beside_the_scorers(model_folder, tokenizer, scorer, rows, tmp_path):
    def length(completion_ids, **_):
        return [-float(len(ids)) for ids in completion_ids]

    rewards = ScorerRewards(scorer, {tokenizer.eos_token_id}, components=["coarse"])
    settings = arguments(tmp_path, reward_weights=[1.0, 0.5])
    trainer = TokenRewardTrainer(model_folder, rewards, reward_funcs=[length], args=settings, train_dataset=data(rows))
    trainer.train()
    (log,) = [entry for entry in trainer.state.log_history if "rewards/length/mean" in entry]
    coarse = sum(feedback.outcome("coarse") for feedback in rewards.feedback) / 16
    assert log["rewards/coarse/mean"] == pytest.approx(coarse, abs=1e-6)
    assert log["reward"] == pytest.approx(coarse + 0.5 * log["rewards/length/mean"], abs=1e-5)


def test_a_component_that_is_no_reward_of_a_program_is_refused(tokenizer, scorer):
    with pytest.raises(ValueError, match=r"components: 'fine', 'fast'; allowed: coarse, adaptive"):
        ScorerRewards(scorer, {tokenizer.eos_token_id}, components=["coarse", "fine", "fast"])
