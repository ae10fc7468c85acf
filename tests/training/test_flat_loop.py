"""The method in one file runs, learns, and gives tokens the advantages that the trainer gives them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.training.algorithms import algorithm
from training.records import Group, Sample

FILE = Path(__file__).parents[2] / "examples" / "rltf_loop.py"


@pytest.fixture(scope="module")
def loop():
    spec = importlib.util.spec_from_file_location("rltf_loop", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def feedback(coarse, adaptive, fine):
    rewards = {
        "coarse": np.full(len(fine), coarse, np.float32),
        "adaptive": np.full(len(fine), adaptive, np.float32),
        "fine": np.array(fine, np.float32),
        "static": np.zeros(len(fine), np.float32),
    }
    return SimpleNamespace(rewards=rewards, executed=None)


def test_its_advantages_are_those_of_the_trainer(loop):
    group = [feedback(1.0, 1.0, [0, 0]), feedback(-0.6, -0.3, [0, -1.2, 0]), feedback(-0.3, 0.35, [0])]
    own = algorithm(keys={"baseline": "leave_one_out"})
    samples = tuple(Sample(SimpleNamespace(problem_id="p"), each) for each in group)
    for here, there in zip(loop.advantages(group), own.credit(Group("p", samples)), strict=True):
        np.testing.assert_allclose(here.numpy(), there.weights, rtol=1e-6)


def test_it_runs_on_the_embedded_model(loop, capsys):
    shares = loop.main(["--steps", "2", "--problems", "4", "--samples", "4"])
    assert len(shares) == 2
    assert all(0 < share < 1 for share in shares)
    assert "pass rate" in capsys.readouterr().out


def test_it_is_as_short_as_it_says():
    assert len(FILE.read_text().splitlines()) <= 160
