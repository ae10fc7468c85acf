"""The parts of a comparison of credit: its arms, and one seed's policy, judge and problems.

Arms named *oracle* know the tier's tables (`benchmarks.credit_oracle`): they say what credit could gain at most.
"""

from __future__ import annotations

import copy
import statistics
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.credit_oracle import mistake
from engine import Verdict
from training.buffer import Buffer
from training.config import TrainConfig
from training.evaluation.rates import judged_samples
from training.learners.local import LocalLearner
from training.models.forward import response_logprobs
from training.models.policy import set_threads
from training.models.prompts import encode_completion
from training.opening import Opened, open_parts
from training.problems import load_data
from training.ranks import ALONE
from training.records import Drawing, Group
from training.run.resume import new_beginning
from training.step import Trainer

PLAIN = {"supervised": 0.0, "fine": 0.0, "static": 0.0, "mask_unexecuted": False}
ORACLE = "benchmarks.credit_oracle:Oracle"
ARMS: dict[str, dict[str, Any]] = {
    "leave one out": {"algorithm": "rltf", "baseline": "leave_one_out", **PLAIN},
    "baseline 0": {"algorithm": "rltf", "baseline": "none", **PLAIN},
    "token rewards": {"algorithm": "rltf", "baseline": "leave_one_out", **PLAIN, "fine": 1.0, "static": 1.0},
    "grpo": {"algorithm": "grpo"},
    "raft": {"algorithm": "credit", "baseline": "none"},
    "negative": {"algorithm": "credit", "passing": 0.0, "failing": 1.0},
    "positive": {"algorithm": "credit"},
    "asymmetric": {"algorithm": "credit", "failing": 0.3},
    "choices": {"algorithm": "credit", "choices": 0.0},
    "contrast": {"algorithm": "credit", "contrast": 4.0},
    "contrast, doubled": {"algorithm": "credit", "contrast": 8.0},
    "contrast + peers": {"algorithm": "credit", "contrast": 4.0, "focus": 1.0},
    "peers": {"algorithm": "credit", "focus": 1.0},
    "peers, doubled": {"algorithm": "credit", "focus": 2.0},
    "peers + asymmetric": {"algorithm": "credit", "focus": 1.0, "failing": 0.3},
    "peers + choices": {"algorithm": "credit", "focus": 1.0, "choices": 0.0},
    "branch": {"algorithm": "branch", "focus": 1.0},
    "branch, no penalty": {"algorithm": "branch"},
    "branch + contrast": {"algorithm": "branch", "contrast": 4.0},
    "oracle choices": {"algorithm": ORACLE, "choices": 0.0},
    "oracle faults": {"algorithm": ORACLE, "focus": 1.0},
    "oracle": {"algorithm": ORACLE, "focus": 1.0, "choices": 0.0},
}
"""What is compared: `objective` of each. The learning rate and the reuse of samples are the same for all."""
COMMON = {
    "sampler.max_new_tokens": 192,
    "sampler.batch_size": 256,
    "training.supervised_batch": 0,
    "run.threads": 1,
}


@dataclass(frozen=True, slots=True)
class Setting:
    """What all arms of a comparison share."""

    tier: str
    seed: int
    steps: int
    """Optimizer steps of an arm."""
    rate: float
    """Learning rate at its highest."""
    portion: int = 16
    """Problems of a step."""

    def config(self, arm: str) -> TrainConfig:
        """Make the configuration of an arm."""
        keys = {f"objective.{key}": value for key, value in ARMS[arm].items()}
        own = {
            "model.name": f"embedded:{self.tier}",
            "data.train": f"minicode:{self.tier}:train",
            "data.held_out": f"minicode:{self.tier}:held_out",
            "sampler.problems_per_step": self.portion,
            "run.seed": self.seed,
            "training.steps": self.steps,
            "optimizer.learning_rate": self.rate,
        }
        return TrainConfig.load(None, {**COMMON, **keys, **own})


@dataclass(slots=True)
class Bench:
    """The parts of one seed, and the weights that every arm begins with."""

    opened: Opened
    setting: Setting
    initial: dict[str, Any]

    def trainer(self, arm: str) -> Trainer:
        """Put the policy back to its beginning, and let the arm learn it."""
        config, opened, steps = self.setting.config(arm), self.opened, self.setting.steps
        opened.policy.model.load_state_dict(self.initial)
        return replace(
            opened.trainer,
            algorithm=config.algorithm(config.objective, opened.trainer.algorithm.parts),
            learner=LocalLearner(opened.policy, config.optimizer, steps),
            buffer=Buffer(config),
            steps=steps,
        )

    def evaluate(self, problems: int, samples: int, temperature: float) -> dict[str, list[int]]:
        """Sample held-out problems; says of each whether its samples pass."""
        opened = self.opened
        passes: dict[str, list[int]] = {}
        judged = judged_samples(
            opened.policy,
            opened.trainer.rollouts.sampler,
            opened.scorer.engine.judge,
            opened.held_out[:problems],
            samples,
            Drawing(temperature),
            seed=self.setting.seed,
        )
        for each in judged:
            passes.setdefault(each.problem_id, []).append(int(each.execution.verdict is Verdict.PASSED))
        return passes

    def mistakes(self, problems: int) -> float:
        """Compute the mean probability of the weak step's mistake, after the reference up to there: exact and cheap."""
        policy, rollouts = self.opened.policy, self.opened.trainer.rollouts
        prompts, begun = [], []
        for problem in self.opened.held_out[:problems]:
            right, wrong = (encode_completion(policy, text) for text in mistake(problem.id))
            parted = next(i for i, pair in enumerate(zip(right, wrong, strict=False)) if pair[0] != pair[1])
            prompts.append(rollouts.prompt(problem))
            begun.append(wrong[: parted + 1])
        found = []
        with torch.inference_mode():
            for start in range(0, len(begun), 32):
                rows, _ = response_logprobs(policy, prompts[start : start + 32], begun[start : start + 32])
                found += [float(row[len(ids) - 1].exp()) for row, ids in zip(rows, begun[start:], strict=False)]
        return statistics.mean(found)


def open_bench(setting: Setting, folder: Path) -> Bench:
    """Load the model and start the judge; nothing of the run's folder is kept."""
    config = setting.config("leave one out")
    set_threads(1)
    problems, held_out = load_data(config)
    opened, _ = open_parts(config, folder, problems, print, lambda: None, ALONE, new_beginning(), held_out=held_out)
    return Bench(opened, setting, copy.deepcopy(opened.policy.model.state_dict()))


def draw_groups(bench: Bench, first: int, count: int) -> list[Group]:
    """Sample the initial policy on the training problems that steps `first` to `first + count` would take."""
    rollouts = bench.opened.trainer.rollouts
    requests = [request for step in range(first, first + count) for request in rollouts.requests(step)]
    return rollouts.groups(rollouts.draw(requests).judged)
