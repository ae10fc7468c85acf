"""Which programs are believed when a test fails after another one in the same process."""

import pytest

from engine import CallTest, Judge, Limits, Problem, StdinTest, Verdict
from engine.leftovers import leaves_nothing

INSIDE = [
    "def f(x): return x\n",
    "import math, heapq as h\nfrom collections import Counter, defaultdict\nd = defaultdict(int)\nd[1] += 2\n",
    "from typing import (\n    List,\n)\nimport math\nprint(math.pi == 3, math.inf <= 3)\n",
    "class A:\n    def __init__(self, x):\n        self.x = self._y = x\n        self.x[1] += 2\n",
    "from functools import lru_cache\n@lru_cache(None)\ndef f(n):\n    global k\n    k = n\n    return n\n",
]
OUTSIDE = [
    "import math\nmath.gcd = 3\n",
    "import math as m\nm . x[m.y[0]] = 1\nm.x += 1\n",
    "import collections\ncollections.Counter.x[1] //= 2\n",
    "import copy\ncopy._deepcopy_dispatch.update({})\n",
    "from math import *\n",
    "import math; import random\n",
    "if 1: import random\n",
    "import math, sys\n",
    "from random import (\n    random)\n",
    "__import__('random').seed(1)\n",
    "setattr(list, 'x', 1)\n",
    "x.__class__.y()\n",
    "import math\ndel math.pi\n",
    "def f():\n    try: yield 1\n    finally: print(2)\n",
    "class A:\n    def __del__(self): print(1)\n",
    "open('x')\n",
]


@pytest.mark.parametrize("source", INSIDE)
def test_programs_that_keep_to_themselves(source):
    assert leaves_nothing(["1", "2"], source, "")


@pytest.mark.parametrize("source", OUTSIDE)
def test_programs_that_may_leave_something(source):
    assert not leaves_nothing(["1", "2"], source, "")
    assert not leaves_nothing(["1", "2"], "", source)


def test_arguments_that_two_tests_share_can_carry_something_over():
    shared = [1]
    assert leaves_nothing([("f", ([1],), {}), ("f", ([1],), {})], "")
    assert leaves_nothing([("f", (shared, shared), {})], "")
    assert not leaves_nothing([("f", (shared,), {}), ("f", (({"a": [shared]},),), {})], "")


def test_long_hostile_text_is_looked_through_in_linear_time():
    for part in (".a[", ".a[]", "import ", ". ", "import a, ", "__", "self._"):
        leaves_nothing([], part * 20_000)


@pytest.fixture(scope="module")
def judge():
    with Judge(limits=Limits(cpu_seconds=2.0)) as judge:
        yield judge


def test_a_test_that_changes_the_arguments_of_another_fails_none(judge):
    shared = [1]
    program = "def f(xs):\n    xs.append(1)\n    return len(xs)"
    problem = Problem("p", (CallTest((shared,), 2), CallTest((shared,), 2)), entry_point="f")
    assert judge.submit(program.encode(), problem).result(60).verdict is Verdict.PASSED


@pytest.mark.parametrize("word", ["", "# sys\nimport sys\n"])
def test_results_are_the_same_whether_tests_are_run_again_or_not(judge, word):
    program = f"{word}n = int(input())\nif n == 2: raise KeyError(n)\nprint(10 // (n - 3))"
    tests = tuple(StdinTest(str(n), "10") for n in (4, 1, 2, 3, 4))
    found = judge.submit(program.encode(), Problem("p", tests)).result(60)
    verdicts = ["passed", "failed", "error", "error", "passed"]
    assert [test.verdict.value for test in found.tests] == verdicts
    assert [test.error and test.error.type for test in found.tests] == [
        None,
        None,
        "KeyError",
        "ZeroDivisionError",
        None,
    ]
    assert found.tests[1].actual == "-5\n"
