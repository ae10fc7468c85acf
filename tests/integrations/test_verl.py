"""A step of a tiny model with verl's own batches, advantages and loss, on scores of the reward manager.

verl samples on vLLM or SGLang servers with GPUs; here transformers draws in their place, and all else is verl's.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from benchmarks.adapter_steps import verl_batch, verl_logprobs, verl_scores
from integrations.items import problem_of
from tests.feedback.test_scorer import Failing

pytest.importorskip("verl", reason="verl is not installed: pip install verl (docs/trainers.md)")
pytestmark = pytest.mark.filterwarnings("ignore")

PROMPTS, GROUP = 6, 4


@pytest.fixture(scope="module")
def verl():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from integrations import verl
    return verl


@pytest.fixture(scope="module")
def manager(verl, tokenizer):
    from omegaconf import OmegaConf

    config = OmegaConf.create({"reward": {"reward_kwargs": {"workers": 1, "extract": "whole"}}})
    made = verl.TokenRewardManager(config, tokenizer)
    yield made
    made._scorer.close()


@pytest.fixture(scope="module")
def model(model_folder):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)


@pytest.fixture(scope="module")
def batch(model, tokenizer, rows):
    """Four responses to each of some prompts."""
    torch.manual_seed(0)
    return verl_batch(model, tokenizer, rows[:PROMPTS], GROUP)


@pytest.fixture(scope="module")
def scored(manager, batch):
    return verl_scores(manager, batch)


def test_each_response_token_has_a_score_and_the_last_one_the_programs(manager, batch, scored):
    for row, result in enumerate(scored):
        length = int(batch.batch["response_mask"][row].sum())
        ids = batch.batch["responses"][row, :length].tolist()
        problem = problem_of(batch.non_tensor_batch["reward_model"][row]["ground_truth"])
        ended = ids[-1] == manager.tokenizer.eos_token_id
        feedback = manager._scorer.submit(ids, problem, "stop" if ended else "length").result()
        *tokens, program = result["reward_score"]
        assert tokens == feedback.token_rewards[:-1].tolist()
        assert program == pytest.approx(feedback.outcome("coarse") + feedback.outcome("adaptive"))
        assert result["reward_extra_info"]["acc"] == float(feedback.report.execution.verdict == "passed")
    assert {result["reward_extra_info"]["acc"] for result in scored} == {0.0, 1.0}


def test_a_step_with_verls_own_advantages_and_loss_moves_the_model(verl, manager, batch, scored, model):
    from verl.trainer.ppo.core_algos import compute_policy_loss_vanilla
    from verl.trainer.ppo.ray_trainer import compute_advantage
    from verl.workers.config import ActorConfig

    scores = verl.TokenRewardManager.assemble_rm_scores(batch, [result["reward_score"] for result in scored])
    assert scores.shape == batch.batch["responses"].shape
    batch.batch["token_level_scores"] = batch.batch["token_level_rewards"] = scores
    config = SimpleNamespace(get=lambda name, default: default)
    advantages = compute_advantage(batch, "token_grpo", config=config).batch["advantages"]
    mask = batch.batch["response_mask"].bool()
    programs = torch.tensor([result["reward_score"][-1] for result in scored]).view(PROMPTS, GROUP)
    expected = (programs - programs.mean(1, keepdim=True)) / (programs.std(1, keepdim=True) + 1e-6)
    for row, value in enumerate(expected.flatten()):
        own = torch.tensor([*scored[row]["reward_score"][:-1], 0.0])
        assert torch.allclose(advantages[row][mask[row]], value + own, atol=1e-5)
    assert not advantages[~mask].any()

    optimizer = torch.optim.Adam(model.parameters(), 1e-4)
    old = verl_logprobs(model, batch).detach()
    losses = []
    for _ in range(2):
        loss, _ = compute_policy_loss_vanilla(
            old,
            verl_logprobs(model, batch),
            advantages,
            mask,
            config=ActorConfig(strategy="fsdp", rollout_n=GROUP, ppo_micro_batch_size_per_gpu=1),
        )
        losses.append(float(loss.detach()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[1] < losses[0]


def test_the_streaming_trainer_gets_every_tokens_score(verl):
    from verl.experimental.agent_loop.agent_loop import AgentLoopMetrics

    output = verl.TokenRewardOutput(
        prompt_ids=[1, 2], response_ids=[5, 6, 7], response_mask=[1, 1, 1], metrics=AgentLoopMetrics()
    )
    assert "rm_scores" not in output.as_dict()
    output.reward_score = [0.0, -0.25, 1.5]
    assert output.as_dict()["rm_scores"].tolist() == [0.0, -0.25, 1.5]
    assert output.reward_score == [0.0, -0.25, 1.5]


def test_what_we_failed_to_judge_is_an_error_and_no_reward(verl, manager, batch, monkeypatch):
    from feedback import Scorer

    monkeypatch.setattr(manager, "_scorer", Scorer(manager.tokenizer, Failing(10**6)))
    with pytest.raises(RuntimeError, match="not judged"):
        manager.loop.run_until_complete(manager.run_single(batch[:1]))


def test_the_pages_overrides_are_read_by_verls_own_configuration(verl, tokenizer):
    import re
    from pathlib import Path

    from hydra import compose, initialize_config_module
    from verl.trainer.ppo.core_algos import get_adv_estimator_fn
    from verl.trainer.ppo.reward import load_reward_manager

    page = (Path(__file__).parents[2] / "docs" / "trainers.md").read_text(encoding="utf-8")
    overrides = re.search(r"## verl\n\n```\n(.+?)```", page, re.DOTALL)[1].split()
    with initialize_config_module("verl.trainer.config", version_base=None):
        config = compose("ppo_trainer", overrides)
    loaded = load_reward_manager(config, tokenizer)
    try:
        assert (loaded.__class__.__name__, loaded._scorer._completions.extract) == ("TokenRewardManager", "fence")
    finally:
        loaded._scorer.close()
    assert get_adv_estimator_fn(config.algorithm.adv_estimator) is verl.token_grpo_advantage
    target = re.search(r"_target_: integrations\.verl\.(\w+)", page)[1]
    assert getattr(verl, target) is verl.TokenRewardAgentLoop
