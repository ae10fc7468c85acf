"""When an output is right: the strict rule, and the rule of the published APPS harness.

Both sides are plain data that we decoded. No method of a program's object is called, and an object that is not plain
data (`engine.sandbox.values.Opaque`) equals nothing. Time is linear in the length of both sides: a program chooses one.

Strict, for text: the same lines, blanks at the end of a line and blank lines at the end of the text forgiven. A
number in a line may differ within 1e-6 (relative or absolute) where the expected token is written as a float (`.`
or exponent); everything else in the line must be the same, blanks between tokens included. Strict, for values:
equal type by type. Lists and tuples are both sequences (expected values come from JSON); an integer equals a float, a
decimal number or a fraction of exactly that value; a bool equals only a bool; where a float is expected, 1e-6 is
forgiven; a JSON key matches an integer key written the same; an expected list of one element also accepts that element
(APPS wraps results). No rule looks at sets of lines or tokens unless it is `apps`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from engine.records import ComparisonRule

_TOLERANCE = 1e-6
_APPS_TOLERANCE = (1e-5, 1e-8)
"""Relative and absolute tolerance of `numpy.allclose`, which the APPS harness uses."""
_DEPTH = 200
_FLOAT = re.compile(r"[+-]?(?:\d++\.\d*+|\.\d++|\d++(?=[eE]))(?:[eE][+-]?\d++)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?", re.ASCII)
_LONGEST_NUMBER = 400
"""Characters by which a number may be longer than the expected one, and characters of one that APPS' rule reads."""
_KEY_BITS = 10_000
"""Integer keys longer than this are written in no JSON key: CPython refuses to print integers of 4,300 digits."""
_BLANKS = re.compile(r"(\s+)")


def outputs_match(expected: str, actual: str, rule: ComparisonRule = ComparisonRule.STRICT) -> bool:
    """Say whether a program's standard output `actual` is right where `expected` was to be printed."""
    if expected == actual:
        return True
    wanted, printed = _lines(expected), _lines(actual)
    if len(wanted) == len(printed) and all(map(_same_line, wanted, printed)):
        return True
    return rule is ComparisonRule.APPS and _apps_text(wanted, printed)


def values_match(expected: object, actual: object, rule: ComparisonRule = ComparisonRule.STRICT) -> bool:
    """Say whether a returned value is right. Both sides are plain data or `Opaque`."""
    if _same_value(expected, actual, _DEPTH):
        return True
    if isinstance(expected, list | tuple) and len(expected) == 1 and _same_value(expected[0], actual, _DEPTH):
        return True
    return rule is ComparisonRule.APPS and _apps_value(expected, actual)


# Strict


def _lines(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _same_line(expected: str, actual: str) -> bool:
    if expected == actual:
        return True
    wanted, printed = _BLANKS.split(expected), _BLANKS.split(actual)
    return len(wanted) == len(printed) and all(map(_same_token, wanted, printed))


def _same_token(expected: str, actual: str) -> bool:
    if expected == actual:
        return True
    if len(actual) > len(expected) + _LONGEST_NUMBER or not _FLOAT.fullmatch(expected) or not _NUMBER.fullmatch(actual):
        return False
    return _close(float(expected), float(actual))


def _close(expected: float, actual: float) -> bool:
    return math.isclose(expected, actual, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)


def _same_value(expected: object, actual: object, depth: int) -> bool:
    if depth == 0 or type(expected) is bool or type(actual) is bool:
        return depth > 0 and expected is actual
    if isinstance(expected, int | float) and isinstance(actual, int | float | Decimal | Fraction):
        return expected == actual or (isinstance(expected, float) and _close_number(expected, actual))
    if isinstance(expected, int | float) and isinstance(actual, complex):
        return expected == actual
    if isinstance(expected, list | tuple):
        return isinstance(actual, list | tuple) and _same_items(expected, actual, depth)
    if isinstance(expected, Mapping):
        return isinstance(actual, dict) and _same_entries(expected, actual, depth)
    return type(expected) is type(actual) and expected == actual


def _close_number(expected: float, actual: float | Decimal | Fraction) -> bool:
    try:
        return _close(expected, float(actual))
    except OverflowError:
        return False


def _same_items(expected: Sequence[object], actual: Sequence[object], depth: int) -> bool:
    if len(expected) != len(actual):
        return False
    return all(_same_value(wanted, given, depth - 1) for wanted, given in zip(expected, actual, strict=True))


def _same_entries(expected: Mapping[object, object], actual: dict[object, object], depth: int) -> bool:
    if len(expected) != len(actual):
        return False
    given = actual if all(key in actual for key in expected) else {_json_key(key): actual[key] for key in actual}
    if len(given) != len(actual):
        return False
    return all(key in given and _same_value(value, given[key], depth - 1) for key, value in expected.items())


def _json_key(key: object) -> object:
    return str(key) if type(key) is int and key.bit_length() <= _KEY_BITS else key


# As the published APPS harness (testing_util.py), whose comparisons this rule reproduces


def _apps_text(wanted: list[str], printed: list[str]) -> bool:
    expected = [line.strip() for line in wanted if line.strip()]
    actual = [line.strip() for line in printed if line.strip()]
    if expected == actual:
        return True
    if len(expected) == len(actual) and all(map(_apps_close, expected, actual)):
        return True
    tokens, given = [frozenset(line.split()) for line in expected], [frozenset(line.split()) for line in actual]
    return set(tokens) == set(given) or _rounded(tokens) == _rounded(given)


def _apps_close(expected: str, actual: str) -> bool:
    wanted, given = _floats(expected), _floats(actual)
    return wanted is not None and given is not None and len(wanted) == len(given) and _all_close(wanted, given)


def _floats(line: str) -> list[float] | None:
    tokens = line.split()
    return [float(token) for token in tokens] if all(map(_is_number, tokens)) else None


def _is_number(token: str) -> bool:
    return len(token) <= _LONGEST_NUMBER and _NUMBER.fullmatch(token) is not None


def _all_close(expected: list[float], actual: list[float]) -> bool:
    relative, absolute = _APPS_TOLERANCE
    return all(abs(b - a) <= absolute + relative * abs(a) for a, b in zip(expected, actual, strict=True))


def _rounded(lines: list[frozenset[str]]) -> set[frozenset[object]]:
    return {frozenset(round(float(token), 3) if _is_number(token) else token for token in line) for line in lines}


def _apps_value(expected: object, actual: object) -> bool:
    given = _as_lists(actual, _DEPTH)
    wanted = _as_lists(expected, _DEPTH)
    if wanted == given:
        return True
    return isinstance(wanted, list) and bool(wanted) and wanted[0] == given


def _as_lists(value: object, depth: int) -> object:
    if depth and isinstance(value, list | tuple):
        return [_as_lists(item, depth - 1) for item in value]
    return value
