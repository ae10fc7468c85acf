"""Read EvalPlus records (HumanEval+, MBPP+) as problems, with outputs from the canonical solution.

The release has base and plus inputs but no outputs, so the canonical solution is run on them in the sandbox when the
set is loaded. JSON has no tuples or sets, so arguments get back the types in the problem's own asserts. Some answers
are compared as EvalPlus compares them: as sets, as "something or None", or within the record's tolerance. The contracts
are ignored, because they restrict inputs, which are fixed.
"""

from __future__ import annotations

import ast
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace

from engine import AssertTest, CallTest, Judge, Problem, ProblemError, Test, parse_problem
from engine.outputs import Output
from engine.sandbox.values import Opaque
from training.data.reports import LoadReport
from training.data.rows import Malformed, Row

PARTS = ("base", "plus")
_AS_SETS = {
    "similar_elements",
    "find_char_long",
    "common_in_nested_lists",
    "extract_singly",
    "larg_nnum",
    "intersection_array",
    "find_dissimilar",
    "Diff",
}
_FOUND_OR_NOT = {"check_str", "text_match_three", "text_starta_endb"}
_TOLERANCE = 1e-6
"""The tolerance of our own comparison. A record may ask for a larger one."""
_CLOSE = """\
def _close(actual, expected, tolerance):
    if isinstance(expected, (list, tuple)):
        return len(actual) == len(expected) and all(_close(a, e, tolerance) for a, e in zip(actual, expected))
    return actual == expected or abs(actual - expected) <= tolerance + 1e-7 * abs(expected)
"""


def evalplus_problems(rows: Iterable[Row | Malformed], part: str, report: LoadReport) -> Iterator[Problem]:
    """Yield the problems of EvalPlus rows, each with its outputs computed.

    Args:
        rows: Rows as published (`HumanEvalPlus.jsonl`, `MbppPlus.jsonl`, gzipped or not).
        part: `base` for the inputs of the original data set, otherwise base and plus.
        report: Counts malformed records, and tests whose reference gave no answer.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    waiting: deque[tuple[Row, Problem, float, Future[tuple[Output, ...]]]] = deque()
    with Judge(workers=cores) as judge:
        for row in rows:
            if isinstance(row, Malformed):
                report.refuse(row)
                continue
            try:
                problem, tolerance = _unanswered(row, part)
            except (ValueError, TypeError, RecursionError) as error:  # TypeError: a set of what cannot be in one
                report.refuse(Malformed(row.where, str(error)))
                continue
            waiting.append((row, problem, tolerance, judge.outputs(problem.references[0].encode(), problem)))
            if len(waiting) > 2 * cores:
                yield from _answered(*waiting.popleft(), report)
        while waiting:
            yield from _answered(*waiting.popleft(), report)


def _unanswered(row: Row, part: str) -> tuple[Problem, float]:
    """Read a problem with tests that expect nothing yet, and the tolerance of its answers."""
    data = row.data
    if not isinstance(solution := data.get("canonical_solution"), str) or not solution.strip():
        raise ProblemError("canonical_solution", "is missing: it gives the expected outputs")
    no_check = "def check(candidate):\n    assert candidate\n"  # the shape wants one; the tests come from the inputs
    problem = parse_problem({**data, "test": no_check}, f"EvalPlus/{row.number - 1}")
    asserts = _asserts(data, problem)
    shown = [_arguments(source, str(problem.entry_point)) for source in asserts]
    templates = [arguments for arguments in shown if arguments is not None]
    inputs = [*_inputs(data, "base_input"), *(_inputs(data, "plus_input") if part != "base" else [])]
    tests = tuple(CallTest(tuple(_typed_arguments(arguments, templates)), None) for arguments in inputs)
    if not tests:
        raise ProblemError("base_input", "is empty: a problem needs at least one test")
    tolerance = data.get("atol") or 0
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float):
        raise ProblemError("atol", f"must be a number, is {tolerance!r}")
    in_prompt = tuple(AssertTest(source) for source in asserts if source in problem.prompt)
    public = problem.public_tests or in_prompt
    return replace(problem, tests=tests, public_tests=public, source="evalplus"), float(tolerance)


def _inputs(data: Mapping[str, object], field: str) -> list[list[object]]:
    values = data.get(field)
    if values is None or values == {}:  # MBPP+ writes an empty object for none
        return []
    if not isinstance(values, list) or not all(isinstance(value, list) for value in values):
        raise ProblemError(field, "must be a list of lists of arguments")
    return values


def _asserts(data: Mapping[str, object], problem: Problem) -> list[str]:
    """Return the asserts that the record shows: in the field `assertion`, and in an MBPP+ prompt."""
    given = data.get("assertion")
    lines = f"{given if isinstance(given, str) else ''}\n{problem.prompt}".splitlines()
    return list(dict.fromkeys(line.strip() for line in lines if line.strip().startswith("assert ")))


def _arguments(source: str, name: str) -> list[object] | None:
    """Return the literal arguments of the call of `name` in an assert."""
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                return [ast.literal_eval(argument) for argument in node.args]
    return None


def _typed_arguments(arguments: list[object], templates: list[list[object]]) -> Iterator[object]:
    for index, argument in enumerate(arguments):
        yield _typed(argument, [template[index] for template in templates if index < len(template)])


def _typed(value: object, templates: list[object]) -> object:
    """Convert `value` from JSON to the types of `templates`, which are other values of the same place."""
    if isinstance(value, list | dict) and (
        same := [template for template in templates if repr(_as_json(template)) == repr(value)]
    ):
        return same[0]
    kinds = {type(template) for template in templates}
    if isinstance(value, list):
        likes = [list(template) for template in templates if isinstance(template, list | tuple | set)]
        by_place = tuple in kinds and all(len(like) == len(value) for like in likes)
        every = [item for like in likes for item in like]
        items = [_typed(item, [like[i] for like in likes] if by_place else every) for i, item in enumerate(value)]
        if tuple in kinds and list not in kinds:
            return tuple(items)
        return set(items) if set in kinds else items
    if isinstance(value, dict):
        inner = [item for template in templates if isinstance(template, dict) for item in template.values()]
        numbered = inner and all(
            type(key) is int for template in templates if isinstance(template, dict) for key in template
        )
        return {int(key) if numbered else key: _typed(item, inner) for key, item in value.items()}
    if isinstance(value, str) and kinds == {complex}:
        return complex(value)
    return float(value) if isinstance(value, int) and kinds == {float} and not isinstance(value, bool) else value


def _as_json(value: object) -> object:
    """Return `value` as it comes back from JSON."""
    if isinstance(value, list | tuple | set):
        return [_as_json(item) for item in value]
    return {str(key): _as_json(item) for key, item in value.items()} if isinstance(value, dict) else value


def _answered(
    row: Row, problem: Problem, tolerance: float, outputs: Future[tuple[Output, ...]], report: LoadReport
) -> Iterator[Problem]:
    """Add the canonical solution's answers to the problem, if there are any."""
    tests: list[Test] = []
    for test, output in zip(problem.tests, outputs.result(), strict=True):
        assert isinstance(test, CallTest)
        if not output.answered or not _is_plain(output.value):
            report.left_out["tests whose reference gave no answer"] += 1
        else:
            tests.append(_test(problem, test.args, output.value, tolerance))
    if not tests:
        error = next((output.error for output in outputs.result() if output.error), None)
        said = f"{error.type}: {error.message}" if error else "its answers are no plain data"
        report.refuse(Malformed(row.where, f"problem field `canonical_solution`: never answers ({said})"))
        return
    setup = problem.prelude + "\n" + _CLOSE if isinstance(tests[0], AssertTest) else ""
    yield replace(problem, tests=tuple(tests), setup=setup)


def _test(problem: Problem, arguments: tuple[object, ...], expected: object, tolerance: float) -> Test:
    call = f"{problem.entry_point}(*{arguments!r})"
    if problem.entry_point == "find_zero":  # any zero is right
        return AssertTest(f"assert abs(poly(*{arguments!r}, {call})) <= {tolerance}")
    if problem.entry_point in _AS_SETS:
        return AssertTest(f"assert set({call}) == set({expected!r})")
    if problem.entry_point in _FOUND_OR_NOT:
        found = bool(expected) if isinstance(expected, bool) else expected is not None
        said = "(_said if isinstance(_said, bool) else _said is not None)"
        return AssertTest(f"_said = {call}\nassert {said} == {found}")
    if tolerance > _TOLERANCE:
        return AssertTest(f"assert _close({call}, {expected!r}, {tolerance})")
    return CallTest(arguments, expected)


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(_is_plain(item) for pair in value.items() for item in pair)
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_is_plain, value))
    return not isinstance(value, Opaque)
