"""A run that the version before this one's tree wrote (commit 8f472fb, two steps of two samples): `run.sql` is its dump."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import tomli_w

from training.cli import main
from training.config import TrainConfig
from training.run import Run, read_settings

OLD = Path(__file__).parent / "old_run"


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "old"
    shutil.copytree(OLD, path)
    with closing(sqlite3.connect(path / "run.db")) as database:
        database.executescript((path / "run.sql").read_text())
    (path / "run.sql").unlink()
    return path


def test_an_old_run_is_read(old):
    run = Run.open(old)
    assert run.config.objective.algorithm == "rltf"
    assert run.summary["steps"] == run.state["step"] == 2
    assert len(run.samples()) == len(run.frame("samples")) == 8
    assert {sample["outcome"] for sample in run.samples()} <= {"passed", "failed", "runtime", "syntax"}
    assert len(run.frame("tokens")) == sum(len(run.record(sample["seq"])["tokens"]) for sample in run.samples())


def test_an_old_run_is_shown_and_reported(old, capsys):
    assert main(["show", str(old)]) == 0
    assert "finished, step 2" in capsys.readouterr().out
    assert main(["report", str(old)]) == 0
    assert "minicode-short-train-" in (old / "report.html").read_text()


def test_an_old_run_opens_in_the_view(old):
    notebook = pytest.importorskip("notebook_ext", reason="the extra notebook is not installed")
    view = notebook.TrainingView(Run.open(old))
    assert "finished, step 2" in repr(view)


def test_an_old_run_is_not_gone_on_with_and_stays_as_it_is(old, capsys):
    before = {file.name: file.read_bytes() for file in old.iterdir()}
    assert main(["train", "--run", "old", "--run.folder", str(old.parent), "--resume"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "an earlier version's" in line
    assert "--restart" in line
    assert {file.name: file.read_bytes() for file in old.iterdir()} == before


KEYS = {
    "supervised": 1.0,
    "coarse": 1.0,
    "fine": 1.0,
    "adaptive": 1.0,
    "static": 0.0,
    "adaptive_reward": "pass_ratio",
    "overlong": 0,
    "mask_unexecuted": False,
    "baseline": "greedy",
    "group_std": False,
    "normalisation": "token_mean",
    "resampling": 0,
    "clip_low": 0.0,
    "clip_high": 0.0,
    "kl": 0.0,
    "kl_target": 0.0,
    "critic_factor": False,
    "entropy": 0.0,
}
"""What `config.toml` of an earlier version holds in `objective`: every algorithm had every key."""


def settings(folder, objective, **sections):
    (folder / "config.toml").write_text(tomli_w.dumps({"objective": objective, **sections}))
    return read_settings(folder)


@pytest.mark.parametrize(
    ("algorithm", "changes"),
    [
        ("rltf_release", {}),
        ("sft", {"coarse": 0.0, "fine": 0.0, "adaptive": 0.0, "baseline": "none", "normalisation": "sequence_sum"}),
        ("ppocoder", {"baseline": "none", "kl": 0.1, "kl_target": 1.0}),
        ("coderl", {"critic_factor": True, "fine": 0.0, "adaptive": 0.0}),
    ],
)
def test_the_settings_of_an_old_run_are_read_with_the_keys_that_its_algorithm_has_now(tmp_path, algorithm, changes):
    mode = {"feedback": {"mode": "release"}} if algorithm == "rltf_release" else {}
    config = settings(tmp_path, {"algorithm": algorithm, **KEYS, **changes}, **mode)
    assert config.objective.algorithm == algorithm
    for key, value in config.objective.model_dump(exclude={"algorithm"}).items():
        assert value == {**KEYS, **changes}[key]


def test_a_critics_factor_in_an_old_run_is_coderl_with_the_same_numbers(tmp_path):
    config = settings(tmp_path, {"algorithm": "rltf_release", **KEYS, "critic_factor": True})
    wanted = TrainConfig.load(overrides={"objective.algorithm": "rltf_release"}).objective
    assert config.objective.model_dump() == {**wanted.model_dump(), "algorithm": "coderl"}
