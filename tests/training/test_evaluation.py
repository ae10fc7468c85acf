"""An evaluation draws the same samples whole or in pieces, judges them, and keeps public tests apart from hidden ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine import AssertTest, Judge, StdinTest, Verdict, parse_problem
from training import minicode
from training.config import ModelSection
from training.evaluation.rates import evaluate, judged_requests
from training.models.policy import load_policy
from training.models.prompts import program_of
from training.records import Drawing, Rollout, SampleRequest
from training.samplers.transformers import TransformersSampler


@pytest.fixture(scope="module")
def judge():
    with Judge() as judge:
        yield judge


@pytest.fixture(scope="module")
def policy():
    return load_policy(ModelSection(name="embedded:short"))


@pytest.fixture(scope="module")
def problems():
    return minicode.problems("short", "held_out", 6)


def drawn(policy, judge, problems, samples, done=(), rows=64):
    sampler = TransformersSampler(policy, 48)
    return list(evaluate(policy, sampler, judge, problems, samples, Drawing(), done=done, seed=3, rows=rows))


def keys(samples):
    return sorted((each.problem_id, each.sample, each.program, each.verdict) for each in samples)


def test_going_on_gives_the_same_samples_as_going_through(policy, judge, problems):
    whole = drawn(policy, judge, problems, 6)
    assert len(whole) == 36
    assert len({each.program for each in whole}) > 6
    some = [each for index, each in enumerate(whole) if index % 3]
    rest = drawn(policy, judge, problems, 6, done=some, rows=2)
    assert len(rest) == 12
    assert keys([*some, *rest]) == keys(whole)
    assert drawn(policy, judge, problems, 6, done=whole) == []


def test_samples_of_another_temperature_do_not_count_as_done(policy, judge, problems):
    whole = drawn(policy, judge, problems[:1], 2)
    assert len(drawn(policy, judge, problems[:1], 2, done=[replace(each, temperature=0.5) for each in whole])) == 2


class Saying:
    """A sampler that says what it is told."""

    def __init__(self, policy, *texts):
        self._rows = [tuple(policy.tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts]

    def sample(self, requests):
        for request in requests:
            yield [
                Rollout(request.problem_id, index, request.prompt_ids, ids, (0.0,) * len(ids), "stop", 0)
                for index, ids in enumerate(self._rows)
            ]


def judged(policy, judge, problem, *texts):
    request = SampleRequest(problem.id, (1,), len(texts), (0,))
    return list(judged_requests(policy, Saying(policy, *texts), judge, [problem], [request], public=True))


def test_public_tests_that_are_judged_by_come_from_the_same_run(policy, judge):
    problem = parse_problem({"id": "p", "inputs": ["3\n", "4\n"], "outputs": ["3\n", "4\n"], "public": [0]})
    found = judged(policy, judge, problem, "print(input())", "print(3)", "print(4)", "print(")
    assert [each.public for each in found] == [True, True, False, False]
    assert [each.execution.verdict for each in found] == [
        Verdict.PASSED,
        Verdict.FAILED,
        Verdict.FAILED,
        Verdict.ERROR,
    ]


def test_public_tests_that_are_not_judged_by_run_apart(policy, judge):
    problem = replace(
        parse_problem({"id": "p", "inputs": ["3\n"], "outputs": ["3\n"]}), public_tests=(StdinTest("5\n", "5\n"),)
    )
    found = judged(policy, judge, problem, "print(input())", "print(3)")
    assert [each.public for each in found] == [True, False]
    assert [each.execution.verdict for each in found] == [Verdict.PASSED, Verdict.PASSED]
    assert [len(each.execution.tests) for each in found] == [1, 1]


def test_a_problem_without_public_tests_has_no_filter(policy, judge):
    problem = parse_problem({"id": "p", "inputs": ["3\n"], "outputs": ["3\n"]})
    assert [each.public for each in judged(policy, judge, problem, "print(3)")] == [None]


def test_humaneval_programs_go_on_with_the_prompt_and_end_at_the_next_statement(policy):
    prompt = 'def f(x):\n    """Double."""\n'
    problem = parse_problem({"prompt": prompt, "entry_point": "f", "test": "def check(c):\n    assert c(1) == 2\n"})
    completion = "    return 2 * x\n\nprint(f(1))\n"
    ids = tuple(policy.tokenizer(completion, add_special_tokens=False)["input_ids"])
    assert b"".join(policy.bytes_of(ids)).decode() == completion
    how = replace(policy, section=ModelSection(prompt_format="humaneval"))
    assert program_of(how, ids, problem).decode() == prompt + "    return 2 * x\n"
    assert isinstance(problem.tests[0], AssertTest)
