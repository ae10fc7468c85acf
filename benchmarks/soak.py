"""Whether a long run stays small: `python -m benchmarks.soak [--steps 5000] [--write]`.

Trains the embedded default with fewer samples a step, so that thousands of steps take minutes, and reads every now and
then what the trainer and all processes below it hold: memory, open files, processes, threads, and what lies in the run
directory and in the folder for temporary files. The first tenth of the run warms up; from there to the end nothing but
the run's own record (`run.db`: metrics and samples of every step) may grow. What this does not do: learn much.
"""

from __future__ import annotations

import argparse
import getpass
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

import psutil

from benchmarks.tables import write_between_markers

SETTINGS = {
    "sampler.problems_per_step": 2,
    "sampler.samples_per_problem": 4,
    "buffer.capacity": 16,
    "buffer.batch_size": 16,
    "training.samples_kept_per_step": 1,
    "training.checkpoint_every": 250,
    "evaluation.every": 1000,
    "evaluation.samples_per_problem": 1,
    "data.held_out_limit": 32,
}
_READINGS = 20
_COLUMNS = (
    *("step", "seconds", "trainer MB", "workers MB", "open files", "processes", "threads", "temporary files"),
    *("checkpoints MB", "run.db MB"),
)
_KEPT = {f"torchinductor_{getpass.getuser()}"}
"""What torch itself leaves in the folder for temporary files, once."""
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Reading:
    """What a run holds at one step."""

    step: int
    seconds: float
    trainer_mb: float
    others_mb: float
    files: int
    processes: int
    threads: int
    temporary: int
    """Files and folders in the folder for temporary files."""
    checkpoints_mb: float
    record_mb: float


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--write", action="store_true", help="write the table into docs/performance.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        readings = list(soak(Path(name), arguments.steps))
    text = _table(readings, arguments.steps)
    print(text)
    if arguments.write:
        write_between_markers(Path("docs/performance.md"), "soak", text)


def soak(folder: Path, steps: int) -> Iterator[Reading]:
    """Run the trainer; a reading each time another part of its steps is done."""
    temporary = folder / "tmp"
    temporary.mkdir()
    settings = {**SETTINGS, "training.steps": steps, "run.folder": folder / "runs"}
    command = [sys.executable, "-m", "training", "train", "--run", "soak"]
    command += [part for key, value in settings.items() for part in (f"--{key}", str(value))]
    began = time.monotonic()
    environment = {**psutil.Process().environ(), "TMPDIR": str(temporary)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as trainer:
        run = folder / "runs" / "soak"
        due = 0
        while trainer.poll() is None:
            time.sleep(_POLL_SECONDS)
            step = _newest_step(run)
            if step >= max(1, due):
                due = step - step % max(1, steps // _READINGS) + max(1, steps // _READINGS)
                reading = _read(psutil.Process(trainer.pid), run, temporary, step, time.monotonic() - began)
                print(reading, flush=True)
                yield reading
    if trainer.returncode:
        raise SystemExit(f"the trainer ended with status {trainer.returncode}")
    if left := {path.name for path in temporary.iterdir()} - _KEPT:
        raise SystemExit(f"left in the folder for temporary files: {left}")


def _newest_step(run: Path) -> int:
    try:
        with sqlite3.connect(f"file:{run / 'run.db'}?mode=ro", uri=True) as store:
            found = store.execute("SELECT max(step) FROM metrics").fetchone()[0]
    except sqlite3.OperationalError:  # not there yet
        return 0
    return int(found or 0)


def _read(trainer: psutil.Process, run: Path, temporary: Path, step: int, seconds: float) -> Reading:
    others = [each for each in trainer.children(recursive=True) if each.status() != psutil.STATUS_ZOMBIE]
    held = [_resources(each) for each in (trainer, *others)]
    return Reading(
        step=step,
        seconds=seconds,
        trainer_mb=held[0][0],
        others_mb=sum(each[0] for each in held[1:]),
        files=sum(each[1] for each in held),
        processes=len(held),
        threads=sum(each[2] for each in held),
        temporary=sum(1 for _ in temporary.rglob("*")),
        checkpoints_mb=sum(_size(path) for path in (run / "checkpoints").rglob("*")),
        record_mb=sum(_size(path) for path in run.glob("run.db*")),
    )


def _resources(process: psutil.Process) -> tuple[float, int, int]:
    """Megabytes, open files, threads; nothing for a program that has just ended."""
    try:
        return process.memory_info().rss / 1e6, process.num_fds(), process.num_threads()
    except psutil.Error:
        return 0.0, 0, 0


def _size(path: Path) -> float:
    try:
        return path.stat().st_size / 1e6
    except FileNotFoundError:  # an older checkpoint that was just deleted
        return 0.0


def _table(readings: list[Reading], steps: int) -> str:
    samples = SETTINGS["sampler.problems_per_step"] * SETTINGS["sampler.samples_per_problem"]
    lines = [
        "## A long run\n",
        f"Made by `python -m benchmarks.soak --steps {steps} --write` (Python {platform.python_version()}).",
        f"The embedded default runs with {samples} samples a step. All processes of the trainer count together.\n",
        f"| {' | '.join(_COLUMNS)} |",
        "|---:" * len(_COLUMNS) + "|",
    ]
    for each in readings:
        values = [f"{value:.1f}" if isinstance(value, float) else str(value) for value in astuple(each)]
        lines.append(f"| {' | '.join(values)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
