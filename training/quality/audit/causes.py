"""Why a test cannot be passed, or a right reference fails it: the data set's own mistakes, by name.

The tests are read by themselves first: contradictions, carriage returns, inputs cut with an ellipsis, tasks with
several right answers. Then a failed test is compared with what the reference answered.
"""

from __future__ import annotations

import ast
import math
import re
from collections import defaultdict
from collections.abc import Sequence

from engine import AssertTest, CallTest, Problem, StdinTest, Test, TestResult
from engine.assertions import equality
from training.quality.audit.findings import Finding, Kind

_SEVERAL = re.compile(
    r"\b(?:print|output|return|give|choose|report)s?\s+any\b"
    r"|\bany\s+of\s+(?:them|these|those)\b|\bany\s+(?:valid|correct|such|suitable)\s+(?:one|answer|solution)\b"
    r"|\bif\s+there\s+(?:are|is|exist)\s+(?:several|multiple|many|more\s+than\s+one)\s+(?:possible\s+)?(?:answer|solution)"
    r"|\bin\s+any\s+order\b",
    re.IGNORECASE,
)
_CUT = re.compile(r"(?:\.\.\.|\u2026)\s*$")
_MISSING = ("ModuleNotFoundError", "ImportError")
_CLOSE = 1e-6
"""Relative difference of numbers that are meant to be the same."""
_SHOWN = 3


def causes_in_tests(problem: Problem) -> dict[int, Kind]:
    """Index of a test -> what is wrong with it whatever a program answers. The first cause of each."""
    found: dict[int, Kind] = {}
    answers: defaultdict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, test in enumerate(problem.tests):
        given, expected = _texts(test)
        answers[given][expected].append(index)
        if isinstance(test, StdinTest) and (_CUT.search(given) or _CUT.search(expected)):
            found[index] = Kind.CUT_TEST
        elif isinstance(test, StdinTest) and "\r" in given + test.expected:
            found[index] = Kind.CARRIAGE_RETURN
    for by_answer in answers.values():
        if len(by_answer) > 1 and not problem.checker:
            found |= {index: Kind.CONTRADICTION for indices in by_answer.values() for index in indices}
    return found


def findings_about_tests(problem: Problem, causes: dict[int, Kind]) -> list[Finding]:
    """Say what is wrong with the tests and the text of a problem, whatever its references do."""
    findings = []
    for kind in (Kind.CONTRADICTION, Kind.CUT_TEST, Kind.CARRIAGE_RETURN):
        if indices := [index for index, cause in causes.items() if cause is kind]:
            findings.append(Finding(kind, _listed(sorted(indices)), drop=kind is Kind.CONTRADICTION))
    several = _SEVERAL.search(problem.prompt)
    if several and not problem.checker:
        findings.append(Finding(Kind.SEVERAL_ANSWERS, f"its text says {several.group()!r}", drop=False))
    return findings


def cause_of_failure(problem: Problem, results: Sequence[TestResult], causes: dict[int, Kind]) -> Kind | None:
    """Say why a reference fails its tests, where every test that it fails has a cause. It is the first one's."""
    failed = [(index, result) for index, result in enumerate(results) if result.verdict != "passed"]
    found = [causes.get(index) or _cause(problem.tests[index], result) for index, result in failed]
    return found[0] if found and all(found) else None


def _cause(test: Test, result: TestResult) -> Kind | None:
    if result.note:
        return Kind.BROKEN_CHECKER
    if result.error is not None:
        return Kind.MISSING_PACKAGE if result.error.type in _MISSING else None
    expected = _expected(test)
    if isinstance(test, StdinTest):
        actual: object = result.actual.split()
        expected = test.expected.split()
    else:
        actual = _value(result.actual)
    if _same_numbers(expected, actual):
        return Kind.INEXACT
    return Kind.ORDER if _same_elements(expected, actual) else None


def _same_numbers(expected: object, actual: object) -> bool:
    """Say whether two values are the same but for how exactly their numbers are written."""
    if isinstance(expected, list | tuple) and isinstance(actual, list | tuple):
        return len(expected) == len(actual) > 0 and all(map(_same_numbers, expected, actual))
    if isinstance(expected, str) and isinstance(actual, str):
        return expected == actual or _same_numbers(_value(expected), _value(actual))
    numbers = all(isinstance(value, int | float) for value in (expected, actual))
    return numbers and math.isclose(expected, actual, rel_tol=_CLOSE, abs_tol=_CLOSE)  # type: ignore[arg-type]


def _same_elements(expected: object, actual: object) -> bool:
    """Say whether two sequences hold the same in another order."""
    sequences = isinstance(expected, list | tuple) and isinstance(actual, list | tuple)
    return sequences and sorted(map(repr, expected)) == sorted(map(repr, actual))  # type: ignore[call-overload]


def _expected(test: Test) -> object:
    if isinstance(test, CallTest):
        return test.expected
    plain = equality(test.source) if isinstance(test, AssertTest) else None
    return None if plain is None else plain.expected


def _value(text: str) -> object:
    """Read a value written as a literal. None where it is none, or was cut for display."""
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _texts(test: Test) -> tuple[str, str]:
    """Write what a test gives and what it expects, as texts that are the same where the values are."""
    if isinstance(test, StdinTest):
        return test.stdin, " ".join(test.expected.split())
    if isinstance(test, CallTest):
        return repr((test.args, sorted(test.kwargs.items()))), repr(test.expected)
    plain = equality(test.source)
    if plain is None:
        return test.source, ""
    return repr((plain.name, plain.args, sorted(plain.kwargs.items()))), repr(plain.expected)


def _listed(indices: Sequence[int]) -> str:
    named = ", ".join(str(index) for index in indices[:_SHOWN])
    return f"tests {named}{', ...' if len(indices) > _SHOWN else ''}" if len(indices) > 1 else f"test {named}"
