"""LiveCodeBench as published: public and private tests, and a pickle that is never executed."""

import base64
import json
import pickle
import zlib

import pytest

from engine import CallTest
from engine.problems import APPS_PRELUDE
from tests.training.data_files import jsonl, loaded
from training.data import load_problems


def packed(tests):
    return base64.b64encode(zlib.compress(pickle.dumps(json.dumps(tests)))).decode()


def lcb(public, private, **more):
    return {
        "question_id": "abc1",
        "question_content": "Echo.",
        "starter_code": "",
        "difficulty": "easy",
        "public_test_cases": json.dumps(public),
        "private_test_cases": private,
        "metadata": "{}",
        **more,
    }


STDIN = {"input": "1\n", "output": "1\n", "testtype": "stdin"}
CALL = {"input": "[1, 2]\n3", "output": "true", "testtype": "functional"}


@pytest.mark.parametrize("private", [packed([STDIN, STDIN]), json.dumps([STDIN, STDIN])])
def test_livecodebench_has_public_and_private_tests(tmp_path, private):
    (problem,) = load_problems(
        f"livecodebench:{jsonl(tmp_path / 'test.jsonl', lcb([{**STDIN, 'input': '0'}], private))}"
    )
    assert (problem.id, len(problem.tests), problem.public_indices) == ("livecodebench/abc1", 3, (0,))


def test_livecodebench_calls_take_json_values_line_by_line(tmp_path):
    record = lcb([CALL], packed([CALL]), metadata='{"func_name": "f"}', starter_code="class Solution:\n    def f")
    (problem,) = load_problems(str(jsonl(tmp_path / "lcb.jsonl", record)))
    assert problem.tests[0] == CallTest(([1, 2], 3), True)
    assert (problem.entry_point, problem.prelude) == ("f", APPS_PRELUDE)


class Attack:
    def __reduce__(self):
        return (print, ("owned",))


@pytest.mark.parametrize(
    ("private", "what"),
    [
        (base64.b64encode(zlib.compress(pickle.dumps(Attack()))).decode(), "pickle has the instruction"),
        (base64.b64encode(zlib.compress(pickle.dumps(["a", "b"]))).decode(), "pickle has the instruction"),
        (base64.b64encode(zlib.compress(b"nothing")).decode(), "not a pickle"),
        (base64.b64encode(zlib.compress(pickle.dumps("x" * 5000))[:20]).decode(), "cut short"),
        ("?", "neither JSON nor base64"),
    ],
)
def test_a_pickle_of_private_tests_is_never_executed(tmp_path, capsys, private, what):
    _, report = loaded(
        f"livecodebench:{jsonl(tmp_path / 'lcb.jsonl', lcb([STDIN], private), lcb([STDIN], '', question_id='2'))}"
    )
    assert what in str(report.examples[0])
    assert "private_test_cases" in str(report.examples[0])
    assert "owned" not in capsys.readouterr().out
