"""Where `credit` puts an advantage, worked out by hand for one group of three programs.

Rewards are coarse + adaptive: 2 for the passing ones, -0.6 for the failing one. Each is compared with the mean of the
two others: 2 - 0.7 = 1.3, 1.3 and -0.6 - 2 = -2.6. A pass is worth 2 - (2 + 2 - 0.6) / 3 = 2 - 3.4 / 3 above the mean.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

from engine import Diagnostic, Execution, Report, Source, Span, Verdict
from feedback import COMPONENTS, Blame, Category, Feedback, FinishReason
from tests.training.algorithms import algorithm, section
from training.algorithms import memory
from training.config import TrainConfig
from training.errors import ConfigError
from training.records import Group, Rollout, Sample, SampleRequest

PASSING = b"a = 1 + 2"
OTHER = b"# one\na = 1 + 2"
FAILING = b"a = 1 - 2"
WORTH = 2 - 3.4 / 3


def sample(index, program, *, passed, probability=0.5, blames=()):
    """A sample whose tokens are its words and line ends, a comment being one."""
    offsets = np.array([match.span() for match in re.finditer(rb"#.*|\S+|\n\s*", program)], np.int32)
    tokens = len(offsets)
    coarse, adaptive = (1.0, 1.0) if passed else (-0.3, -0.3)
    rewards = {name: np.zeros(tokens, np.float32) for name in COMPONENTS}
    rewards |= {"coarse": np.full(tokens, coarse, np.float32), "adaptive": np.full(tokens, adaptive, np.float32)}
    verdict = Verdict.PASSED if passed else Verdict.FAILED
    report = Report(program, Execution(verdict, (), None, 0.0, ""), ())
    logprobs = (float(np.log(probability)),) * tokens
    ids = tuple(range(10, 10 + tokens))
    rollout = Rollout("p", index, (1,), ids, logprobs, FinishReason.STOP, 0)
    return Sample(rollout, Feedback(report, tuple(blames), offsets, rewards))


def weights(*samples, **keys):
    own = algorithm("credit", keys=keys)
    return [each.weights.tolist() for each in own.credit(Group("p", samples))]


GROUP = (sample(0, PASSING, passed=True), sample(1, OTHER, passed=True), sample(2, FAILING, passed=False))


def test_by_itself_it_learns_passing_samples_alone():
    assert weights(*GROUP) == [pytest.approx([1.3] * 5), pytest.approx([1.3] * 7), [0.0] * 5]


def test_an_advantage_has_its_own_weight_on_each_side_of_the_baseline():
    assert weights(*GROUP, passing=0.0, failing=1.0) == [[0.0] * 5, [0.0] * 7, pytest.approx([-2.6] * 5)]
    assert weights(*GROUP, passing=0.5, failing=0.3)[::2] == [pytest.approx([0.65] * 5), pytest.approx([-0.78] * 5)]


def test_a_name_for_which_another_passing_sample_has_another_one_keeps_a_share():
    one = sample(0, b"a = 1 ; print( a )", passed=True)
    other = sample(1, b"b = 2 ; print( b )", passed=True)  # 2 in place of 1 is no name: it may matter
    assert weights(one, other, GROUP[2], choices=0.0)[0] == pytest.approx([0, 1.3, 1.3, 1.3, 1.3, 0, 1.3])
    assert weights(one, other, GROUP[2], choices=0.5)[1] == pytest.approx([0.65, 1.3, 1.3, 1.3, 1.3, 0.65, 1.3])


def test_a_passing_sample_without_another_one_keeps_all():
    assert weights(GROUP[0], GROUP[2], choices=0.0)[0] == pytest.approx([2.6] * 5)


def test_what_a_failing_sample_does_not_share_with_the_nearest_passing_one_is_at_fault_by_its_probability():
    assert weights(*GROUP, focus=1.0)[2] == pytest.approx([0, 0, 0, -0.5 * WORTH, 0])
    assert weights(*GROUP, focus=0.4, failing=0.1)[2] == pytest.approx([-0.26] * 3 + [-0.26 - 0.2 * WORTH, -0.26])


def test_where_something_is_missing_the_token_in_its_place_is_at_fault():
    passing = sample(0, b"if x :\n  a = 1\n  b = 2\nc = 3", passed=True)
    no_colon = sample(1, b"if x\n  a = 1\n  b = 2\nc = 3", passed=False)
    no_line = sample(2, b"if x :\n  a = 1\nc = 3", passed=False)
    marked = [np.flatnonzero(each).tolist() for each in weights(passing, no_colon, no_line, focus=1.0)[1:]]
    assert marked == [[2], [7]]  # the line end after `if x`, and the one after `a = 1`


def test_another_name_throughout_is_no_fault():
    renamed = sample(2, b"a = 1 ; print( -a )", passed=False)
    passing = sample(0, b"b = 1 ; print( b )", passed=True)
    assert weights(passing, renamed, focus=1.0)[1] == pytest.approx([0, 0, 0, 0, 0, -0.5 * (2 - 0.7), 0])


def test_a_suspect_is_less_certain_for_each_passing_program_of_earlier_groups_that_has_it_behind_the_same_words():
    own = algorithm("credit", keys={"focus": 1.0})
    own.credit(Group("q", (sample(0, b"b = 1 - 3", passed=True), sample(1, b"c = 1 - 4\nd = 1 - 4", passed=True))))
    assert own.credit(Group("p", GROUP))[2].weights.tolist() == pytest.approx([0, 0, 0, -0.5 * WORTH / 3, 0])
    resumed = algorithm("credit", keys={"focus": 1.0})
    resumed.load(own.state())
    assert resumed.credit(Group("p", GROUP))[2].weights.tolist() == pytest.approx([0, 0, 0, -0.5 * WORTH / 3, 0])


def test_what_a_passing_sample_does_not_share_with_the_nearest_failing_one_gets_more():
    decided = [1.3, 1.3, 1.3, 1.3 * (1 + 4), 1.3]  # `+`, where the failing one has `-`
    assert weights(*GROUP, contrast=4.0) == [pytest.approx(decided), pytest.approx([1.3] * 2 + decided), [0.0] * 5]
    assert weights(*GROUP, contrast=1.0, focus=1.0)[::2] == [
        pytest.approx([1.3, 1.3, 1.3, 2.6, 1.3]),
        pytest.approx([0, 0, 0, -0.5 * WORTH, 0]),
    ]


def test_a_passing_sample_without_a_failing_one_gets_no_more():
    failing, elsewhere = sample(0, FAILING, passed=False), sample(0, PASSING, passed=True)
    own = algorithm("credit", keys={"contrast": 4.0, "baseline": "none"})
    own.credit(Group("q", (failing,)))
    assert own.credit(Group("p", (elsewhere, GROUP[1])))[0].weights.tolist() == [2.0] * 5


def test_what_failing_programs_of_earlier_groups_wrote_behind_the_same_words_decided_less():
    own = algorithm("credit", keys={"contrast": 3.0})
    own.credit(Group("q", (sample(0, b"b = 1 + 3", passed=False), sample(1, b"c = 1 + 4\nd = 1 + 4", passed=False))))
    resumed = algorithm("credit", keys={"contrast": 3.0})
    resumed.load(own.state())
    for each in (own, resumed):  # two failing programs have `+` behind `= 1`
        expected = [1.3, 1.3, 1.3, 1.3 * (1 + 3 / 3), 1.3]
        assert each.credit(Group("p", GROUP))[0].weights.tolist() == pytest.approx(expected)


def test_a_name_that_does_not_matter_gets_no_more():
    one, other = sample(0, b"a = 1 ; print( a )", passed=True), sample(1, b"b = 1 ; print( b )", passed=True)
    failing = sample(2, b"a = 3 ; print( 2 )", passed=False)  # it has 3 for 1, and 2 for the name
    expected = [0, 1.3, 2.6, 1.3, 1.3, 0, 1.3]
    assert weights(one, other, failing, choices=0.0, contrast=1.0)[0] == pytest.approx(expected)


def test_only_the_newest_programs_are_remembered(monkeypatch):
    monkeypatch.setattr(memory, "_KEPT", 2)
    known = memory.Memory()
    known.add([b"a = 1", b"a = 2", b"a = 3"])
    assert [known.rarity((b"a", b"=", value)) for value in (b"1", b"2", b"3")] == [1.0, 0.5, 0.5]
    assert known.rarity((b"\n", b"a", b"=")) == 1 / 3
    assert known.programs == [b"a = 2", b"a = 3"]


def test_without_a_passing_sample_the_place_of_an_error_is_at_fault_and_a_suspicion_is_not():
    def blame(source, strength):
        span = Span(2, 5, 1, 2, 1, 5)
        return Blame(Diagnostic(source, "x", "", span), Category.LINE, span, strength, "")

    crashed = sample(0, FAILING, passed=False, blames=[blame(Source.RUNTIME, 0.8)])
    suspected = sample(1, FAILING, passed=False, blames=[blame(Source.COVERAGE, 0.8)])
    worth = 2 - (-0.6)
    assert weights(crashed, suspected, focus=1.0) == [pytest.approx([0, -0.4 * worth, -0.4 * worth, 0, 0]), [0.0] * 5]


def test_the_place_of_an_error_is_less_certain_where_passing_programs_of_earlier_groups_wrote_it_too():
    span = Span(2, 7, 1, 2, 1, 7)
    blame = Blame(Diagnostic(Source.RUNTIME, "x", "", span), Category.LINE, span, 0.8, "")
    own = algorithm("credit", keys={"focus": 1.0})
    own.credit(Group("q", (sample(0, b"b = 1 - 3", passed=True),)))
    (crashed,) = own.credit(Group("p", (sample(0, FAILING, passed=False, blames=[blame]),)))
    worth = 2 - (-0.6)  # `= 1` of `a = 1 -` is new behind `a`, and `-` behind `= 1` is not
    assert crashed.weights.tolist() == pytest.approx([0, -0.4 * worth, -0.4 * worth, -0.2 * worth, 0])


def test_a_moved_advantage_says_where_and_why():
    def moves(*samples, **keys):
        return [each.moves for each in algorithm("credit", keys=keys).credit(Group("p", samples))]

    one, other = sample(0, b"a = 1 ; print( a )", passed=True), sample(1, b"b = 1 ; print( b )", passed=True)
    name = "another passing program has another name here"
    assert moves(one, other, choices=0.0) == [((0, 1, name), (5, 6, name))] * 2
    fault = "at fault with a certainty of 1.00: the nearest passing program has something else"
    assert moves(*GROUP, focus=1.0) == [(), (), ((3, 4, fault),)]
    assert moves(*GROUP) == [(), (), ()]
    decided = "decisive with a certainty of 1.00: the nearest failing program has something else"
    assert moves(*GROUP, contrast=0.5) == [((3, 4, decided),), ((5, 6, decided),), ()]


def test_nothing_to_learn_from_is_refused():
    with pytest.raises(ValueError, match="passing"):
        section("credit", passing=0.0)


def branching(branches, *samples, learned=()):
    """What a problem of 8 samples is asked for after the first of them."""
    usual = SampleRequest("p", (1,), 8, (0, 3))
    own = algorithm("branch", keys={"branches": branches}, request=lambda identifier, step: usual)
    own.credit(Group("q", tuple(sample(0, program, passed=True) for program in learned)))
    assert [request.samples for request in own.ask([usual])] == [8 - branches]
    rounds = [[Group("p", samples)]]
    assert own.further([*rounds, []], 3) == []
    asked = own.further(rounds, 3)
    assert [each.drawn for each in asked] == [(float(np.log(0.5)),) * len(each.begun) for each in asked]
    return [(each.samples, each.first, each.begun, each.barred) for each in asked]


def test_a_problem_with_a_passing_sample_gets_ordinary_ones():
    assert branching(3, *GROUP) == [(3, 5, (), ())]


def test_a_problem_none_of_whose_samples_could_be_judged_gets_ordinary_ones():
    assert branching(3) == [(3, 5, (), ())]


def test_where_all_fail_each_is_gone_on_with_before_the_choice_that_no_passing_program_made():
    other = sample(1, b"a = 2", passed=False)
    # A line of b = 1 - 3 begins as both do, to a = 1 - in one and to a = in the other.
    assert branching(2, sample(0, FAILING, passed=False), other, learned=[b"b = 1 - 3"]) == [
        (1, 6, (10, 11, 12, 13), (14,)),
        (1, 7, (10, 11), (12,)),
    ]


def test_more_branches_than_samples_go_on_from_their_next_suspects():
    asked = branching(4, sample(0, b"a = 2 ; b", passed=False), learned=[b"c = 1", b"c = 2"])
    assert [begun for _, _, begun, _ in asked] == [(10, 11, 12), (10, 11, 12, 13), (10, 11), ()]


def test_a_token_that_the_policy_was_sure_of_is_hardly_a_choice():
    own = algorithm("branch")
    own.credit(Group("q", (sample(0, b"b = 1 - 3", passed=True),)))
    assert own.suspicion(sample(0, FAILING, passed=False)).tolist() == [0.5, 0.5, 0.5, 0.5, 1.0]
    sure = own.suspicion(sample(0, FAILING, passed=False, probability=0.99))  # 0.01 / 0.05 of what it was
    assert sure.tolist() == pytest.approx([0.1, 0.1, 0.1, 0.1, 0.2], abs=1e-5)


def test_a_branch_that_passes_is_compared_with_the_whole_group():
    own = algorithm("branch", keys={"focus": 1.0})
    failing, passing = own.credit(Group("p", (GROUP[2], sample(1, PASSING, passed=True))))
    assert passing.weights.tolist() == pytest.approx([2.6] * 5)  # 2 - (-0.6)
    assert failing.weights.tolist() == pytest.approx([0, 0, 0, -0.5 * 1.3, 0])  # 2 - (2 - 0.6) / 2 is a pass's gain


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"sampler.backend": "vllm", "sampler.servers": "http://localhost:1"}, "sampler.backend: 'vllm' bars no token"),
        ({"objective.branches": 7}, "objective.branches: 7 must be below sampler.samples_per_problem - 1, 7"),
        ({"training.rollouts": "offline"}, "objective.branches: training.rollouts 'offline'"),
    ],
)
def test_branches_that_cannot_be_drawn_are_refused(keys, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        TrainConfig.load(overrides={"objective.algorithm": "branch", **keys})
