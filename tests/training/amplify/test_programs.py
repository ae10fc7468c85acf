"""Programs that passed once, from a run or from samples."""

import json

import pytest

from training.config import TrainConfig
from training.data import DataError
from training.quality.amplify.programs import load_programs
from training.run.store import RunStore, SampleRow


def test_a_runs_passed_programs_are_taken_each_once(tmp_path):
    (tmp_path / "config.toml").write_text(TrainConfig().to_toml())
    store = RunStore(tmp_path)
    rows = [("p", "passed", "a"), ("p", "passed", "a"), ("p", "failed", "b"), ("q", "passed", "c")]
    store.write(
        1, {}, [SampleRow(name, 0, verdict, "", 1.0, 1.0, "", {"program": text}) for name, verdict, text in rows]
    )
    store.close()
    assert load_programs(tmp_path) == {"p": ["a"], "q": ["c"]}


def test_samples_of_an_evaluation_are_taken_if_they_passed_and_a_bad_line_is_named(tmp_path):
    file = tmp_path / "samples.jsonl"
    lines = [
        {"problem_id": "p", "program": "a", "verdict": "passed"},
        {"problem_id": "p", "program": "b", "verdict": "failed"},
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in [*lines, {"problem_id": "q", "program": "c"}]))
    assert load_programs(file) == {"p": ["a"], "q": ["c"]}
    for bad in ('{"problem_id": "p"}', "{not json"):
        file.write_text(f"{json.dumps(lines[0])}\n{bad}\n")
        with pytest.raises(DataError, match=r"samples.jsonl:2"):
            load_programs(file)


def test_a_folder_without_a_run_is_said_to_have_none(tmp_path):
    with pytest.raises(DataError, match="no run there"):
        load_programs(tmp_path)
