"""The audit: what is wrong with hand-made problems is found, named, and dropped where it should be."""

import json
from dataclasses import replace

import pytest

from engine import CallTest, parse_problem
from engine.records import Problem
from training.cli import main
from training.quality.audit.audit import Auditor, AuditSettings
from training.quality.audit.causes import causes_in_tests, findings_about_tests
from training.quality.audit.findings import Kind
from training.quality.audit.report import filtered
from training.quality.audit.writing import problem_record


def mbpp(identity, code, *tests):
    return parse_problem({"id": identity, "text": f"Problem {identity}.", "code": code, "test_list": list(tests)})


CLAMP = "def f(x):\n    if x < 0:\n        return 0\n    return x + 1\n"
SOUND = mbpp("sound", CLAMP, "assert f(-1) == 0", "assert f(0) == 1", "assert f(4) == 5", "assert f(-5) == 0")
WEAK = mbpp("weak", CLAMP, "assert f(3) > -7", "assert f(6) != -2", "assert f(9) != 'a'")
WRONG = mbpp("wrong", "def f(x):\n    return x\n", "assert f(1) == 1", "assert f(2) == 3")
CHANCE = mbpp(
    "chance",
    "import random\ndef f(n):\n    return random.randrange(n)\n",
    "assert f(9) % 3 == 0",
    "assert f(7) < 4",
    "assert f(5) > 1",
)
ORDER = mbpp(
    "order", "def f(s):\n    return ''.join(set(s))\n", "assert f('abcdefgh') < 'd'", "assert f('xyzuvw') < 'x'"
)
ECHO = mbpp("echo", "def f(x):\n    return abs(x)\n", "assert f(1) == 1", "assert f(2) == 2")
BARE = mbpp("bare", "", "assert f(1) == 2", "assert f(2) == 5")
EMPTY = Problem("empty", ())
STDIN = parse_problem(
    {
        "id": "stdin",
        "inputs": ["3\n", "5\n"],
        "outputs": ["4\n", "6\n"],
        "solutions": ["print(int(input()) + 1)", "print(4)"],
    }
)
TWIN = mbpp("twin", CLAMP.replace("f(", "g("), *(test.source.replace("f(", "g(") for test in SOUND.tests))
PROBLEMS = [SOUND, WEAK, WRONG, CHANCE, ORDER, ECHO, BARE, EMPTY, STDIN, TWIN]
HELD_OUT = [mbpp("h", "", "assert r(1) == 1", "assert r(2) == 3")]


@pytest.fixture(scope="module")
def audits():
    with Auditor(AuditSettings(runs=4)) as auditor:
        return {audit.id: audit for audit in auditor.audit(PROBLEMS, HELD_OUT)}


def kinds(audit):
    return {(finding.kind, finding.drop) for finding in audit.findings}


def test_a_sound_problem_has_no_findings_and_its_tests_catch_most_mutants(audits):
    assert kinds(audits["sound"]) == set()
    assert audits["sound"].score > 0.8
    assert audits["sound"].references[0].verdicts == ("passed",) * 4


def test_tests_that_catch_few_mutants_are_dropped_and_the_survivors_known(audits):
    assert (Kind.WEAK_TESTS, True) in kinds(audits["weak"])
    assert any(not each.caught and each.mutant.operator == "comparison" for each in audits["weak"].mutants)


def test_a_wrong_reference_is_named_with_what_it_failed(audits):
    (finding,) = (each for each in audits["wrong"].findings if each.kind is Kind.WRONG_REFERENCE)
    assert finding.drop
    assert "1 of 2 tests fail" in finding.detail


@pytest.mark.parametrize("name", ["chance", "order"])
def test_a_reference_that_hangs_on_chance_is_flaky_not_wrong(audits, name):
    assert (Kind.FLAKY_REFERENCE, True) in kinds(audits[name]), audits[name]
    assert not any(kind is Kind.WRONG_REFERENCE for kind, _ in kinds(audits[name]))


def test_tests_that_an_echo_passes_are_dropped(audits):
    assert audits["echo"].trivial == ("return argument 1",)
    assert (Kind.TRIVIAL, True) in kinds(audits["echo"])


def test_missing_references_are_said_and_missing_tests_dropped(audits):
    assert kinds(audits["bare"]) == {(Kind.NO_REFERENCE, False)}
    assert kinds(audits["empty"]) == {(Kind.NO_TESTS, True)}


def test_half_of_the_references_wrong_keeps_the_problem(audits):
    assert (Kind.WRONG_REFERENCE, False) in kinds(audits["stdin"])
    assert not audits["stdin"].dropped


def test_a_duplicate_and_a_held_out_problem_are_dropped(audits):
    assert (Kind.DUPLICATE, True) in kinds(audits["twin"])
    assert (Kind.HELD_OUT, True) in kinds(audits["wrong"])


def test_the_filtered_set_has_only_right_references_and_reads_back_the_same(audits):
    kept = filtered(PROBLEMS, [audits[problem.id] for problem in PROBLEMS])
    assert [problem.id for problem in kept] == ["sound", "bare", "stdin"]
    assert kept[2].references == ("print(int(input()) + 1)",)
    assert [parse_problem(json.loads(json.dumps(problem_record(each)))) for each in kept] == kept


def apps(identity, solution, inputs, outputs, **more):
    return parse_problem({"id": identity, "inputs": inputs, "outputs": outputs, "solutions": [solution], **more})


ECHOED = "print(input())\n"
SPOILT = {
    Kind.CONTRADICTION: apps("a", ECHOED, ["1\n", "1\n"], ["1\n", "2\n"]),
    Kind.CUT_TEST: apps("b", "print(len(input().split()))", ["1 2\n", "1 2 3 4 ...\n"], ["2\n", "100\n"]),
    Kind.CARRIAGE_RETURN: apps("c", "import sys; print(repr(sys.stdin.read(1)))", ["\r\n", "a"], ["''\n", "'a'\n"]),
    Kind.SEVERAL_ANSWERS: apps("d", "print(1)", ["1\n"], ["1\n"], prompt="If there are several, print any of them."),
    Kind.BROKEN_CHECKER: apps("k", ECHOED, ["1\n"], ["1"], checker="def check(a, b, c): return c.index('x') > 0"),
    Kind.MISSING_PACKAGE: mbpp("e", "import nosuchpackage\ndef f(x): return x", "assert f(1) == 1", "assert f(2) == 2"),
    Kind.INEXACT: mbpp("f", "def f(x): return x * 11 / 3", "assert f(1) == 3.666667", "assert f(3) == 11"),
    Kind.ORDER: mbpp("g", "def f(a, b): return tuple(set(a) & set(b))", "assert f((3, 1, 2), (1, 3)) == (3, 1)"),
}
UNLOADABLE = apps("l", ECHOED, ["1\n"], ["1\n"], checker="import nosuchpackage\ndef check(a, b, c): return True")
TEXT_ORDER = mbpp(
    "h",
    "def f(a, b): return tuple(set(a) & set(b))",
    "assert f(('kiwi', 'fig', 'pear'), ('pear', 'kiwi')) == ('kiwi', 'pear')",
)
BIG = mbpp(
    "j",
    "def f(n): return 2 * n * (n + 1) * (2 * n + 1) // 3",
    "assert f(2) == 20",
    "assert f(1000000) == 1.333335333334e+18",
)


def test_the_cause_is_named_where_a_data_set_is_at_fault():
    with Auditor(AuditSettings(runs=2, mutants=2)) as auditor:
        problems = [*SPOILT.values(), UNLOADABLE, TEXT_ORDER, BIG]
        found = [kinds(audit) for audit in auditor.audit(problems)]
    for kind, of_problem in zip(SPOILT, found, strict=False):
        assert kind in {each for each, _ in of_problem}, (kind, of_problem)
        assert Kind.WRONG_REFERENCE not in {each for each, _ in of_problem}, (kind, of_problem)
    assert (Kind.CONTRADICTION, True) in found[0]
    assert (Kind.BROKEN_CHECKER, True) in found[4]
    assert (Kind.MISSING_PACKAGE, True) in found[5]
    assert (Kind.BROKEN_CHECKER, True) in found[8]
    assert (Kind.ORDER, True) in found[-2]
    assert (Kind.INEXACT, True) in found[-1]


def test_right_tests_have_no_cause():
    assert causes_in_tests(SOUND) == causes_in_tests(STDIN) == {}
    assert findings_about_tests(SOUND, {}) == []
    text = replace(SOUND, prompt="Find any... if there are multiple spaces, print the first. Print a company.")
    assert findings_about_tests(text, {}) == []
    several = SPOILT[Kind.SEVERAL_ANSWERS]
    assert findings_about_tests(several, {}) != []
    assert findings_about_tests(replace(several, checker="tokens"), {}) == []
    split = replace(SPOILT[Kind.CONTRADICTION], checker="tokens")
    assert causes_in_tests(split) == {}  # two of several right answers


def test_every_shape_reads_back_as_it_was_written():
    call = {
        "id": "c",
        "fn_name": "f",
        "inputs": [[[1, 2], "a"]],
        "outputs": [[3]],
        "prelude": "import re",
        "time_limit": 2.0,
    }
    checked = {"id": "k", "inputs": ["1\n"], "outputs": ["1 2"], "checker": "unordered_values"}
    human = {"task_id": "H", "prompt": "def f(x):\n", "entry_point": "f", "test": "def check(c):\n    assert c(1)\n"}
    several = {"id": "s", "test_list": ["assert f(1)"], "solutions": ["def f(x): return 1", "def f(x): return 2"]}
    for data in (call, checked, human, several):
        problem = parse_problem(data)
        again = parse_problem(problem_record(problem))
        assert (again.tests, again.references, again.prelude, again.entry_point, again.time_limit, again.checker) == (
            problem.tests, problem.references, problem.prelude, problem.entry_point, problem.time_limit, problem.checker
        )  # fmt: skip
    with pytest.raises(ValueError, match="mixed"):
        problem_record(Problem("m", (*SOUND.tests, CallTest((1,), 1))))


def test_the_command_says_what_it_found_and_writes_what_it_keeps(tmp_path, capsys):
    data, out = tmp_path / "data.jsonl", tmp_path / "kept.jsonl"
    data.write_text("".join(json.dumps(problem_record(each)) + "\n" for each in (SOUND, ECHO)))
    assert main(["audit", str(data), "--out", str(out), "--json", "--mutants", "6", "--runs", "1"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["summary"]["problems"], said["summary"]["kept"]) == (2, 1)
    assert said["problems"][1]["findings"][0]["kind"] == "trivial"
    assert [json.loads(line)["task_id"] for line in out.read_text().splitlines()] == ["sound"]
    assert main(["audit", str(out), "--mutants", "6", "--runs", "1"]) == 0
    assert "1 problems, 0 to drop" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong",
    [
        ["nothing"],
        ["minicode:short:train", "--runs", "0"],
        ["minicode:short:train", "--near", "0"],
        ["minicode:short:train", "--seed", "-1"],
        ["minicode:short:train", "--out", "/no/folder/kept.jsonl"],  # before the hours whose result it would hold
    ],
)
def test_a_usage_error_is_one_line_and_status_2(capsys, wrong):
    assert main(["audit", *wrong]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
