"""Rollout in, feedback out: which programs were cut off."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

import pytest

from engine import Problem, Report
from feedback import FinishReason, RewardSettings
from tests.feedback.programs import crashed, span_of
from training.config import ModelSection
from training.feedback_pool import EngineFeedbackPool
from training.records import Rollout


class OneReport:
    """An engine whose programs all fail alike."""

    def submit(self, program: bytes, _: Problem) -> Future[Report]:
        report: Future[Report] = Future()
        report.set_result(crashed(program, "NameError", span_of(program, b"zz")))
        return report


@pytest.mark.parametrize(
    ("completion", "finish", "category"),
    [
        (b"```python\nx = 1\ny = zz\n", "length", "U_global"),
        (b"```python\nx = 1\ny = zz\n```\nThis program", "length", "U_line"),
        (b"```python\nx = 1\ny = zz\n", "stop", "U_line"),
    ],
)
def test_a_program_is_cut_off_only_where_the_completion_ends_in_it(completion, finish, category) -> None:
    policy = SimpleNamespace(
        section=ModelSection(extract="fence"), bytes_of=lambda ids: [bytes([each]) for each in ids]
    )
    pool = EngineFeedbackPool(cast("Any", OneReport()), cast("Any", policy), RewardSettings())
    ids = tuple(completion)
    rollout = Rollout("p", 0, (), ids, (0.0,) * len(ids), FinishReason(finish), 0)
    blame = pool.submit(rollout, Problem("p", ())).result().blames[0]
    assert blame.category.value == category
