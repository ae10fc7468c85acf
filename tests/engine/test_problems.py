"""Reading problems: every public shape as published, and errors that name the field."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import (
    PROMPT_FIELDS,
    REFERENCE_FIELDS,
    AssertTest,
    CallTest,
    ComparisonRule,
    Judge,
    ProblemError,
    StdinTest,
    parse_problem,
)


def test_apps_standard_input():
    problem = parse_problem({"inputs": ["1\n", ["2", "3"]], "outputs": ["2\n", ["4", "5"]], "unknown": 1}, "p1")
    assert problem.tests == (StdinTest("1\n", "2\n"), StdinTest("2\n3", "4\n5"))
    assert (problem.id, problem.entry_point, problem.source) == ("p1", None, "apps")


def test_apps_call():
    problem = parse_problem({"fn_name": "f", "inputs": [[1, [2]], "1\n[2, 3]\n"], "outputs": [3, "[5]"]})
    assert problem.tests == (CallTest((1, [2]), 3), CallTest((1, [2, 3]), [5]))
    assert problem.entry_point == "f"


def test_apps_row_with_nested_json():
    row = {
        "problem_id": 7,
        "input_output": json.dumps({"inputs": ["a"], "outputs": ["b"]}),
        "solutions": '["print(1)"]',
    }
    problem = parse_problem({**row, "question": "Why?", "difficulty": "interview"})
    assert (problem.id, problem.prompt, problem.references, problem.difficulty) == (
        "7",
        "Why?",
        ("print(1)",),
        "interview",
    )


def test_mbpp():
    problem = parse_problem(
        {
            "task_id": 2,
            "text": "Do.",
            "code": "def g(): pass",
            "test_list": ["assert set(g(1)) == {1}"],
            "test_setup_code": "x = 1",
        }
    )
    assert problem.tests == (AssertTest("assert set(g(1)) == {1}"),)
    assert (problem.entry_point, problem.setup, problem.references) == ("g", "x = 1", ("def g(): pass",))


def test_human_eval_keeps_the_prompts_imports_as_prelude():
    prompt = "from typing import List\n\ndef aid(x):\n    return x\n\ndef f(x: List) -> int:\n    '''Doc.'''\n"
    problem = parse_problem(
        {"prompt": prompt, "entry_point": "f", "test": "def check(candidate):\n    assert candidate([]) == 0\n"}
    )
    assert problem.prelude == "from typing import List\n\ndef aid(x):\n    return x"
    assert problem.tests[0].source.endswith("\ncheck(f)\n")


def test_common_fields():
    problem = parse_problem(
        {"inputs": ["1"], "outputs": ["1"], "prelude": "import math", "comparison": "apps", "time_limit": 2}
    )
    assert (problem.prelude, problem.comparison, problem.time_limit) == ("import math", ComparisonRule.APPS, 2.0)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({}, "tests"),
        ({"inputs": ["1"]}, "outputs"),
        ({"inputs": [], "outputs": []}, "inputs"),
        ({"inputs": ["1"], "outputs": []}, "outputs"),
        ({"inputs": [3], "outputs": ["1"]}, "inputs[0]"),
        ({"inputs": "1", "outputs": ["1"]}, "inputs"),
        ({"fn_name": "f", "inputs": [3], "outputs": ["1"]}, "inputs[0]"),
        ({"fn_name": 3, "inputs": [[3]], "outputs": ["1"]}, "fn_name"),
        ({"inputs": ["1"], "outputs": ["1"], "comparison": "lax"}, "comparison"),
        ({"inputs": ["1"], "outputs": ["1"], "time_limit": -1}, "time_limit"),
        ({"inputs": ["1"], "outputs": ["1"], "prelude": 3}, "prelude"),
        ({"input_output": "{"}, "input_output"),
        ({"test_list": []}, "test_list"),
        ({"test_list": ["assert ("]}, "test_list[0]"),
        ({"test_list": ["assert 1"], "test_setup_code": "("}, "test_setup_code"),
        ({"test": "", "entry_point": "f"}, "test"),
        ({"test": "def check(c): pass", "entry_point": ""}, "entry_point"),
        ({"test": "x = 1", "entry_point": "f"}, "test"),
        ([], "problem"),
    ],
)
def test_an_error_names_its_field(data, field):
    with pytest.raises(ProblemError) as caught:
        parse_problem(data)
    assert caught.value.field == field
    assert f"`{field}`" in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(
    ["inputs", "outputs", "fn_name", "test_list", "test", "entry_point", "prompt", "solutions", "id", "comparison"]
)


@given(st.dictionaries(keys, json_values, max_size=5))
def test_any_object_is_a_problem_with_tests_or_a_problem_error(data):
    try:
        problem = parse_problem(data)
    except ProblemError:
        return
    assert problem.tests


@pytest.mark.parametrize("field", ["id", "prompt", "difficulty"])
def test_text_that_no_file_takes_is_refused(field: str) -> None:
    with pytest.raises(ProblemError, match=rf"`{field}`: holds a lone surrogate"):
        parse_problem({"inputs": ["1"], "outputs": ["1"], field: "\ud83d"})


TEST = {"test_list": ["assert f(1) == 1"]}


@pytest.mark.parametrize("name", PROMPT_FIELDS)
def test_a_text_is_found_under_any_of_its_names(name):
    assert parse_problem({name: "Double.", **TEST}).prompt == "Double."
    assert parse_problem({"prompt": " \n", "text": None, name: "Double.", **TEST}).prompt == "Double."


@pytest.mark.parametrize("name", REFERENCE_FIELDS)
@pytest.mark.parametrize(
    "shape", [TEST, {"inputs": ["1"], "outputs": ["1"]}, {"fn_name": "f", "inputs": [[1]], "outputs": [1]}]
)
def test_references_are_found_under_any_of_their_names(name, shape):
    code = "def f(x):\n    return x\n"
    assert parse_problem({name: [code], **shape}).references == (code,)
    assert parse_problem({name: code, **shape}).references == (code,)
    assert parse_problem({name: f"```python\n{code}```\n", **shape}).references == (code,)
    assert parse_problem({name: None, **shape}).references == ()
    both = {"reference": code, "solution": "def f(x): return 1 * x", **shape}
    assert len(parse_problem({**both, name: [code]}).references) == (1 if name == "solution" else 2)


def test_a_human_eval_record_has_its_reference_whole_or_as_a_body():
    record = {"prompt": "def f(x):\n", "entry_point": "f", "test": "def check(candidate):\n    assert candidate(1)\n"}
    for solution in ("    return x\n", "def f(x):\n    return x\n"):
        assert parse_problem({**record, "solution": solution}).references == ("def f(x):\n    return x\n",)


@pytest.mark.parametrize(
    ("source", "asserted"),
    [
        ("f(2) == 6", "assert f(2) == 6"),
        ("(f(2) == 6)", "assert (f(2) == 6)"),
        ("x = f('é')\nx == 6 and x", "x = f('é')\nassert x == 6 and x"),
        ("not f(2)", "assert not f(2)"),
        ("assert f(1)\nf(2) == 6; f(3) == 7", "assert f(1)\nassert f(2) == 6; assert f(3) == 7"),
        ("assert f(2) == 6", "assert f(2) == 6"),
        ("for x in range(3):\n    assert f(x) == x", "for x in range(3):\n    assert f(x) == x"),
        ("if f(2) != 6: raise ValueError", "if f(2) != 6: raise ValueError"),
        ("check(f)", "check(f)"),
        ("case.assertEqual(f(2), 6)", "case.assertEqual(f(2), 6)"),
    ],
)
def test_a_bare_comparison_becomes_an_assertion(source, asserted):
    setup = "def check(g):\n    assert g(2) == 6"
    (test,) = parse_problem({"test_list": [source], "test_setup_code": setup}).tests
    assert test == AssertTest(asserted)


@pytest.mark.parametrize(
    "source", ["f(2)", "True", "print(f(2) == 6)", "assert (f(2) == 6, 'six')", "assert True", "x = f(2)", "show(f)"]
)
def test_a_test_that_checks_nothing_is_refused(source):
    setup = "def show(g):\n    print(g(2))"
    with pytest.raises(ProblemError, match="checks nothing") as refused:
        parse_problem({"test_list": ["assert f(1)", source], "test_setup_code": setup})
    assert refused.value.field == "test_list[1]"
    if source != "show(f)":
        test = "def check(f):\n    " + source
        with pytest.raises(ProblemError, match="checks nothing"):
            parse_problem({"prompt": "", "entry_point": "f", "test": test})


NEVER_RUN = [
    "def test():\n    assert f(2) == 6",
    "async def test():\n    assert f(2) == 6",
    "class TestF:\n    def test(self):\n        assert f(2) == 6",
    "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(f(2), 6)\n",
    "def outer():\n    def inner():\n        assert f(2) == 6\n    return f(2)\nouter()",
]


NEVER_FAILS = [
    "assert 1 == 1",
    "assert f == f",
    "f == f",
    "assert f(2) == 6 or True",
    "assert 0 <= 0 and 1 == 1",
    "if False:\n    assert f(2) == 6",
    "while 0:\n    assert f(2) == 6",
    "try:\n    assert f(2) == 6\nexcept AssertionError:\n    pass",
    "try:\n    assert f(2) == 6\nexcept (ValueError, Exception):\n    print('wrong')",
    "try:\n    assert f(2) == 6\nexcept:\n    ...",
    "def test():\n    assert f(2) == 6\ntry:\n    test()\nexcept Exception:\n    pass",
    "def test():\n    try:\n        assert f(2) == 6\n    except Exception:\n        return\ntest()",
    "try:\n    assert f(2) == 6\nexcept* AssertionError:\n    pass",
]


@pytest.mark.parametrize("source", NEVER_FAILS)
def test_an_assertion_that_no_program_fails_is_refused(source):
    with pytest.raises(ProblemError, match="checks nothing"):
        parse_problem({"test_list": [source]})


@pytest.mark.parametrize(
    "source",
    [
        "assert f(2) == f(2)",
        "assert 6 == 6.0 == f(2)",
        "assert f(2) and True",
        "if True:\n    assert f(2) == 6",
        "if not f(2):\n    pass\nelse:\n    assert False",
        "if False:\n    pass\nelse:\n    assert f(2) == 6",
        "try:\n    f(-1)\n    assert False\nexcept ValueError:\n    pass",
        "try:\n    f(-1)\nexcept Exception:\n    pass\nelse:\n    assert False",
        "try:\n    assert f(2) == 6\nexcept AssertionError:\n    raise ValueError",
        "try:\n    assert f(2) == 6\nexcept AssertionError:\n    exit(1)",
        "try:\n    assert f(2) == 6\nfinally:\n    print()",
        "try:\n    assert f(2) == 6\nexcept Exception:\n    pass\nassert f(3) == 9",
    ],
)
def test_an_assertion_that_some_program_fails_is_taken_as_it_stands(source):
    (test,) = parse_problem({"test_list": [source]}).tests
    assert test == AssertTest(source)


@pytest.mark.parametrize("source", NEVER_RUN)
def test_an_assertion_that_nobody_runs_is_refused(source):
    with pytest.raises(ProblemError, match="checks nothing"):
        parse_problem({"test_list": [source]})
    with pytest.raises(ProblemError, match="checks nothing"):
        parse_problem({"prompt": "", "entry_point": "f", "test": f"{source}\ndef check(candidate):\n    candidate(2)"})


@pytest.mark.parametrize(
    ("source", "setup"),
    [
        ("def test():\n    assert f(2) == 6\ntest()", ""),
        ("first()", "def first():\n    second()\ndef second():\n    assert f(2) == 6"),
        ("T().test()", "class T:\n    def test(self):\n        assert f(2) == 6"),
        ("for test in [one]:\n    test()", "def one():\n    assert f(2) == 6"),
        ("globals()['one']()", "def one():\n    assert f(2) == 6"),
    ],
)
def test_an_assertion_in_a_function_that_is_called_counts(source, setup):
    (test,) = parse_problem({"test_list": [source], "test_setup_code": setup}).tests
    assert test == AssertTest(source)


def test_a_function_of_apps_finds_the_names_that_its_harness_gives() -> None:
    program = b"def f(xs: List[int]):\n    heap = list(xs)\n    heapify(heap)\n    return Counter(heap), math.gcd(*xs), heappop(heap)\n"
    called = parse_problem({"fn_name": "f", "inputs": [[[4, 2]]], "outputs": [[{"4": 1, "2": 1}, 2, 2]]})
    assert "Counter" in called.prelude
    assert parse_problem({"inputs": ["1"], "outputs": ["1"]}).prelude == ""
    own = {"fn_name": "f", "inputs": [[1]], "outputs": [1], "prelude": "x = 1"}
    assert parse_problem(own).prelude == "x = 1"
    with Judge() as judge:
        assert judge.submit(program, called).result(60).verdict == "passed"
