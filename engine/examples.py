"""Find the tests that a problem's own text shows. A policy may filter and repair its programs with them.

MBPP shows its asserts, HumanEval has doctests, and APPS questions have examples. Other problems name them in a field.
No test is invented, so an APPS example counts only if it is one of the tests.
"""

from __future__ import annotations

import ast
import doctest
import json
import re
import warnings
from collections.abc import Iterator
from itertools import pairwise

from engine.records import AssertTest, CallTest, StdinTest, Test

_LABEL = re.compile(
    r"^[^\w\n]*(?:(?:sample|example)s?[ \t]+)?(input|output)s?[^\w\n]*\d*[^\w\n]*$", re.IGNORECASE | re.MULTILINE
)
"""A line that says only that an input or an output follows."""
_CALL = re.compile(r"^\s*Input:?[ \t]*(?P<given>\S.*)\n+\s*Output:?[ \t]*(?P<expected>\S.*)$", re.MULTILINE)
"""LeetCode: `Input: arr = [1, 2], k = 5` and `Output: 9` on lines of their own."""
_CONSTANTS = {"true": True, "false": False, "null": None, "none": None}


def shown_tests(question: str, tests: tuple[Test, ...]) -> tuple[Test, ...]:
    """Find the stdin and call tests that are examples in `question`, in their order."""
    if not question:
        return ()
    printed = list(_printed_examples(question))
    called = list(_called_examples(question))
    shown: list[Test] = []
    for test in tests if printed or called else ():
        if isinstance(test, StdinTest):
            if len(test.stdin.strip()) > len(question):  # many are megabytes
                continue
            given, expected = _plain(test.stdin), _plain(test.expected)
            if any(given == stdin and _starts(output, expected) for stdin, output in printed):
                shown.append(test)
        elif isinstance(test, CallTest) and (list(test.args), test.expected) in called:
            shown.append(test)
    return tuple(shown)


def _printed_examples(question: str) -> Iterator[tuple[str, str]]:
    """Yield input, and output with whatever follows it, of each pair of labels."""
    labels = list(_LABEL.finditer(question))
    for index, (first, second) in enumerate(pairwise(labels)):
        if (first[1].lower(), second[1].lower()) == ("input", "output"):
            end = labels[index + 2].start() if index + 2 < len(labels) else len(question)
            yield _plain(question[first.end() : second.start()]), _plain(question[second.end() : end])


def _plain(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _starts(text: str, expected: str) -> bool:
    return bool(expected) and (text == expected or text.startswith(expected + "\n"))


def _called_examples(question: str) -> Iterator[tuple[list[object], object]]:
    for match in _CALL.finditer(question):
        try:
            call = ast.parse(f"f({match['given'].strip()})", mode="eval").body
            assert isinstance(call, ast.Call)
            values = [*call.args, *(keyword.value for keyword in call.keywords)]
            yield [_literal(ast.unparse(value)) for value in values], _literal(match["expected"].strip())
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue


def _literal(text: str) -> object:
    """Read a value written as JSON or as Python.

    Raises:
        ValueError: it is neither.
    """
    if text.lower() in _CONSTANTS:
        return _CONSTANTS[text.lower()]
    try:
        return json.loads(text)
    except ValueError:
        return ast.literal_eval(text)


def doctests(prompt: str, entry_point: str) -> tuple[Test, ...]:
    """Find the examples with a plain value in the docstrings of a HumanEval prompt, as asserts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            examples = doctest.DocTestParser().get_examples(_docstrings(prompt))
        except (SyntaxError, ValueError):
            return ()
    found: list[Test] = []
    for example in examples:
        source = f"assert {example.source.strip()} == {example.want.strip()}"
        if example.want.strip() and entry_point in example.source and _is_assert(source):
            found.append(AssertTest(source))
    return tuple(found)


def _docstrings(prompt: str) -> str:
    nodes = (node for node in ast.walk(ast.parse(prompt)) if isinstance(node, ast.FunctionDef))
    return "\n\n".join(ast.get_docstring(node) or "" for node in nodes)


def _is_assert(source: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (statement,) = ast.parse(source).body
            assert isinstance(statement, ast.Assert)
            assert isinstance(statement.test, ast.Compare)
            ast.literal_eval(statement.test.comparators[0])
    except (AssertionError, SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
