"""An encoder-decoder, a GPT-like and a Qwen-like model each train by the command, from the hub's files to a report."""

from __future__ import annotations

import signal

import pytest
import torch

from tests.training.families import build
from training.cli import main
from training.config import ModelSection
from training.models.policy import load_policy
from training.run import Run

SMALL = {
    "data.limit": 4,
    "data.held_out_limit": 2,
    "sampler.problems_per_step": 2,
    "sampler.samples_per_problem": 3,
    "sampler.max_new_tokens": 12,
    "buffer.initial": 0,
    "buffer.capacity": 6,
    "buffer.batch_size": 6,
    "training.steps": 2,
    "training.supervised_batch": 2,
    "evaluation.samples_per_problem": 1,
    "optimizer.warmup_steps": 0,
}


@pytest.fixture(autouse=True)
def signals_as_they_were():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("family", "options"),
    [
        (
            "codet5",
            {"model.prompt_format": "apps", "model.max_prompt_tokens": 70, "model.gradient_checkpointing": True},
        ),
        ("codegen", {"model.prompt_format": "apps", "objective.kl": 0.01, "model.lora_rank": 2}),
        ("qwen2", {"model.prompt_format": "chat", "model.extract": "fence", "model.dtype": "bfloat16"}),
    ],
)
def test_it_trains_end_to_end(family, options, tmp_path, capsys):
    folder = build(family, tmp_path / family)
    words = [word for key, value in {**SMALL, **options}.items() for word in (f"--{key}", str(value))]
    status = main(["train", "--run", "r", "--run.folder", str(tmp_path), "--model.name", str(folder), *words])
    assert status == 0, capsys.readouterr().err
    run = Run.open(tmp_path / "r")
    metrics = {(row["step"], row["name"]): row["value"] for row in run.metrics()}
    assert metrics[2, "gradient_norm"] > 0
    assert metrics[2, "outcome/infra"] == 0
    assert metrics[2, "loss/supervised"] > 0
    if family == "codet5":
        assert metrics[1, "prompts_cut"] > 0
    (row, *_) = run.samples()
    record = run.record(row["seq"])
    assert all(token["logprob"] <= 0 for token in record["tokens"])
    before, after = (
        load_policy(ModelSection(name=str(tmp_path / "r" / "checkpoints" / f"step-{step}"))).model for step in (0, 2)
    )
    changed = [
        name
        for (name, one), other in zip(before.named_parameters(), after.parameters(), strict=True)
        if not torch.equal(one, other)
    ]
    assert changed
    assert all("lora" in name for name in changed) == (family == "codegen")
    assert (tmp_path / "r" / "report.html").exists()
