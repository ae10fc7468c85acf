"""A step learns from its first problems while the last ones are judged, and ends where it would have ended anyway."""

from __future__ import annotations

import pytest
import torch

from training import minicode
from training.config import TrainConfig
from training.opening import open_parts
from training.ranks import ALONE
from training.run.resume import new_beginning
from training.step import Step

pytestmark = pytest.mark.slow

SETTINGS = {
    "sampler.problems_per_step": 4,
    "sampler.samples_per_problem": 3,
    "buffer.capacity": 12,
    "buffer.batch_size": 12,
    "buffer.initial": 0,
    "training.supervised_batch": 2,
    "optimizer.warmup_steps": 0,
}


def stepped(folder, portions, **changes):
    """Weights and metrics after one step in so many portions."""
    torch.set_num_threads(1)
    parts, _ = open_parts(
        TrainConfig.load(overrides={**SETTINGS, **changes}),
        folder / str(portions),
        minicode.problems("short", "train")[:20],
        tell=lambda _: None,
        go_on=lambda: None,
        ranks=ALONE,
        beginning=new_beginning(),
    )
    try:
        trainer, step = parts.trainer, Step(0)
        trainer.rollouts.portions = portions
        trainer.take(step)
        assert step.programs == len(step.fresh) == len(trainer.buffer) == len(step.weights) == 12
        return torch.cat([each.detach().flatten() for each in parts.policy.trained]), step.metrics
    finally:
        parts.close()


def test_the_number_of_portions_does_not_change_the_step(tmp_path):
    changes = {"objective.normalisation": "token_mean", "objective.baseline": "leave_one_out"}
    whole, one = stepped(tmp_path, 1, **changes)
    parts, many = stepped(tmp_path, 4, **changes)
    for name in ("gradient_norm", "loss/reinforced", "loss/supervised"):
        assert many[name] == pytest.approx(one[name], rel=1e-3, abs=1e-5)
    assert torch.allclose(whole, parts, atol=2e-4)
