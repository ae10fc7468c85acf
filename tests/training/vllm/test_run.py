"""Whole runs whose rollouts come from vLLM stubs: what they leave behind, servers that die, sampling ahead."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.training.vllm.stub import Stub
from training.cli import main
from training.config import ModelSection
from training.models.policy import load_policy

pytestmark = pytest.mark.slow

SMALL = {
    "data.limit": 12,
    "data.held_out_limit": 2,
    "sampler.problems_per_step": 2,
    "sampler.samples_per_problem": 2,
    "sampler.max_new_tokens": 24,
    "buffer.capacity": 8,
    "buffer.batch_size": 8,
    "training.supervised_batch": 2,
    "training.steps": 3,
    "evaluation.samples_per_problem": 1,
    "optimizer.warmup_steps": 0,
    "run.threads": 1,
}


@pytest.fixture(scope="module")
def served_policy():
    return load_policy(ModelSection())


@pytest.fixture
def stubs(served_policy):
    made = [Stub(served_policy), Stub(served_policy)]
    yield made
    for stub in made:
        stub.die()


def train(folder: Path, name: str, stubs, *more: str) -> int:
    keys = {**SMALL, "sampler.backend": "vllm", "sampler.servers": ",".join(stub.url for stub in stubs)}
    settings = [word for key, value in keys.items() for word in (f"--{key}", str(value))]
    return main(["train", "--run", name, "--run.folder", str(folder), *settings, *more])


def metric(path: Path, name: str) -> dict[int, float]:
    with sqlite3.connect(path / "run.db") as store:
        return dict(store.execute("select step, value from metrics where name = ?", (name,)).fetchall())


def versions(path: Path) -> dict[int, set[int]]:
    with sqlite3.connect(path / "run.db") as store:
        rows = store.execute("select step, json_extract(record, '$.policy_version') from samples").fetchall()
    return {step: {version for at, version in rows if at == step} for step, _ in rows}


def weights(path: Path):
    return {name: value.tolist() for name, value in load_file(path / "checkpoints/step-3/model.safetensors").items()}


def test_a_run_is_the_same_on_any_servers_and_after_the_last_of_them_died(tmp_path, stubs, served_policy, capsys):
    assert train(tmp_path, "undisturbed", stubs) == 0
    run = tmp_path / "undisturbed"
    assert versions(run) == {1: {0}, 2: {1}, 3: {2}}  # each step's samples are those of the step before it
    assert metric(run, "sampler/lag") == {1: 0, 2: 0, 3: 0}
    assert metric(run, "sampler/servers") == {1: 2, 2: 2, 3: 2}
    assert all(stub.asked for stub in stubs)
    assert [path.name.rpartition("-")[2] for path in stubs[0].loaded] == ["0", "1", "2", "3"]

    def dies(stub):
        stub.dead = stub.version.endswith("-2")

    mortal = Stub(served_policy)
    mortal.before_token = dies
    capsys.readouterr()
    assert train(tmp_path, "died", [mortal], "--evaluation.every", "0") == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"no vLLM server is left: {mortal.url}" in said
    assert f"go on with --resume from {tmp_path}/died/checkpoints/step-2" in said
    resume = ["train", "--run", "died", "--run.folder", str(tmp_path), "--resume"]
    assert main([*resume, "--sampler.servers", stubs[0].url]) == 0  # the rest is as the run has it
    assert weights(tmp_path / "died") == weights(run)
    mortal.die()


def test_sampling_ahead_learns_from_samples_a_step_old(tmp_path, stubs):
    assert train(tmp_path, "ahead", stubs, "--sampler.ahead", "true", "--evaluation.every", "0") == 0
    run = tmp_path / "ahead"
    assert versions(run) == {1: {0}, 2: {0}, 3: {1}}
    assert metric(run, "sampler/lag") == {1: 0, 2: 1, 3: 1}
    assert metric(run, "policy/kl_from_sampler")[2] > metric(run, "policy/kl_from_sampler")[1]


def test_servers_of_another_model_end_the_command_before_it_begins(tmp_path, stubs, capsys):
    stubs[0].name = "somebody/else"
    assert train(tmp_path, "refused", stubs) == 2
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"rltf train: sampler.servers: {stubs[0].url} serves 'somebody/else', not model.name 'embedded:short'"
    ]
    assert not (tmp_path / "refused").exists()


def test_a_run_whose_server_keeps_an_old_output_head_is_refused_or_stopped(tmp_path, stubs, served_policy, capsys):
    head = served_policy.model.get_output_embeddings().weight.detach().clone()
    stubs[1].stale_head = head * 1.1
    assert train(tmp_path, "refused", stubs) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert f"rltf train: sampler.servers: vLLM server {stubs[1].url} does not sample from the learner's" in said[0]
    assert not (tmp_path / "refused").exists()

    stubs[1].stale_head = head  # right until the weights change
    assert train(tmp_path, "stopped", stubs, "--evaluation.every", "0") == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"vLLM server {stubs[1].url} does not sample from the learner's weights: after version 1" in said
    assert "go on with --resume from" in said
    assert main(["train", "--run", "stopped", "--run.folder", str(tmp_path), "--resume"]) == 2
    assert "learner's weights: after version 1 was pushed" in capsys.readouterr().err


def test_a_window_that_is_too_small_is_told_of_before_the_run(tmp_path, stubs, capsys):
    stubs[0].longest = 40
    assert train(tmp_path, "refused", stubs) == 2
    said = capsys.readouterr().err
    assert "a completion of 24 do not fit into the 40 that the servers take" in said
    assert not (tmp_path / "refused").exists()


def test_an_evaluation_samples_on_servers_and_finds_what_this_process_does(tmp_path, stubs, capsys):
    words = ["eval", "embedded:short", "--data", "minicode:short:held_out", "--limit", "3", "--temperature", "0"]
    words += ["--max-new-tokens", "32"]
    assert main([*words, "--out", str(tmp_path / "here")]) == 0
    servers = ",".join(stub.url for stub in stubs)
    assert main([*words, "--out", str(tmp_path / "there"), "--servers", servers]) == 0
    assert sum(body["sampling_params"]["temperature"] == 0 for stub in stubs for body in stub.asked) == 3
    here, there = (
        [json.loads(line)["program"] for line in (tmp_path / name / "samples.jsonl").read_text().splitlines()]
        for name in ("here", "there")
    )
    assert sorted(here) == sorted(there)
    capsys.readouterr()
    assert main([*words, "--servers", "nowhere"]) == 2
    assert "sampler.servers" in capsys.readouterr().err


def test_an_encoder_is_nothing_for_vllm(encoder_decoder_policy, tmp_path):
    from training.config import TrainConfig
    from training.errors import ConfigError
    from training.samplers import open_sampler

    keys = {"sampler.backend": "vllm", "sampler.servers": "http://127.0.0.1:9"}
    with pytest.raises(ConfigError, match="'vllm' serves decoder-only models"):
        open_sampler(TrainConfig.load(overrides=keys).sampler, encoder_decoder_policy, tmp_path)
