"""What a tiny model learns through the adapters of docs/trainers.md: rewards and losses before and after.

    .venv-trainers/bin/python -m benchmarks.adapter_steps [--write]        # `make trainers` makes .venv-trainers

The shipped model answers the shipped problems. Each batch of samples is learned from twice, so that the second time
shows what the first update did to the loss of the same samples.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from benchmarks.tables import write_between_markers
from engine import Engine
from feedback import Scorer
from training import minicode
from training.quality.audit.writing import problem_record

if TYPE_CHECKING:
    from verl import DataProto

    from integrations.verl import TokenRewardManager

SAMPLES, GROUP, TOKENS, RATE = 32, 8, 64, 1e-3
ENDS = 3
"""Batches at each end of a run that are averaged."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What one run saw, each by batch: mean program reward, share that passed, and the loss before and after."""

    rewards: list[float]
    passed: list[float]
    before: list[float]
    after: list[float]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--batches", type=int, default=20, help=f"batches of {SAMPLES} samples in each run")
    parser.add_argument("--write", action="store_true", help="write the table into docs/trainers.md")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    runs = {
        "TRL: `GRPOTrainer`, `reward_funcs`": with_trl("GRPOTrainer", arguments.batches),
        "TRL: `TokenRewardTrainer`": with_trl("TokenRewardTrainer", arguments.batches),
        "verl: `TokenRewardManager`, `token_grpo`": with_verl(arguments.batches),
    }
    table = _table(runs, arguments.batches)
    print(table)
    if arguments.write:
        write_between_markers(Path("docs/trainers.md"), "steps", table)


def rows() -> list[dict[str, str]]:
    """Rows of a data set as trainers read them: a prompt, and a problem in its public shape."""
    problems = minicode.problems("short", "train")
    return [{"prompt": each.prompt + "\n", "problem": json.dumps(problem_record(each))} for each in problems]


def with_trl(trainer: str, batches: int) -> Learned:
    """Train with a class of TRL or of `integrations.trl`."""
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    from integrations.trl import ScorerRewards, TokenRewardTrainer

    model = str(minicode.checkpoint("short"))
    tokenizer = AutoTokenizer.from_pretrained(model)
    with tempfile.TemporaryDirectory() as folder, Scorer(tokenizer, Engine(trace_lines=True)) as scorer:
        rewards = ScorerRewards(scorer, {tokenizer.eos_token_id})
        settings = GRPOConfig(
            output_dir=folder, max_steps=2 * batches, num_iterations=2, per_device_train_batch_size=SAMPLES,
            num_generations=GROUP, max_completion_length=TOKENS, learning_rate=RATE, lr_scheduler_type="constant",
            use_cpu=True, report_to="none", save_strategy="no", disable_tqdm=True, logging_steps=1, seed=0,
            model_init_kwargs={"dtype": "float32"},
        )  # fmt: skip
        data = Dataset.from_list(rows())
        if trainer == "GRPOTrainer":
            made = GRPOTrainer(model, rewards.functions, args=settings, train_dataset=data)
        else:
            made = TokenRewardTrainer(model, rewards, args=settings, train_dataset=data)
        made.train()
    log = [entry for entry in made.state.log_history if "loss" in entry]
    sampled = [entry for entry in log if "pass_rate" in entry]
    losses = [entry["loss"] for entry in log]
    assert len(sampled) == batches == len(losses) // 2
    return Learned(
        [each["reward"] for each in sampled], [each["pass_rate"] for each in sampled], losses[::2], losses[1::2]
    )


def with_verl(batches: int) -> Learned:
    """Train with verl's batch, advantages and loss. Its workers and rollouts, which need GPUs, are not started."""
    from omegaconf import OmegaConf
    from verl.trainer.ppo.core_algos import compute_policy_loss_vanilla
    from verl.trainer.ppo.ray_trainer import compute_advantage
    from verl.workers.config import ActorConfig

    from integrations.verl import TokenRewardManager

    folder, asked = minicode.checkpoint("short"), rows()
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    reward_kwargs = {"workers": 1, "extract": "whole"}
    manager = TokenRewardManager(OmegaConf.create({"reward": {"reward_kwargs": reward_kwargs}}), tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=0.0)
    config = ActorConfig(strategy="fsdp", rollout_n=GROUP, ppo_micro_batch_size_per_gpu=1)
    learned, prompts = Learned([], [], [], []), SAMPLES // GROUP
    for number in range(batches):
        first = number * prompts % (len(asked) - prompts)
        batch = verl_batch(model, tokenizer, asked[first : first + prompts], GROUP)
        scored = verl_scores(manager, batch)
        scores = TokenRewardManager.assemble_rm_scores(batch, [each["reward_score"] for each in scored])
        batch.batch["token_level_scores"] = batch.batch["token_level_rewards"] = scores
        algorithm = SimpleNamespace(get=lambda _, default: default)
        advantages = compute_advantage(batch, "token_grpo", config=algorithm).batch["advantages"]
        old, losses = verl_logprobs(model, batch).detach(), []
        for _ in range(2):
            new = verl_logprobs(model, batch)
            loss, _ = compute_policy_loss_vanilla(old, new, advantages, batch.batch["response_mask"], config=config)
            losses.append(float(loss.detach()))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        learned.before.append(losses[0])
        learned.after.append(losses[1])
        learned.rewards.append(statistics.mean(each["reward_score"][-1] for each in scored))
        learned.passed.append(statistics.mean(each["reward_extra_info"]["acc"] for each in scored))
    manager._scorer.close()
    return learned


def verl_batch(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, asked: Sequence[Mapping[str, str]], group: int
) -> DataProto:
    """Sample a group of responses to each row, as verl holds them: prompts padded left, responses right."""
    from verl import DataProto

    tokenizer.padding_side = "left"
    repeated = [row for row in asked for _ in range(group)]
    read = tokenizer([row["prompt"] for row in repeated], return_tensors="pt", padding=True)
    width, end = read["input_ids"].shape[1], tokenizer.eos_token_id
    ids = model.generate(
        input_ids=read["input_ids"], attention_mask=read["attention_mask"], do_sample=True, max_new_tokens=TOKENS,
        top_k=0, pad_token_id=tokenizer.pad_token_id, eos_token_id=end,
    )  # fmt: skip
    ended = ids[:, width:] == end
    mask = (ended.cumsum(1) - ended.long() == 0).long()
    return DataProto.from_dict(
        tensors={
            "prompts": ids[:, :width],
            "responses": ids[:, width:],
            "input_ids": ids,
            "attention_mask": torch.cat([read["attention_mask"], mask], dim=1),
            "response_mask": mask,
        },
        non_tensors={
            "reward_model": np.array([{"ground_truth": row["problem"]} for row in repeated], dtype=object),
            "uid": np.array([number // group for number in range(len(repeated))], dtype=object),
        },
    )


def verl_scores(manager: TokenRewardManager, batch: DataProto) -> list[dict[str, Any]]:
    """Score the responses of a batch at once, as verl's reward loop does."""

    async def all_of_them() -> list[dict[str, Any]]:
        return await asyncio.gather(*(manager.run_single(batch[i : i + 1]) for i in range(len(batch))))

    scored: list[dict[str, Any]] = manager.loop.run_until_complete(all_of_them())
    return scored


def verl_logprobs(model: PreTrainedModel, batch: DataProto) -> torch.Tensor:
    """Log-probabilities of the responses, [B, T]; each row is read without its padding on the left."""
    found = []
    width = batch.batch["responses"].shape[1]
    for ids, attended in zip(batch.batch["input_ids"], batch.batch["attention_mask"].bool(), strict=True):
        start = int(attended.long().argmax())
        logits = model(ids[None, start:]).logits[0, -width - 1 : -1]
        found.append(torch.log_softmax(logits, -1).gather(-1, ids[-width:, None]).squeeze(-1))
    return torch.stack(found)


def _table(runs: Mapping[str, Learned], batches: int) -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in ("trl", "verl", "torch", "transformers"))
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, {datetime.now(UTC):%Y-%m-%d}"
    lines = [
        f"Made by `python -m benchmarks.adapter_steps --write` ({versions},",
        f"{machine}): {batches} batches of {SAMPLES} samples from the shipped tiny model.",
        f"Rewards are means of the first and of the last {ENDS} batches. Losses are means over all batches, of the",
        "same samples before and after one update.",
        "",
        "| through | program reward | passed | loss |",
        "|---|---|---|---|",
    ]
    for name, learned in runs.items():
        rewards = f"{_mean(learned.rewards[:ENDS])} to {_mean(learned.rewards[-ENDS:])}"
        passed = f"{statistics.mean(learned.passed[:ENDS]):.0%} to {statistics.mean(learned.passed[-ENDS:]):.0%}"
        lines.append(f"| {name} | {rewards} | {passed} | {_mean(learned.before)} to {_mean(learned.after)} |")
    return "\n".join(lines)


def _mean(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.3f}"


if __name__ == "__main__":
    main()
