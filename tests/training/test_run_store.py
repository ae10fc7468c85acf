"""The run directory: written by one, read by many, whole or not at all."""

import json
import sqlite3

import pytest

from training.config import TrainConfig
from training.errors import RunError
from training.run import Run, new_run_path, runs_in
from training.run.control import Control
from training.run.store import RunStore, SampleRow

ROW = SampleRow("p", 0, "failed", "", 0.5, -0.3, "E0602", {"program": "x"})


def folder(tmp_path, name="r"):
    path = tmp_path / name
    path.mkdir()
    (path / "config.toml").write_text(TrainConfig().to_toml())
    return path


def test_what_is_written_can_be_read_while_the_writer_is_open(tmp_path):
    path = folder(tmp_path)
    store, run = RunStore(path), Run.open(path)
    store.write(1, {"loss": 0.5}, [ROW], [("state", {"state": "running", "step": 1})])
    assert [(m["step"], m["name"], m["value"]) for m in run.metrics()] == [(1, "loss", 0.5)]
    (sample,) = run.samples()
    assert (sample["verdict"], sample["codes"], "record" in sample) == ("failed", "E0602", False)
    assert run.record(sample["seq"]) == {"program": "x"}
    assert run.state == {"state": "running", "step": 1}
    store.close()


def test_seq_rises_over_all_tables_and_sessions(tmp_path):
    path = folder(tmp_path)
    for step in (1, 2):
        store = RunStore(path)
        store.write(step, {"loss": 0.5}, [ROW], [("sign", {})])
        store.close()
    run = Run.open(path)
    seqs = [row["seq"] for rows in (run.metrics(), run.samples(), run.events()) for row in rows]
    assert sorted(seqs) == list(range(1, 7))
    assert run.metrics(after=3) == [{"seq": 4, "step": 2, "name": "loss", "value": 0.5}]


def test_a_step_that_cannot_be_written_whole_is_not_written_at_all(tmp_path):
    path = folder(tmp_path)
    store = RunStore(path)
    with pytest.raises(TypeError):
        store.write(1, {"loss": 0.5}, [], [("sign", {"not json": object()})])
    with pytest.raises(sqlite3.Error):
        store.write(1, {"loss": 0.5}, [SampleRow("p", 0, object(), "", 0, 0, "", {})])  # type: ignore[arg-type]
    assert Run.open(path).metrics() == []
    store.write(1, {"loss": 0.5})
    assert len(Run.open(path).metrics()) == 1
    store.close()


def test_steps_after_a_checkpoint_are_forgotten(tmp_path):
    path = folder(tmp_path)
    store = RunStore(path)
    for step in (1, 2, 3):
        store.write(step, {"loss": step}, [ROW])
    store.forget_after(1)
    run = Run.open(path)
    assert ({m["step"] for m in run.metrics()}, {s["step"] for s in run.samples()}) == ({1}, {1})
    store.close()


def test_a_run_that_has_not_begun_writing_reads_as_empty(tmp_path):
    run = Run.open(folder(tmp_path))
    assert (run.metrics(), run.samples(), run.summary, run.state["state"]) == ([], [], None, "starting")


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(RunError, match="no run there"):
        Run.open(tmp_path)


def test_the_name_of_a_run_cannot_be_taken_twice(tmp_path):
    path = folder(tmp_path, "taken")
    RunStore(path).close()
    with pytest.raises(RunError, match="--resume"):
        new_run_path(TrainConfig.load(overrides={"run.folder": str(tmp_path), "run.name": "taken"}))
    assert [run.name for run in runs_in(tmp_path)] == ["taken"]


def test_each_command_is_seen_once_and_not_by_later_sessions(tmp_path):
    path = folder(tmp_path)
    run, control = Run.open(path), Control(path)
    assert control.poll() is None
    first = run.send("pause")
    assert control.poll() == ("pause", first)
    assert control.poll() is None
    second = run.send("stop")
    assert second > first
    assert Control(path).poll() is None
    assert control.poll() == ("stop", second)


def test_a_malformed_control_file_is_no_command(tmp_path):
    path = folder(tmp_path)
    control = Control(path)
    (path / "control.json").write_text(json.dumps(["pause"]))
    assert control.poll() is None
