import json
import threading
import time

import numpy as np
import pytest

from engine import parse_problem
from feedback import assess
from tests.notebook_ext.made_run import reports
from training import Recorder, RunError, Scored
from training.page import build_page, sample_summaries

PROBLEM = parse_problem(
    {"id": "p/1", "prompt": "Sum.", "fn_name": "solve", "inputs": [[1], [2], [3]], "outputs": [1, 2, 3]}
)


def scored(name, **tokens):
    report = reports()[name]
    offsets = np.array([(0, 3), (3, len(report.program))], np.int32)
    return Scored(PROBLEM, assess(report, offsets), **tokens)


def test_a_pushed_step_reads_like_a_trainers(tmp_path):
    with Recorder(tmp_path / "mine", steps=2) as recorder:
        given = {"token_ids": np.array([7, 8]), "logprobs": np.float32([-0.5, -1]), "advantages": [0.5, np.float64(1)]}
        assert recorder.push(1, [scored("passed", **given), scored("name")], {"loss": 0.25, "pass_rate": 0.75})
        assert recorder.run.state == {"state": "running", "step": 0, "steps": 2, "id": None}
    run = recorder.run
    assert run.state == {"state": "finished", "step": 1, "steps": 2, "id": None}
    metrics = {row["name"]: row["value"] for row in run.metrics()}
    assert (metrics["loss"], metrics["pass_rate"], metrics["outcome/passed"], metrics["outcome/runtime"]) == (
        0.25,
        0.75,
        0.5,
        0.5,
    )
    first, second = sample_summaries(run)
    assert [first["sample"], second["sample"]] == [0, 1]
    assert second["outcome"] == "runtime"
    assert "L pylint E0602" in second["marks"]
    tokens = run.record(first["seq"])["tokens"]
    assert [(token["id"], token["logprob"], token["advantage"]) for token in tokens] == [(7, -0.5, 0.5), (8, -1.0, 1.0)]
    assert "id" not in run.record(second["seq"])["tokens"][0]
    assert "mine" in build_page(run)


def test_a_column_that_does_not_fit_the_tokens_is_refused_and_nothing_of_the_step_is_written(tmp_path):
    recorder = Recorder(tmp_path / "mine")
    with pytest.raises(ValueError, match="logprob: 1 values for 2 tokens"):
        recorder.push(1, [scored("passed"), scored("passed", logprobs=[-1.0])])
    assert recorder.run.samples() == recorder.run.metrics() == []
    recorder.close()


def test_numbers_that_are_not_finite_are_kept_as_such_and_the_page_says_so(tmp_path):
    with Recorder(tmp_path / "mine") as recorder:
        recorder.push(1, metrics={"loss": float("nan"), "reward/mean": float("inf"), "held_out/pass@1": float("nan")})
    assert "mine" in build_page(recorder.run)


def test_a_second_run_in_the_same_folder_is_refused(tmp_path):
    Recorder(tmp_path / "mine").close()
    with pytest.raises(RunError, match="choose another folder"):
        Recorder(tmp_path / "mine")


@pytest.mark.parametrize(("error", "state"), [(KeyboardInterrupt, "stopped"), (ZeroDivisionError, "failed")])
def test_a_loop_that_breaks_says_how_it_ended(tmp_path, error, state):
    recorder = Recorder(tmp_path / "mine")

    def loop():
        with recorder:
            recorder.push(1, metrics={"loss": 1})
            raise error

    with pytest.raises(error):
        loop()
    assert recorder.run.state["state"] == state


def test_a_pause_is_waited_out_and_a_stop_ends_the_loop(tmp_path):
    with Recorder(tmp_path / "mine", steps=9) as recorder:
        run = recorder.run
        asked = run.send("pause")
        watcher = threading.Thread(target=resume_when_paused, args=(run, asked))
        watcher.start()
        assert recorder.push(1, metrics={"loss": 1.0})
        watcher.join()
        run.send("stop")
        assert not recorder.push(2, metrics={"loss": 1.0})
    assert run.state["state"] == "stopped"
    states = [event["data"]["state"] for event in run.events()]
    assert states == ["running", "paused", "running", "stopping", "stopped"]


def resume_when_paused(run, asked):
    while run.state.get("id") != asked:
        time.sleep(0.02)
    assert run.state["state"] == "paused"
    run.send("resume")


def test_a_command_that_there_is_not_is_ignored(tmp_path):
    with Recorder(tmp_path / "mine") as recorder:
        (recorder.run.path / "control.json").write_text(json.dumps({"command": "dance", "id": 3}))
        assert recorder.push(1)
    assert recorder.run.state["state"] == "finished"


def test_a_loop_that_is_run_again_takes_the_next_name_or_replaces_the_run_when_told_so(tmp_path):
    def run(**given):
        with Recorder(tmp_path / "mine", **given) as recorder:
            recorder.push(1, [scored("passed")])
        return recorder.run

    first = run()
    first.note(first.samples()[0]["seq"], "old")
    with pytest.raises(RunError, match='exist="new" or exist="replace"'):
        run()
    assert [run(exist="new").name for _ in range(2)] == ["mine-2", "mine-3"]
    again = run(exist="replace")
    assert (again.name, len(again.samples()), again.notes) == ("mine", 1, {})
    assert run(exist="new").name == "mine-4"
