"""Rewards, against numbers computed by hand from RLTF's equations 3 to 10."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import Diagnostic, Report, Source
from feedback import COMPONENTS, Feedback, RewardSettings, assess, to_json, token_offsets
from tests.feedback.programs import crashed, execution, failed, passed, span_of

PAPER = RewardSettings(mode="paper")
PROGRAM = b"x = 1\ny = zz\nprint(y)\n"  # 22 bytes
DIVERGED = Diagnostic(Source.REFERENCE, "diverged", "m", span_of(PROGRAM, b"y = zz"))


def byte_tokens(program: bytes) -> np.ndarray:
    return token_offsets([bytes([byte]) for byte in program], slice(0, len(program)))


def lint(code: str, part: bytes, source: Source = Source.PYLINT) -> Diagnostic:
    return Diagnostic(source, code, "message", span_of(PROGRAM, part))


def row(feedback: Feedback, index: int) -> list[float]:
    return [pytest.approx(float(feedback.rewards[name][index])) for name in COMPONENTS]


def test_every_component_is_float32_per_token() -> None:
    feedback = assess(passed(PROGRAM), byte_tokens(PROGRAM))
    assert set(feedback.rewards) == set(COMPONENTS)
    for values in [*feedback.rewards.values(), feedback.total]:
        assert values.dtype == np.float32
        assert values.shape == (22,)


@pytest.mark.parametrize("mode", ["paper", "default"])
def test_a_pass_earns_one_and_one_on_every_token(mode) -> None:
    feedback = assess(passed(PROGRAM), byte_tokens(PROGRAM), settings=RewardSettings(mode=mode))
    assert (feedback.rewards["coarse"] == 1).all()
    assert np.allclose(feedback.rewards["adaptive"], 1.0)  # -0.3 + 1.3 * 2/2
    assert np.allclose(feedback.total, 2.0)


def test_a_failure_gets_its_share_of_passed_tests() -> None:
    feedback = assess(failed(PROGRAM, tests="pfff"), byte_tokens(PROGRAM), settings=PAPER)
    assert row(feedback, 0) == [-0.3, -0.3 + 1.3 / 4, 0.0, 0.0]


def test_fine_weighs_alpha_times_its_penalty_on_the_line_and_nothing_elsewhere() -> None:
    report = crashed(PROGRAM, "NameError", span_of(PROGRAM, b"zz"), tests="ee")
    feedback = assess(report, byte_tokens(PROGRAM), settings=PAPER)
    # the line `y = zz` is bytes 6..12: alpha = 22 / 6
    fine = feedback.rewards["fine"]
    assert np.allclose(fine[6:12], -0.3 * 22 / 6)
    assert (fine[:6] == 0).all()
    assert (fine[12:] == 0).all()
    assert row(feedback, 7) == [-0.6, -0.3, -0.3 * 22 / 6, 0.0]
    assert fine.sum() == pytest.approx(-0.3 * 22, rel=1e-5)  # a line weighs as much as the whole program


def test_expression_granularity_with_strength_and_capped_alpha() -> None:
    report = crashed(PROGRAM, "TypeError", span_of(PROGRAM, b"zz"), tests="ee")
    settings = RewardSettings(granularity="expression", alpha_cap=5.0)
    fine = assess(report, byte_tokens(PROGRAM), settings=settings).rewards["fine"]
    assert np.flatnonzero(fine).tolist() == [10, 11]  # alpha = 22 / 2 = 11, capped at 5; TypeError has strength 0.9
    assert np.allclose(fine[10:12], -0.3 * 5 * 0.9)


@pytest.mark.parametrize("mode", ["paper", "default"])
@pytest.mark.parametrize(
    ("kind", "type", "located", "finish", "coarse", "fine_at_0", "fine_at_8"),
    [
        ("syntax", "SyntaxError", True, "stop", -1.0, 0.0, -0.3 * 22 / 6),
        ("syntax", "SyntaxError", True, "length", -1.0, -0.3, -0.3),
        ("timeout", "TimeoutError", True, "stop", -0.6, -0.3, -0.3),
        ("runtime", "RecursionError", True, "stop", -0.6, -0.3, -0.3),
        ("runtime", "NameError", True, "stop", -0.6, 0.0, -0.3 * 22 / 6),
        ("crashed", "SIGSEGV", False, "stop", -0.6, -0.3, -0.3),
    ],
)
def test_table_2(mode, kind, type, located, finish, coarse, fine_at_0, fine_at_8) -> None:
    span = span_of(PROGRAM, b"zz") if located else None
    report = crashed(PROGRAM, type, span, tests="ee", kind=kind)
    settings = RewardSettings(mode=mode, alpha_cap=100, granularity="statement")
    feedback = assess(report, byte_tokens(PROGRAM), finish_reason=finish, settings=settings)
    assert float(feedback.rewards["coarse"][0]) == pytest.approx(coarse)
    assert float(feedback.rewards["fine"][0]) == pytest.approx(fine_at_0)
    assert float(feedback.rewards["fine"][8]) == pytest.approx(fine_at_8)


@pytest.mark.parametrize("mode", ["paper", "release", "default"])
def test_only_table_2_ignores_an_indentation_error_and_none_that_was_raised(mode) -> None:
    settings = RewardSettings(mode=mode, alpha_cap=100, granularity="statement")
    place = span_of(PROGRAM, b"zz")
    compiled = assess(
        crashed(PROGRAM, "IndentationError", place, kind="syntax"), byte_tokens(PROGRAM), settings=settings
    )
    raised = assess(crashed(PROGRAM, "IndentationError", place), byte_tokens(PROGRAM), settings=settings)
    assert float(compiled.rewards["fine"][8]) == pytest.approx(-0.3 * 22 / 6 * 0.9 if mode == "default" else 0.0)
    assert float(raised.rewards["fine"][8]) < -0.1


@pytest.mark.parametrize("mode", ["paper", "default"])
def test_a_place_that_no_token_wrote_blames_the_whole_program(mode) -> None:
    report = crashed(PROGRAM, "NameError", span_of(PROGRAM, b"zz"))
    sampled = np.array([(0, 0), (0, 6), (12, 22)], np.int32)
    fine = assess(report, sampled, settings=RewardSettings(mode=mode)).rewards["fine"]
    assert np.allclose(fine, -0.3)


CUT = [
    crashed(PROGRAM, "NameError", span_of(PROGRAM, b"zz"), tests="ee"),
    crashed(PROGRAM, "IndentationError", None, kind="syntax"),
    crashed(PROGRAM, "TimeoutError", None, kind="timeout"),
    failed(PROGRAM),
]


@pytest.mark.parametrize("report", CUT)
def test_whatever_a_truncated_program_does_wrong_it_is_blamed_as_a_whole(report) -> None:
    linted = Report(PROGRAM, report.execution, (*report.diagnostics, lint("E0602", b"zz"), DIVERGED))
    feedback = assess(linted, byte_tokens(PROGRAM), finish_reason="length")
    assert np.allclose(feedback.rewards["fine"], -0.3)
    assert (feedback.rewards["static"] == 0).all()
    first, *others = feedback.blames
    assert (first.category, first.strength) == ("U_global", 1.0)
    assert first.diagnostic.code == (report.diagnostics[0].code if report.diagnostics else "truncated")
    assert {blame.category.value for blame in others} == {"U_ignore"}
    assert [entry["category"] for entry in to_json(feedback, 1)["diagnostics"]] == ["U_global", "U_ignore", "U_ignore"]


def test_of_truncated_programs_the_paper_blames_only_those_that_do_not_parse_as_a_whole() -> None:
    for mode in ("paper", "release"):
        settings = RewardSettings(mode=mode)
        named = assess(CUT[0], byte_tokens(PROGRAM), finish_reason="length", settings=settings)
        assert np.flatnonzero(named.rewards["fine"]).tolist() == list(range(6, 12))
        wrong = assess(CUT[3], byte_tokens(PROGRAM), finish_reason="length", settings=settings)
        assert (wrong.rewards["fine"] == 0).all()


def test_a_truncated_program_that_passes_is_blamed_for_nothing() -> None:
    feedback = assess(passed(PROGRAM, lint("E0602", b"zz")), byte_tokens(PROGRAM), finish_reason="length")
    assert (feedback.rewards["fine"] == 0).all()
    assert [blame.category for blame in feedback.blames] == ["U_ignore"]


def test_an_unknown_exception_blames_its_line() -> None:
    feedback = assess(crashed(PROGRAM, "MyOwnError", span_of(PROGRAM, b"zz")), byte_tokens(PROGRAM), settings=PAPER)
    assert np.flatnonzero(feedback.rewards["fine"]).tolist() == list(range(6, 12))


def test_an_error_without_a_place_blames_the_whole_program() -> None:
    feedback = assess(crashed(PROGRAM, "NameError", None), byte_tokens(PROGRAM), settings=PAPER)
    assert np.allclose(feedback.rewards["fine"], -0.3)
    assert feedback.blames[0].category == "U_global"


def test_release_mode_has_the_published_codes_defects() -> None:
    release = RewardSettings(mode="release")
    half = assess(failed(PROGRAM, tests="pf"), byte_tokens(PROGRAM), settings=release)
    assert row(half, 0) == [0.0, -0.3 + 1.3 / 2, 0.0, 0.0]  # adaptive in place of coarse
    crash = assess(crashed(PROGRAM, "NameError", span_of(PROGRAM, b"zz")), byte_tokens(PROGRAM), settings=release)
    assert row(crash, 8) == [-0.6, 0.0, -0.3, 0.0]  # no alpha, no partial credit
    late = assess(crashed(PROGRAM, "TimeoutError", None, kind="timeout"), byte_tokens(PROGRAM), settings=release)
    assert row(late, 8) == [-0.6, 0.0, 0.0, 0.0]  # time-outs are ignored


def test_our_own_failure_is_no_reward() -> None:
    report = Report(PROGRAM, execution("infra"), ())
    assert (assess(report, byte_tokens(PROGRAM)).total == 0).all()


def test_tokens_outside_the_program_share_the_outcome_but_no_blame() -> None:
    pieces = [b"```\n", PROGRAM, b"```", b""]
    offsets = token_offsets(pieces, slice(4, 4 + len(PROGRAM)))
    report = crashed(PROGRAM, "NameError", span_of(PROGRAM, b"zz"))
    feedback = assess(report, offsets, settings=PAPER)
    assert np.flatnonzero(feedback.rewards["fine"]).tolist() == [1]
    assert (feedback.rewards["coarse"] != 0).all()


def test_a_timeout_never_scores_better_than_a_wrong_answer() -> None:
    for mode in ("paper", "default", "release"):
        settings = RewardSettings(mode=mode)
        for tests in ("ff", "pf"):
            wrong = assess(failed(PROGRAM, tests=tests), byte_tokens(PROGRAM), settings=settings)
            late = crashed(PROGRAM, "TimeoutError", None, tests=tests.replace("f", "e"), kind="timeout")
            assert assess(late, byte_tokens(PROGRAM), settings=settings).total.sum() < wrong.total.sum()


def test_agreeing_sources_are_one_stronger_blame() -> None:
    alone = assess(crashed(PROGRAM, "TypeError", span_of(PROGRAM, b"zz")), byte_tokens(PROGRAM))
    report = crashed(PROGRAM, "TypeError", span_of(PROGRAM, b"zz"), lint("E1136", b"zz"))
    both = assess(report, byte_tokens(PROGRAM))
    assert len(both.blames) == 1
    assert both.blames[0].also == (report.diagnostics[1],)
    assert alone.blames[0].strength == 0.9
    assert both.blames[0].strength == 1.0
    assert (both.rewards["static"] == 0).all()


def test_linters_that_agree_on_a_wrong_answer_keep_their_weight() -> None:
    lints = [lint("E0602", b"zz"), lint("undefined-name", b"zz", Source.LIBCST), lint("E1101", b"y = zz")]
    blames = assess(failed(PROGRAM, *lints), byte_tokens(PROGRAM)).blames
    assert [(blame.strength, len(blame.also)) for blame in blames] == [(pytest.approx(0.3), 2)]


def test_two_linters_make_an_error_stronger_once() -> None:
    report = crashed(PROGRAM, "IndexError", span_of(PROGRAM, b"zz"), lint("W0104", b"zz"), lint("R0124", b"zz"))
    blames = assess(report, byte_tokens(PROGRAM)).blames
    assert [(blame.strength, len(blame.also)) for blame in blames] == [(pytest.approx(0.8), 2)]


def test_two_findings_in_one_statement_at_different_places_are_two() -> None:
    blames = assess(failed(PROGRAM, lint("E0602", b"zz"), lint("E1101", b"y")), byte_tokens(PROGRAM)).blames
    assert [(blame.diagnostic.code, blame.also) for blame in blames] == [("E0602", ()), ("E1101", ())]


def test_a_finding_beside_the_error_in_its_statement_does_not_agree_with_it() -> None:
    report = crashed(PROGRAM, "IndexError", span_of(PROGRAM, b"zz"), lint("E1307", b"y"))
    assert [blame.strength for blame in assess(report, byte_tokens(PROGRAM)).blames] == [0.6, 0.8]


def test_static_findings_elsewhere_are_their_own_component() -> None:
    report = crashed(PROGRAM, "TypeError", span_of(PROGRAM, b"zz"), lint("E1101", b"print(y)"))
    feedback = assess(report, byte_tokens(PROGRAM))
    # `print(y)` is 8 of 22 bytes; E1101 has strength 0.9, halved because the run-time error is another
    assert np.allclose(feedback.rewards["static"][13:21], -0.15 * 0.9 * 0.5 * 22 / 8)
    assert (feedback.rewards["static"][:13] == 0).all()


def test_a_place_from_a_reference_is_fine_feedback_in_our_mode_only() -> None:
    fine = assess(failed(PROGRAM, DIVERGED), byte_tokens(PROGRAM)).rewards["fine"]
    assert np.allclose(fine[6:12], -0.3 * 0.8 * 22 / 6)
    assert np.flatnonzero(fine).tolist() == list(range(6, 12))
    for mode in ("paper", "release"):
        assert (
            assess(failed(PROGRAM, DIVERGED), byte_tokens(PROGRAM), settings=RewardSettings(mode=mode)).rewards["fine"]
            == 0
        ).all()


def test_a_finding_on_the_line_of_a_reference_is_not_confirmed_by_it() -> None:
    blames = assess(failed(PROGRAM, DIVERGED, lint("E0203", b"zz")), byte_tokens(PROGRAM)).blames
    assert [blame.category.value for blame in blames] == ["U_line", "U_ignore"]


def test_findings_that_need_confirmation_do_not_count_alone() -> None:
    feedback = assess(failed(PROGRAM, lint("E0203", b"zz")), byte_tokens(PROGRAM))
    assert (feedback.rewards["static"] == 0).all()
    assert feedback.blames[0].category == "U_ignore"


def test_many_findings_share_the_weight_of_one() -> None:
    many = [lint("E0602", b"x = 1"), lint("E0602", b"y = zz"), lint("E0602", b"print(y)")]
    report = crashed(PROGRAM, "NameError", None, *many)
    static = assess(report, byte_tokens(PROGRAM)).rewards["static"]
    assert static.sum() >= -0.15 * len(PROGRAM) * 1.001


LINTS = st.lists(
    st.builds(
        lambda source, code, start, length: Diagnostic(
            source, code, "m", span_of(PROGRAM, PROGRAM[start : start + length]) if start < 22 else None
        ),
        st.sampled_from([Source.PYLINT, Source.LIBCST]),
        st.sampled_from(["E0602", "E1101", "W0104", "never-prints", "call-arity", "C9999", "E0203"]),
        st.integers(0, 25),
        st.integers(1, 8),
    ),
    max_size=6,
)
OFFSETS = st.lists(st.integers(1, 5), min_size=1, max_size=22).map(
    lambda sizes: token_offsets([b"x" * size for size in (*sizes, max(0, 22 - sum(sizes)))], slice(0, 22))
)
FAILING = st.sampled_from(
    [failed(PROGRAM, tests="ppppf"), failed(PROGRAM, tests="f"), failed(PROGRAM, DIVERGED)]
    + [crashed(PROGRAM, name, span_of(PROGRAM, b"zz"), tests="pe") for name in ("NameError", "IndexError", "Odd")]
    + [crashed(PROGRAM, "x", None, kind=kind) for kind in ("timeout", "memory", "crashed")]
)


@given(FAILING, LINTS, LINTS, OFFSETS, st.sampled_from(["paper", "default", "release"]))
def test_no_lint_lifts_a_failing_program_over_a_passing_one(report, lints, others, offsets, mode) -> None:
    settings = RewardSettings(mode=mode)
    clean = assess(passed(PROGRAM, *others), offsets, settings=settings)
    dirty = assess(Report(PROGRAM, report.execution, (*report.diagnostics, *lints)), offsets, settings=settings)
    assert (clean.rewards["fine"] == 0).all()
    assert (clean.rewards["static"] == 0).all()
    assert (dirty.total < clean.total).all()
    without = assess(report, offsets, settings=settings)
    assert (dirty.rewards["static"] <= without.rewards["static"]).all()  # a finding never earns anything


@given(FAILING, LINTS, OFFSETS, st.sampled_from(["paper", "default", "release"]))
def test_every_token_explains_its_reward_exactly(report, lints, offsets, mode) -> None:
    report = Report(PROGRAM, report.execution, (*report.diagnostics, *lints))
    feedback = assess(report, offsets, settings=RewardSettings(mode=mode))
    for index in range(len(offsets)):
        parts = feedback.explain(index)
        for name in COMPONENTS:
            listed = np.float32(sum(part.amount for part in parts if part.component == name))
            assert listed == feedback.rewards[name][index]
        assert np.float32(sum(float(feedback.rewards[name][index]) for name in COMPONENTS)) == feedback.total[index]


@given(FAILING, LINTS, OFFSETS)
def test_the_line_for_json_lists_every_finding_once(report, lints, offsets) -> None:
    report = Report(PROGRAM, report.execution, (*report.diagnostics, *lints))
    line = to_json(assess(report, offsets), "id")
    assert len(line["diagnostics"]) == len(report.diagnostics)
    assert len(line["tokens"]) == len(offsets)
    for part in line["contributions"]:
        if part["component"] in ("fine", "static"):
            assert line["diagnostics"][part["diagnostic"]]["category"] in ("U_line", "U_global")


@pytest.mark.parametrize(
    ("offsets", "error", "message"),
    [
        ([(0, 22)], TypeError, "offsets: must be an array of integers, as feedback.token_offsets gives, not list"),
        (np.array([[0.0, 22.0]]), TypeError, "not an array of float64"),
        (np.array([0, 22]), ValueError, r"must have shape \[T, 2\], not \[2\]"),
        (np.array([[0, 20]]), ValueError, "end at 20, the program has 22 bytes"),
        (np.array([[0, 6], [6, 25]]), ValueError, "not a tokenizer's offsets in characters"),
    ],
)
def test_offsets_that_cannot_be_the_programs_bytes_are_refused(offsets, error, message) -> None:
    with pytest.raises(error, match=message):
        assess(failed(PROGRAM), offsets)


def test_offsets_in_characters_are_refused_for_a_program_that_is_not_ascii() -> None:
    program = "é = 'naïve'\n".encode()
    characters = np.array([(place, place + 1) for place in range(len(program.decode()))])
    with pytest.raises(ValueError, match="end at 12, the program has 14 bytes"):
        assess(failed(program), characters)


def test_the_help_of_feedback_names_its_fields() -> None:
    assert all(f"{field.name}:" in str(Feedback.__doc__) for field in fields(Feedback))


def test_explain_names_a_token_that_is_not_there() -> None:
    with pytest.raises(IndexError, match="22 is not one of 22 tokens"):
        assess(passed(PROGRAM), byte_tokens(PROGRAM)).explain(22)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mode": "papr"}, "mode is 'papr'; allowed: default, paper, release"),
        ({"granularity": "word"}, "granularity is 'word'"),
        ({"fine_penalty": 0.3}, "fine_penalty is 0.3; allowed: 0 or less"),
        ({"alpha_cap": 0.5}, "alpha_cap is 0.5; allowed: 1 or more"),
        ({"coarse_error": float("nan")}, "coarse_error is nan"),
        ({"spectrum": "jaccard"}, "spectrum is 'jaccard'; allowed: ochiai, tarantula, dstar, none"),
        ({"taxonomy": "nowhere.toml"}, "cannot read nowhere.toml"),
    ],
)
def test_bad_settings_are_named(changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        RewardSettings(**changes)
