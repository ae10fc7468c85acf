"""An algorithm, a sampler, an analyser and a data set of somebody else's: no file of the packages is touched.

They are the four recipes of CONTRIBUTING.md, as they stand there.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.commands import rltf
from training.cli import main
from training.run import Run

pytestmark = pytest.mark.slow

RECIPES = re.findall(r"```python\n(.*?)```", (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(), re.DOTALL)
HELD_OUT = """
def held_out():
    yield {"id": "other", "prompt": "print one", "inputs": ["\\n"], "outputs": ["1\\n"]}
"""
SETTINGS = {
    "run.name": "mine",
    "feedback.taxonomy": "mine.toml",
    "sampler.backend": "mine:Parrot",
    "engine.analysers": "mine:totals",
    "data.train": "python:mine:ones",
    "data.held_out": "python:mine:held_out",
    "sampler.problems_per_step": 4,
    "sampler.samples_per_problem": 2,
    "training.steps": 1,
    "evaluation.samples_per_problem": 1,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with one module of somebody else's, and a run that uses everything in it."""
    path = tmp_path_factory.mktemp("user")
    (path / "mine.py").write_text("\n\n".join([*RECIPES, HELD_OUT]))
    (path / "mine.toml").write_text(
        '[[libcst]]\ncodes = ["no-total"]\ncategory = "U_line"\nstrength = 1.0\nreason = "a matter of taste"\n'
    )
    settings = [word for key, value in SETTINGS.items() for word in (f"--{key}", str(value))]
    (path / "run.toml").write_text('[objective]\nalgorithm = "mine:PassesOnly"\npasses = 2.0\n')
    done = rltf("train", "run.toml", *settings, cwd=path)
    assert done.status == 0, done.stderr
    return path


@pytest.fixture(scope="module")
def records(folder):
    run = Run(folder / "runs" / "mine")
    return [run.record(row["seq"]) for row in run.samples()]


def test_an_algorithm_decides_what_tokens_weigh(records):
    advantages = {record["verdict"]: {token["advantage"] for token in record["tokens"]} for record in records}
    assert advantages == {"passed": {2.0}, "failed": {0.0}}


def test_a_sampler_decides_what_is_judged(records):
    assert {record["program"] for record in records} == {"total = 1\nprint(total)\n"}


def test_a_data_set_is_whatever_a_function_yields(records):
    assert {record["problem_id"] for record in records} == {f"one/{number}" for number in range(4)}
    assert sum(record["verdict"] == "passed" for record in records) == 2


def test_an_analyser_reads_the_programs_that_fail(records):
    codes = {record["verdict"]: {each["code"] for each in record["diagnostics"]} for record in records}
    assert "no-total" in codes["failed"]
    assert not codes["passed"]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("objective.algorithm", "nowhere:X", "objective.algorithm: 'nowhere:X' cannot be imported"),
        ("sampler.backend", "json:loads", "sampler.backend: 'json:loads' must be a subclass of training.samplers"),
        ("engine.analysers", "json:nothing", "engine.analysers: 'json:nothing' cannot be imported"),
        ("data.train", "python:json:nothing", "'json:nothing' cannot be imported"),
    ],
)
def test_what_cannot_be_imported_is_refused_in_one_line(tmp_path, capsys, key, value, said):
    assert main(["train", "--run.folder", str(tmp_path), "--data.held_out_limit", "1", f"--{key}", value]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
