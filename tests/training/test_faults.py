"""Every file of a run and of its checkpoints is spoiled in turn: the run goes on exactly, or one line and no change."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.training.test_mishaps import can_mount, mounted  # noqa: F401
from training.cli import main
from training.config import TrainConfig
from training.data import load_problems
from training.errors import Interrupted, RunError
from training.loop import train
from training.opening import _given_again
from training.quality.audit.writing import problem_record, write_records
from training.run import Run
from training.run.checkpoint import Progress, checkpoints
from training.run.resume import find_beginning

pytestmark = pytest.mark.slow

SETTINGS = {
    "data.limit": 4,
    "data.held_out_limit": 1,
    "sampler.problems_per_step": 2,
    "sampler.samples_per_problem": 2,
    "sampler.max_new_tokens": 8,
    "training.steps": 3,
    "training.supervised_batch": 1,
    "training.checkpoint_every": 1,
    "evaluation.every": 0,
    "evaluation.samples_per_problem": 1,
    "optimizer.warmup_steps": 0,
    "run.threads": 1,
}
FAULTS = ("cut", "emptied", "removed", "unreadable", "another run's")
OF_THE_RUN = ("config.toml", "run.db", "checkpoints")
OF_NO_MATTER = ("lock", "about.json", "control.json", "report.html", "summary.json")


def stopped_after_two(folder: Path, seed: int = 0) -> Path:
    """A run of three steps, stopped with the checkpoints of steps 1 and 2."""
    path = folder / "r"
    problems = load_problems("minicode:short:train", limit=4)
    write_records(folder / "train.jsonl", map(problem_record, problems))
    where = {"run.folder": str(folder), "run.name": "r", "data.train": str(folder / "train.jsonl")}
    overrides = {**SETTINGS, **where, "run.seed": seed}
    with pytest.raises(Interrupted):
        train(TrainConfig.load(overrides=overrides), path, should_stop=(path / "checkpoints/step-2").exists)
    Run(path).send("pause")  # an earlier session's command, which is none of the next one's
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The run, another one, and what the run ends as."""
    mine = stopped_after_two(tmp_path_factory.mktemp("mine"))
    another = stopped_after_two(tmp_path_factory.mktemp("another"), seed=1)
    whole = copied(mine, tmp_path_factory.mktemp("whole"))
    assert resumed(whole) == 0
    return mine, another, ending(whole)


@pytest.fixture
def run(runs, tmp_path):
    return copied(runs[0], tmp_path)


def copied(path: Path, folder: Path) -> Path:
    return Path(shutil.copytree(path, folder / "r"))


def resumed(path: Path, *more: str) -> int:
    return main(["train", "--run", path.name, "--run.folder", str(path.parent), *(more or ["--resume"])])


def ending(path: Path) -> tuple[bytes, list[tuple[object, ...]]]:
    """The final weights, and all metrics that are not the clock's."""
    clocks = (
        "time/",
        "feedback/retries",
        "samples_per_second",
        "tokens_per_second",
        "feedback_wait_share",
        "memory",
        "flop",
    )
    rows = [(row["step"], row["name"], row["value"]) for row in Run(path).metrics()]
    weights = (path / "checkpoints" / "step-3" / "model.safetensors").read_bytes()
    return weights, [row for row in rows if not row[1].startswith(clocks)]


def spoil(file: Path, fault: str, another: Path) -> None:
    data = b"" if file.is_dir() else file.read_bytes()
    match fault:
        case "cut":
            file.write_bytes(data[: len(data) // 2])
        case "emptied":
            file.write_bytes(b"")
        case "removed":
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        case "unreadable":
            file.unlink()
            file.symlink_to(file.name)  # a loop: nobody can read it, root neither
        case "another run's":
            shutil.rmtree(file) if file.is_dir() else file.unlink()
            (shutil.copytree if another.is_dir() else shutil.copy)(another, file)


def contents(path: Path) -> dict[str, bytes | None]:
    """Every file but the lock and the database's scratch files."""
    files = [file for file in path.rglob("*") if not file.is_dir() and not file.name.endswith(("lock", "-shm", "-wal"))]
    return {str(file.relative_to(path)): None if file.is_symlink() else file.read_bytes() for file in files}


def check_refused(path: Path, capsys, fault: str, *words: str) -> None:
    """The run is refused with one line, and is as it was."""
    before = contents(path)
    capsys.readouterr()
    assert resumed(path) == 2, fault
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("rltf train: ")
    assert all(word in line for word in (str(path), *words)), line
    assert contents(path) == before


def files_of_checkpoint(path: Path) -> list[str]:
    return sorted(file.name for file in (path / "checkpoints" / "step-2").iterdir())


def spoil_checkpoints(path: Path, name: str, fault: str, another: Path) -> None:
    """Spoil this file in both checkpoints."""
    for checkpoint in checkpoints(path / "checkpoints"):
        theirs = another / "checkpoints" / checkpoint.name / name
        alike = fault == "another run's" and theirs.read_bytes() == (checkpoint / name).read_bytes()
        spoil(checkpoint / name, fault, another / "run.db" if alike else theirs)


def test_every_spoiled_file_of_every_checkpoint_is_refused_and_nothing_is_changed(runs, tmp_path):
    mine, another, _ = runs
    for name in files_of_checkpoint(mine):
        for fault in FAULTS:
            path = copied(mine, tmp_path / f"{name}-{fault}")
            spoil_checkpoints(path, name, fault, another)
            before = contents(path)
            with pytest.raises(RunError, match=r"no checkpoint.*step-2: .*step-1: .*--restart"):
                find_beginning(path)
            assert contents(path) == before
            shutil.rmtree(path)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_run_without_a_whole_checkpoint_is_refused_with_one_line(runs, run, capsys, fault):
    spoil_checkpoints(run, "model.safetensors", fault, runs[1])
    check_refused(run, capsys, fault, "no checkpoint", "model.safetensors", "--restart")


def test_every_spoiled_file_of_the_newest_checkpoint_leaves_the_one_before_it(runs, tmp_path):
    mine, another, _ = runs
    for name in files_of_checkpoint(mine):
        for fault in FAULTS:
            path = copied(mine, tmp_path / f"{name}-{fault}")
            spoil(path / "checkpoints" / "step-2" / name, fault, another / "run.db")
            found = find_beginning(path)
            assert found.checkpoint == path / "checkpoints" / "step-1", (name, fault)
            assert [damaged.path.name for damaged in found.damaged] == ["step-2"]
            shutil.rmtree(path)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_run_goes_on_exactly_from_the_checkpoint_before_a_spoiled_one(runs, run, fault):
    spoil(run / "checkpoints/step-2/model.safetensors", fault, runs[1] / "checkpoints/step-2/model.safetensors")
    assert resumed(run) == 0
    assert ending(run) == runs[2]
    assert sorted(file.name for file in (run / "checkpoints").iterdir()) == ["step-2", "step-2.damaged", "step-3"]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", OF_THE_RUN)
def test_a_spoiled_file_of_the_run_is_refused_and_nothing_is_changed(runs, run, capsys, name, fault):
    if name == "checkpoints" and fault not in ("removed", "another run's"):
        return  # not a file
    spoil(run / name, fault, runs[1] / name)
    check_refused(run, capsys, fault, name.removesuffix("s"))


@pytest.mark.parametrize("fault", FAULTS)
def test_files_that_say_nothing_of_where_a_run_stands_do_not_stop_it(runs, run, fault):
    for name in OF_NO_MATTER:
        if (name, fault) != ("lock", "unreadable"):
            (run / name).touch()
            spoil(run / name, fault, runs[1] / "control.json")
    assert resumed(run) == 0
    assert ending(run) == runs[2]


def test_data_that_have_changed_under_their_name_are_refused_with_one_line(runs, run, capsys):
    data = runs[0].parent / "train.jsonl"
    written = data.read_text()
    try:
        for other in (written.replace(" = ", " =  ", 1), "".join(reversed(written.splitlines(keepends=True)))):
            assert other != written
            data.write_text(other)
            check_refused(run, capsys, "data", "data.train", str(data), "is not what it was at step 2")
        elsewhere = run.parent / "elsewhere.jsonl"
        elsewhere.write_text(other)
        assert resumed(run, "--resume", "--data.train", str(elsewhere)) == 0  # by the user's word
    finally:
        data.write_text(written)


def test_a_base_model_that_has_changed_under_its_name_is_refused(run, tmp_path):
    base = tmp_path / "base"
    base.mkdir()
    config = TrainConfig.load(overrides={"model.name": str(base), "model.lora_rank": "2"})
    (base / "model.safetensors").write_bytes(b"one")
    progress = Progress(3, given=_given_again(config, run, Progress(), [], []))
    assert _given_again(config, run, progress, [], []) == progress.given
    (base / "model.safetensors").write_bytes(b"two")
    with pytest.raises(RunError, match=r"model.name .* is not what it was at step 3"):
        _given_again(config, run, progress, [], [])


def test_a_lock_that_cannot_be_opened_is_refused_with_one_line(runs, run, capsys):
    (run / "lock").touch()
    spoil(run / "lock", "unreadable", run)
    before = contents(run)
    assert resumed(run) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert str(run / "lock") in line
    assert contents(run) == before


@pytest.mark.parametrize("fault", FAULTS)
def test_rows_in_a_spoiled_write_ahead_log_are_missed(runs, run, capsys, fault):
    with closing(sqlite3.connect(run / "run.db")) as connection:  # as a killed trainer leaves it: half in the log
        rows = connection.execute("SELECT * FROM metrics WHERE step = 2").fetchall()
        connection.execute("DELETE FROM metrics WHERE step = 2")
        connection.execute("DELETE FROM events WHERE step = 2")
        connection.execute("DELETE FROM samples WHERE step = 2")
        connection.commit()
    with closing(sqlite3.connect(run / "run.db")) as connection:
        connection.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?)", rows)
        connection.commit()
        log = (run / "run.db-wal").read_bytes()
        database = (run / "run.db").read_bytes()
    (run / "run.db").write_bytes(database)
    (run / "run.db-wal").write_bytes(log)
    spoil(run / "run.db-wal", fault, runs[1] / "run.db")
    check_refused(run, capsys, fault, "run.db")


def test_a_run_that_is_begun_anew_keeps_what_it_had(runs, run, capsys):
    for checkpoint in checkpoints(run / "checkpoints"):
        spoil(checkpoint / "model.safetensors", "cut", checkpoint)
    before = contents(run)
    assert resumed(run, "--restart") == 0
    assert "beginning anew at step 0" in capsys.readouterr().out
    assert ending(run) == runs[2]
    assert contents(run / "earlier-1") == before


def test_a_run_killed_before_its_first_checkpoint_begins_again_and_says_so(runs, tmp_path, capsys):
    folder = tmp_path / "r"
    folder.mkdir()
    shutil.copy(runs[0] / "config.toml", folder)
    (folder / "run.db").touch()  # as SQLite makes it
    assert resumed(folder) == 0
    assert ending(folder) == runs[2]


def test_a_finished_run_that_is_resumed_records_nothing_twice(run):
    assert resumed(run) == 0
    before, events = ending(run), len([event for event in Run(run).events() if event["kind"] == "evaluation"])
    (run / "summary.json").unlink()
    assert resumed(run) == 0
    assert ending(run) == before
    assert len([event for event in Run(run).events() if event["kind"] == "evaluation"]) == events
    assert Run(run).summary["held_out"]["after"].keys() == {"pass@1", "greedy"}


@pytest.mark.parametrize("name", ["summary.json", "report.html"])
def test_what_is_written_at_the_end_is_known_to_be_writable_at_the_beginning(run, capsys, name):
    (run / name).unlink(missing_ok=True)
    (run / name).mkdir()
    check_refused(run, capsys, "folder", name, "is a folder")


def test_a_start_that_fails_leaves_no_folder(tmp_path, capsys):
    assert main(["train", "--run", "r", "--run.folder", str(tmp_path), "--model.name", str(tmp_path)]) == 2
    assert not (tmp_path / "r").exists()


FULL_DISK = """\
import os, shutil, sys
from pathlib import Path
from tests.training.test_faults import copied, ending, resumed

mine, small = Path(sys.argv[1]), Path(sys.argv[2])
expected = ending(Path(sys.argv[3]))
size = sum(file.stat().st_size for file in (mine / "checkpoints" / "step-2").iterdir())
outcomes = {}
for room in [0, 8192, *(size * share // 6 for share in range(1, 9))]:
    path = copied(mine, small)
    with (small / "ballast").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, os.statvfs(small).f_bavail * 4096 - room))
    status = resumed(path)
    (small / "ballast").unlink()
    print(f"room {room}: exit status {status}", flush=True)
    if status:
        assert status in (1, 2)
        assert (path / "checkpoints" / "step-2").is_dir()
        assert resumed(path) == 0
    assert ending(path) == expected
    outcomes[room] = status
    shutil.rmtree(path)
assert {0, 1} <= set(outcomes.values()), outcomes
"""


def test_a_disk_that_is_full_at_any_write_costs_one_line_and_the_run_goes_on_exactly(runs, tmp_path, can_mount):  # noqa: F811
    whole = copied(runs[0], tmp_path / "whole")
    assert resumed(whole) == 0
    small = tmp_path / "small"
    small.mkdir()
    script = [sys.executable, "-c", FULL_DISK, str(runs[0]), str(small), str(whole)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        mounted(small, "size=64m", *script), env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    failed = [line for line in done.stdout.splitlines() if line[-13:] in ("exit status 1", "exit status 2")]
    lines = [line for line in done.stderr.splitlines() if line.startswith("rltf train: ")]
    assert len(failed) == len(lines) == len(done.stderr.strip().splitlines())
    assert all(str(small) in line for line in lines)
