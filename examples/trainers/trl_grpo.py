"""GRPO with TRL, one reward for each token. Runs as it is; change MODEL and ROWS for your own."""

import json
import sys

import torch
from datasets import Dataset
from transformers import AutoTokenizer
from trl import GRPOConfig

from engine import Engine
from feedback import Scorer
from integrations.trl import ScorerRewards, TokenRewardTrainer
from training import minicode
from training.quality.audit.writing import problem_record

MODEL = str(minicode.checkpoint("short"))  # a hub name or a folder
ROWS = [
    {"prompt": problem.prompt + "\n", "problem": json.dumps(problem_record(problem))}
    for problem in minicode.problems("short", "train")
]


def main(steps: int = 30) -> None:
    """Train for some steps and print the pass rate of each."""
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    with Scorer(tokenizer, Engine(judge_workers=2, trace_lines=True)) as scorer:
        rewards = ScorerRewards(scorer, end_ids={tokenizer.eos_token_id})
        trainer = TokenRewardTrainer(
            MODEL,
            rewards,
            args=GRPOConfig(
                output_dir="trl-run",
                max_steps=steps,
                per_device_train_batch_size=64,
                num_generations=8,
                max_completion_length=64,
                learning_rate=3e-4,
                logging_steps=1,
                report_to="none",
                model_init_kwargs={"dtype": "float32"},
                use_cpu=not torch.cuda.is_available(),
            ),
            train_dataset=Dataset.from_list(ROWS),
        )
        trainer.train()
    rates = [entry["pass_rate"] for entry in trainer.state.log_history if "pass_rate" in entry]
    print("pass rate by step:", " ".join(f"{rate:.2f}" for rate in rates))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
