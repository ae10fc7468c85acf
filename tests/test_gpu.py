"""The proof on a GPU, rehearsed on this machine with tiny shapes: every stage runs, and writes its table and its log."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import torch
from transformers.cache_utils import StaticLayer

from benchmarks.gpu.__main__ import STAGES, main
from benchmarks.gpu.bench import Bench
from benchmarks.gpu.samplers import StaticSampler
from benchmarks.gpu.shapes import READY, embedded_policy
from benchmarks.gpu.wheels import GIVEN, NEEDED
from training import minicode
from training.config import TrainConfig
from training.models.prompts import encode_prompt
from training.records import SampleRequest
from training.samplers.transformers import TransformersSampler
from training.sections import SamplerSection

pytestmark = pytest.mark.slow
own_positions = pytest.mark.skipif(
    not hasattr(StaticLayer(8), "cumulative_length"),
    reason="the samplers for GPUs need a transformers whose static cache keeps its own position, as the locked one does",
)


@own_positions
def test_the_rehearsal_runs_every_stage_and_keeps_a_table_and_a_log_of_each(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert main(["--rehearse", "--out", str(tmp_path)]) == 0
    for name in STAGES:
        assert "| holds |" in (tmp_path / f"{name}.md").read_text() or name in ("speed", "memory", "waiting")
        assert "begins (rehearsal)" in (tmp_path / f"{name}.log").read_text()


def test_the_wheels_are_all_that_the_package_and_the_ready_configurations_need():
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    needs = list(project["dependencies"])
    if any(TrainConfig.load(f"examples/configs/{name}.toml").model.lora_rank for name in READY):
        needs += project["optional-dependencies"]["lora"]
    assert {re.match(r"[\w-]+", need)[0] for need in needs} <= {*NEEDED, *GIVEN}


def test_a_stage_that_fails_is_in_its_table_and_the_next_one_runs(tmp_path, monkeypatch):
    def broken(_: Bench) -> None:
        raise RuntimeError("no such GPU")

    monkeypatch.setattr("benchmarks.gpu.right.agreement", broken)
    monkeypatch.setattr("benchmarks.gpu.right.step", lambda bench: bench.row(["fine"], holds=True))
    assert main(["agreement", "step", "--rehearse", "--out", str(tmp_path)]) == 1
    assert "failed: RuntimeError: no such GPU | **DOES NOT HOLD** |" in (tmp_path / "agreement.md").read_text()
    assert "| fine | holds |" in (tmp_path / "step.md").read_text()


def test_a_stage_of_another_name_is_refused_with_those_there_are(capsys):
    with pytest.raises(SystemExit):
        main(["fast"])
    assert "no stage 'fast'; there are agreement, step" in capsys.readouterr().err


@own_positions
def test_the_static_sampler_draws_the_embedded_samplers_samples(monkeypatch):
    torch.manual_seed(0)
    policy = embedded_policy("cpu")
    requests = [
        SampleRequest(problem.id, tuple(encode_prompt(policy, problem)), 4, (0, place))
        for place, problem in enumerate(minicode.problems("short", "train")[:5])
    ]
    plain = TransformersSampler(policy, 40, 12)
    static = StaticSampler(SamplerSection(max_new_tokens=40, batch_size=12), policy)  # its last batch is not full
    with torch.no_grad():
        next(policy.model.parameters()).mul_(1.01)
    static.follow(1)
    drawn, found = (
        {(each.problem_id, each.sample): each for batch in sampler.sample(requests) for each in batch}
        for sampler in (plain, static)
    )
    assert {key: each.token_ids for key, each in drawn.items()} == {key: each.token_ids for key, each in found.items()}
    for key, each in drawn.items():
        assert found[key].logprobs == pytest.approx(each.logprobs, abs=1e-4)
        assert found[key].finish_reason == each.finish_reason
