"""Suspicion from executed lines, by hand, and which tokens no test ran."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import Report, Source
from feedback import RewardSettings, assess, token_offsets
from feedback.spectrum import FORMULAS, executed_tokens, shares, suspicion
from tests.feedback.programs import crashed, failed, passed, span_of

PROGRAM = b"""def f(x):
    if x > 2:
        y = x - 1
    else:
        # note
        y = x + 1
    return y
"""


def with_lines(report: Report, *lines: set[int]) -> Report:
    tests = [
        replace(test, executed_lines=frozenset(ran)) for test, ran in zip(report.execution.tests, lines, strict=True)
    ]
    return replace(report, execution=replace(report.execution, tests=tuple(tests)))


WRONG = with_lines(failed(PROGRAM, tests="ppf"), {1, 2, 6, 7}, {1, 2, 6, 7}, {1, 2, 3, 7})


def test_ochiai_by_hand() -> None:
    assert suspicion(WRONG.execution) == pytest.approx({1: 3**-0.5, 2: 3**-0.5, 3: 1.0, 7: 3**-0.5})


def test_other_formulas_by_hand() -> None:
    # line 2: 1 of 1 failing, 2 of 2 passing; line 3: 1 of 1 failing, 0 of 2 passing
    tarantula, dstar = suspicion(WRONG.execution, "tarantula"), suspicion(WRONG.execution, "dstar")
    assert (tarantula[2], tarantula[3]) == pytest.approx((0.5, 1.0))
    assert (dstar[2], dstar[3]) == pytest.approx((1 / 3, 2 / 3))


@given(st.lists(st.integers(0, 20), min_size=4, max_size=4), st.sampled_from(sorted(FORMULAS)))
def test_every_formula_stays_between_zero_and_one(counts, name) -> None:
    assert 0.0 <= FORMULAS[name](*counts) <= 1.0


def lines_of(program: bytes) -> np.ndarray:
    return token_offsets(program.splitlines(keepends=True), slice(0, len(program)))


def test_a_wrong_answer_is_blamed_on_the_line_that_only_failing_tests_ran() -> None:
    feedback = assess(WRONG, lines_of(PROGRAM))
    assert np.flatnonzero(feedback.rewards["fine"]).tolist() == [2]
    blame = feedback.blames[0]
    assert (blame.diagnostic.source, blame.diagnostic.code) == (Source.COVERAGE, "suspicious")
    assert blame.strength == pytest.approx(0.9907, abs=1e-4)


def test_lines_share_the_blame_by_what_they_do_and_by_their_suspicion() -> None:
    cold = math.exp(12 * (3**-0.5 - 1))  # line 3 alone has suspicion 1; weights are 3, 3 and 1
    total = 4 + 4 * cold + 2 * cold
    assert shares(PROGRAM, WRONG.execution) == pytest.approx({2: 4 * cold / total, 3: 4 / total, 7: 2 * cold / total})


def test_a_suspects_place_is_its_value_and_punctuation_in_it_is_not_penalised() -> None:
    program = b"def f(x):\n    if x:\n        return 0\n    y = g(x, -x)  # (\n    return h[y]\n"
    report = with_lines(failed(program, tests="pf"), {1, 2, 3}, {1, 2, 4, 5})
    offsets = np.array([match.span() for match in re.finditer(rb"\w+|[^\w\s]", program)] + [(len(program),) * 2])
    fine = assess(report, offsets.astype(np.int32)).rewards["fine"]
    blamed = [program[first:last].decode() for (first, last), value in zip(offsets, fine, strict=True) if value]
    assert blamed == ["g", "x", "-", "x"]


@pytest.mark.parametrize(
    "settings", [RewardSettings(mode="paper"), RewardSettings(mode="release"), RewardSettings(spectrum="none")]
)
def test_without_the_spectrum_a_wrong_answer_has_no_place(settings) -> None:
    assert not assess(WRONG, lines_of(PROGRAM), settings=settings).rewards["fine"].any()


def test_a_passing_program_has_no_suspect() -> None:
    report = with_lines(passed(PROGRAM, tests="pp"), {1, 2, 3, 7}, {1, 2, 6, 7})
    assert assess(report, lines_of(PROGRAM)).blames == ()


def test_definitions_and_imports_are_no_suspects() -> None:
    program = b"import math\ndef f(x): return math.pi\n"
    report = with_lines(failed(program, tests="f"), {1, 2})
    assert assess(report, lines_of(program)).blames == ()


def test_a_sure_error_needs_no_suspect_and_an_unsure_one_is_weighed_against_it() -> None:
    ran = [{1, 2, 6, 7}, {1, 2, 3, 7}]
    sure = with_lines(crashed(PROGRAM, "NameError", span_of(PROGRAM, b"y\n", b"return")), *ran)
    unsure = with_lines(crashed(PROGRAM, "IndexError", span_of(PROGRAM, b"y\n", b"return")), *ran)
    assert [blame.diagnostic.code for blame in assess(sure, lines_of(PROGRAM)).blames] == ["NameError"]
    assert [blame.diagnostic.code for blame in assess(unsure, lines_of(PROGRAM)).blames] == ["IndexError", "suspicious"]


def test_the_line_of_an_unsure_error_is_as_likely_as_the_spectrum_finds_it() -> None:
    report = with_lines(crashed(PROGRAM, "IndexError", span_of(PROGRAM, b"x - 1")), {1, 2, 6, 7}, {1, 2, 3})
    blames = assess(report, lines_of(PROGRAM)).blames
    assert len(blames) == 1
    cold = 0.6 * math.exp(12 * (2**-0.5 - 1))  # the error's own line has odds of 1.8 x 0.6 / 0.4 = 2.7 times its weight
    assert blames[0].strength == pytest.approx(4 * 2.7 / (4 * 2.7 + 4 * cold / 0.6))
    assert [item.code for item in blames[0].also] == ["suspicious"]


STRAIGHT = b"n = int(input())\na = n + 1\nb = a * 2\nprint(b)\n"
ALIKE = b"a = n + 1\nb = a * 2\nc = b - 3\nd = c / 4\n"


@pytest.mark.parametrize("report", [failed(STRAIGHT, tests="fff"), crashed(STRAIGHT, "ValueError", None, tests="ee")])
def test_without_a_passing_test_there_is_no_suspect(report) -> None:
    report = with_lines(report, *[{1, 2, 3, 4}] * len(report.execution.tests))
    assert [blame for blame in assess(report, lines_of(STRAIGHT)).blames if blame.diagnostic.code == "suspicious"] == []


def test_lines_that_every_test_ran_and_that_do_as_much_are_weak_suspects() -> None:
    report = with_lines(failed(ALIKE, tests="pf"), *[{1, 2, 3, 4}] * 2)
    assert [blame.strength for blame in assess(report, lines_of(ALIKE)).blames] == [0.25]


def test_an_error_without_a_place_has_no_suspect_where_no_test_passed() -> None:
    report = with_lines(crashed(STRAIGHT, "ValueError", None, tests="ee"), *[{1, 2, 3, 4}] * 2)
    assert [blame.diagnostic.code for blame in assess(report, lines_of(STRAIGHT)).blames] == ["ValueError"]


def test_an_error_of_the_call_itself_takes_the_suspects_place() -> None:
    report = with_lines(crashed(PROGRAM, "TypeError", None), {1, 2, 6, 7}, {1, 2, 3})
    feedback = assess(report, lines_of(PROGRAM))
    assert np.flatnonzero(feedback.rewards["fine"]).tolist() == [2]


def test_tokens_that_no_test_ran_are_marked() -> None:
    report = with_lines(failed(PROGRAM, tests="pf"), {1, 2, 3, 7}, {1, 2, 3, 7})
    assert assess(report, lines_of(PROGRAM)).executed.tolist() == [True, True, True, False, False, False, True]
    other = with_lines(failed(PROGRAM, tests="f"), {1, 2, 6, 7})
    assert assess(other, lines_of(PROGRAM)).executed.tolist() == [True, True, False, True, True, True, True]


def test_tokens_outside_the_program_count_as_run() -> None:
    offsets = token_offsets([b"```\n", PROGRAM, b"```", b""], slice(4, 4 + len(PROGRAM)))
    report = with_lines(failed(PROGRAM, tests="f"), set())
    assert executed_tokens(PROGRAM, report.execution, offsets).tolist() == [True, False, True, True]


def test_nothing_is_marked_where_some_tests_lines_are_unknown() -> None:
    report = with_lines(failed(PROGRAM, tests="pf"), {1}, {1})
    unknown = replace(
        report.execution, tests=(report.execution.tests[0], replace(report.execution.tests[1], executed_lines=None))
    )
    assert executed_tokens(PROGRAM, unknown, lines_of(PROGRAM)) is None


def test_continuation_lines_share_their_statements_fate() -> None:
    program = b"x = [\n    1,\n    2,\n]\ndef f():\n    return (\n        x\n    )\n"
    report = with_lines(failed(program, tests="f"), {1, 3, 5})
    assert executed_tokens(program, report.execution, lines_of(program)).tolist() == [True] * 5 + [False] * 3
