"""The comparison rules, case by case."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import ComparisonRule, outputs_match, values_match
from engine.sandbox.values import Opaque

STRICT, APPS = ComparisonRule.STRICT, ComparisonRule.APPS


@pytest.mark.parametrize(
    ("expected", "actual", "strict", "apps"),
    [
        ("15 9\n", "15 9", True, True),
        ("15 9\n", "15 9 \n\n", True, True),
        ("15 9\n", "15 9\r\n", True, True),
        ("15 9\n", "15  9\n", False, True),
        ("15 9\n", " 15 9\n", False, True),
        ("  *\n ***", "*\n***", False, True),
        ("15 9\n", "9 15\n", False, True),  # the harness compares sets of tokens
        ("YES\nNO\n", "YES\n", False, False),
        ("YES\nNO\nYES\n", "YES\nNO\n", False, True),
        ("1\n", "1\nextra\n", False, False),
        ("1.5\n", "1.5000001\n", True, True),
        ("1.5\n", "1.6\n", False, False),
        ("x = 0.50", "x = 0.5", True, True),
        ("7919023757\n", "7919023758\n", False, True),  # numpy.allclose on integers
        ("1000000\n", "1e6\n", False, True),
        ("1e6\n", "1000000\n", True, True),
        ("nan\n", "nan\n", True, True),
        ("1.5\n", "\u0661.5\n", False, False),  # a digit, but not one of ours
        ("1.0\n", "nan\n", False, False),
        ("1.0\n", "inf\n", False, False),
        ("\n", "", True, True),
        ("1\n", "", False, False),
    ],
)
def test_text(expected, actual, strict, apps):
    assert outputs_match(expected, actual, STRICT) is strict
    assert outputs_match(expected, actual, APPS) is apps


@pytest.mark.parametrize(
    ("expected", "actual", "strict", "apps"),
    [
        (3, 3, True, True),
        (3, 3.0, True, True),
        (3, 3.0000001, False, False),
        (10**17, 10**17 + 1, False, False),
        (10**17, float(10**17), True, True),
        (1.5, 1.5000001, True, True),
        (1.0, 10**400, False, False),
        (1, True, False, True),
        (True, 1, False, True),
        (True, True, True, True),
        (None, None, True, True),
        (None, False, False, False),
        ([1, 2], (1, 2), True, True),
        ([[1], [2]], ([1], (2,)), True, True),
        ([1, 2], [2, 1], False, False),
        ([1, 2], {1, 2}, False, False),
        ([5], 5, True, True),
        ([5, 6], 5, False, True),  # the harness accepts expected[0]
        ({"1": 2}, {1: 2}, True, True),
        ({"a": [1.0]}, {"a": (1,)}, True, True),
        ({"a": 1}, {"a": 1, "b": 2}, False, False),
        ("ab", "ab", True, True),
        ("1", 1, False, False),
        (math.nan, math.nan, False, False),
        (3, Opaque("Liar"), False, False),
        ([3], [Opaque("Liar")], False, False),
    ],
)
def test_values(expected, actual, strict, apps):
    assert values_match(expected, actual, STRICT) is strict
    assert values_match(expected, actual, APPS) is apps


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(plain)
def test_a_value_equals_itself(value):
    assert values_match(value, value)


@given(st.text(alphabet="ab 1.\n", max_size=30))
def test_a_text_equals_itself_with_blanks_after_it(text):
    assert outputs_match(text, text + " \n\n")


@given(st.integers(), st.integers())
def test_different_integers_are_never_equal(a, b):
    assert outputs_match(str(a), str(b)) is (a == b)
