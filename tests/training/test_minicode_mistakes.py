"""minicode's planted mistakes do what the docs say they do, judged in the sandbox."""

from __future__ import annotations

import builtins
import random
from dataclasses import replace

import pytest

from engine import ErrorKind, Judge, Problem, Verdict
from training import minicode
from training.minicode.corpus import with_bug
from training.minicode.generate import Draft, assemble, edges, make_tests
from training.minicode.primitives import Bug, Primitive, Step, Tier

TIERS = tuple(minicode.TIERS)


@pytest.fixture(scope="module")
def judge():
    with Judge() as judge:
        yield judge


def one_step_problem(tier: Tier, primitive: Primitive, shape: str) -> tuple[Draft, Problem]:
    rng = random.Random(0)
    while True:
        step = Step(primitive, rng.choice(primitive.parameters or ("",)))
        draft = Draft(tier, (step,), shape, "solve")
        tests = make_tests(draft, rng)
        if tests is not None:
            entry_point = "solve" if shape == "call" else None
            return draft, Problem(primitive.name, tests, entry_point=entry_point, time_limit=0.1)


def buggy_program(draft: Draft, bug: Bug) -> str:
    step, (first, last) = draft.steps[0], edges(draft)
    return assemble(draft, [step.fill(with_bug(step.primitive.code, bug))], first.code, last.code)


def has_effect(execution, effect: str) -> bool:
    if effect == "wrong answer":
        return execution.verdict is Verdict.FAILED
    if effect == "timeout":
        return execution.error is not None and execution.error.kind is ErrorKind.TIMEOUT
    seen = getattr(builtins, execution.error.type, None) if execution.error else None
    return seen is not None and issubclass(seen, getattr(builtins, effect))


@pytest.mark.parametrize("tier", TIERS)
def test_each_planted_mistake_has_its_declared_effect_in_one_shape_at_least(tier, judge):
    pending = [(primitive, bug) for primitive in minicode.TIERS[tier].primitives for bug in primitive.bugs]
    assert all(bug.right in primitive.code for primitive, bug in pending)
    for shape in ("call", "stdin"):
        runs = []
        for primitive, bug in pending:
            draft, problem = one_step_problem(minicode.TIERS[tier], primitive, shape)
            runs.append(judge.submit(buggy_program(draft, bug).encode(), problem))
        pending = [
            mistake
            for mistake, run in zip(pending, runs, strict=True)
            if not has_effect(run.result(), mistake[1].effect)
        ]
    assert not pending


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("split", ["train", "held_out"])
def test_references_pass_in_the_sandbox(tier, split, judge):
    problems = [replace(problem, time_limit=None) for problem in minicode.problems(tier, split, 40, references=True)]
    runs = [judge.submit(problem.references[0].encode(), problem) for problem in problems]
    assert [run.result().verdict for run in runs] == [Verdict.PASSED] * len(problems)
