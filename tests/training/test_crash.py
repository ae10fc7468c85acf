"""A trainer killed again and again ends where an undisturbed one ends."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.commands import LOADED
from training.config import TrainConfig
from training.run import Run

KILLS = 24
STEPS = 40
SETTINGS = {
    "data.limit": 6,
    "data.held_out_limit": 2,
    "sampler.problems_per_step": 2,
    "sampler.samples_per_problem": 2,
    "sampler.max_new_tokens": 24,
    "buffer.capacity": 8,
    "buffer.batch_size": 4,
    "buffer.initial": 4,
    "training.steps": STEPS,
    "training.supervised_batch": 2,
    "training.checkpoint_every": 1,
    "evaluation.every": 0,
    "evaluation.samples_per_problem": 1,
    "optimizer.warmup_steps": 0,
    "run.threads": 1,
}


def train_quietly(folder: str, name: str) -> None:
    from training.loop import train

    config = TrainConfig.load(overrides={**SETTINGS, "run.folder": folder, "run.name": name})
    train(config, Path(folder) / name, resume=True)


def starter():
    """Starts trainers from a process that has torch loaded: many starts in seconds instead of minutes."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    return context.Process


def at_a_random_time(rng: random.Random, path: Path) -> Callable[[], bool]:
    end = time.monotonic() + rng.uniform(0.0, 2.0)
    return lambda: time.monotonic() > end


def inside_a_checkpoint(rng: random.Random, path: Path) -> Callable[[], bool]:
    files = rng.randrange(8)
    return lambda: any(len(list(part.iterdir())) >= files for part in (path / "checkpoints").glob(".*.part"))


def inside_a_database_write(rng: random.Random, path: Path) -> Callable[[], bool]:
    log = path / "run.db-wal"

    def size() -> int:
        return log.stat().st_size if log.exists() else 0

    before, writes = size(), rng.randrange(1, 6)

    def reached() -> bool:
        nonlocal before, writes
        if size() != before:
            before, writes = size(), writes - 1
        return writes == 0

    return reached


def kill_when(reached: Callable[[], bool], process) -> None:
    while process.is_alive():
        with suppress(FileNotFoundError):  # the folder looked at has just been renamed
            if reached():
                with suppress(ProcessLookupError):  # it has just ended by itself
                    os.kill(process.pid, signal.SIGKILL)
                break
        time.sleep(0.001)
    process.join()


def check(path: Path) -> None:
    """The database is sound, and no step is missing, doubled or out of order."""
    if not (path / "run.db").exists():
        return
    with closing(sqlite3.connect(path / "run.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    steps = [row["step"] for row in Run(path).metrics() if row["name"] == "pass_rate"]
    assert steps == list(range(1, len(steps) + 1))


def run_to_its_end(start: Callable[..., Any], folder: Path, name: str) -> None:
    process = start(target=train_quietly, args=(str(folder), name))
    process.start()
    process.join()
    assert process.exitcode == 0


def what_happened(path: Path) -> list[tuple[int, str, float]]:
    """Every metric of every step that does not depend on the clock."""
    rows = Run(path).metrics()
    clocks = ("time/", "samples_per_second", "tokens_per_second", "feedback_wait_share", "memory", "flop")
    return [(row["step"], row["name"], row["value"]) for row in rows if not row["name"].startswith(clocks)]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_run_killed_again_and_again_is_the_run_it_would_have_been(tmp_path):
    start, rng, path = starter(), random.Random(0), tmp_path / "killed"
    kills, moments = 0, (at_a_random_time, inside_a_checkpoint, inside_a_database_write)
    while kills < KILLS and not (path / "summary.json").exists():
        process = start(target=train_quietly, args=(str(tmp_path), "killed"))
        process.start()
        kill_when(moments[kills % 3](rng, path), process)
        kills += process.exitcode == -signal.SIGKILL
        check(path)
    assert kills == KILLS
    run_to_its_end(start, tmp_path, "killed")
    check(path)
    run_to_its_end(start, tmp_path, "undisturbed")
    final = f"checkpoints/step-{STEPS}/model.safetensors"
    assert (path / final).read_bytes() == (tmp_path / "undisturbed" / final).read_bytes()
    assert what_happened(path) == what_happened(tmp_path / "undisturbed")
