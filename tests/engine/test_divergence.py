"""Where a wrong answer parts from a reference solution."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine import Diagnostic, Engine, Limits, parse_problem


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(limits=Limits(cpu_seconds=1.0), reference_states=True) as started:
        yield started


REFERENCE = """def f(xs):
    total = 0
    for x in xs:
        if x > 2:
            total += x
    return total
"""
TESTS = {"fn_name": "f", "inputs": [[[]], [[1, 2, 3, 4]]], "outputs": [0, 7]}


def parted(engine: Engine, program: str, reference: str = REFERENCE, tests: object = TESTS) -> Diagnostic | None:
    problem = parse_problem({**tests, "solutions": [reference]})  # type: ignore[dict-item]
    report = engine.submit(program.encode(), problem).result()
    found = [diagnostic for diagnostic in report.diagnostics if diagnostic.source == "reference"]
    return found[0] if found else None


@pytest.mark.parametrize(
    ("was", "now", "line", "message"),
    [
        ("total += x", "total += x + 1", 5, "total becomes 4; 3 in a reference solution"),
        ("total = 0", "total = 1", 2, "total becomes 1; 0 in a reference solution"),
        ("x > 2", "x >= 2", 4, "after this a reference solution goes another way"),
        ("in xs", "in xs[:-1]", 3, "after this a reference solution goes another way"),
        ("return total", "return total + 1", 6, "returns 1; 0 in a reference solution"),
    ],
)
def test_the_line_where_the_states_part_is_found(engine, was, now, line, message) -> None:
    found = parted(engine, REFERENCE.replace(was, now))
    assert found is not None
    assert found.span is not None
    assert (found.span.line, found.message) == (line, message)


def test_a_wrong_argument_is_the_callers_line(engine) -> None:
    reference = "def g(n, seen):\n    seen.append(n)\n    return seen\ndef f(xs):\n    ys = []\n    return sum(g(len(xs), ys))\n"
    tests = {**TESTS, "outputs": [0, 4]}
    found = parted(engine, reference.replace("len(xs), ys", "len(xs) - 1, ys"), reference, tests)
    assert found is not None
    assert found.span is not None
    assert (found.span.line, found.message) == (6, "n becomes -1; 0 in a reference solution")


def test_programs_that_print_and_those_that_a_referee_calls_are_compared_too(engine) -> None:
    program = "n = int(input())\nm = n * 2\nprint(m)\n"
    found = parted(engine, program.replace("* 2", "* 3"), program, {"inputs": ["2"], "outputs": ["4"]})
    assert found is not None
    assert found.message == "m becomes 6; 4 in a reference solution"
    tests = {"test_list": ["assert abs(f([3]) - 3) < 0.1"]}
    found = parted(engine, REFERENCE.replace("+= x", "-= x"), REFERENCE, tests)
    assert found is not None
    assert found.message == "total becomes -3; 3 in a reference solution"


@pytest.mark.parametrize(
    "program",
    [
        "def f(values):\n    return sum(values)\n",  # nothing shared
        "def f(xs):\n    return 1\n",  # a parameter is shared, which keeps its value
        "def f(xs):\n    raise ValueError\n",  # an error has a place of its own
        "def f(xs):\n    return sum(x for x in xs if x > 2)\n",  # right
    ],
)
def test_without_shared_variables_or_a_wrong_answer_nothing_is_said(engine, program) -> None:
    assert parted(engine, program) is None


HOSTILE = [
    "import sys\ndef f(xs):\n    total = 0\n    sys.settrace(None)\n    total += 1\n    return total\n",
    "class E:\n    def __eq__(self, o): 1 / 0\n    __hash__ = __repr__ = __eq__\n"
    "class L(list):\n    def __iter__(self): 1 / 0\n    __len__ = __repr__ = __iter__\n"
    "def f(xs):\n    total = E()\n    deep = L([L(), E()])\n    total = 5\n    return total\n",
    "def f(xs):\n    total = []\n    total.append(total)\n    huge = [[0] * 10**6] * 10\n    n = 10 ** 10**5\n    return n\n",
    "def f(xs):\n    total = 0\n    for i in range(10**5): total += 1\n    return total\n",
    "def f(xs):\n    total = '\\ud800' + chr(0) * 10**6\n    return total\n",
    "def f(xs):\n    globals()[5] = total = 3\n    exec('x' * 5000 + '= 1')\n    return total\n",
]


@pytest.mark.parametrize("program", HOSTILE)
def test_hostile_values_cost_the_place_at_most(engine, program) -> None:
    problem = parse_problem({**TESTS, "solutions": [REFERENCE]})
    report = engine.submit(program.encode(), problem).result()
    assert report.execution.verdict == "failed"
    found = [diagnostic for diagnostic in report.diagnostics if diagnostic.source == "reference"]
    assert all(len(diagnostic.message) < 400 for diagnostic in found)


def test_it_is_off_unless_asked_for() -> None:
    with Engine() as plain:
        assert parted(plain, REFERENCE.replace("+= x", "-= x")) is None
