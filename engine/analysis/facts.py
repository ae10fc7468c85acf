"""Collect what the static checks need to know of a problem, which is how its tests use a program.

Expected values are left out, because the process that reads hostile text has no use for them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from engine.records import AssertTest, CallTest, Problem, StdinTest


@dataclass(frozen=True, slots=True)
class Call:
    """The shape of one call of the entry point."""

    positional: int
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProblemFacts:
    """How the tests use a program."""

    entry_point: str | None = None
    calls: tuple[Call, ...] = ()
    """Distinct calls of the entry point; empty where they are unknown."""
    wants_value: bool = False
    """Some test does something with a returned value."""
    reads_input: bool = False
    """Every test feeds standard input that is not blank."""
    wants_output: bool = False
    """Every test compares standard output with text that is not blank."""
    prelude: str = ""
    """Source that binds what the program finds there before its first line."""


def facts_of(problem: Problem) -> ProblemFacts:
    """Collect the facts of one problem."""
    streams = [test for test in problem.tests if isinstance(test, StdinTest)]
    only_streams = bool(streams) and len(streams) == len(problem.tests)
    calls = dict.fromkeys(call for test in problem.tests for call in _calls(test, problem.entry_point))
    return ProblemFacts(
        entry_point=None if only_streams else problem.entry_point,
        calls=tuple(calls),
        wants_value=any(isinstance(test, CallTest) and test.expected is not None for test in problem.tests)
        or any(isinstance(test, AssertTest) and _uses_value(test, problem.entry_point) for test in problem.tests),
        reads_input=only_streams and all(test.stdin.strip() for test in streams),
        wants_output=only_streams and all(test.expected.strip() for test in streams),
        prelude="\n".join([problem.prelude, *(f"class {name}: ..." for name in _given_classes(problem.setup))]),
    )


def _given_classes(setup: str) -> Iterator[str]:
    """Find classes of the set-up that only hold data, which the referee gives to the program."""
    for node in ast.parse(setup).body:
        if isinstance(node, ast.ClassDef):
            methods = [item.name for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)]
            if all(name.startswith("__") for name in methods):
                yield node.name


def _uses_value(test: AssertTest, entry_point: str | None) -> bool:
    """Say whether an assertion does more with a call than make it. One that changes its argument may return nothing."""
    tree = ast.parse(test.source)
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return any(_is_call(node, entry_point) and id(node) not in bare for node in ast.walk(tree))


def _is_call(node: ast.AST, entry_point: str | None) -> bool:
    """Say whether a test calls the entry point, by its name or as HumanEval's check calls its parameter."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in (entry_point, "candidate")


def _calls(test: StdinTest | CallTest | AssertTest, entry_point: str | None) -> Iterator[Call]:
    if isinstance(test, CallTest):
        yield Call(len(test.args), tuple(sorted(test.kwargs)))
    elif isinstance(test, AssertTest):
        for node in ast.walk(ast.parse(test.source)):
            if isinstance(node, ast.Call) and _is_call(node, entry_point):
                plain = not any(isinstance(argument, ast.Starred) for argument in node.args)
                if plain and all(keyword.arg for keyword in node.keywords):
                    yield Call(len(node.args), tuple(sorted(str(keyword.arg) for keyword in node.keywords)))
