"""Real runs on the embedded model, small enough to be quick: what they leave behind, and how they stop and go on."""

from __future__ import annotations

import ctypes
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from safetensors.torch import load_file

from tests.commands import rltf, start_rltf
from training.config import TrainConfig
from training.errors import RunError
from training.run import Run, launch

pytestmark = pytest.mark.slow

_SUBREAPER = 36
"""`PR_SET_CHILD_SUBREAPER` of Linux's prctl."""
SMALL = {
    "data.limit": 12,
    "data.held_out_limit": 6,
    "sampler.problems_per_step": 3,
    "sampler.samples_per_problem": 4,
    "buffer.capacity": 24,
    "buffer.batch_size": 24,
    "buffer.initial": 8,
    "training.supervised_batch": 4,
    "training.checkpoint_every": 2,
    "evaluation.samples_per_problem": 2,
    "optimizer.warmup_steps": 0,
}


def config(folder: Path, name: str, **changes: object) -> TrainConfig:
    dotted = {key.replace("__", "."): value for key, value in changes.items()}
    return TrainConfig.load(overrides={**SMALL, "run.folder": str(folder), "run.name": name, **dotted})


def train(config: TrainConfig, **options):
    from training.loop import train as train_here

    return train_here(config, Path(config.run.folder) / config.run.name, **options)


def command(folder: Path, name: str, *more: str) -> list[str]:
    settings = [word for key, value in SMALL.items() for word in (f"--{key}", str(value))]
    return ["train", "--run", name, "--run.folder", str(folder), *settings, *more]


def wait_for(condition):
    while not condition():
        time.sleep(0.05)


def weights(path: Path, step: int):
    return load_file(path / "checkpoints" / f"step-{step}" / "model.safetensors")


def same(left, right) -> bool:
    return left.keys() == right.keys() and all((left[name] == right[name]).all() for name in left)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of four steps from the command line."""
    folder = tmp_path_factory.mktemp("runs")
    done = rltf(*command(folder, "whole", "--training.steps", "4"))
    assert done.status == 0, done.stderr
    return folder / "whole", done.stdout


def test_the_summary_has_the_promised_shape(finished):
    path, _ = finished
    summary = json.loads((path / "summary.json").read_text())
    assert summary.keys() == {"held_out", "steps", "seconds", "samples", "seed"}
    assert summary["held_out"].keys() == {"before", "after", "problems", "samples_per_problem"}
    assert {"pass@1"} <= summary["held_out"]["before"].keys() == summary["held_out"]["after"].keys()
    assert (summary["steps"], summary["samples"], summary["seed"]) == (4, 56, 0)
    assert (summary["held_out"]["problems"], summary["held_out"]["samples_per_problem"]) == (6, 2)


def test_every_step_is_in_the_database_once(finished):
    run = Run.open(finished[0])
    steps = [row["step"] for row in run.metrics() if row["name"] == "pass_rate"]
    assert steps == [1, 2, 3, 4]
    assert len(run.samples()) == 48
    assert run.state["state"] == "finished"
    assert [row["step"] for row in run.metrics() if row["name"] == "held_out/pass@1"] == [0, 4]


def test_held_out_samples_stand_behind_their_rate_and_the_run_says_when_it_evaluates(finished):
    run = Run.open(finished[0])
    kept = run.held_out()
    for step, name in ((0, "before"), (4, "after")):
        drawn = [sample for sample in kept if (sample["step"], sample["drawn"]) == (step, "sampled")]
        assert len(drawn) == 12
        passed = sum(sample["outcome"] == "passed" for sample in drawn) / len(drawn)
        assert abs(passed - run.summary["held_out"][name]["pass@1"]) < 1e-9
    states = [event["data"]["state"] for event in run.events() if event["kind"] == "state"]
    assert states == ["running", "evaluating", "running", "evaluating", "running", "finished"]


def test_a_record_says_where_every_reward_comes_from(finished):
    run = Run.open(finished[0])
    for row in run.samples():
        record = run.record(row["seq"])
        program = record["program"].encode()
        pieces = [program[token["start_byte"] : token["end_byte"]] for token in record["tokens"]]
        assert b"".join(pieces) == program
        for token in record["tokens"]:
            assert token["reward"] == pytest.approx(sum(token["components"].values()), abs=1e-5)
            assert token["logprob"] <= 0
        if record["verdict"] == "passed":
            assert not any(token["components"]["fine"] or token["components"]["static"] for token in record["tokens"])


def test_the_terminal_shows_before_and_after_and_names_the_report(finished):
    path, output = finished
    assert "pass@1, sampled at temperature 1" in output
    assert (path / "report.html").exists()
    assert "report.html" in output


def test_lines_with_a_path_are_not_cut_when_piped(capsys):
    from training.run.display import Display

    line = f"go on with: rltf train --run one --run.folder /{'long/' * 30} --resume"
    Display().message(line)
    assert line in capsys.readouterr().out


def test_stopping_and_going_on_gives_the_same_weights_bit_for_bit(finished, tmp_path):
    from training.errors import Interrupted

    def two_steps_done() -> bool:
        metrics = Run(tmp_path / "halves").metrics()
        return max((row["step"] for row in metrics if row["name"] == "pass_rate"), default=0) >= 2

    with pytest.raises(Interrupted):
        train(config(tmp_path, "halves", training__steps=4), should_stop=two_steps_done)
    summary = train(config(tmp_path, "halves", training__steps=4), resume=True)
    assert same(weights(tmp_path / "halves", 4), weights(finished[0], 4))
    assert summary.samples == 56  # 8 of them filled the buffer
    steps = [row["step"] for row in Run(tmp_path / "halves").metrics() if row["name"] == "pass_rate"]
    assert steps == [1, 2, 3, 4]


def test_an_evaluation_that_was_stopped_is_made_up_for_and_none_is_made_twice(tmp_path):
    from training.errors import Interrupted

    path = tmp_path / "looked"
    settings = config(tmp_path, "looked", training__steps=4, evaluation__every=1)

    def evaluated() -> list[int]:
        return [event["data"]["step"] for event in Run(path).events() if event["kind"] == "evaluation"]

    def after_step_2_before_its_evaluation() -> bool:
        done = max((row["step"] for row in Run(path).metrics() if row["name"] == "pass_rate"), default=0)
        return done == 2 and evaluated()[-1] == 1

    with pytest.raises(Interrupted) as stopped:
        train(settings, should_stop=after_step_2_before_its_evaluation)
    assert (stopped.value.checkpoint.name, evaluated()) == ("step-2", [0, 1])
    assert Run(path).state["state"] == "stopped"
    train(settings, resume=True)
    assert evaluated() == [0, 1, 2, 3, 4]


def test_a_killed_run_goes_on_to_its_end_with_the_same_weights(finished, tmp_path):
    path = tmp_path / "killed"
    with start_rltf(*command(tmp_path, "killed", "--training.steps", "4")) as process:
        wait_for(lambda: any(row["step"] == 3 for row in Run(path).metrics()))
        process.send(signal.SIGKILL)
    assert not (path / "summary.json").exists()
    done = rltf("train", "--run", "killed", "--run.folder", tmp_path, "--resume")
    assert done.status == 0, done.stderr
    assert json.loads((path / "summary.json").read_text())["steps"] == 4
    assert same(weights(path, 4), weights(finished[0], 4))


def test_ctrl_c_writes_a_checkpoint_and_says_how_to_go_on(tmp_path):
    with start_rltf(*command(tmp_path, "cut", "--training.steps", "500")) as process:
        wait_for(lambda: any(row["step"] >= 1 for row in Run(tmp_path / "cut").metrics()))
        process.send(signal.SIGINT)
    assert process.status == 130
    assert "--run cut" in process.stdout
    assert "--resume" in process.stdout
    assert Run(tmp_path / "cut").state["state"] == "stopped"
    assert list((tmp_path / "cut" / "checkpoints").glob("step-*/model.safetensors"))


def test_a_launched_run_pauses_resumes_and_stops_on_request(tmp_path):
    run = launch(config(tmp_path, "remote", training__steps=500))
    wait_for(lambda: run.state["step"] >= 0 and any(row["step"] >= 1 for row in run.metrics()))
    pause = run.send("pause")
    wait_for(lambda: (run.state["state"], run.state["id"]) == ("paused", pause))
    still = len(run.samples())
    time.sleep(1.0)
    assert len(run.samples()) == still
    run.send("resume")
    wait_for(lambda: len(run.samples()) > still)
    stop = run.send("stop")
    wait_for(lambda: (run.state["state"], run.state["id"]) == ("stopped", stop))
    assert run.wait() == 130
    assert list((run.path / "checkpoints").glob("step-*"))


def test_two_trainers_on_one_run_are_refused(tmp_path):
    from filelock import FileLock

    path = tmp_path / "busy"
    path.mkdir()
    with FileLock(path / "lock"), pytest.raises(RunError, match="another trainer"):
        train(config(tmp_path, "busy"))


def left_running(words):
    """Run a command and end what it leaves behind; orphans become children of this process, whatever their session."""
    set_subreaper = ctypes.CDLL(None, use_errno=True).prctl
    before = set(psutil.Process().children(recursive=True))
    assert set_subreaper(_SUBREAPER, 1, 0, 0, 0) == 0
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        orphans = set(psutil.Process().children(recursive=True)) - before
        running = [orphan for orphan in orphans if orphan.status() != psutil.STATUS_ZOMBIE]
        names = sorted(orphan.name() for orphan in running)
        for orphan in running:
            orphan.kill()
        psutil.wait_procs(orphans, timeout=60)
        return names
    finally:
        set_subreaper(_SUBREAPER, 0, 0, 0, 0)


def test_nothing_of_a_run_is_left_running(tmp_path):
    leaving = "import subprocess; subprocess.Popen(['sleep', '1000'], start_new_session=True, stdout=-3, stderr=-3)"
    assert left_running([sys.executable, "-c", leaving]) == ["sleep"]  # so that the next line can fail
    python = [sys.executable, "-m", "training"]
    assert left_running([*python, *command(tmp_path, "whole", "--training.steps", "1")]) == []


@pytest.mark.parametrize("wrong", [("--model.prompt_format", "{nothing}"), ("--optimizer.eight_bit", "true")])
def test_a_run_that_cannot_begin_leaves_no_run_of_its_name(tmp_path, wrong):
    from training.cli import main
    from training.run import new_run_path, runs_in

    folder = ["--run.folder", str(tmp_path), "--run", "one", "--data.limit", "2", "--data.held_out_limit", "1"]
    assert main(["train", *folder, *wrong]) == 2
    assert runs_in(tmp_path) == []  # --resume would go on with the newest
    assert new_run_path(TrainConfig.load(overrides={"run.folder": str(tmp_path), "run.name": "one"}))


def test_what_a_resumed_run_would_not_do_is_refused_and_named(finished, tmp_path, capsys):
    from training.cli import main

    path, _ = finished
    file = tmp_path / "own.toml"
    file.write_text(f'[run]\nname = "{path.name}"\nfolder = "{path.parent}"\n[training]\nsteps = 77\n')
    resume = ["train", "--resume", "--run", path.name, "--run.folder", str(path.parent)]
    refused = {
        "model.name cannot be changed": [*resume, "--model.name", "embedded:long"],
        "objective.algorithm cannot be changed": [*resume, "--objective.algorithm", "grpo"],
        "the run is at step": [*resume, "--training.steps", "1"],
        "sampler.temperature changes nothing: the run has finished": [*resume, "--sampler.temperature", "0.5"],
        "training.steps": ["train", str(file), "--resume"],  # which names the run, too
    }
    before = (path / "config.toml").read_text()
    for part, words in refused.items():
        assert main(words) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert part in line
        assert path.name in line
    assert (path / "config.toml").read_text() == before
