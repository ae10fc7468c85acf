"""Read problems from the public shapes APPS, MBPP and HumanEval. Test source is only parsed, to find names."""

from __future__ import annotations

import ast
import builtins
import json
import re
import sys
from collections.abc import Mapping, Sequence
from keyword import iskeyword
from typing import cast

from engine.assertions import checked
from engine.examples import doctests, shown_tests
from engine.fields import (
    PROMPT_FIELDS,
    ProblemError,
    check_writable,
    checker_of,
    is_blank,
    kind_of,
    list_of,
    parsed,
    references_of,
    text_of,
)
from engine.records import AssertTest, CallTest, ComparisonRule, Problem, StdinTest, Test
from engine.test_sources import asserting, checks

_SHAPES = "`inputs` and `outputs` (APPS), `test_list` (MBPP), or `test` and `entry_point` (HumanEval)"


APPS_PRELUDE = """\
import bisect, collections, copy, fractions, functools, heapq, itertools, math, operator, random, re, string, sys, time
import numpy as np
from bisect import bisect_left, bisect_right
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque
from functools import lru_cache, reduce
from heapq import *
from itertools import accumulate, combinations, permutations, product
from math import ceil, cos, exp, fabs, factorial, floor, gcd, inf, log, log2, sin, sqrt, tan
from typing import *
"""
"""Names that APPS' harness gives to solutions that are called; published references (LeetCode style) rely on them."""


def parse_problem(data: Mapping[str, object], id: str = "") -> Problem:
    """Read the problem that `data` describes, in any of the public shapes. Unknown keys are ignored.

    Args:
        data: APPS `{"fn_name"?, "inputs", "outputs"}` (also under `input_output`, as an object or as JSON text),
            MBPP `{"test_list", "test_setup_code"?}` or HumanEval `{"prompt", "entry_point", "test"}`. All may
            have a text (`PROMPT_FIELDS`), references (`REFERENCE_FIELDS`), `prelude`, `starter_code`, `comparison`,
            `checker`, `time_limit`, `difficulty`, and `public`: indices of the tests that the text shows (else MBPP's
            asserts, HumanEval's doctests and the examples in an APPS question are taken).
        id: identity where `data` has no `id`, `task_id` or `problem_id`.

    Raises:
        ProblemError: a field is missing, has the wrong type, or there is no test.
    """
    if not isinstance(data, Mapping):
        raise ProblemError("problem", f"must be an object, is {kind_of(data)}")
    data = {**data, **_nested_apps(data)}
    if "inputs" in data or "outputs" in data:
        problem = _apps(data)
    elif "test_list" in data:
        problem = _mbpp(data)
    elif "test" in data:
        problem = _human_eval(data)
    else:
        raise ProblemError("tests", f"missing; a problem has {_SHAPES}")
    return _with_common_fields(problem, data, id)


def _with_common_fields(problem: Problem, data: Mapping[str, object], identity: str) -> Problem:
    names = ("id", "task_id", "problem_id")
    found = next((str(data[name]) for name in names if data.get(name) not in (None, "")), identity)
    check_writable(found, "id")
    prompts = (text_of(data, name) for name in PROMPT_FIELDS)
    rules = [rule.value for rule in ComparisonRule]
    rule = text_of(data, "comparison") or ComparisonRule.STRICT.value
    if rule not in rules:
        raise ProblemError("comparison", f"is {rule!r}; allowed: {', '.join(rules)}")
    parsed(text_of(data, "prelude"), "prelude")
    limit = data.get("time_limit")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 < limit < 1e6):
        raise ProblemError("time_limit", f"must be a positive number of seconds, is {limit!r}")
    prompt = next((prompt for prompt in prompts if not is_blank(prompt)), "")
    return Problem(
        id=found,
        tests=problem.tests,
        prompt=prompt,
        starter_code=text_of(data, "starter_code"),
        entry_point=problem.entry_point,
        prelude=text_of(data, "prelude") or problem.prelude,
        setup=problem.setup,
        references=problem.references,
        public_tests=_public(data, problem, prompt),
        difficulty=text_of(data, "difficulty"),
        source=text_of(data, "source") or problem.source,
        comparison=ComparisonRule(rule),
        checker=_deciding(checker_of(data), problem),
        time_limit=None if limit is None else float(cast("float", limit)),
    )


def _deciding(checker: str, problem: Problem) -> str:
    """Read the checker, which must have something to decide."""
    sources = [test.source for test in problem.tests if isinstance(test, AssertTest)]
    if checker and sources and not any(checked(source) != source for source in (*sources, problem.setup)):
        raise ProblemError("checker", "has nothing to decide: no test is an assertion of the form `f(...) == value`")
    return checker


def _public(data: Mapping[str, object], problem: Problem, prompt: str) -> tuple[Test, ...]:
    """Find the public tests: those the field `public` lists, or those that the shape or the text shows."""
    if data.get("public") is None:
        return problem.public_tests or shown_tests(prompt, problem.tests)
    tests, indices = problem.tests, list_of(data, "public")
    if not all(isinstance(index, int) and 0 <= index < len(tests) for index in indices):
        raise ProblemError("public", f"must list indices of the {len(tests)} tests, is {list(indices)!r}")
    return tuple(tests[int(cast("int", index))] for index in indices)


# APPS


def _nested_apps(data: Mapping[str, object]) -> Mapping[str, object]:
    """Read the fields of `input_output`, which published rows hold as JSON text."""
    nested = data.get("input_output")
    if nested is None or nested == "":
        return {}
    if isinstance(nested, str):
        try:
            nested = json.loads(nested)
        except (ValueError, RecursionError) as error:
            raise ProblemError("input_output", f"is not JSON ({error})") from None
    if not isinstance(nested, Mapping):
        raise ProblemError("input_output", f"must be an object, is {kind_of(nested)}")
    return nested


def _apps(data: Mapping[str, object]) -> Problem:
    inputs, outputs = list_of(data, "inputs"), list_of(data, "outputs")
    if len(inputs) != len(outputs):
        raise ProblemError("outputs", f"has {len(outputs)} entries for {len(inputs)} inputs")
    if not inputs:
        raise ProblemError("inputs", "is empty: a problem needs at least one test")
    name = text_of(data, "fn_name") or None
    if name and (not name.isidentifier() or iskeyword(name)):
        raise ProblemError("fn_name", f"must be the name of a function, is {name!r}")
    tests: list[Test] = []
    for index, (given, expected) in enumerate(zip(inputs, outputs, strict=True)):
        if name is None:
            tests.append(StdinTest(_lines(given, f"inputs[{index}]"), _lines(expected, f"outputs[{index}]")))
        else:
            arguments = _arguments(given, f"inputs[{index}]")
            tests.append(CallTest(arguments, _decoded(expected) if isinstance(given, str) else expected))
    prelude = APPS_PRELUDE if name else ""
    return Problem("", tuple(tests), entry_point=name, prelude=prelude, references=references_of(data), source="apps")


def _lines(value: object, field: str) -> str:
    """Text of a standard input or output: a string, or a list of lines."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "\n".join(value)
    raise ProblemError(field, f"must be a string or a list of lines, is {kind_of(value)}")


def _arguments(value: object, field: str) -> tuple[object, ...]:
    """Read the arguments of one call: a list, or text with one JSON value in each line (LiveCodeBench)."""
    if isinstance(value, list | tuple):
        return tuple(value)
    if isinstance(value, str):
        try:
            return tuple(json.loads(line) for line in value.split("\n") if line.strip())
        except (ValueError, RecursionError):
            raise ProblemError(field, "must be a list of arguments, or text with one JSON value in each line") from None
    raise ProblemError(field, f"must be a list of arguments, is {kind_of(value)}")


def _decoded(expected: object) -> object:
    """Decode an expected value given as JSON text, where the arguments came as text too. Itself if it is not JSON."""
    try:
        return json.loads(expected) if isinstance(expected, str) else expected
    except (ValueError, RecursionError):
        return expected


# MBPP


def _mbpp(data: Mapping[str, object]) -> Problem:
    sources = list_of(data, "test_list")
    if not sources:
        raise ProblemError("test_list", "is empty: a problem needs at least one test")
    imports = list_of(data, "test_imports") if data.get("test_imports") else []
    setup = "\n".join([*map(str, imports), text_of(data, "test_setup_code")]).strip()
    before = parsed(setup, "test_setup_code")
    tests = tuple(AssertTest(_checking(source, f"test_list[{index}]", before)) for index, source in enumerate(sources))
    entry = text_of(data, "entry_point") or text_of(data, "entry") or _called_name(str(sources[0]), setup)
    return Problem(
        "",
        tests,
        entry_point=entry,
        prelude=_imports(setup),
        setup=setup,
        references=references_of(data),
        public_tests=tests,
        source="mbpp",
    )


def _checking(source: object, field: str, setup: ast.Module) -> str:
    """Check a test's source, which must be able to fail."""
    if not isinstance(source, str) or not source.strip():
        raise ProblemError(field, f"must be Python source, is {kind_of(source)}")
    if (found := asserting(source, parsed(source, field), setup)) is None:
        raise ProblemError(
            field, "checks nothing, so every program would pass; write an assertion, as `assert f(2) == 4`"
        )
    return found


def _imports(setup: str) -> str:
    """Find the imports of the set-up. As published, tests and program share their names."""
    imports = [node for node in parsed(setup, "test_setup_code").body if isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join(ast.unparse(node) for node in imports if _roots(node) <= sys.stdlib_module_names)


def _roots(node: ast.Import | ast.ImportFrom) -> set[str]:
    """List the packages that an import loads."""
    names = [str(node.module)] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    return {name.split(".")[0] for name in names}


def _called_name(source: str, setup: str) -> str | None:
    """Find the function under test: the first that the test or its set-up calls and only the program can define."""
    nodes = [*ast.walk(parsed(source, "test_list[0]")), *ast.walk(parsed(setup, "test_setup_code"))]
    bound = {name for node in nodes for name in _bound(node)}
    calls = [node.func.id for node in nodes if _is_plain_call(node)]  # type: ignore[attr-defined]
    return next((name for name in calls if name not in bound and not hasattr(builtins, name)), None)


def _bound(node: ast.AST) -> list[str]:
    """List the names that a definition or an import gives."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    if isinstance(node, ast.arg):
        return [node.arg]
    return [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else []


def _is_plain_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)


# HumanEval


def _human_eval(data: Mapping[str, object]) -> Problem:
    source, entry, prompt = text_of(data, "test"), text_of(data, "entry_point"), text_of(data, "prompt")
    if not source.strip():
        raise ProblemError("test", "is empty: a problem needs at least one test")
    if not entry.isidentifier():
        raise ProblemError("entry_point", f"must be the name of the function under test, is {entry!r}")
    tree = parsed(source, "test")
    if not any(isinstance(node, ast.FunctionDef) and node.name == "check" for node in tree.body):
        raise ProblemError("test", "must define `check(candidate)`")
    if not checks(parsed(f"check({entry})", "entry_point"), tree):
        raise ProblemError("test", "checks nothing, so every program passes: there is no assertion in it")
    solution = text_of(data, "canonical_solution")
    return Problem(
        "",
        (AssertTest(f"{source}\n\ncheck({entry})\n"),),
        entry_point=entry,
        prelude=_before_definition(prompt, entry),
        references=((prompt + solution,) if solution else ()) + _whole(references_of(data), prompt, entry),
        public_tests=doctests(prompt, entry),
        source="humaneval",
    )


def _whole(references: Sequence[str], prompt: str, entry: str) -> tuple[str, ...]:
    """Make references whole: those that define the function stay as they are, and bodies go after the prompt."""
    defined = re.compile(rf"^\s*(?:async\s+)?def\s+{entry}\b|^{entry}\s*=", re.MULTILINE)
    return tuple(text if defined.search(text) else prompt + text for text in references)


def _before_definition(prompt: str, entry: str) -> str:
    """Find the imports and auxiliary functions that a prompt gives before the function to write."""
    try:
        tree = parsed(prompt, "prompt")
    except ProblemError:
        return ""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == entry:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            return "".join(prompt.splitlines(keepends=True)[: first - 1]).strip()
    return ""
