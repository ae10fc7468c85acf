"""Named rules for problems with several right answers: `tokens`, `unordered_lines`, `unordered_values` and `float`.

Both sides are plain data that was decoded here: a printed text, or a returned value. No method of a program's object
is called. Time is that of sorting both sides, since a program chooses one of them.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction

Rule = Callable[[object, object], bool]
"""Expected, actual -> whether the answer is right."""

NAMES = ("tokens", "unordered_lines", "unordered_values", "float", "float:TOLERANCE")
TOLERANCE = 1e-6
"""Relative or absolute, where `float` names none."""
_DEPTH = 200
_LONGEST_NUMBER = 400
"""Characters of a number that are read. CPython writes no float with more."""
_NUMBERS = (int, float, Decimal, Fraction)
_COLLECTIONS = (list, tuple, set, frozenset, dict)
_NUMBER = re.compile(r"[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?", re.ASCII)


@functools.lru_cache(256)
def rule_of(checker: str) -> Rule | None:
    """Find the rule that a problem's checker names. None where it is Python source.

    Raises:
        ValueError: the tolerance is no positive number.
    """
    name, _, tolerance = checker.partition(":")
    if name == "float" and "\n" not in checker:
        allowed = float(tolerance) if tolerance else TOLERANCE
        if not 0 < allowed < math.inf:
            raise ValueError(f"tolerance {tolerance}")
        return functools.partial(_close, allowed)
    return _RULES.get(checker)


def is_source(checker: str) -> bool:
    """Say whether a checker is a program of its own, which a referee runs."""
    return bool(checker) and rule_of(checker) is None


def _tokens(expected: object, actual: object) -> bool:
    """Accept the same words in the same order, however they are spaced. Other values are compared strictly."""
    if isinstance(expected, str):
        return isinstance(actual, str) and expected.split() == actual.split()
    return _close(None, expected, actual)


def _unordered_lines(expected: object, actual: object) -> bool:
    """Accept the same lines of a text, or elements of a value, in any order. Blanks around words do not count."""
    if isinstance(expected, str):
        return isinstance(actual, str) and sorted(_lines(expected)) == sorted(_lines(actual))
    return _unordered_values(expected, actual)


def _unordered_values(expected: object, actual: object) -> bool:
    """Accept the same words of a text, or elements of a value, in any order, each as often as it is expected."""
    if isinstance(expected, str):
        return isinstance(actual, str) and sorted(expected.split()) == sorted(actual.split())
    if not isinstance(expected, _COLLECTIONS):
        return _close(None, expected, actual)
    if not isinstance(actual, _COLLECTIONS) or len(expected) != len(actual):
        return False
    pairs = zip(sorted(_elements(expected), key=_order), sorted(_elements(actual), key=_order), strict=True)
    return all(_close(None, wanted, given) for wanted, given in pairs)


def _close(tolerance: float | None, expected: object, actual: object, depth: int = _DEPTH) -> bool:
    """Say whether both are the same but for numbers, which may differ by the tolerance, also inside a text.

    Without a tolerance, texts must be the same, and `TOLERANCE` is forgiven where a float is expected.
    """
    if depth == 0 or type(expected) is bool or type(actual) is bool:
        return depth > 0 and expected is actual
    if isinstance(expected, str) and isinstance(actual, str):
        return expected == actual or (tolerance is not None and _close_texts(tolerance, expected, actual))
    if isinstance(expected, _NUMBERS) and isinstance(actual, _NUMBERS):
        if tolerance is None:
            tolerance = TOLERANCE if isinstance(expected, float) else 0.0
        return expected == actual or _close_numbers(tolerance, _as_float(expected), _as_float(actual))
    if isinstance(expected, list | tuple) and isinstance(actual, list | tuple):
        return len(expected) == len(actual) and all(
            _close(tolerance, wanted, given, depth - 1) for wanted, given in zip(expected, actual, strict=True)
        )
    if isinstance(expected, dict) and isinstance(actual, dict):
        return expected.keys() == actual.keys() and all(
            _close(tolerance, value, actual[key], depth - 1) for key, value in expected.items()
        )
    return type(expected) is type(actual) and expected == actual


def _close_texts(tolerance: float, expected: str, actual: str) -> bool:
    wanted, given = expected.split(), actual.split()
    return len(wanted) == len(given) and all(
        first == second or _close_numbers(tolerance, _number(first), _number(second))
        for first, second in zip(wanted, given, strict=True)
    )


def _close_numbers(tolerance: float, expected: float | None, actual: float | None) -> bool:
    if expected is None or actual is None or not tolerance or not math.isfinite(expected):
        return False
    return math.isclose(expected, actual, rel_tol=tolerance, abs_tol=tolerance)


def _number(token: str) -> float | None:
    return float(token) if len(token) <= _LONGEST_NUMBER and _NUMBER.fullmatch(token) else None


def _as_float(value: float | Decimal | Fraction) -> float | None:
    try:
        return float(value)
    except (OverflowError, ValueError):
        return None


def _lines(text: str) -> list[str]:
    lines = [" ".join(line.split()) for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _elements(collection: Iterable[object]) -> Iterable[object]:
    return collection.items() if isinstance(collection, dict) else collection


def _order(value: object, depth: int = _DEPTH) -> tuple[object, ...]:
    """Give a key that puts equal values side by side, whatever their types are."""
    if type(value) is bool or value is None or depth == 0:
        return (0, repr(value) if depth else "")
    if isinstance(value, _NUMBERS):
        number = _as_float(value)
        exact = value if type(value) is int else 0
        return (1, math.inf if number is None else 0.0 if math.isnan(number) else number, exact)
    if isinstance(value, str):
        return (2, value)
    if isinstance(value, list | tuple):
        return (3, *(_order(item, depth - 1) for item in value))
    if isinstance(value, set | frozenset):
        return (4, *sorted(_order(item, depth - 1) for item in value))
    if isinstance(value, dict):
        return (5, *sorted(_order(item, depth - 1) for item in value.items()))
    return (6, type(value).__name__)


_RULES: dict[str, Rule] = {
    "tokens": _tokens,
    "unordered_lines": _unordered_lines,
    "unordered_values": _unordered_values,
}
