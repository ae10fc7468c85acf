"""One contract for every feedback scorer: workers on this machine, and on a Ray cluster (here: of this machine, 2 CPUs)."""

from __future__ import annotations

import contextlib
import threading

import pytest

from engine import Verdict
from tests.training.cluster.programs import ECHO, MIXED, opened, rollout


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
