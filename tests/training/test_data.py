"""Problem sets by their short specs; a malformed record is named with its file, line and field."""

import json

import pytest

from engine import AssertTest, CallTest, StdinTest
from training.data import APPS_PRELUDE, DataError, load_problems

MBPP = {"task_id": 7, "text": "Double it.", "code": "def f(x): return 2 * x", "test_list": ["assert f(2) == 4"]}


def jsonl(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_minicode_is_loaded_by_tier_and_split():
    problems = load_problems("minicode:short:held_out", limit=3)
    assert len(problems) == 3
    assert all(problem.references and problem.prompt for problem in problems)


def test_mbpp_lines_keep_their_reference(tmp_path):
    (problem,) = load_problems(f"mbpp:{jsonl(tmp_path / 'mbpp.jsonl', MBPP)}")
    assert (problem.source, problem.references, problem.prompt) == ("mbpp", ("def f(x): return 2 * x",), "Double it.")
    assert problem.tests == (AssertTest("assert f(2) == 4"),)


def test_any_public_shape_may_stand_in_a_jsonl_file(tmp_path):
    call = {"id": "c", "fn_name": "f", "inputs": [[2]], "outputs": [4]}
    human = {"task_id": "H/0", "prompt": "def f(x):\n", "entry_point": "f", "test": "def check(c):\n    assert c(1)\n"}
    problems = load_problems(str(jsonl(tmp_path / "mixed.jsonl", call, human, MBPP)))
    assert [problem.id for problem in problems] == ["c", "H/0", "7"]
    assert isinstance(problems[0].tests[0], CallTest)


def test_apps_folders_are_read_as_published(tmp_path):
    for name, tests in (
        ("0000", {"inputs": ["1\n"], "outputs": ["1\n"]}),
        ("0001", {"fn_name": "f", "inputs": [[1]], "outputs": [1]}),
    ):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "question.txt").write_text("Echo.")
        (folder / "input_output.json").write_text(json.dumps(tests))
        (folder / "solutions.json").write_text(json.dumps(["print(input())"]))
        (folder / "metadata.json").write_text(json.dumps({"difficulty": "interview"}))
    stdin, call = load_problems(f"apps:{tmp_path}")
    assert (stdin.id, stdin.difficulty, stdin.references) == ("apps/0000", "interview", ("print(input())",))
    assert isinstance(stdin.tests[0], StdinTest)
    assert (stdin.prelude, call.prelude) == ("", APPS_PRELUDE)


def test_published_files_load_whole(shared):
    assert len(load_problems(f"mbpp:{shared / 'data' / 'mbpp.jsonl'}")) == 974
    assert len(load_problems(f"apps:{shared / 'data' / 'APPS' / 'train'}")) == 5


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("{not json\n", ["bad.jsonl:1", "not JSON"]),
        ("\n[1, 2]\n", ["bad.jsonl:2", "object"]),
        ('{"id": 1, "inputs": ["a"]}\n', ["bad.jsonl:1", "outputs"]),
        ('{"id": 1, "inputs": [], "outputs": []}\n', ["bad.jsonl:1", "inputs"]),
        ("", ["no problems"]),
    ],
)
def test_a_malformed_record_is_named_with_file_line_and_field(tmp_path, text, parts):
    file = tmp_path / "bad.jsonl"
    file.write_text(text)
    with pytest.raises(DataError) as caught:
        load_problems(str(file))
    assert [part for part in parts if part not in str(caught.value)] == []


@pytest.mark.parametrize(
    "spec", ["minicode", "minicode:short", "minicode:tiny:train", "nothing", "apps:/absent", "mbpp:absent"]
)
def test_an_unknown_spec_says_what_is_allowed_or_missing(spec):
    with pytest.raises(DataError):
        load_problems(spec)


def test_training_on_held_out_problems_is_refused(tmp_path):
    from training.config import TrainConfig
    from training.loop import train

    same = {"data.train": "minicode:short:held_out", "data.held_out": "minicode:short:held_out"}
    with pytest.raises(DataError, match="must not be trained on"):
        train(TrainConfig.load(overrides=same), tmp_path / "run")
