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
        metadata = cases[0].get("metadata")
        inner = metadata if isinstance(metadata, Mapping) else {}
        found = cases[0].get("fn_name") or inner.get("func_name") or name
        if not found:
            raise ProblemError(field, "are calls of a function that the record does not name")
        fields["fn_name"] = found
    return fields


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
    names = [alias.name for node in imported for alias in node.names]
    rest = [node for node in tree.body if node not in imported]
    tests = [node.name for node in rest if isinstance(node, ast.FunctionDef) and node.name.startswith("test")]
    if any(isinstance(node, ast.Name) and node.id == "pytest" for node in ast.walk(tree)):
        raise LeftOutError("problems whose tests need pytest")
    rest = [node for node in rest if not (isinstance(node, ast.Import) and node.names[0].name == "pytest")]
    code = "\n".join(map(ast.unparse, rest))
    if not tests:
        return {"test_list": [code], "entry_point": name, "public": []}
    entry = name or next(iter(names), None)
    return {"test_setup_code": code, "test_list": [f"{test}()" for test in tests], "entry_point": entry, "public": []}


def _decoded(value: object) -> Any:  # noqa: ANN401
    """What JSON text says, once or twice encoded; other texts as they are."""
    for _ in range(2):
        if isinstance(value, str) and value.lstrip()[:1] in ("{", "[", '"'):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                break
    return value
