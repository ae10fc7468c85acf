"""A run of any objective that is stopped and gone on with ends with the weights of one that was not."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file

from training.config import TrainConfig
from training.errors import Interrupted
from training.loop import train
from training.run import Run
from training.step import Trainer

pytestmark = pytest.mark.slow

TINY = {
    "data.limit": 6,
    "data.held_out_limit": 1,
    "sampler.problems_per_step": 2,
    "sampler.samples_per_problem": 3,
    "buffer.capacity": 6,
    "buffer.batch_size": 6,
    "buffer.initial": 6,
    "training.steps": 2,
    "training.supervised_batch": 2,
    "evaluation.samples_per_problem": 1,
    "optimizer.warmup_steps": 0,
}
OBJECTIVES = {  # the default is in test_loop
    "paper": {"objective.algorithm": "rltf_paper"},
    "release": {"objective.algorithm": "rltf_release"},
    "grpo, offline, KL, token rewards": {
        "objective.algorithm": "grpo",
        "objective.kl": 0.1,
        "objective.fine": 1,
        "training.rollouts": "offline",
        "buffer.initial": 12,
    },
    "dr_grpo": {"objective.algorithm": "dr_grpo"},
    "gspo": {"objective.algorithm": "gspo"},
    "branch": {"objective.algorithm": "branch", "objective.branches": 1, "objective.focus": 1},
    "dapo, difficulty": {
        "objective.algorithm": "dapo",
        "objective.overlong": 16,
        "objective.adaptive_reward": "difficulty",
    },
    "sft": {"objective.algorithm": "sft"},
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_stopping_and_going_on_ends_with_the_same_weights(tmp_path, name):
    config = TrainConfig.load(overrides={**TINY, **OBJECTIVES[name]})
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    summary = train(config, whole)

    def one_step_done() -> bool:
        return any(row["name"] == "loss/supervised" for row in Run(halves).metrics())

    with pytest.raises(Interrupted):
        train(config, halves, should_stop=one_step_done)
    resumed = train(config, halves, resume=True)
    left, right = weights(whole, 2), weights(halves, 2)
    assert all(bool((left[key] == right[key]).all()) for key in left)
    assert not all(bool((left[key] == value).all()) for key, value in weights(whole, 0).items())
    assert resumed.samples == summary.samples


@pytest.mark.parametrize(
    "options",
    [
        {"objective.algorithm": "rltf_paper"},
        {"objective.algorithm": "coderl", "critic.warmup_steps": 2},
        {"objective.algorithm": "grpo", "training.rollouts": "offline"},
    ],
    ids=["paper", "coderl", "offline"],
)
def test_a_run_stopped_after_its_buffer_was_filled_does_not_fill_it_again(tmp_path, monkeypatch, options):
    config = TrainConfig.load(overrides={**TINY, "buffer.capacity": 12, "buffer.batch_size": 12, **options})
    fillings, filled = [], Trainer.fill

    def fill(trainer, go_on):
        fillings.append(filled(trainer, go_on))
        return fillings[-1]

    whole, halves = tmp_path / "whole", tmp_path / "halves"
    train(config, whole)
    monkeypatch.setattr(Trainer, "fill", fill)
    with pytest.raises(Interrupted) as stopped:
        train(config, halves, should_stop=lambda: bool(fillings))
    assert stopped.value.checkpoint.name == "step-0"
    train(config, halves, resume=True)
    left, right = weights(whole, 2), weights(halves, 2)
    assert all(bool((left[key] == right[key]).all()) for key in left)
    assert len(fillings) == 1


def weights(run: Path, step: int):
    return load_file(run / "checkpoints" / f"step-{step}" / "model.safetensors")
