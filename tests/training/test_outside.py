"""An algorithm, a sampler, an analyser and a data set of somebody else's: no file of the packages is touched.

CONTRIBUTING.md shows these four as recipes.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from training.cli import main
from training.run import Run

MINE = '''\
"""What a user writes beside a run."""

from collections.abc import Iterator

import numpy as np

from engine import Diagnostic, Source
from feedback import FinishReason
from training.algorithms import Algorithm
from training.records import NO_BASELINE, Experience, Rollout
from training.samplers import Sampler
from training.sections import Weight


class PassesOnly(Algorithm):
    """Learns from passing samples alone."""

    class Section(Algorithm.Section):
        """Its keys."""

        passes: Weight = 1.0
        """What a passing sample's tokens weigh."""

    def credit(self, group):
        found = []
        for sample in group.samples:
            passed = sample.feedback.report.execution.pass_ratio == 1
            weights = np.full(len(sample.rollout.token_ids), self.section.passes * passed, np.float32)
            found.append(Experience(sample.rollout, sample.feedback, NO_BASELINE, weights))
        return found


class Parrot(Sampler):
    """Answers every prompt with the same program."""

    def __init__(self, section, policy):
        self.ids = tuple(policy.tokenizer("total = 1\\nprint(total)\\n")["input_ids"])
        self.ids = (*(each for each in self.ids if each not in policy.eos_ids), policy.eos_ids[0])

    def sample(self, requests):
        for request in requests:
            yield [
                Rollout(request.problem_id, request.first + index, request.prompt_ids, self.ids,
                        (-1.0,) * len(self.ids), FinishReason.STOP, self.version, greedy=request.drawing.greedy)
                for index in range(request.samples)
            ]


def totals(source, text, facts):
    """Blames the first byte of a program that names a total."""
    return [Diagnostic(Source.LIBCST, "no-total", "no totals, please", text.span(0, 5))] if "total" in source else []


def ones():
    """Problems whose answer is 1, and one whose answer is not."""
    for number in range(4):
        yield {"id": f"one/{number}", "prompt": f"print {number}", "inputs": ["\\n"], "outputs": [f"{number}\\n"]}


def held_out():
    yield {"id": "other", "prompt": "print 1", "inputs": ["\\n"], "outputs": ["1\\n"]}
'''
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
    (path / "mine.py").write_text(MINE)
    (path / "mine.toml").write_text(
        '[[libcst]]\ncodes = ["no-total"]\ncategory = "U_line"\nstrength = 1.0\nreason = "a matter of taste"\n'
    )
    settings = [word for key, value in SETTINGS.items() for word in (f"--{key}", str(value))]
    (path / "run.toml").write_text('[objective]\nalgorithm = "mine:PassesOnly"\npasses = 2.0\n')
    command = [sys.executable, "-m", "training", "train", "run.toml", *settings]
    done = subprocess.run(command, cwd=path, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
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
