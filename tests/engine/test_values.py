"""Values that cross out of a program: equal outside whatever CPython says they equal, and harmless however they are made up."""

import json
from collections.abc import Iterator

import hypothesis
import hypothesis.strategies as st
import pytest

from engine import CallTest, Judge, Limits, Problem, Verdict, parse_problem
from engine.sandbox.library_values import CONTAINER_TAGS, TAGS
from engine.sandbox.values import decode, encode

IMPORTS = """
import array, collections, datetime, decimal, enum, fractions, pathlib, types, uuid, zoneinfo
from collections import *
from datetime import date, datetime as moment, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType, SimpleNamespace
from zoneinfo import ZoneInfo
"""
VALUES = [
    "time(3, 0)",
    "time(3, 4, 5, 6, tzinfo=timezone.utc)",
    "time(3, tzinfo=ZoneInfo('Europe/Berlin'))",
    "moment(2020, 1, 2)",
    "moment(2020, 7, 2, 3, tzinfo=timezone.utc)",
    "moment(2020, 7, 2, 3, tzinfo=ZoneInfo('Europe/Berlin'))",
    "moment(2020, 7, 2, 3, tzinfo=timezone(timedelta(hours=-3, minutes=-30), 'X'))",
    "moment(2020, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo('Europe/Berlin')).astimezone(timezone.utc)",
    "timezone.utc",
    "ZoneInfo('Europe/Berlin')",
    "date(2020, 1, 2)",
    "timedelta(days=-1, seconds=5)",
    "Decimal('1.50')",
    "Fraction(3, 7)",
    "ChainMap({'a': 1}, {'b': 2})",
    "MappingProxyType({'a': [1]})",
    "deque([1, 2], maxlen=5)",
    "Counter('abracadabra')",
    "OrderedDict([('b', 1), ('a', 2)])",
    "defaultdict(list, {1: [2]})",
    "UserDict(a=1)",
    "UserList([1, 2])",
    "UserString('abc')",
    "frozenset({1, (2, 3)})",
    "range(1, 10, 3)",
    "b'bytes'",
    "bytearray(b'bytes')",
    "3 - 2j",
    "uuid.UUID(int=12345)",
    "pathlib.PurePosixPath('/a/b')",
    "array.array('d', [1, 2.5])",
    "SimpleNamespace(a=1, b=[2])",
    "{'a': 1}.keys()",
    "OrderedDict(a=1).items()",
    "10 ** 50",
    "{1: {2: {frozenset({3}): None}}}",
    "[(), [], {}, set(), '', b'', 0, 0.0, None, True, ...]",
]
EQUAL = [
    ("Decimal(3)", 3),
    ("Decimal('0.5')", 0.5),
    ("Fraction(1, 2)", 0.5),
    ("Fraction(4, 2)", 2),
    ("3 + 0j", 3),
    ("ChainMap({'a': 1}, {'b': 2, 'a': 9})", {"a": 1, "b": 2}),
    ("MappingProxyType({'a': 1})", {"a": 1}),
    ("UserDict(a=1)", {"a": 1}),
    ("UserList([1, 2])", [1, 2]),
    ("UserString('abc')", "abc"),
    ("Counter('aab')", {"a": 2, "b": 1}),
    ("OrderedDict(a=1)", {"a": 1}),
    ("defaultdict(int, a=1)", {"a": 1}),
    ("collections.namedtuple('P', 'x y')(1, 2)", [1, 2]),
    ("enum.IntEnum('E', 'A B').B", 2),
    ("[MappingProxyType({'a': Decimal(1)})]", [{"a": 1}]),
]
DIFFERENT = [
    ("Decimal('3.1')", 3),
    ("Fraction(1, 3)", 0.5),
    ("Decimal('NaN')", 3),
    ("Decimal('sNaN')", 3.0),
    ("Decimal('1e999999')", 1e308),
    ("ChainMap({'a': 1}, {'b': 2})", {"a": 1}),
    ("frozenset({1})", [1]),
    ("array.array('i', [1])", [1]),
    ("3 + 1j", 3),
    ("complex('nan')", 3.0),
    ("time(3)", "03:00:00"),
]


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(limits=Limits(cpu_seconds=4.0)) as judge:
        yield judge


def called(judge, value, expected):
    problem = Problem("p", (CallTest((), expected),), entry_point="f")
    execution = judge.submit(f"{IMPORTS}\ndef f(): return {value}".encode(), problem).result()
    assert execution.infra_reason == ""
    return execution.verdict


@pytest.mark.parametrize("value", VALUES)
def test_a_value_equals_in_an_assertion_what_it_equals_in_cpython(judge, value):
    test = f"{IMPORTS}\nassert f() == {value}\nassert [f(), f()] == [{value}] * 2"
    execution = judge.submit(f"{IMPORTS}\ndef f(): return {value}".encode(), parse_problem({"test_list": [test]}))
    assert execution.result().verdict is Verdict.PASSED, execution.result()


@pytest.mark.parametrize(("value", "expected"), EQUAL)
def test_a_returned_value_equals_plain_data_where_cpython_says_so(judge, value, expected):
    assert called(judge, value, expected) is Verdict.PASSED
    plain = judge.submit(
        f"{IMPORTS}\ndef f(): return {value}".encode(), parse_problem({"test_list": [f"assert f() == {expected!r}"]})
    )
    assert plain.result().verdict is (Verdict.FAILED if "namedtuple" in value else Verdict.PASSED)


@pytest.mark.parametrize(("value", "expected"), DIFFERENT)
def test_a_returned_value_equals_no_other_data(judge, value, expected):
    assert called(judge, value, expected) is Verdict.FAILED


SMASHED = [
    "from fractions import Fraction\ndef f():\n    x = Fraction(1, 3)\n    x._numerator = 'x'\n    return x",
    "from fractions import Fraction\ndef f():\n    x = Fraction(1, 3)\n    x._denominator = None\n    return x",
    "from fractions import Fraction\ndef f():\n    x = Fraction(1, 3)\n    x._denominator = 0\n    return x",
    "from collections import UserList\ndef f():\n    x = UserList()\n    x.data = 4\n    return x",
    "from collections import ChainMap\ndef f():\n    x = ChainMap()\n    x.maps = [1, [2]]\n    return x",
    "import uuid\ndef f():\n    x = uuid.UUID(int=1)\n    object.__setattr__(x, 'int', -1)\n    return x",
    "import datetime\nclass Z(datetime.tzinfo):\n    def utcoffset(self, d): return datetime.timedelta(0)\n    def tzname(self, d): return None\n    key = '../../etc/passwd'\ndef f(): return datetime.datetime(2020, 1, 1, tzinfo=Z())",
    "from types import SimpleNamespace\ndef f():\n    x = SimpleNamespace()\n    x.x = x\n    return x",
]


@pytest.mark.parametrize("program", SMASHED)
def test_a_value_with_smashed_parts_is_the_programs_wrong_answer(judge, program):
    for problem in (
        Problem("p", (CallTest((), 3),), entry_point="f"),
        parse_problem({"test_list": ["assert f() == 3"]}),
        parse_problem({"test_list": ["assert sorted(f()) == [3]"]}),
    ):
        execution = judge.submit(program.encode(), problem).result()
        assert execution.verdict in (Verdict.FAILED, Verdict.ERROR)
        assert execution.infra_reason == ""


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["0x10", "int", "NaN", "sNaN", "Europe/Berlin"]),
)
TAG = st.sampled_from(
    sorted(
        [
            *TAGS,
            *CONTAINER_TAGS,
            "tuple",
            "frozenset",
            "iterator",
            "keys",
            "values",
            "items",
            "range",
            "complex",
            "int",
            "bytes",
            "bytearray",
            "builtin",
            "object",
            "shared",
        ]
    )
)
DATA = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=8)
        | st.fixed_dictionaries({"t": TAG | LEAVES, "v": st.lists(inner, max_size=8) | LEAVES})
    ),
    max_leaves=30,
)


class Receiver:
    def known(self, data):
        return object()

    def made(self, container):
        pass

    def shared(self, number):
        raise LookupError


@hypothesis.given(DATA)
@hypothesis.settings(max_examples=400)
def test_whatever_a_child_makes_up_is_read_without_an_exception(data):
    decode(data)
    decode(data, Receiver())


@hypothesis.given(
    st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
        max_leaves=20,
    )
)
def test_plain_data_come_back_as_they_were(value):
    read = decode(json.loads(json.dumps(encode(value))))
    assert read == value or repr(read) == repr(value)  # NaN equals nothing
