"""What a run does when the machine fails it: a clear line, an exit status, and a run that can be gone on with."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.commands import Command, start_rltf
from training.run import Run

pytestmark = pytest.mark.slow

SETTINGS = {
    "data.limit": 6,
    "data.held_out_limit": 2,
    "sampler.problems_per_step": 2,
    "sampler.samples_per_problem": 2,
    "buffer.initial": 0,
    "training.supervised_batch": 2,
    "training.checkpoint_every": 1,
    "evaluation.every": 0,
    "evaluation.samples_per_problem": 1,
}


PYTHON = (sys.executable, "-m", "training")


def command(folder: Path, *more: str, steps: int = 500) -> list[str]:
    settings = [word for key, value in SETTINGS.items() for word in (f"--{key}", str(value))]
    where = ["--run", "r", "--run.folder", str(folder), "--training.steps", str(steps)]
    return ["train", *where, *settings, *more]


def mounted(folder: Path, options: str, *command: str) -> list[str]:
    """The command with a small file system of its own at `folder`, seen by nobody else."""
    script = f'mount -t tmpfs -o {options} none "$0" && exec "$@"'
    return ["unshare", "--map-root-user", "--mount", "sh", "-c", script, str(folder), *command]


@pytest.fixture
def can_mount(tmp_path):
    if shutil.which("unshare") is None or subprocess.run(mounted(tmp_path, "size=1m", "true"), check=False).returncode:
        pytest.skip("this machine lets nobody mount a small file system (unshare)")


def wait_for_step(path: Path, process: Command, step: int = 2) -> None:
    while not any(row["step"] >= step for row in Run(path).metrics()):
        assert process.status is None, process.stderr
        time.sleep(0.05)


def started(folder: Path, *more: str) -> Command:
    process = start_rltf(*command(folder, *more))
    wait_for_step(folder / "r", process)
    return process


def test_a_full_disk_ends_the_run_with_a_clear_line_and_an_earlier_checkpoint(tmp_path, can_mount):
    keep = tmp_path / "kept"
    small = tmp_path / "small"
    small.mkdir()
    script = '"$@"; status=$?; cp -r "$KEPT_FROM" "$KEPT"; exit $status'
    run = mounted(
        small, "size=14m", "sh", "-c", script, "sh", *PYTHON, *command(small, "--training.keep_checkpoints", "50")
    )
    environment = {**os.environ, "KEPT_FROM": str(small / "r"), "KEPT": str(keep)}
    done = subprocess.run(run, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("rltf train: ")
    assert "No space left on device" in line or "disk is full" in line
    from training.run.checkpoint import newest_valid

    newest, _ = newest_valid(keep / "checkpoints")
    assert newest is not None


def test_a_folder_that_cannot_be_written_is_named(tmp_path, can_mount):
    done = subprocess.run(
        mounted(tmp_path, "ro", *PYTHON, *command(tmp_path)), capture_output=True, text=True, check=False
    )
    assert done.returncode in (1, 2)
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("rltf train: ")
    assert "Read-only file system" in line
    assert str(tmp_path) in line


def test_a_run_whose_folder_is_deleted_stops_and_says_so(tmp_path):
    with started(tmp_path) as process:
        while (tmp_path / "r").exists():  # the trainer writes into it meanwhile
            shutil.rmtree(tmp_path / "r", ignore_errors=True)
    assert process.status == 1
    (line,) = process.stderr.strip().splitlines()
    assert line.startswith(f"rltf train: {tmp_path / 'r'}")
    assert "the run's folder is gone" in line or "No such file" in line or "does not exist" in line
    assert not (tmp_path / "r").exists()


def test_a_request_to_terminate_leaves_a_checkpoint_and_exit_status_130(tmp_path):
    with started(tmp_path) as process:
        process.send(signal.SIGTERM)
    assert process.status == 130
    assert Run(tmp_path / "r").state["state"] == "stopped"
    assert list((tmp_path / "r" / "checkpoints").glob("step-*"))


def test_workers_that_are_killed_are_replaced_and_the_run_goes_on(tmp_path):
    with started(tmp_path) as process:
        path = tmp_path / "r"
        for child in psutil.Process(process.process.pid).children(recursive=True):
            child.kill()
        step = max(row["step"] for row in Run(path).metrics())
        wait_for_step(path, process, step + 3)
        process.send(signal.SIGTERM)
    assert process.status == 130


def test_a_clock_that_jumps_changes_no_duration_and_no_result(tmp_path, monkeypatch):
    from training.config import TrainConfig
    from training.loop import train

    def weights(name: str) -> bytes:
        config = TrainConfig.load(overrides={**SETTINGS, "training.steps": 2, "run.folder": str(tmp_path)})
        summary = train(config, tmp_path / name)
        assert 0 <= summary.seconds < 600
        return (tmp_path / name / "checkpoints" / "step-2" / "model.safetensors").read_bytes()

    steady = weights("steady")
    real, calls = time.time, iter(range(10**9))
    monkeypatch.setattr(time, "time", lambda: real() + (-1) ** next(calls) * 1e7)
    assert weights("jumping") == steady
