"""Test cases as RL data sets publish them, turned into the fields that `engine.parse_problem` reads.

Data sets agree on what a test is and not on how it is written. These are the forms, as objects or as JSON text:

    {"inputs": [...], "outputs": [...], "fn_name"?}          APPS, TACO, PRIME, verl
    {"input": [...], "output": [...]}                        CodeContests
    [{"input", "output", "type" | "testtype", "fn_name"?}]   DeepCoder, PrimeIntellect, LiveCodeBench
    {"functional": SOURCE} or {"assert_case": [SOURCE]}      code-r1, PRIME
    [SOURCE] or SOURCE                                       assertions, or test functions as pytest takes them
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from typing import Any

from engine import ProblemError
from training.data.reports import NO_TESTS
from training.data.shapes import LeftOutError

_CALLED = ("function_call", "functional", "call_based")


def fields_of_cases(value: object, field: str, name: str | None = None) -> dict[str, object]:
    """Read test cases in any of the forms.

    Args:
        value: The cases.
        field: Where they stand, for messages.
        name: The function that calls are made of, where the record says so elsewhere.

    Raises:
        LeftOutError: there are none.
        ProblemError: they have none of the forms.
    """
    cases = _decoded(value)
    if cases is None or cases == "" or (isinstance(cases, Sequence | Mapping) and not len(cases)):
        raise LeftOutError(NO_TESTS)
    if isinstance(cases, str):
        return fields_of_source(cases, field, name)
    if isinstance(cases, Mapping):
        return _of_object(cases, field, name)
    if isinstance(cases, Sequence) and all(isinstance(case, Mapping) for case in cases):
        return _of_list(cases, field, name)
    if isinstance(cases, Sequence) and all(isinstance(case, str) for case in cases):
        return {"test_list": list(cases), "entry_point": name, "public": []}
    raise ProblemError(field, f"has no form of test cases that is known here, is {type(cases).__name__}")


def _of_object(cases: Mapping[str, Any], field: str, name: str | None) -> dict[str, object]:
    if sources := cases.get("functional") or cases.get("assert_case"):
        return fields_of_cases(sources, field, name)
    for inputs, outputs in (("inputs", "outputs"), ("input", "output")):
        if inputs in cases and outputs in cases:
            if not cases[inputs]:
                raise LeftOutError(NO_TESTS)
            called = cases.get("fn_name") or name
            fields = {"inputs": cases[inputs], "outputs": cases[outputs]}
            return {**fields, "fn_name": called} if called else fields
    raise ProblemError(field, f"has neither inputs and outputs nor test code; it has {', '.join(map(str, cases))}")


def _of_list(cases: Sequence[Mapping[str, Any]], field: str, name: str | None) -> dict[str, object]:
    if not all("input" in case and "output" in case for case in cases):
        raise ProblemError(field, "must be a list of objects with `input` and `output`")
    kinds = {str(case.get("type") or case.get("testtype") or "stdin") for case in cases}
    called = {kind in _CALLED for kind in kinds}
    if len(called) > 1:
        raise ProblemError(field, f"mixes calls and standard input: {', '.join(sorted(kinds))}")
    fields: dict[str, object] = {
        "inputs": [case["input"] for case in cases],
        "outputs": [case["output"] for case in cases],
    }
    if True in called:
        names = {str(_function_of(case) or name or "") for case in cases}
        if len(names) > 1:
            raise ProblemError(field, f"call several functions: {', '.join(sorted(names))}")
        (fields["fn_name"],) = names
        if not fields["fn_name"]:
            raise ProblemError(field, "are calls of a function that the record does not name")
    return fields


def _function_of(case: Mapping[str, Any]) -> object:
    metadata = case.get("metadata")
    return case.get("fn_name") or (metadata.get("func_name") if isinstance(metadata, Mapping) else None)


def fields_of_source(source: str, field: str, name: str | None = None) -> dict[str, object]:
    """Read test code: `check(candidate)` and its call, functions `test_*` as pytest runs them, or plain assertions.

    Imports from a module `solution` are dropped: the program's names are there anyway.

    Raises:
        LeftOutError: it needs a package that tests cannot have here (pytest's own functions, say).
        ProblemError: it is not Python.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise ProblemError(field, f"is neither JSON nor Python ({error})") from None
    imported = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "solution"]
    aliases = [alias for node in imported for alias in node.names if alias.name != "*"]
    rest = [node for node in tree.body if node not in imported]
    if any(_reads_module(node) for statement in rest for node in ast.walk(statement)):
        raise LeftOutError("problems whose tests use the program as a module")
    if any(map(_needs_pytest, rest)):
        raise LeftOutError("problems whose tests need pytest")
    tests = [node.name for node in rest if isinstance(node, ast.FunctionDef) and node.name.startswith("test")]
    rest = [node for node in rest if not (isinstance(node, ast.Import) and node.names[0].name == "pytest")]
    renamed = [f"{alias.asname} = {alias.name}" for alias in aliases if alias.asname]
    code = "\n".join([*renamed, *map(ast.unparse, rest)])
    entry = name or next((alias.name for alias in aliases), None)
    if not tests:
        return {"test_list": [code], "entry_point": entry, "public": []}
    return {"test_setup_code": code, "test_list": [f"{test}()" for test in tests], "entry_point": entry, "public": []}


def _reads_module(node: ast.AST) -> bool:
    """Say whether a module `solution` is imported, whole or inside a function."""
    if isinstance(node, ast.ImportFrom):
        return node.module == "solution"
    return isinstance(node, ast.Import) and any(alias.name == "solution" for alias in node.names)


def _needs_pytest(node: ast.stmt) -> bool:
    """Say whether pytest alone can run a statement: its own functions, a fixture, a coroutine, a class of tests."""
    if any(isinstance(name, ast.Name) and name.id == "pytest" for name in ast.walk(node)):
        return True
    if isinstance(node, ast.ClassDef):
        return any(isinstance(method, _FUNCTIONS) and method.name.startswith("test") for method in node.body)
    if not (isinstance(node, _FUNCTIONS) and node.name.startswith("test")):
        return False
    given = node.args
    required = len(given.posonlyargs) + len(given.args) - len(given.defaults) + given.kw_defaults.count(None)
    return required > 0 or isinstance(node, ast.AsyncFunctionDef)


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _decoded(value: object) -> Any:  # noqa: ANN401
    """Decode JSON text, once or twice encoded. Other texts stay as they are."""
    for _ in range(2):
        if isinstance(value, str) and value.lstrip()[:1] in ("{", "[", '"'):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                break
    return value
