"""Amplifying: new tests catch what the old ones let pass, and no reference fails them."""

import json

import numpy as np
import pytest

from engine import AssertTest, CallTest, StdinTest, Verdict, parse_problem
from feedback import FinishReason
from training.cli import main
from training.quality.amplify.amplify import Amplifier
from training.quality.amplify.proposals import inputs_in, proposals, request
from training.quality.amplify.records import AmplifySettings
from training.quality.amplify.report import amplified_record
from training.quality.amplify.selection import covering
from training.quality.amplify.shapes import LeftOutError, as_test, given_inputs, unusual
from training.records import Rollout

LARGEST = "def largest(items):\n    best = items[0]\n    for item in items:\n        if item > best:\n            best = item\n    return best\n"
FIRST = "def largest(items):\n    return items[-1]\n"
WEAK = {
    "id": "weak",
    "text": "The largest.",
    "code": LARGEST,
    "test_list": ["assert largest([1, 5]) == 5", "assert largest([2, 3, 7]) == 7"],
}
SUM = {"id": "sum", "inputs": ["2\n1 1\n", "3\n2 2 2\n"], "outputs": ["2\n", "6\n"]}
RIGHT_SUM, WRONG_SUM = (
    "n = int(input())\nprint(sum(map(int, input().split())))",
    "n = int(input())\nprint(n * int(input().split()[0]))",
)


@pytest.fixture(scope="module")
def amplifier():
    with Amplifier(AmplifySettings(candidates=30, mutants=20)) as amplifier:
        yield amplifier


def one(amplifier, data, **options):
    (result,) = amplifier.amplify([parse_problem(data)], **options)
    return result


def verdict(amplifier, program, problem):
    (execution,) = amplifier.bench.judge([program], problem)
    return execution.verdict


def test_a_wrong_program_that_passed_is_caught_and_the_reference_still_passes(amplifier):
    result = one(amplifier, WEAK, programs={"weak": [FIRST]})
    assert (result.programs, result.programs_caught) == (1, 1)
    assert result.caught_after > result.caught_before
    assert result.problem.tests[:2] == parse_problem(WEAK).tests
    assert all(isinstance(test, AssertTest) for test in result.problem.tests)
    assert verdict(amplifier, FIRST, parse_problem(WEAK)) is Verdict.PASSED
    assert verdict(amplifier, FIRST, result.problem) is Verdict.FAILED
    assert verdict(amplifier, LARGEST, result.problem) is Verdict.PASSED
    assert any("program 0" in each.catches for each in result.added)


def test_standard_input_and_calls_get_tests_of_their_own_shape(amplifier):
    result = one(amplifier, {**SUM, "solutions": [RIGHT_SUM]}, programs={"sum": [WRONG_SUM]})
    assert all(isinstance(each.test, StdinTest) for each in result.added)
    assert {each.origin for each in result.added} == {"grammar"}
    assert verdict(amplifier, WRONG_SUM, result.problem) is Verdict.FAILED
    call = {
        "id": "c",
        "fn_name": "largest",
        "inputs": [[[1, 5]], [[2, 3, 7]]],
        "outputs": [5, 7],
        "solutions": [LARGEST],
    }
    result = one(amplifier, call, programs={"c": [FIRST]})
    assert all(isinstance(each.test, CallTest) for each in result.added)
    assert verdict(amplifier, FIRST, result.problem) is Verdict.FAILED


def test_an_input_on_which_references_disagree_is_no_test(amplifier):
    result = one(amplifier, {**SUM, "solutions": [RIGHT_SUM, WRONG_SUM]}, programs={"sum": [WRONG_SUM]})
    assert dict(result.rejected)["the references disagree, or one with itself"] > 0
    assert verdict(amplifier, WRONG_SUM, result.problem) is Verdict.PASSED


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (
            "import random\ndef largest(items):\n    return max(items) + (items[0] == max(items)) * random.random()\n",
            "disagree",
        ),
        ("def largest(items):\n    return max(items) if items[0] != max(items) else 1 // 0\n", "runtime"),
        ("def largest(items):\n    while items[0] == max(items): pass\n    return max(items)\n", "timeout"),
        ("def largest(items):\n    return max(items) if items[0] != max(items) else None\n", "kind"),
    ],
)
def test_an_input_that_a_reference_cannot_answer_is_no_test(amplifier, code, reason):
    result = one(amplifier, {**WEAK, "code": code}, programs={"weak": [FIRST]}, mutants={})
    assert any(reason in why for why, _ in result.rejected), result.rejected
    assert all("1 // 0" not in str(each.test) for each in result.added)
    assert verdict(amplifier, code, result.problem) is Verdict.PASSED


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"code": ""}, "no reference"),
        ({"code": "def largest(items):\n    return 0\n"}, "no reference passes"),
        ({"test_list": ["assert largest([1]) > 0"]}, "f(literals) == literal"),
    ],
)
def test_what_cannot_be_amplified_is_left_out_with_its_reason(amplifier, change, why):
    result = one(amplifier, {**WEAK, **change})
    assert why in result.left_out
    assert result.added == ()


def test_our_own_failure_on_one_problem_is_said_and_the_others_go_on(amplifier, monkeypatch):
    monkeypatch.setattr(
        "training.quality.amplify.amplify.given_inputs", lambda problem: 1 // 0 if problem.id == "bad" else []
    )
    bad, good = amplifier.amplify([parse_problem({**WEAK, "id": name}) for name in ("bad", "good")], mutants={})
    assert bad.left_out == "our own failure (ZeroDivisionError: integer division or modulo by zero)"
    assert good.left_out == ""


def test_inputs_of_a_model_are_taken_only_if_they_look_like_the_tests(amplifier):
    said = ["largest([9, 1, 1, 1]) == 3\nassert largest('abc') == 'c'\nassert largest(__import__('os')) == 1"]
    wrong = "def largest(items):\n    return max(items) if items != [9, 1, 1, 1] else 0\n"
    result = one(amplifier, WEAK, texts={"weak": said}, programs={"weak": [wrong]}, mutants={})
    sources = [each.test.source for each in result.added if each.origin == "model"]
    assert sources == ["assert largest([9, 1, 1, 1]) == 9"]  # the model's own output is not believed


class SayingSampler:
    """Samples one text for every request."""

    def __init__(self, text):
        self._ids = tuple(text.encode())

    def sample(self, requests):
        for each in requests:
            yield [
                Rollout(
                    each.problem_id,
                    0,
                    each.prompt_ids,
                    self._ids,
                    np.zeros(len(self._ids), np.float32),
                    FinishReason.STOP,
                    0,
                )
            ]


def test_a_model_is_shown_the_tests_and_what_it_says_is_kept_with_its_beginning():
    from types import SimpleNamespace

    policy = SimpleNamespace(
        tokenizer=lambda text: {"input_ids": list(text.encode())}, bytes_of=lambda ids: [bytes([i]) for i in ids]
    )
    problem = parse_problem(WEAK)
    assert request(problem).endswith("assert largest([2, 3, 7]) == 7\nassert largest(")
    assert dict(proposals(policy, SayingSampler("[4]) == 4"), [problem], 1, 0)) == {"weak": ["largest([4]) == 4"]}
    assert inputs_in(["2\n3 4\n\nOutput\n7\n\nInput\n1\n5\nOutput 5"]) == ["2\n3 4\n", "1\n5\n"]


def test_a_cover_is_small_and_prefers_small_inputs():
    catches = [frozenset({0}), frozenset({0, 1}), frozenset({0, 1}), frozenset({2}), frozenset()]
    assert covering(catches, [1, 9, 4, 2, 1], 10) == [2, 3]
    assert covering(catches, [1, 9, 4, 2, 1], 1) == [2]
    spare = [frozenset({0, 1, 2}), frozenset({0, 1, 3}), frozenset({2, 4})]
    assert sorted(covering(spare, [1, 2, 3], 9)) == [1, 2]


def test_outputs_are_written_so_that_reading_gives_the_same():
    problem = parse_problem(WEAK)
    given = CallTest(([1], "a\n"), None)
    assert as_test(problem, given, {"x": (1, None)}) == AssertTest("assert largest([1], 'a\\n') == {'x': (1, None)}")
    assert as_test(problem, given, 2.5) == AssertTest("assert abs(largest([1], 'a\\n') - 2.5) <= 2.5e-06")
    for output in ([2.5], object(), float("nan"), set(), iter([1]), "x" * 5000):
        with pytest.raises(LeftOutError):
            as_test(problem, given, output)


def test_inputs_are_found_in_every_shape():
    shadowing = parse_problem({"test_list": ["assert sum(10, 15) == 6"]})
    assert (shadowing.entry_point, given_inputs(shadowing)[0].args) == (None, (10, 15))
    assert as_test(shadowing, CallTest((4, 6), None), 3) == AssertTest("assert sum(4, 6) == 3")
    check = {
        "task_id": "H",
        "prompt": "def f(x):\n",
        "entry_point": "f",
        "test": "def check(candidate):\n    assert candidate(1) == 2\n    assert candidate(3) == 4, 'why'\n",
    }
    assert [each.args for each in given_inputs(parse_problem(check))] == [(1,), (3,)]
    assert [each.stdin for each in given_inputs(parse_problem(SUM))] == SUM["inputs"]


@pytest.mark.parametrize(
    ("expected", "output"), [([1, 2], None), (["a"], ""), (["f"], 122), ([1, 2], -1), ([[1]], []), ([True], 1)]
)
def test_an_answer_that_may_stand_for_none_is_unusual_unless_a_test_expects_one_like_it(expected, output):
    assert unusual(expected, output)
    assert not unusual([*expected, output], output)
    assert not unusual(expected, expected[0])
    assert not unusual([[True], [False]], True)  # APPS wraps results


def test_the_command_writes_the_set_with_provenance_and_counts_what_it_did(tmp_path, capsys):
    data, out, programs = tmp_path / "data.jsonl", tmp_path / "more.jsonl", tmp_path / "samples.jsonl"
    data.write_text(json.dumps(WEAK) + "\n")
    programs.write_text(
        "".join(
            json.dumps({"problem_id": name, "program": FIRST, "verdict": "passed"}) + "\n" for name in ("weak", "gone")
        )
    )
    options = ["--candidates", "20", "--mutants", "5", "--json"]
    assert main(["amplify", str(data), "--out", str(out), "--programs", str(programs), *options]) == 1
    said = capsys.readouterr()
    assert "1 problems not in DATA left out: gone" in said.err
    figures = json.loads(said.out)
    assert (figures["programs"], figures["programs_caught"]) == (1, 1)
    (line,) = map(json.loads, out.read_text().splitlines())
    assert parse_problem(line).tests[:2] == parse_problem(WEAK).tests
    assert line["public"] == [0, 1]
    assert line["provenance"][:2] == [None, None]
    assert line["provenance"][2]["origin"] == "mutation"
    assert len(line["provenance"]) == len(line["test_list"]) == figures["tests_before"] + figures["tests_added"]


@pytest.mark.parametrize(
    "wrong",
    [
        ["nothing", "--out", "x"],
        ["minicode:short:train", "--out", "x", "--most", "0"],
        ["minicode:short:train", "--out", "x", "--seed", "-1"],
        ["minicode:short:train", "--out", "/no/folder/x"],  # before the hours whose result it would hold
    ],
)
def test_a_usage_error_is_one_line_and_status_2(capsys, wrong):
    assert main(["amplify", *wrong]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_mbpp_problems_get_tests_that_catch_more(amplifier, shared):
    from training.data import load_problems

    problems = load_problems(f"mbpp:{shared / 'data' / 'mbpp.jsonl'}:test", 6)
    results = list(amplifier.amplify(problems))
    assert sum(each.caught_after for each in results) > sum(each.caught_before for each in results)
    for result in results:
        assert verdict(amplifier, result.problem.references[0], result.problem) is Verdict.PASSED
        assert parse_problem(amplified_record(result)).tests == result.problem.tests
