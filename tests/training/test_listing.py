"""The columns that lists need: written beside each record, and taken from the records of older runs."""

import sqlite3
from dataclasses import replace

import numpy as np

from engine import parse_problem
from feedback import assess
from tests.notebook_ext.made_run import make_run, record, reports
from training.run import Run
from training.run.listing import listed
from training.run.record import shown_record
from training.run.store import RunStore, SampleRow

OLD = ("seq", "step", "problem_id", "sample", "verdict", "error_type", "pass_ratio", "reward", "codes", "record")


def test_a_record_is_summed_up_by_class_marks_tests_and_mean_components():
    line = record(reports()["name"])
    columns = listed(line)
    assert (columns["outcome"], columns["tests"]) == ("runtime", "eee")
    assert "L runtime NameError" in columns["marks"]
    assert columns["tokens"] == len(line["tokens"])
    reward = sum(token["reward"] for token in line["tokens"]) / len(line["tokens"])
    assert abs(sum(columns["parts"].values()) - reward) < 1e-4
    assert abs(columns["advantage"] - (reward + 0.4)) < 1e-4


def test_a_record_without_tokens_or_verdict_has_columns_all_the_same():
    assert listed({"program": "x"}) == {
        "outcome": "infra",
        "tokens": 0,
        "advantage": None,
        "parts": {},
        "marks": [],
        "tests": "",
        "program": "x",
    }


def as_old(path):
    """The same run as an earlier version wrote it."""
    with sqlite3.connect(path / "run.db") as database:
        database.execute(f"CREATE TABLE old AS SELECT {', '.join(OLD)} FROM samples")
        database.execute("DROP TABLE samples")
        database.execute(f"CREATE TABLE samples AS SELECT {', '.join(OLD)} FROM old")
        database.execute("DROP TABLE old")
    database.close()


def test_a_run_of_before_these_columns_reads_the_same_and_can_be_resumed(tmp_path):
    path = make_run(tmp_path / "run", steps=2)
    new = Run.open(path).samples()
    as_old(path)
    assert Run.open(path).samples() == new
    store = RunStore(path)
    store.write(3, {}, [SampleRow("p", 0, "error", "NameError", 0.0, -1.0, "", record(reports()["name"]))])
    store.close()
    (*old, added) = Run.open(path).samples()
    assert old == new
    assert (added["outcome"], added["step"]) == ("runtime", 3)


def test_records_are_not_read_to_list_samples(tmp_path):
    path = make_run(tmp_path / "run", steps=2)
    whole = Run.open(path).samples()
    with sqlite3.connect(path / "run.db") as database:
        database.execute("UPDATE samples SET record = 'not JSON'")
    database.close()
    assert Run.open(path).samples() == whole


def test_a_record_lists_the_tokens_that_no_test_executed():
    report = reports()["name"]
    end = len(report.program)
    offsets = np.array([*((place, place + 1) for place in range(5)), (5, end)], np.int32)
    feedback = assess(report, offsets)
    problem = parse_problem({"id": "p", "fn_name": "solve", "inputs": [[1]], "outputs": [1]})
    for executed, ranges in (([1, 0, 0, 1, 1, 0], [[1, 3], [5, 6]]), ([0] * 6, [[0, 6]]), ([1] * 6, None)):
        seen = replace(feedback, executed=np.array(executed, bool))
        assert shown_record(seen, problem, "x").get("unexecuted") == ranges
    assert "unexecuted" not in shown_record(feedback, problem, "x")
