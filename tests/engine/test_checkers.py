"""Problems with several right answers: rules by name, checkers in Python, and what a program can do about them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import Judge, Limits, Problem, ProblemError, Verdict, parse_problem
from engine.crew import needs_referee
from engine.sandbox.rules import rule_of

SUM = "def check(input, expected, actual):\n    a, b = map(int, actual.split())\n    return a + b == int(input)\n"
"""Any two numbers with the sum that the input gives; it raises on an answer of other than two numbers."""
SPLITS = {"inputs": ["5\n", "7\n"], "outputs": ["1 4\n", "3 4\n"], "checker": SUM}
SORTS = {
    "fn_name": "f",
    "inputs": [[[3, 1, 2]], [[2, 2]]],
    "outputs": [[1, 2, 3], [2, 2]],
    "checker": "def check(input, expected, actual):\n    return sorted(actual) == sorted(input[0]) == expected",
}
ASSERTED = {"test_list": ["assert f([3, 1]) == [1, 3]", "assert f([]) == []"], "checker": "unordered_values"}
BODY = {
    "prompt": "def f(x):\n",
    "entry_point": "f",
    "test": "def check(candidate):\n    for n in range(3):\n        assert candidate(n) == list(range(n))\n",
}
KODCODE = {
    "test_setup_code": "def test_f():\n    assert f(2) == [0, 1]\n    assert sum([1, 2]) == 3",
    "test_list": ["test_f()"],
    "entry_point": "f",
}
NEAR = "def check(input, expected, actual):\n    return len(actual) == input[0] and sorted(actual) == expected"
DOWN = "def f(n):\n    return list(range(n))[::-1]"
OPEN = "def check(input, expected, actual):\n    if actual.strip() == 'bad':\n        {}\n    return True"
"""Accepts everything but one answer, at which it does something."""


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(limits=Limits(cpu_seconds=0.5)) as judge:
        yield judge


def verdict(judge: Judge, program: str, data: dict[str, Any]) -> Verdict:
    return judge.submit(program.encode(), parse_problem(data)).result().verdict


@pytest.mark.parametrize(
    ("data", "right", "wrong"),
    [
        (SPLITS, ["n = int(input()); print(1, n - 1)", "n = int(input()); print(n, 0)"], "print(input(), 1)"),
        (SORTS, ["def f(x): return x", "def f(x): return x[::-1]"], "def f(x): return x[1:]"),
        (ASSERTED, ["def f(x): return x", "def f(x): return set(x)"], "def f(x): return x * 2"),
        ({**ASSERTED, "checker": NEAR.replace("input[0]", "len(input[0])")}, ["def f(x): return x"], "f = list.copy"),
        ({**BODY, "checker": "unordered_values"}, [DOWN], "def f(n): return [n]"),
        ({**BODY, "checker": NEAR}, [DOWN], "def f(n): return list(range(n + 1))"),
        ({**KODCODE, "checker": NEAR}, [DOWN], "def f(n): return [0, 1, 2]"),
    ],
    ids=["stdin", "call", "assertions, rule", "assertions, source", "body, rule", "body, source", "set-up"],
)
def test_every_right_answer_passes_in_every_shape(
    judge: Judge, data: dict[str, Any], right: list[str], wrong: str
) -> None:
    for program in right:
        assert verdict(judge, program, data) is Verdict.PASSED
    if wrong != "f = list.copy":
        assert verdict(judge, wrong, data) is Verdict.FAILED
    plain = {name: value for name, value in data.items() if name != "checker"}
    assert verdict(judge, right[-1], plain) is not Verdict.PASSED  # without the checker only one answer is right


@pytest.mark.parametrize(
    ("does", "note"),
    [
        ("raise ValueError('x')", "raised ValueError: x"),
        ("return None", "must return a bool, not NoneType"),
        ("while True: pass", "ran out of time"),
        ("a = [0] * 10**11", "raised MemoryError"),
        ("import os; os._exit(0)", "ended with status 0"),
        ("import sys; sys.exit()", "raised SystemExit"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended with status -9"),
    ],
)
def test_an_answer_that_its_checker_cannot_stand_is_wrong_and_never_infra(judge: Judge, does: str, note: str) -> None:
    """The program chooses the answer, so it must not gain by one at which the checker fails."""
    problem = parse_problem({"inputs": ["1\n", "2\n"], "outputs": ["", ""], "checker": OPEN.format(does)})
    assert judge.submit(b"print('good')", problem).result().verdict is Verdict.PASSED
    execution = judge.submit(b"print('bad' if input() == '2' else 'good')", problem).result()
    assert [test.verdict for test in execution.tests] == [Verdict.PASSED, Verdict.FAILED]
    assert note in execution.tests[1].note
    assert execution.verdict is Verdict.FAILED


@pytest.mark.parametrize("body", ["import nosuchpackage", "1 / 0", "while True: pass"])
def test_a_checker_that_cannot_be_loaded_is_our_fault_whatever_the_program_does(judge: Judge, body: str) -> None:
    problem = parse_problem({**SPLITS, "checker": f"{body}\n{SUM}"})
    for program in (b"print(1)", b"1 / 0", b"print('"):
        execution = judge.submit(program, problem).result()
        assert execution.verdict is Verdict.INFRA
        assert "checker cannot be loaded" in execution.infra_reason


def test_an_answer_too_large_for_the_checkers_process_is_wrong(judge: Judge) -> None:
    """The answers of a program reach its memory before the checker does."""
    problem = parse_problem({"fn_name": "f", "inputs": [[1]], "outputs": [1], "checker": OPEN.format("pass")})
    program = b"def f(x):\n    value = []\n    for _ in range(50): value = [value]\n    return value"
    assert judge.submit(program, problem).result().verdict is Verdict.FAILED  # a list has no `strip`
    flood = b"def f(x):\n    return [[]] * 150_000"
    assert judge.submit(flood, problem).result().verdict is Verdict.FAILED


def test_an_object_of_the_programs_own_is_no_answer(judge: Judge) -> None:
    anything = "def check(input, expected, actual):\n    return True"
    program = (
        "class A:\n    def __eq__(self, other): return True\n    def __len__(self): return 2\ndef f(n): return A()"
    )
    for data in ({**BODY, "checker": anything}, {**SORTS, "checker": anything}, {**ASSERTED, "checker": anything}):
        assert verdict(judge, program, data) is Verdict.FAILED


def test_the_checker_never_meets_the_program(judge: Judge) -> None:
    """A program that looks for the checker, or for what is expected, finds neither; each answer is asked about once."""
    secret = "def check(input, expected, actual):\n    return 'SECRET' not in actual and actual.strip() == expected"
    program = "import gc\nprint(41 + all('TERCES' not in repr(o)[:2000][::-1] for o in gc.get_objects()))"
    problem = parse_problem({"inputs": ["1\n"], "outputs": ["42"], "checker": secret})
    assert judge.submit(program.encode(), problem).result().verdict is Verdict.PASSED


def test_what_a_thread_raised_is_the_error_where_the_checker_says_no(judge: Judge) -> None:
    program = "import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start(); t.join()\nprint({}, 1)\n"
    execution = judge.submit(program.format("int(input()) - 1").encode(), parse_problem(SPLITS)).result()
    assert execution.verdict is Verdict.PASSED
    execution = judge.submit(program.format("7").encode(), parse_problem(SPLITS)).result()
    assert (execution.verdict, execution.error and execution.error.type) == (Verdict.ERROR, "ZeroDivisionError")


def test_the_lines_of_a_failing_program_are_found_with_a_checker_too(judge: Judge) -> None:
    program = b"n = int(input())\nif n > 6:\n    print(9)\nelse:\n    print(n, 0)\n"
    problem = parse_problem(SPLITS)
    execution = judge.trace_lines(program, problem, judge.submit(program, problem).result()).result()
    assert [test.verdict for test in execution.tests] == [Verdict.PASSED, Verdict.FAILED]
    assert [sorted(test.executed_lines or ()) for test in execution.tests] == [[1, 2, 5], [1, 2, 3]]


@pytest.mark.parametrize(
    ("checker", "expected", "right", "wrong"),
    [
        ("tokens", "1 2\n3", ["1 2 3", "1\n2\n3\n\n"], ["1 2", "1 3 2", "1.0 2 3", ""]),
        ("tokens", [1, 2.5], [(1, 2.5)], [[2.5, 1]]),
        ("unordered_lines", "a b\nc\nc", ["c\na  b\nc\n", " c\nc\na b"], ["a\nb\nc\nc", "b a\nc\nc", "a b\nc"]),
        ("unordered_lines", ["x", "y"], [["y", "x"]], [["x"], "x\ny"]),
        ("unordered_values", "1 2\n2", ["2 2 1"], ["1 1 2", "1 2", "1 2 2 2"]),
        ("unordered_values", [1, 2.5, "a", None], [["a", None, 2.5000000001, 1], {1, 2.5, "a", None}], [[1, 2, "a", None]]),
        ("unordered_values", [[1, 2], [0]], [[[0], [1, 2]], [(0,), (1, 2)]], [[[2, 1], [0]], [[0], [1, 2], []]]),
        ("unordered_values", [2**60, 2**60 + 1], [[2**60 + 1, 2**60]], [[2**60, 2**60], [2.0**60, 2.0**60]]),
        ("unordered_values", [1000000], [], [[1000000.5], [True]]),
        ("float", "1 x 0.5", ["1.0000001 x .5", "1\nx\n5e-1"], ["1.1 x 0.5", "1 y 0.5", "1 x 0.5 0"]),
        ("float:0.01", "100\n", ["100.9", "99.1"], ["102", "nan", "inf", ""]),
        ("float:1e-2", {"a": [1, 2.5]}, [{"a": (1.001, 2.5)}], [{"a": [1.5, 2.5]}, {"b": [1, 2.5]}, {"a": 1}]),
        ("float", "nan", ["nan"], ["1"]),
        ("float", True, [True], [1, 1.0]),
    ],
)  # fmt: skip
def test_rules_by_name(checker: str, expected: object, right: list[object], wrong: list[object]) -> None:
    rule = rule_of(checker)
    assert rule is not None
    for answer in [expected, *right]:
        assert rule(expected, answer), answer
    for answer in wrong:
        assert not rule(expected, answer), answer


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.decimals(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=40)
@given(st.lists(VALUES, max_size=5), st.randoms(use_true_random=False), VALUES)
def test_no_rule_raises_and_order_never_matters_to_unordered_values(values: list[Any], random: Any, other: Any) -> None:
    for checker in ("tokens", "unordered_lines", "unordered_values", "float", "float:1e-3"):
        rule = rule_of(checker)
        assert rule is not None
        assert rule(values, other) in (True, False)
        assert rule(other, values) in (True, False)
    whole = [value for value in values if not isinstance(value, float | list | dict)]
    shuffled = random.sample(whole, len(whole))
    rule = rule_of("unordered_values")
    assert rule is not None
    assert rule(whole, shuffled) or any(not isinstance(value, str | int | None) for value in whole)
    assert not rule(whole, [*shuffled, 1])


@pytest.mark.parametrize(
    ("checker", "says"),
    [
        ("anything", "must be one of tokens, unordered_lines, unordered_values, float"),
        ("float:-1", "must be one of"),
        ("float:x", "must be one of"),
        ("def check(input, expected): return True", "must be one of"),
        ("def check(input, expected, actual) return", "is not valid Python"),
        (["tokens"], "must be a string, is list"),
    ],
)
def test_a_checker_that_is_none_is_refused_where_the_problem_is_read(checker: object, says: str) -> None:
    with pytest.raises(ProblemError, match=r"`checker`: " + says.replace(".", r"\.")):
        parse_problem({**SPLITS, "checker": checker})


def test_a_checker_needs_something_to_decide() -> None:
    with pytest.raises(ProblemError, match="nothing to decide"):
        parse_problem({"test_list": ["assert f(1)"], "checker": "tokens"})


@pytest.mark.parametrize("empty", [None, "", " "])
def test_an_empty_checker_is_none(empty: object) -> None:
    assert parse_problem({**SPLITS, "checker": empty}).checker == ""


def test_only_a_checker_in_python_needs_a_referee() -> None:
    def needs(checker: str) -> bool:
        problem: Problem = parse_problem({**SPLITS, "checker": checker})
        return needs_referee(problem)

    assert [needs(""), needs("float"), needs(SUM)] == [False, False, True]
