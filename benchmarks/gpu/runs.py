"""Whole runs of the embedded model: resumed bit by bit on the same GPU, and `make train` with its rise."""

from __future__ import annotations

import json
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.gpu.bench import Bench
from training.config import TrainConfig
from training.errors import Interrupted
from training.loop import train
from training.run import Run

_SHORT = {
    "training.steps": 4,
    "training.supervised_batch": 4,
    "buffer.initial": 4,
    "buffer.capacity": 8,
    "buffer.batch_size": 8,
    "sampler.problems_per_step": 2,
    "sampler.samples_per_problem": 2,
    "data.held_out_limit": 2,
    "evaluation.samples_per_problem": 1,
}


def resume(bench: Bench) -> None:
    """Compare the weights of a run with those of one that was stopped in the middle and resumed."""
    from safetensors.torch import load_file

    bench.head("A resumed run, against one that was not interrupted")
    bench.table("computed in", "weights that differ", "of", "")
    for dtype in ("float32",) if bench.rehearse else ("float32", "bfloat16"):
        with bench.trying(dtype), tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            settings = {**_SHORT, "run.folder": name, "model.dtype": dtype, "model.device": bench.device}
            config = TrainConfig.load(overrides=settings)
            train(config, folder / "whole")
            try:
                train(config, folder / "halves", should_stop=partial(_two_steps, folder / "halves"))
            except Interrupted:
                train(config, folder / "halves", resume=True)
            whole, resumed = (
                load_file(folder / run / "checkpoints" / "step-4" / "model.safetensors") for run in ("whole", "halves")
            )
            differ = sum(int((whole[key] != resumed[key]).sum()) for key in whole)
            bench.row([dtype, differ, sum(each.numel() for each in whole.values())], holds=differ == 0)


def _two_steps(path: Path) -> bool:
    return any(row["step"] >= 2 for row in Run(path).metrics() if row["name"] == "pass_rate")


def rise(bench: Bench) -> None:
    """Do what `make train` does, with its rise, its seconds and its wait for feedback."""
    bench.head("`make train`")
    bench.table("pass@1 before", "after", "greedy before", "after", "seconds", "waiting for feedback", "")
    small = {**_SHORT, "training.steps": 1} if bench.rehearse else {}
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder) / "rise")
        settings = {**small, "run.folder": folder, "run.name": "rise", "model.device": bench.device}
        train(TrainConfig.load("examples/configs/minicode.toml", settings), run.path)
        summary = json.loads((run.path / "summary.json").read_text())
        before, after = summary["held_out"]["before"], summary["held_out"]["after"]
        rates = [each[name] for name in ("pass@1", "greedy") for each in (before, after)]
        spent = {name: _sum(run, name) for name in ("time/feedback_wait", "time/step")}
        waiting = spent["time/feedback_wait"] / spent["time/step"]
        risen = bench.rehearse or after["pass@1"] - before["pass@1"] > 0.4
        bench.row([*(f"{rate:.1%}" for rate in rates), summary["seconds"], f"{waiting:.1%}"], holds=risen)


def _sum(run: Run, name: str) -> float:
    return float(sum(row["value"] for row in run.metrics() if row["name"] == name))
