"""Problem sets by their short specs: every published layout, and nothing dropped without being counted."""

import json

import pytest

from engine import AssertTest, CallTest, Problem, StdinTest
from engine.problems import APPS_PRELUDE
from tests.training.data_files import HUMANEVAL, MBPP, jsonl, loaded
from training.data import NO_TESTS, DataError, LoadReport, load_problems, stream_problems
from training.data.shapes import MBPP_SPLITS

APPS_ROW = {
    "problem_id": 3,
    "question": "Echo.\n-----Example-----\nInput\n1\n\nOutput\n1\n",
    "solutions": json.dumps(["print(input())"]),
    "input_output": json.dumps({"inputs": ["1\n", "2\n"], "outputs": ["1\n", "2\n"]}),
    "difficulty": "interview",
    "starter_code": "",
}


def test_minicode_is_loaded_by_tier_and_split():
    problems = load_problems("minicode:short:held_out", limit=3)
    assert len(problems) == 3
    assert all(problem.references and problem.prompt for problem in problems)


# MBPP


def test_mbpp_lines_keep_their_reference_and_show_their_asserts(tmp_path):
    (problem,) = load_problems(f"mbpp:{jsonl(tmp_path / 'mbpp.jsonl', MBPP)}")
    assert (problem.id, problem.source, problem.prompt) == ("mbpp/7", "mbpp", "Double it.")
    assert problem.references == ("def f(x): return 2 * x",)
    assert problem.tests == problem.public_tests == (AssertTest("assert f(2) == 4"),)


@pytest.mark.parametrize(
    ("split", "first", "count"), [("prompt", 1, 10), ("test", 11, 500), ("validation", 511, 90), ("train", 601, 374)]
)
def test_mbpp_is_split_as_published(tmp_path, split, first, count):
    file = jsonl(tmp_path / "mbpp.jsonl", *({**MBPP, "task_id": number} for number in range(1, 975)))
    problems = load_problems(f"mbpp:{file}:{split}")
    assert (problems[0].id, len(problems)) == (f"mbpp/{first}", count)
    assert sum(map(len, MBPP_SPLITS.values())) == 974


def test_sanitized_mbpp_is_an_array_with_prompt_and_imports(tmp_path):
    record = {
        "task_id": 11,
        "prompt": "Root.",
        "code": "c",
        "test_imports": ["import math"],
        "test_list": ["assert g(4) == math.sqrt(4)"],
    }
    file = tmp_path / "sanitized-mbpp.json"
    file.write_text(json.dumps([record, {**record, "task_id": 601}]))
    (problem,) = load_problems(f"mbpp:{file}:test")
    assert (problem.prompt, problem.setup, problem.entry_point) == ("Root.", "import math", "g")


# APPS


def apps_folder(path, question="Echo.", tests=None, **files):
    path.mkdir(parents=True)
    (path / "question.txt").write_text(question)
    if tests is not None:
        (path / "input_output.json").write_text(json.dumps(tests))
    for name, content in files.items():
        (path / name.replace("__", ".")).write_text(json.dumps(content))


def test_apps_folders_are_read_as_published(tmp_path):
    meta = {"metadata__json": {"difficulty": "interview"}, "solutions__json": ["print(input())"]}
    apps_folder(tmp_path / "0000", tests={"inputs": ["1\n"], "outputs": ["1\n"]}, **meta)
    apps_folder(tmp_path / "0001", tests={"fn_name": "f", "inputs": [[1]], "outputs": [1]}, **meta)
    stdin, call = load_problems(f"apps:{tmp_path}")
    assert (stdin.id, stdin.difficulty, stdin.references) == ("apps/0000", "interview", ("print(input())",))
    assert isinstance(stdin.tests[0], StdinTest)
    assert (stdin.prelude, call.prelude) == ("", APPS_PRELUDE)


def test_apps_problems_without_tests_are_skipped_and_counted(tmp_path):
    apps_folder(tmp_path / "train" / "0000", tests={"inputs": ["1\n"], "outputs": ["1\n"]})
    apps_folder(tmp_path / "train" / "0001")
    apps_folder(tmp_path / "train" / "0002", tests={"inputs": [], "outputs": []})
    problems, report = loaded(f"apps:{tmp_path / 'train'}")
    assert [problem.id for problem in problems] == ["apps/train/0000"]
    assert report.left_out == {NO_TESTS: 2}
    assert list(report.lines()) == ["left out: 2 problems without tests"]
    with pytest.raises(DataError, match="it has train: name one"):
        load_problems(f"apps:{tmp_path}")


def test_apps_rows_of_the_hub_layout(tmp_path):
    without = {**APPS_ROW, "problem_id": 4, "input_output": "", "solutions": ""}
    easy = {**APPS_ROW, "problem_id": 5, "difficulty": "introductory"}
    file = jsonl(tmp_path / "test.jsonl", APPS_ROW, without, easy)
    problems, report = loaded(f"apps:{file}")
    assert [problem.id for problem in problems] == ["apps/test/0003", "apps/test/0005"]
    assert (problems[0].references, problems[0].public_indices) == (("print(input())",), (0,))
    assert report.left_out == {NO_TESTS: 1}
    assert [problem.id for problem in load_problems(f"apps:{file}:introductory")] == ["apps/test/0005"]


def test_apps_records_may_have_their_tests_beside_the_other_fields(tmp_path):
    tests = json.loads(APPS_ROW["input_output"])
    row = {name: value for name, value in APPS_ROW.items() if name != "input_output"}
    call = {"question": "Double it.", "fn_name": "f", "inputs": [[1]], "outputs": [2]}
    flat, called = load_problems(f"apps:{jsonl(tmp_path / 'flat.jsonl', {**row, **tests}, call)}")
    (nested,) = load_problems(f"apps:{jsonl(tmp_path / 'nested.jsonl', APPS_ROW)}")
    assert flat.tests == nested.tests
    assert (called.entry_point, called.tests[0].args, "Counter" in called.prelude) == ("f", (1,), True)


# Hub, parquet, Python


def test_a_hub_data_set_loads_through_datasets(tmp_path, monkeypatch):
    pytest.importorskip("datasets")
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    folder = tmp_path / "mbpp"
    folder.mkdir()
    jsonl(folder / "train.jsonl", {**MBPP, "task_id": 700})
    jsonl(folder / "test.jsonl", {**MBPP, "task_id": 20}, {**MBPP, "task_id": 21})
    assert [problem.id for problem in load_problems(f"mbpp:hf:{folder}:test")] == ["mbpp/20", "mbpp/21"]
    assert [problem.id for problem in load_problems(f"hf:{folder}:train")] == ["700"]
    with pytest.raises(DataError, match="allowed: train, test"):
        load_problems(f"hf:{folder}")


def test_a_hub_name_without_datasets_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(DataError, match=r"pip install 'rltf\[data\]'"):
        load_problems("google-research-datasets/mbpp:test")


def test_parquet_has_the_same_rows(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.Table.from_pylist([APPS_ROW]), tmp_path / "test.parquet")
    assert load_problems(f"apps:{tmp_path / 'test.parquet'}") == load_problems(
        f"apps:{jsonl(tmp_path / 'test.jsonl', APPS_ROW)}"
    )


def test_any_public_shape_may_stand_in_a_jsonl_file(tmp_path):
    call = {"id": "c", "fn_name": "f", "inputs": [[2]], "outputs": [4]}
    problems = load_problems(str(jsonl(tmp_path / "mixed.jsonl", call, HUMANEVAL, MBPP, APPS_ROW)))
    assert [problem.id for problem in problems] == ["c", "HumanEval/0", "7", "apps/0003"]
    assert isinstance(problems[0].tests[0], CallTest)


def test_records_and_problems_may_come_from_python():
    problems = load_problems(iter([MBPP, Problem("own", (StdinTest("", ""),))]))
    assert [problem.id for problem in problems] == ["7", "own"]
    with pytest.raises(DataError, match="record 1: must be an object"):
        load_problems([3])


def test_a_stream_reads_no_further_than_it_is_asked_to(tmp_path):
    def endless():
        number = 0
        while True:
            number += 1
            yield {**MBPP, "task_id": number}

    stream = stream_problems(endless())
    assert [next(stream).id, next(stream).id] == ["1", "2"]
    assert stream.report.problems == 2
    assert len(load_problems(endless(), limit=5)) == 5


def test_published_files_load_whole(shared):
    problems, report = loaded(f"mbpp:{shared / 'data' / 'mbpp.jsonl'}")
    assert (len(problems), report.complete) == (974, True)
    assert len(load_problems(f"mbpp:{shared / 'data' / 'mbpp.jsonl'}:test")) == 500
    apps = load_problems(f"apps:{shared / 'data' / 'APPS' / 'train'}")
    assert {problem.id: len(problem.public_tests) for problem in apps} == {
        "apps/train/0001": 1,
        "apps/train/0111": 1,
        "apps/train/2287": 1,
        "apps/train/2404": 1,
        "apps/train/4184": 0,
    }


# What is wrong


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


def test_malformed_records_are_counted_and_the_others_used(tmp_path):
    file = tmp_path / "some.jsonl"
    good = json.dumps(MBPP).replace("Double", "Dou\u2028ble")  # a line separator that ends no line
    file.write_bytes(f'{good}\n{{"id": 1}}\n\ufeff[]\n{good}\n'.encode() + b'"\xff"\n')
    problems, report = loaded(str(file))
    assert [problem.id for problem in problems] == ["7"]
    assert (report.problems, report.malformed) == (1, 4)
    assert [str(each).removeprefix(str(file)) for each in report.examples] == [
        ":2: problem field `tests`: missing; a problem has `inputs` and `outputs` (APPS), `test_list` (MBPP), or `test`"
        " and `entry_point` (HumanEval)",
        ":3: must be an object, not list",
        ":4: problem '7': another one has the same id",
        ":5: not UTF-8: invalid start byte at byte 1",
    ]
    assert list(report.lines(shown=1))[-1] == "  ... and 3 more"


def test_a_gzip_file_cut_short_is_reported_after_what_it_still_holds(tmp_path):
    file = jsonl(tmp_path / "cut.jsonl.gz", *({**MBPP, "task_id": n, "text": str(n**9)} for n in range(2000)))
    file.write_bytes(file.read_bytes()[:-2000])
    problems, report = loaded(str(file))
    assert 0 < len(problems) < 2000
    assert report.malformed in (1, 2)
    assert "cannot be read on" in str(report.examples[-1])


@pytest.mark.parametrize(
    "spec",
    [
        "minicode",
        "minicode:short",
        "minicode:tiny:train",
        "nothing",
        "apps:/absent",
        "mbpp:absent",
        "mbpp:absent.jsonl:dev",
        "humaneval:",
    ],
)
def test_an_unknown_spec_says_what_is_allowed_or_missing(spec):
    with pytest.raises(DataError, match=r"allowed|no such file|must end in"):
        load_problems(spec)


def test_training_on_held_out_problems_is_refused(tmp_path):
    from training.config import TrainConfig
    from training.loop import train

    same = {"data.train": "minicode:short:held_out", "data.held_out": "minicode:short:held_out"}
    with pytest.raises(DataError, match="must not be trained on"):
        train(TrainConfig.load(overrides=same), tmp_path / "run")


def test_problems_that_held_out_ones_repeat_under_other_ids_are_left_out(tmp_path):
    from training.config import TrainConfig
    from training.problems import load_data

    double = {"text": "Double it.", "test_list": ["assert f(2) == 4"], "code": "y"}
    triple = {**double, "text": "Triple it."}
    train = jsonl(tmp_path / "train.jsonl", double, triple)
    held_out = jsonl(tmp_path / "test-00000-of-00001.jsonl", {**double, "text": "Double\n it. "})
    config, told = TrainConfig.load(overrides={"data.train": str(train), "data.held_out": str(held_out)}), []
    loaded = load_data(config, told.append)
    assert [[problem.id for problem in problems] for problems in loaded] == [["train/2"], ["test/1"]]
    assert told == [f"data.train {train}: 1 of 2 left out: held-out ones have their text"]
    jsonl(tmp_path / "train.jsonl", double)
    with pytest.raises(DataError, match="all have the same texts"):
        load_data(config)


def test_training_tells_what_its_data_lacks(tmp_path):
    from training.config import TrainConfig
    from training.problems import load_data

    file = tmp_path / "some.jsonl"
    file.write_text(json.dumps(MBPP) + "\n{}\n")
    told = []
    load_data(TrainConfig.load(overrides={"data.train": str(file), "data.held_out_limit": 1}), told.append)
    assert told[0] == f"data.train {file}: malformed records left out: 1"


@pytest.mark.parametrize("text", [{}, {"prompt": None}, {"text": " \n"}, {"text": "\u200b\ufeff"}, {"task": "Double."}])
def test_a_problem_without_a_text_is_named_and_left_out(text):
    record = {"test_list": ["assert f(2) == 4"], **text}
    with pytest.raises(DataError, match=r"record 1: .*no text for the model to read.*prompt, text.*test_list"):
        load_problems([record], for_model=True)
    report = LoadReport()
    assert len(load_problems([record], report=report)) == 1  # an audit needs no text
    assert list(report.lines()) == ["problems without a text for a model to read: 1"]


def test_learning_from_references_alone_is_refused_where_there_are_none(tmp_path):
    from training.config import TrainConfig
    from training.problems import load_data

    problems = [{"text": f"Double {number}.", "test_list": ["assert f(2) == 4"]} for number in range(2)]
    train = jsonl(tmp_path / "train.jsonl", *problems)
    config = TrainConfig.load(
        overrides={"objective.algorithm": "sft", "data.train": str(train), "data.held_out_limit": 1}
    )
    with pytest.raises(DataError, match=r"none of its 2 problems has a reference.*solution"):
        load_data(config)
    problems[0]["reference"] = "def f(x):\n    return 2 * x\n"
    jsonl(train, *problems)
    told: list[str] = []
    load_data(config, told.append)
    assert any("1 of 2 problems have no reference and are never learned from" in line for line in told)


def test_references_that_are_not_python_3_are_left_out_and_counted(tmp_path, capsys):
    from training.cli import main
    from training.config import TrainConfig
    from training.problems import with_python_references

    texts = ["print(2)\n", "print 2\n", "int main() { return 0; }\n"]
    tests = {"inputs": [""], "outputs": ["2"]}
    records = [{"id": f"p{count}", "prompt": f"{count}.", **tests, "solutions": texts[:count]} for count in (1, 3)]
    data = str(jsonl(tmp_path / "d.jsonl", *records))
    assert main(["data", data]) == 0
    assert "2 of 4 references are not Python 3 and are not taught, as one of problem 'p3'" in capsys.readouterr().out
    config = TrainConfig.load(overrides={"objective.algorithm": "sft", "data.train": data})
    told: list[str] = []
    kept = with_python_references(config, load_problems(data), told.append)
    assert [problem.references for problem in kept] == [(texts[0],)] * 2
    assert told == [
        f"data.train {data!r}: 2 of 4 reference solutions are left out: they are not Python 3, as one of problem 'p3'"
    ]
    foreign = load_problems([{**records[1], "solutions": texts[1:]}])
    with pytest.raises(
        DataError, match=r"none of its 2 reference solutions is Python 3, and 'sft' learns from nothing"
    ):
        with_python_references(config, foreign, told.append)
    grpo = TrainConfig.load(overrides={"objective.algorithm": "grpo", "data.train": data})
    assert with_python_references(grpo, foreign, told.append)[0].references == ()


@pytest.mark.slow
@pytest.mark.parametrize(("references", "status"), [(["print(2)\n", "print 2\n"], 0), (["print 2\n"], 2)])
def test_a_run_teaches_no_reference_that_is_not_python_3(tmp_path, capsys, references, status):
    from training.cli import main

    data = jsonl(tmp_path / "d.jsonl", {"prompt": "Say 2.", "inputs": [""], "outputs": ["2"], "solutions": references})
    words = ["train", "--run", "r", "--run.folder", str(tmp_path), "--data.train", str(data), "--training.steps", "1"]
    words += ["--objective.algorithm", "sft", "--sampler.max_new_tokens", "8", "--data.held_out_limit", "1"]
    assert main([*words, "--evaluation.every", "0", "--evaluation.samples_per_problem", "1"]) == status
    assert "Python 3" in "".join(capsys.readouterr())
    assert (tmp_path / "r").exists() == (status == 0)


@pytest.mark.parametrize("name", ["answer", "completion", "response", "target_code", "solution_code", "gold"])
def test_a_field_that_may_hold_references_and_is_not_read_is_named(tmp_path, capsys, name):
    from training.cli import main

    record = {"prompt": "Say 2.", "inputs": [""], "outputs": ["2"], "starter_code": "x = 1", "level": "hard"}
    data = jsonl(tmp_path / "d.jsonl", {**record, "id": 1, name: "print(2)"}, {**record, "id": 2, name: ["print(2)"]})
    assert main(["data", str(data)]) == 0
    said = capsys.readouterr().out
    assert f"problems without a reference that have fields which are not read: {name} (2); references are read" in said
    for other in ({**record, "code": "print(2)", name: "print(2)"}, {**record, name: 2}, {**record, name: " "}, record):
        jsonl(data, other)
        assert main(["data", str(data)]) == 0
        assert "not read" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["f g", "f(2)", "2f", "class", "Solution.f"])
def test_a_function_that_no_program_can_define_is_refused(name):
    with pytest.raises(DataError, match=r"field `fn_name`: must be the name of a function, is"):
        load_problems([{"prompt": "Double.", "fn_name": name, "inputs": [[1]], "outputs": [2]}])
