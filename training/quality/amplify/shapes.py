"""Turn tests into the inputs they give, and an input with its output into a test of the same shape."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Sequence
from typing import Any

from engine import AssertTest, CallTest, Problem, StdinTest, Test
from engine.assertions import equality

_LONGEST = 2000
"""Maximum number of characters of an output that is written into a test."""
_TOLERANCE = 1e-6


class LeftOutError(ValueError):
    """No test can be made for a problem or an input. The message says why."""


Given = StdinTest | CallTest
"""An input, whose expected output does not matter."""


def given_inputs(problem: Problem) -> list[Given]:
    """Collect the inputs of all tests.

    Raises:
        LeftOutError: a test is more than an input and its expected output.
    """
    given: list[Given] = []
    for test in problem.tests:
        if isinstance(test, AssertTest):
            given += [CallTest(args, expected) for args, expected in _equalities(test.source, problem)]
        elif isinstance(test, CallTest) and test.kwargs:
            raise LeftOutError("its tests use keyword arguments")
        else:
            given.append(test)
    if not given:
        raise LeftOutError("it has no tests")
    return given


def _equalities(source: str, problem: Problem) -> list[tuple[tuple[Any, ...], Any]]:
    """Find the arguments and expected values of all assertions in a test."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assert):
            plain = equality(ast.unparse(ast.Assert(node.test, None)))
            if plain is None or plain.kwargs or plain.name not in ("candidate", called(problem)):
                raise LeftOutError("an assertion is not `f(literals) == literal`")
            found.append((plain.args, plain.expected))
    if not found:
        raise LeftOutError("an assertion is not `f(literals) == literal`")
    return found


def called(problem: Problem) -> str:
    """Return the function under test. If the problem does not name it, the first assertion's call does."""
    if problem.entry_point or not isinstance(problem.tests[0], AssertTest):
        return problem.entry_point or ""
    plain = equality(problem.tests[0].source)
    return plain.name if plain is not None else ""


def as_test(problem: Problem, given: Given, output: object) -> Test:
    """Make a test that gives the input and expects the output, in the shape of the problem's other tests.

    Raises:
        LeftOutError: the output cannot be written exactly.
    """
    if isinstance(given, StdinTest):
        text = str(output)
        if len(text) > _LONGEST:
            raise LeftOutError("its output is long")
        return StdinTest(given.stdin, text)
    if isinstance(problem.tests[0], CallTest):
        return CallTest(given.args, _as_json(output))
    return AssertTest(_assertion(problem, given, output))


def _assertion(problem: Problem, given: CallTest, output: object) -> str:
    if not _is_literal(output):
        raise LeftOutError("its output is no literal")
    call = f"{called(problem)}({', '.join(map(repr, given.args))})"
    if type(output) is float:
        tolerance = _TOLERANCE * max(1.0, abs(output))
        return f"assert abs({call} - {output!r}) <= {tolerance:.2g}"
    if len(repr(output)) > _LONGEST:
        raise LeftOutError("its output is long")
    return f"assert {call} == {output!r}"


def _is_literal(value: object, depth: int = 0) -> bool:
    """Say whether `value` can be written and read back. A float counts only alone, where a tolerance applies."""
    kind = type(value)
    if value is None or kind in (bool, int, str, bytes):
        return not isinstance(value, int) or abs(value) < 10**1000
    if kind is float:
        return depth == 0 and math.isfinite(value)  # type: ignore[arg-type]
    if kind is dict:
        return depth < 20 and all(_is_literal(part, depth + 1) for pair in value.items() for part in pair)  # type: ignore[attr-defined]
    if kind in (list, tuple) or (kind is set and value):
        return depth < 20 and all(_is_literal(item, depth + 1) for item in value)  # type: ignore[attr-defined]
    return False


def _as_json(output: object) -> object:
    try:
        text = json.dumps(output, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise LeftOutError("its output is no JSON") from None
    if len(text) > _LONGEST:
        raise LeftOutError("its output is long")
    return json.loads(text)


def unusual(expected: Sequence[object], output: object) -> bool:
    """Say whether an output is of a kind that no test expects. It often means that the input has no answer.

    Such kinds are another type, or a negative or empty value (`-1`, `""`, `[]`) where no test expects one.
    """
    wrapped = [value[0] for value in expected if isinstance(value, list) and len(value) == 1]  # APPS wraps results
    alike = [answer for answer in (*expected, *wrapped) if _kind(answer) == _kind(output)]
    return not alike or (_is_no_answer(output) and not any(map(_is_no_answer, alike)))


def _is_no_answer(output: object) -> bool:
    if isinstance(output, int | float):
        return output < 0
    return isinstance(output, str | bytes | list | tuple | dict | set | frozenset) and not output


def _kind(value: object) -> str:
    if isinstance(value, list | tuple):
        return "sequence"
    return "number" if type(value) in (int, float) else type(value).__name__
