"""Feedback from a Ray cluster: the contract that local scorers keep too, and what becomes of a lost worker's programs.

All of it is in one file, since a second Ray that starts at the same time on this machine may fail. Scorers that are
opened and closed again come first: `ray_scorer` takes all of the cluster for the tests after them.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from safetensors.torch import load_file

from engine import Limits, SandboxError, Verdict
from feedback import FinishReason
from tests.training.cluster.programs import ECHO, MIXED, opened, rollout, wait_for, workers
from training.config import ConfigError, TrainConfig
from training.errors import ClusterError
from training.judging.cluster import RayEngine
from training.records import Baseline, Experience
from training.run import Run
from training.run.checkpoint import save_experiences

PATIENT = replace(ECHO, time_limit=30.0)


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


@pytest.fixture(scope="module", params=["local", "ray"])
def scorer(request, tiny_policy):
    if request.param == "ray":
        yield request.getfixturevalue("ray_scorer")
    else:
        with contextlib.closing(opened("local", tiny_policy)) as scorer:
            yield scorer


def test_every_rollout_gets_feedback_on_its_own_tokens(scorer, tiny_policy):
    rollouts = [rollout(tiny_policy, program, problem) for program, problem, _ in MIXED]
    futures = [
        scorer.submit(each.token_ids, problem, each.finish_reason)
        for each, (_, problem, _) in zip(rollouts, MIXED, strict=True)
    ]
    for future, each, (program, _, verdict) in zip(futures, rollouts, MIXED, strict=True):
        feedback = future.result()
        assert (feedback.report.program, feedback.report.execution.verdict) == (program.encode(), verdict)
        assert len(feedback.offsets) == len(feedback.total) == len(each.token_ids)
        assert feedback.report.execution.isolation == str(scorer.engine.isolation)


def test_verdicts_alone_and_comparisons_are_to_be_had_of_its_engine(scorer):
    assert scorer.engine.judge.submit(b"print(input())", ECHO).result().verdict is Verdict.PASSED
    assert scorer.engine.compare(b"print(input())", ECHO.references).result().syntax == 1.0


def test_submissions_from_many_threads_all_come_back(scorer):
    found = []

    def submit(thread):
        futures = [scorer.engine.judge.submit(f"print({n}) # {thread}".encode(), ECHO) for n in range(10)]
        found.extend(future.result().pass_ratio for future in futures)

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [0.0] * 32 + [0.5] * 8


def as_bytes(feedback, each, folder):
    """What a checkpoint would keep of it, but for what is measured anew each time."""
    execution = feedback.report.execution
    tests = tuple(replace(test, seconds=0.0) for test in execution.tests)
    execution = replace(execution, tests=tests, seconds=0.0, peak_memory_bytes=0)
    feedback = replace(feedback, report=replace(feedback.report, execution=execution))
    save_experiences(folder / "one", [Experience(each, feedback, Baseline(0.0, 0.0), feedback.total)])
    return (folder / "one").read_bytes()


def test_feedback_is_the_same_bytes_wherever_programs_are_judged(ray_scorer, tiny_policy, tmp_path):
    reasons = (FinishReason.STOP, FinishReason.LENGTH)
    asked = [(rollout(tiny_policy, program, problem, why), problem) for program, problem, _ in MIXED for why in reasons]
    found = []
    with contextlib.closing(opened("local", tiny_policy)) as local_scorer:
        for scorer in (local_scorer, ray_scorer):
            futures = [scorer.submit(each.token_ids, problem, each.finish_reason) for each, problem in asked]
            found.append([future.result() for future in futures])
    for (each, _), here, there in zip(asked, *found, strict=True):
        assert as_bytes(there, each, tmp_path) == as_bytes(here, each, tmp_path)


def test_submitting_waits_while_too_much_is_outstanding(ray_scorer, monkeypatch):
    engine, futures = ray_scorer.engine, []
    monkeypatch.setattr(engine._crew, "_room", threading.Semaphore(4))
    for number in range(12):
        futures.append(engine.judge.submit(f"print(input()) # {number}".encode(), ECHO))
        assert sum(not future.done() for future in futures) <= 4
    assert all(future.result().verdict is Verdict.PASSED for future in futures)


def test_a_killed_worker_costs_retries_and_no_sample_and_is_replaced(cluster, ray_scorer):
    engine = ray_scorer.engine
    programs = [f"import time; time.sleep(0.1); print(input()) # {n}".encode() for n in range(30)]
    futures = [engine.submit(program, ECHO) for program in programs]
    wait_for(lambda: sum(future.done() for future in futures) >= 4)
    victim = workers(cluster)[0]
    started = victim.children(recursive=True)
    victim.kill()
    assert [future.result().execution.verdict for future in futures] == [Verdict.PASSED] * 30
    assert 1 <= engine.retries <= 3
    assert any("is lost" in line for line in ray_scorer.told)
    assert not psutil.wait_procs(started)[1], "what it had started must die with it"
    wait_for(lambda: len(workers(cluster)) == 2 and victim not in workers(cluster))


def test_a_program_that_one_worker_after_the_other_is_lost_with_is_nobodys_fault(cluster, ray_scorer, monkeypatch):
    monkeypatch.setattr("training.judging.cluster.crew._TRIES", 2)
    engine = ray_scorer.engine
    future = engine.submit(b"import time; time.sleep(9); print(input())", PATIENT)
    while not future.done():
        for worker in workers(cluster, ".report"):
            worker.kill()
        time.sleep(0.2)
    execution = future.result().execution
    assert (execution.verdict, execution.error) == (Verdict.INFRA, None)
    assert "2 workers failed" in execution.infra_reason
    monkeypatch.undo()
    wait_for(lambda: len(workers(cluster)) == 2)
    assert engine.submit(b"print(input()) # again", ECHO).result().execution.verdict is Verdict.PASSED


def test_without_any_worker_left_whoever_waits_is_told(cluster, ray_scorer):
    engine = ray_scorer.engine
    wait_for(lambda: engine._crew._up == 2)  # a test before this one killed some
    engine._crew._arguments["require"] = 4  # as if all that is left were nodes that confine less than is required
    future = engine.submit(b"import time; time.sleep(9); print(input()) # last", PATIENT)
    wait_for(lambda: workers(cluster, ".report"))
    for worker in workers(cluster):
        worker.kill()
    with pytest.raises(ClusterError, match=r"no worker is left.*node .*: isolation level \d is below the required 4"):
        future.result()
    with pytest.raises(ClusterError, match="no worker is left"):
        engine.submit(b"print(input()) # too late", ECHO)
