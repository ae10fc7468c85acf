"""Scorers and runs that are opened and closed again: before `ray_scorer` takes all of the cluster for the files after this."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from engine import Limits, SandboxError, Verdict
from tests.training.cluster.programs import ECHO, opened, rollout, wait_for, workers
from training.config import ConfigError, TrainConfig
from training.judging.cluster import RayEngine
from training.run import Run


@pytest.mark.parametrize("backend", ["local", "ray"])
def test_closing_finishes_what_was_submitted_and_takes_no_more(backend, request, tiny_policy):
    if backend == "ray":
        request.getfixturevalue("cluster")
    scorer = opened(backend, tiny_policy)
    futures = [scorer.submit(rollout(tiny_policy, f"print({n})", ECHO).token_ids, ECHO) for n in range(8)]
    scorer.close()
    assert [future.result(0).report.execution.verdict for future in futures] == [Verdict.FAILED] * 8
    with pytest.raises(RuntimeError, match="closed"):
        scorer.submit(rollout(tiny_policy, "print(9)", ECHO).token_ids, ECHO)


def run(folder, backend):
    """The samples, and the weights, of a small run."""
    from training.loop import train

    settings = {
        "data.limit": 8,
        "data.held_out_limit": 2,
        "sampler.problems_per_step": 2,
        "sampler.samples_per_problem": 4,
        "buffer.capacity": 8,
        "buffer.batch_size": 8,
        "training.steps": 2,
        "training.supervised_batch": 2,
        "evaluation.samples_per_problem": 1,
        "run.threads": 1,
        "run.folder": str(folder),
        "run.name": backend,
        "feedback.backend": backend,
    }
    config = TrainConfig.load(overrides=settings)
    train(config, Path(folder) / backend)
    found = Run(folder / backend)
    records = [found.record(row["seq"]) for row in found.samples()]
    for record in records:
        del record["seconds"]
        for test in record["tests"]:
            del test["seconds"]
    retries = [row["value"] for row in found.metrics() if row["name"] == "feedback/retries"]
    return records, load_file(folder / backend / "checkpoints" / "step-2" / "model.safetensors"), retries


def test_a_run_with_feedback_from_the_cluster_is_the_same_run(cluster, tmp_path):
    (records, weights, _), (others, trained, retries) = run(tmp_path, "local"), run(tmp_path, "ray")
    assert len(records) == 16
    assert others == records
    assert all((trained[name] == weights[name]).all() for name in weights)
    assert retries == [0.0, 0.0]
    wait_for(lambda: not workers(cluster))


def test_a_node_that_confines_too_little_is_refused_by_name_and_level(cluster):
    arguments = {"judge_workers": 1, "limits": Limits(), "require": 4}  # more than there is
    with pytest.raises(SandboxError, match=r"'ray': node \S+: isolation level [0-3] is below the required 4") as caught:
        RayEngine(arguments, "local", 1)
    assert "\n" not in str(caught.value)
    wait_for(lambda: not workers(cluster))


def test_more_workers_than_fit_are_refused(cluster, tiny_policy):
    with pytest.raises(ConfigError, match=r"feedback.ray_workers 3: .*room for 2"):
        opened("ray", tiny_policy, feedback__ray_workers=3)
    with pytest.raises(ConfigError, match=r"feedback.ray_workers 2: .*room for 1; .*judge_workers = 2 "):
        opened("ray", tiny_policy, engine__judge_workers=2)


def test_an_address_where_nobody_listens_is_named_at_once(cluster, monkeypatch, tiny_policy):
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(
        ConfigError, match=f"feedback.ray_address '{address}': .*refused; start a cluster with"
    ) as caught:
        opened("ray", tiny_policy, feedback__ray_address=address)
    assert "\n" not in str(caught.value)


def test_a_missing_ray_is_named_with_the_extra_that_brings_it(monkeypatch, tiny_policy):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"feedback.backend 'ray': needs ray: pip install 'rltf\[ray\]'"):
        opened("ray", tiny_policy)
