import time

import pytest

from notebook_ext.monitor import Monitor
from training import TrainConfig, launch

pytestmark = pytest.mark.slow

SHORT = {
    "training.steps": "500",
    "training.supervised_batch": "4",
    "buffer.initial": "4",
    "buffer.capacity": "8",
    "buffer.batch_size": "8",
    "sampler.problems_per_step": "2",
    "sampler.samples_per_problem": "2",
    "data.held_out_limit": "2",
    "evaluation.samples_per_problem": "1",
}


def wait_until(condition):
    while not condition():
        time.sleep(0.05)


def test_a_views_commands_hold_still_go_on_and_leave_a_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    run = launch(TrainConfig.load(overrides={**SHORT, "run.folder": str(tmp_path), "run.name": "real"}))
    sent = []
    monitor = Monitor(run, sent.append)

    def ask(command):
        monitor.answer({"kind": "command", "view": "page", "command": command})
        identifier = sent[-1]["id"]
        wait_until(lambda: monitor.tick().get("answered") == identifier)

    wait_until(lambda: len(run.samples()) >= 8)
    ask("pause")
    assert run.state["state"] == "paused"
    still = len(run.metrics())
    time.sleep(1)
    assert len(run.metrics()) == still
    ask("resume")
    wait_until(lambda: len(run.metrics()) > still)
    ask("stop")
    wait_until(lambda: run.state["state"] == "stopped")
    wait_until((run.path / "checkpoints" / f"step-{run.state['step']}").is_dir)
    assert run.wait() == 130  # interrupted, with a checkpoint written
