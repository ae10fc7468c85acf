"""A step in numbers: what makes a silent zero visible."""

from __future__ import annotations

import numpy as np
import pytest

from engine import Diagnostic, ErrorKind, Execution, Frame, ProgramError, Report, Source, Span, TestResult, Verdict
from engine.logical import layout
from feedback import FinishReason, assess
from training.config import TrainConfig
from training.records import Baseline, Experience, Group, Rollout, Sample
from training.run.samples import step_metrics

PROGRAM = b"x=1\ny=z\n"


def experience(span, lines, offsets):
    error = ProgramError(ErrorKind.RUNTIME, "NameError", "z", (Frame("<module>", span),) if span else ())
    results = (TestResult(Verdict.ERROR, 0.1, error, "", lines),)
    diagnostic = Diagnostic(Source.RUNTIME, "NameError", "z", span)
    report = Report(PROGRAM, Execution(Verdict.ERROR, results, error, 0.1, "", layout=layout(PROGRAM)), (diagnostic,))
    feedback = assess(report, np.array(offsets, np.int32))
    tokens = len(offsets)
    rollout = Rollout("p", 0, (1,), (2,) * tokens, (-1.0,) * tokens, FinishReason.STOP, 0)
    return Experience(rollout, feedback, Baseline(0, 0), np.zeros(tokens, np.float32))


def measured(*experiences):
    group = Group("p", tuple(Sample(each.rollout, each.feedback) for each in experiences))
    return step_metrics([group], experiences, turns=1)


WHOLE = [[0, 2], [2, 4], [4, 6], [6, 8]]
SECOND_LINE = Span(4, 7, 2, 0, 2, 3)


def test_blames_that_no_token_wrote_are_counted_apart():
    located = experience(SECOND_LINE, frozenset({1, 2}), WHOLE)
    cut_away = experience(SECOND_LINE, frozenset({1, 2}), [[0, 2], [2, 4], [8, 8], [8, 8]])
    metrics = measured(located, cut_away)
    assert (metrics["blames/located"], metrics["blames/unlocated"]) == (1, 1)
    assert metrics["tokens/penalised_share"] == pytest.approx((2 + 4) / 8)  # the whole program has a place nobody wrote


def test_tokens_that_no_test_ran_are_counted():
    stopped_early = experience(SECOND_LINE, frozenset({2}), WHOLE)
    unknown = experience(SECOND_LINE, None, WHOLE)
    assert measured(stopped_early, unknown)["tokens/unexecuted_share"] == pytest.approx(2 / 8)


@pytest.mark.parametrize(
    ("overrides", "needed"),
    [
        ({}, True),
        ({"objective.mask_unexecuted": False}, True),
        ({"objective.mask_unexecuted": False, "feedback.spectrum": "none"}, False),
        ({"objective.mask_unexecuted": False, "objective.fine": 0}, False),
        ({"feedback.spectrum": "none"}, True),
        ({"objective.algorithm": "rltf_paper"}, False),
        ({"objective.algorithm": "grpo"}, False),
    ],
)
def test_lines_are_traced_only_where_something_is_made_of_them(overrides, needed):
    config = TrainConfig.load(overrides=overrides)
    assert config.objective.needs_lines(config.feedback.needs_lines) is needed
