"""HumanEval and EvalPlus as published: outputs computed, types restored, what cannot be used named."""

import pytest

from engine import AssertTest, CallTest, Judge, Verdict
from tests.training.data_files import HUMANEVAL, jsonl, loaded
from training.data import load_problems


@pytest.mark.parametrize("name", ["HumanEval.jsonl", "HumanEval.jsonl.gz"])
def test_humaneval_is_read_gzipped_or_not(tmp_path, name):
    (problem,) = load_problems(f"humaneval:{jsonl(tmp_path / name, HUMANEVAL)}")
    assert (problem.id, problem.references) == ("HumanEval/0", (HUMANEVAL["prompt"] + "    return 2 * x\n",))
    assert problem.public_tests == (AssertTest("assert f(1) == 2"),)


EVALPLUS = {**HUMANEVAL, "base_input": [[1], [2]], "plus_input": [[-5], [0]], "atol": 0, "contract": ""}
del EVALPLUS["test"]


def test_evalplus_outputs_come_from_the_canonical_solution(tmp_path):
    file = jsonl(tmp_path / "HumanEvalPlus.jsonl.gz", EVALPLUS)
    (problem,) = load_problems(f"evalplus:{file}")
    assert problem.tests == (CallTest((1,), 2), CallTest((2,), 4), CallTest((-5,), -10), CallTest((0,), 0))
    (base,) = load_problems(f"evalplus:{file}:base")
    assert base.tests == problem.tests[:2]
    assert base.public_tests == (AssertTest("assert f(1) == 2"),)


def test_mbpp_plus_arguments_get_back_the_types_that_json_lost(tmp_path):
    code = "def similar_elements(a, b):\n    assert type(a) is tuple\n    return tuple(set(a) & set(b))"
    record = {
        "task_id": "Mbpp/2",
        "prompt": '"""\nFind them.\nassert set(similar_elements((3, 4), (5, 4))) == set((4,))\n"""\n',
        "entry_point": "similar_elements",
        "canonical_solution": code,
        "base_input": [[[3, 4], [5, 4]]],
        "plus_input": [[[1, 2, 3], [3, 2]]],
        "atol": 0,
    }
    (problem,) = load_problems(f"evalplus:{jsonl(tmp_path / 'MbppPlus.jsonl', record)}")
    assert len(problem.tests) == 2
    assert len(problem.public_tests) == 1
    with Judge() as judge:
        another_order = b"def similar_elements(a, b): return sorted(set(a) & set(b), reverse=True)"
        assert judge.submit(another_order, problem).result().verdict is Verdict.PASSED
        assert judge.submit(b"def similar_elements(a, b): return a", problem).result().verdict is Verdict.FAILED


def test_types_come_from_the_assert_with_the_same_values_or_from_what_all_asserts_share(tmp_path):
    record = {
        **EVALPLUS,
        "prompt": "",
        "canonical_solution": "def f(x):\n    return repr(x)\n",
        "assertion": "assert f(([1], (2, {'k'}))) == 0\nassert f([(3,)]) == 0\nassert f({1: (4,)}) == 0\nassert f(2.5) == 0",
        "base_input": [[[[1], [2, ["k"]]]], [[[3]]], [{"1": [4]}]],
        "plus_input": [[{"5": [6, 7]}], [8]],
    }
    (problem,) = load_problems(f"evalplus:{jsonl(tmp_path / 'plus.jsonl', record)}")
    arguments = [test.args[0] for test in problem.tests]
    assert arguments == [([1], (2, {"k"})), [(3,)], {1: (4,)}, {5: (6, 7)}, 8]
    assert [test.expected for test in problem.tests] == [repr(each) for each in arguments]  # so the program saw them


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"canonical_solution": ""}, "canonical_solution"),
        ({"base_input": [[1], 2]}, "base_input"),
        ({"base_input": [], "plus_input": {}}, "base_input"),
        ({"atol": "much"}, "atol"),
        ({"entry_point": 3}, "entry_point"),
        ({"assertion": "assert f({1}) == 0", "base_input": [[[[1]]]]}, "unhashable"),
    ],
)
def test_a_malformed_evalplus_record_is_named_and_the_others_used(tmp_path, change, what):
    good = {**EVALPLUS, "task_id": "HumanEval/9"}
    problems, report = loaded(f"evalplus:{jsonl(tmp_path / 'plus.jsonl', {**EVALPLUS, **change}, good)}")
    assert [problem.id for problem in problems] == ["HumanEval/9"]
    assert what in str(report.examples[0])
    assert ":1: " in str(report.examples[0])


def test_evalplus_forgives_what_the_record_forgives(tmp_path):
    file = jsonl(tmp_path / "plus.jsonl", {**EVALPLUS, "canonical_solution": "    return [x / 3]\n", "atol": 0.01})
    (problem,) = load_problems(f"evalplus:{file}")
    with Judge() as judge:
        assert judge.submit(b"def f(x): return [x / 3 + 0.005]", problem).result().verdict is Verdict.PASSED
        assert judge.submit(b"def f(x): return [x / 3 + 0.02]", problem).result().verdict is Verdict.FAILED


def test_an_input_without_an_answer_is_left_out_and_counted(tmp_path):
    fails = {**EVALPLUS, "canonical_solution": "    return 2 // x\n"}
    never = {**EVALPLUS, "task_id": "HumanEval/1", "canonical_solution": "    return y\n"}
    problems, report = loaded(f"evalplus:{jsonl(tmp_path / 'plus.jsonl', fails, never)}")
    assert [len(problem.tests) for problem in problems] == [3]
    assert report.left_out == {"tests whose reference gave no answer": 5}
    assert "never answers" in str(report.examples[0])
