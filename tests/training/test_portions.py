"""A step learns from its first problems while the last ones are judged, and ends where it would have ended anyway."""

from __future__ import annotations

import pytest
import torch

from training import minicode, step
from training.config import TrainConfig
from training.control import Control
from training.display import Display
from training.session import open_session

SETTINGS = {
    "sampler.problems_per_step": 4,
    "sampler.samples_per_problem": 3,
    "buffer.capacity": 12,
    "buffer.batch_size": 12,
    "buffer.initial": 0,
    "training.supervised_batch": 2,
    "optimizer.warmup_steps": 0,
}


def stepped(folder, portions, monkeypatch, **changes):
    """Weights and metrics after one step in so many portions."""
    torch.set_num_threads(1)
    monkeypatch.setattr(step, "_PORTIONS", portions)
    session = open_session(
        TrainConfig.load(overrides={**SETTINGS, **changes}),
        folder / str(portions),
        minicode.problems("short", "train")[:20],
        [],
        display=Display(quiet=True),
        should_stop=lambda: False,
        control=Control(folder),
    )
    try:
        done = step.take_step(session)
        assert done.programs == len(done.experiences) == len(session.buffer) == 12
        assert all(weights is not None for weights in done.weights)
        return torch.cat([each.detach().flatten() for each in session.policy.trained]), done.metrics
    finally:
        session.close()


def test_the_number_of_portions_does_not_change_the_step(tmp_path, monkeypatch):
    changes = {"objective.normalisation": "token_mean", "objective.baseline": "leave_one_out"}
    whole, one = stepped(tmp_path, 1, monkeypatch, **changes)
    parts, many = stepped(tmp_path, 4, monkeypatch, **changes)
    for name in ("gradient_norm", "loss/reinforced", "loss/supervised", "reward/mean"):
        assert many[name] == pytest.approx(one[name], rel=1e-3, abs=1e-5)
    assert torch.allclose(whole, parts, atol=2e-4)
    assert many["feedback_wait_share"] < 1
