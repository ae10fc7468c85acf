"""What is particular to feedback from a Ray cluster, above all what becomes of a lost worker's programs."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import replace

import psutil
import pytest

from engine import Verdict
from feedback import FinishReason
from tests.training.cluster.programs import ECHO, MIXED, opened, rollout, wait_for, workers
from training.errors import ClusterError
from training.records import Baseline, Experience
from training.run.checkpoint import save_experiences

PATIENT = replace(ECHO, time_limit=30.0)


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
