"""Checkpoints hold everything, whole or not at all, and a damaged one is passed over."""

import numpy as np
import pytest
import torch

from engine import Diagnostic, ErrorKind, Execution, Frame, ProgramError, Report, Source, Span, TestResult, Verdict
from feedback import COMPONENTS, Blame, Category, Contribution, Feedback, FinishReason
from training.config import OptimizerSection
from training.learners.local import LocalLearner
from training.records import Baseline, Experience, Rollout, WeightedSequence
from training.run.checkpoint import (
    Progress,
    checkpoints,
    load_experiences,
    load_learner_state,
    load_progress,
    newest_valid,
    save_checkpoint,
    save_experiences,
)

SPAN = Span(0, 1, 1, 0, 1, 1)


def experience():
    error = ProgramError(ErrorKind.RUNTIME, "NameError", "x", (Frame("f", SPAN),))
    result = TestResult(Verdict.ERROR, 0.1, error, "", frozenset({1, 2}))
    diagnostic = Diagnostic(Source.RUNTIME, "NameError", "x", SPAN)
    blame = Blame(diagnostic, Category.LINE, SPAN, 1.0, "because")
    report = Report(b"\xff x", Execution(Verdict.ERROR, (result,), error, 0.1, "3"), (diagnostic,))
    feedback = Feedback(
        report,
        (blame,),
        np.array([[0, 1], [1, 3]], np.int32),
        {name: np.array([0.5, -1], np.float32) for name in COMPONENTS},
        contributions=(((0, 2), Contribution("coarse", -0.6, "rule", blame)),),
    )
    rollout = Rollout("p", 1, (1, 2), (3, 4), (-0.5, -0.25), FinishReason.LENGTH, 7)
    return Experience(rollout, feedback, Baseline(0.5, 1.0), np.ones(len(rollout.token_ids), np.float32))


def save(folder, policy, step, keep=2):
    learner = LocalLearner(policy, OptimizerSection(), steps=10)
    learner.accumulate([WeightedSequence((7,), (8, 9), np.ones(2, np.float32))], 1.0)
    learner.update()
    progress = Progress(step, 12, 3.5, {"pass@1": 0.25})
    state = {"best": {"p": (1.0, 1.0)}}
    return save_checkpoint(folder, policy, learner.state(), state, progress, [experience()], keep), learner, progress


def test_experiences_survive_exactly(tmp_path):
    save_experiences(tmp_path / "e", [experience()])
    (found,) = load_experiences(tmp_path / "e")
    expected = experience()
    assert found.rollout == expected.rollout
    assert found.baseline == expected.baseline
    assert found.feedback.report == expected.feedback.report
    assert found.feedback.blames == expected.feedback.blames
    assert found.feedback.contributions == expected.feedback.contributions
    assert np.array_equal(found.feedback.offsets, expected.feedback.offsets)
    assert all(np.array_equal(found.feedback.rewards[name], expected.feedback.rewards[name]) for name in COMPONENTS)


def test_progress_and_optimizer_survive(tmp_path, tiny_policy):
    path, learner, progress = save(tmp_path, tiny_policy, 4)
    assert load_progress(path) == progress
    other = LocalLearner(tiny_policy, OptimizerSection(), steps=10)
    other.load_state(load_learner_state(path))
    left, right = learner.state(), other.state()
    assert left["schedule"] == right["schedule"]
    for key, values in left["optimizer"]["state"].items():
        assert all(torch.equal(value, right["optimizer"]["state"][key][name]) for name, value in values.items())


def test_only_the_newest_are_kept(tmp_path, tiny_policy):
    for step in (2, 4, 10):
        save(tmp_path, tiny_policy, step)
    assert [path.name for path in checkpoints(tmp_path)] == ["step-4", "step-10"]


def test_one_of_a_later_step_counts_for_nothing(tmp_path, tiny_policy):
    for step in (64, 65, 10, 20, 30):
        path, _, _ = save(tmp_path, tiny_policy, step)
        assert path.is_dir()
    assert [path.name for path in checkpoints(tmp_path)] == ["step-20", "step-30", "step-64", "step-65"]


@pytest.mark.parametrize("damage", ["cut", "flip", "gone"])
def test_a_damaged_one_is_not_counted_among_those_kept_and_is_not_deleted(tmp_path, tiny_policy, damage):
    for step in (1, 2):
        path, _, _ = save(tmp_path, tiny_policy, step)
    file = path / "model.safetensors"
    data = file.read_bytes()
    file.unlink()
    if damage != "gone":
        file.write_bytes(data[:1000] if damage == "cut" else data[:-1] + bytes([data[-1] ^ 1]))
    save(tmp_path, tiny_policy, 3)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["step-1", "step-2.damaged", "step-3"]


def test_another_run_s_checkpoint_is_passed_over(tmp_path, tiny_policy):
    path, _, _ = save(tmp_path, tiny_policy, 1)
    assert newest_valid(tmp_path, "mine")[0] is None
    path.rename(tmp_path / "step-5")
    assert newest_valid(tmp_path)[0] is None


@pytest.mark.parametrize(
    "name", ["model.safetensors", "optimizer.pt", "buffer.msgpack", "progress.json", "checksums.json"]
)
@pytest.mark.parametrize("damage", ["cut", "flip", "gone"])
def test_a_damaged_checkpoint_is_passed_over_with_a_message(tmp_path, tiny_policy, name, damage):
    save(tmp_path, tiny_policy, 1)
    newer, _, _ = save(tmp_path, tiny_policy, 2)
    file = newer / name
    data = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(data[: len(data) // 2] if damage == "cut" else data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])
    found, damaged = newest_valid(tmp_path)
    assert found == tmp_path / "step-1"
    assert len(damaged) == 1
    assert str(newer) in str(damaged[0])


def test_a_half_written_checkpoint_is_not_seen(tmp_path, tiny_policy):
    save(tmp_path, tiny_policy, 1)
    (tmp_path / ".step-2.part").mkdir()
    assert newest_valid(tmp_path) == (tmp_path / "step-1", [])


def test_one_that_was_being_replaced_is_still_there(tmp_path, tiny_policy):
    path, _, _ = save(tmp_path, tiny_policy, 1)
    path.rename(tmp_path / ".step-1.gone")  # as the process leaves it that dies between the two renames
    assert newest_valid(tmp_path) == (path, [])
    save(tmp_path, tiny_policy, 1)
    assert [each.name for each in tmp_path.iterdir()] == ["step-1"]


def test_without_a_checkpoint_there_is_none(tmp_path):
    assert newest_valid(tmp_path / "absent") == (None, [])
