"""minicode: its problems are sound, always the same, and split without overlap."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import random
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from engine import CallTest, Problem, StdinTest
from engine.problems import parse_problem
from training import minicode
from training.minicode.__main__ import main
from training.minicode.describe import mistakes
from training.minicode.generate import draw_input, split_of
from training.minicode.primitives import Step

TIERS = tuple(minicode.TIERS)
SPLITS = ("train", "held_out")


@cache
def split_problems(tier: str, split: str) -> list[Problem]:
    return minicode.problems(tier, split, references=True)


def family(problem: Problem) -> tuple[str, ...]:
    return tuple(problem.source.partition(": ")[2].split(" | "))


def run_reference(problem: Problem, test: object) -> object:
    """Run our own reference solution on one test, by a road that shares nothing with the generator's."""
    names: dict[str, object] = {}
    printed = io.StringIO()
    if isinstance(test, CallTest):
        exec(problem.references[0], names)
        return names[problem.entry_point](*json.loads(json.dumps(test.args)))
    lines = iter(test.stdin.splitlines())
    names["input"] = lambda: next(lines)
    with contextlib.redirect_stdout(printed):
        exec(problem.references[0], names)
    return printed.getvalue()


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("split", SPLITS)
def test_references_pass_all_hidden_tests(tier, split):
    for problem in split_problems(tier, split)[:200]:
        for test in problem.tests:
            assert run_reference(problem, test) == test.expected, problem.references[0]


@pytest.mark.parametrize("tier", TIERS)
def test_train_and_held_out_share_no_family(tier):
    train = {family(problem) for problem in split_problems(tier, "train")}
    held_out = {family(problem) for problem in split_problems(tier, "held_out")}
    assert not train & held_out
    assert all(split_of(" | ".join(steps)) == "train" for steps in train)
    assert all(split_of(" | ".join(steps)) == "held_out" for steps in held_out)


@pytest.mark.parametrize("tier", TIERS)
def test_every_primitive_occurs_in_train(tier):
    used = {step for problem in split_problems(tier, "train") for step in family(problem)}
    assert used == {primitive.name for primitive in minicode.TIERS[tier].primitives}


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("split", SPLITS)
def test_problems_have_enough_distinct_tests_and_both_shapes(tier, split):
    found = split_problems(tier, split)
    assert len(found) == getattr(minicode.TIERS[tier], f"{split}_count")
    assert len({problem.id for problem in found}) == len(found)
    for problem in found:
        assert len(problem.tests) >= 5
        assert len({repr(test.expected) for test in problem.tests}) >= 2
    share = sum(isinstance(problem.tests[0], StdinTest) for problem in found) / len(found)
    assert 0.3 < share < 0.7


def test_call_prompts_name_the_function_and_its_parameter():
    for problem in split_problems("short", "train"):
        if problem.entry_point is not None:
            assert problem.starter_code.removeprefix("def ").removesuffix(":") in problem.prompt
            assert problem.references[0].startswith(problem.starter_code)


def test_problems_are_always_the_same_and_a_count_takes_the_first():
    assert minicode.problems("short", "train", 50) == split_problems("short", "train")[:50]


def test_prompts_of_one_family_are_worded_differently():
    prompts: dict[tuple[str, ...], set[str]] = {}
    for problem in split_problems("short", "train"):
        prompts.setdefault(family(problem), set()).add(problem.prompt)
    assert sum(len(wordings) > 1 for wordings in prompts.values()) > 50


@pytest.mark.parametrize(("arguments", "named"), [(("middling", "train"), "short"), (("short", "test"), "held_out")])
def test_an_unknown_tier_or_split_is_named_with_what_is_allowed(arguments, named):
    with pytest.raises(ValueError, match=named):
        minicode.problems(*arguments)


@pytest.mark.parametrize("tier", TIERS)
def test_the_command_writes_problems_that_read_back_the_same(tier, capsys):
    assert main(["problems", "--tier", tier, "--split", "held_out", "--count", "40"]) == 0
    written = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    read = [replace(parse_problem(data), prelude="") for data in written]  # called ones have APPS' names
    assert read == minicode.problems(tier, "held_out", 40)
    assert {"fn_name" in data for data in written} == {True, False}


def test_references_of_the_long_tier_have_10_to_30_lines():
    lines = [problem.references[0].count("\n") for problem in split_problems("long", "train")]
    assert min(lines) >= 10
    assert max(lines) <= 30


def test_a_block_computes_the_same_however_it_is_written():
    rng = random.Random(0)
    tier = minicode.TIERS["varied"]
    for primitive in tier.primitives:
        takes, gives = tier.variables[primitive.takes], tier.variables[primitive.gives]
        written = set()
        for code in (primitive.code, *tier.forms.get(primitive.name, ())):
            step = Step(primitive, rng.choice(primitive.parameters or ("",)))
            for _ in range(12):
                value = draw_input(primitive.takes, rng)
                names, others = {takes: copy.copy(value)}, {takes: copy.copy(value)}
                exec(step.fill(primitive.code), names)
                written.add(text := tier.vary(step.fill(code), rng))
                exec(text, others)
                assert others[gives] == names[gives], text
        assert len(written) > 1, primitive.name


@pytest.mark.parametrize("tier", ["varied", "uneven"])
def test_a_problem_has_one_weak_step_and_hides_its_reference(tier):
    weak = {primitive.name for primitive in minicode.TIERS[tier].primitives if primitive.bugs}
    for problem in minicode.problems(tier, "train"):
        assert problem.references == ()
        assert sum(step in weak for step in family(problem)) == 1


def test_the_docs_list_every_planted_mistake():
    page = (Path(__file__).parents[2] / "docs" / "minicode.md").read_text()
    assert page.endswith(mistakes(minicode.TIERS.values()))
