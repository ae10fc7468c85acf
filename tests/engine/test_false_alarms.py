"""Right programs carry no static penalty, by families of pylint's false alarms; what is wrong is found all the same."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import astroid
import pytest

from engine import Analyser, Diagnostic, parse_problem
from engine.analysis.certainty import Certainty
from feedback import Category, load_taxonomy
from feedback.taxonomy import Gate

INPUT = "2\n3 4\n"
STREAM = parse_problem({"inputs": [INPUT], "outputs": ["9\n"]})
CALL = parse_problem({"fn_name": "f", "inputs": [[1]], "outputs": [2]})
RIGHT = dict(
    part.split("\n", 1)
    for part in (Path(__file__).with_name("right_programs.txt")).read_text(encoding="utf-8").split("#### ")[1:]
)


@pytest.fixture(scope="module")
def analyser() -> Iterator[Analyser]:
    with Analyser() as started:
        yield started


def penalised(found: tuple[Diagnostic, ...]) -> list[tuple[str, int | None, str]]:
    """The findings that count in any program that fails."""
    rules = load_taxonomy()
    counting = [(item, rules.rule_for(item)) for item in found]
    return [
        (item.code, item.span and item.span.line, item.message)
        for item, rule in counting
        if rule.category is not Category.IGNORE and rule.gate is Gate.FAILING
    ]


@pytest.mark.parametrize("name", RIGHT)
def test_right_lines_carry_no_penalty(analyser: Analyser, name: str) -> None:
    program = RIGHT[name]
    command = [sys.executable, "-W", "ignore", "-c", program]
    run = subprocess.run(command, input=INPUT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    found = penalised(analyser.submit(program.encode(), STREAM).result())
    assert [item for item in found if item[0] not in ("never-prints", "never-reads-input")] == []


WRONG = [
    ("E1101", "print('a'.push(1))"),
    ("E1101", "x = []\nx.push(1)"),
    ("E1101", "import math\nprint(math.sqroot(2))"),
    ("E1101", "xs = list(map(int, input().split()))\nprint(xs.length)"),
    ("E1101", "d = {}\nd.add(1)"),
    ("E1101", "def f(a):\n    s = set()\n    s.append(a)\n    return s\n"),
    (
        "E1101",
        "class A:\n    def __init__(self):\n        self.x = 1\n    def m(self):\n        return self.y\nA().m()",
    ),
    ("E1101", "class A:\n    def m(self): pass\na = A()\na.go()"),
    ("E1101", "from collections import deque\nq = deque()\nq.push(1)"),
    ("E1101", "import sys\nsys.setrecursionlimt(5)"),
    ("E1101", "import random\nrandom.randit(1, 2)"),
    ("E1101", "import re\nprint(re.serach('a', 'b'))"),
    ("E1101", "from collections import Counter\nc = Counter('a')\nc.mostcommon(1)"),
    ("E1101", "x = 5\nx.append(1)"),
    ("E1101", "print([1].size())"),
    ("E1101", "s = 'abc'\nfor c in s.characters(): pass"),
    ("E1101", "import itertools\nitertools.permutation([1])"),
    ("E1101", "import heapq\nh = []\nheapq.push(h, 1)"),
    ("E1101", "def f(a):\n    res = ''\n    res.append(a)\n    return res"),
    ("E1101", "def f(a):\n    res = ''\n    res += 'b'\n    res.append(a)\n    return res"),
    ("E1121", "def f(a): return a\nprint(f(1, 2))"),
    ("E1120", "def f(a, b): return a\nprint(f(1))"),
    ("E1123", "def f(a): return a\nf(a=1, c=2)"),
    ("E1121", "class A:\n    def m(self, a): return a\nprint(A().m(1, 2))"),
    ("E1120", "class A:\n    def __init__(self, a): self.a = a\nA()"),
    ("E1120", "class S:\n    def f(self, n):\n        return self.f()\n"),
    ("E1124", "def f(a, b): pass\nf(1, a=2)"),
    ("E1121", "from functools import lru_cache\n@lru_cache(None)\ndef f(a): return a\nf(1, 2)"),
    ("E1136", "x = 5\nprint(x[0])"),
    ("E1136", "n = int(input())\nprint(n[0])"),
    ("E1136", "def f(a): return a\nprint(f[0])"),
    ("E1133", "for i in 5: pass"),
    ("E1133", "n = int(input())\nfor i in n: print(i)"),
    ("E1137", "s = 'abc'\ns[0] = 'd'"),
    ("E1137", "t = (1, 2)\nt[0] = 3"),
    ("E1102", "n = 5\nprint(n(1))"),
    ("E1102", "x = [1, 2]\nprint(x(0))"),
    ("E1111", "xs = [2, 1]\nys = xs.sort()\nprint(ys[0])"),
    ("E1135", "n = 5\nprint(1 in n)"),
    ("E1130", "x = 'a'\nprint(-x)"),
    ("E1126", "x = [1]\nprint(x['a'])"),
    ("E0633", "a, b = 5"),
    ("E0633", "def f(): return 1\na, b = f()"),
    ("E0602", "print(y)"),
    ("E0602", "def f(x): return z"),
    ("E0601", "print(a)\na = 1"),
    ("E0601", "def f():\n    print(c)\n    c = 2"),
    ("E0602", "def f():\n    for i in range(3):\n        t = 1\ndef g():\n    return t"),
    ("W0104", "x = 1\nx == 2"),
    ("W0104", "def f(x):\n    x + 1"),
    ("W0104", "def f(x):\n    x"),
    ("W0106", "def f(n):\n    if n < 2: return n\n    f(n - 1) + f(n - 2)"),
    ("W0106", "x = [1]\nlen(x) == 2"),
    ("R1727", "x = 'a'\nif x == 'a' or 'b': print(1)"),
    ("R0124", "x = 1\nprint(x < x)"),
    ("E1300", "print('%z' % 1)"),
    ("E1306", "print('%d %d' % (1,))"),
    ("E1305", "print('%d' % (1, 2))"),
    ("E1307", "print('%d' % 'a')"),
    (
        "E1101",
        "class Node:\n    def __init__(self, v):\n        self.val = v\n        self.next = None\nn = Node(1)\nprint(n.value)",
    ),
    (
        "E1101",
        "class T:\n    def __init__(self): self.root = None\n    def add(self, v):\n        self.insert(v)\nT().add(1)",
    ),
    ("E1101", "x = (1, 2)\nx.append(3)"),
    ("E1101", "x = {1, 2}\nx.get(1)"),
    ("E1101", "def f():\n    return []\nf().push(1)"),
    ("E1101", "import string\nprint(string.letters)"),
    ("E1101", "d = {'a': 1}\nfor k, v in d.iteritems(): print(k)"),
    ("E1101", "d = dict()\nif d.has_key(1): pass"),
]


@pytest.mark.parametrize(("code", "program"), WRONG)
def test_what_is_sure_to_be_wrong_is_found(analyser: Analyser, code: str, program: str) -> None:
    found = penalised(analyser.submit(program.encode(), CALL).result())
    assert code in {item[0] for item in found}


IN_PLACE = parse_problem({"test_list": ["xs = [2, 1]\norder(xs)\nassert xs == [1, 2]"]})
RETURNED = parse_problem({"test_list": ["assert order([2, 1]) == [1, 2]"]})


def test_a_function_that_changes_its_argument_need_not_return_anything(analyser: Analyser) -> None:
    program = b"def order(xs):\n    xs.sort()\n"
    assert penalised(analyser.submit(program, IN_PLACE).result()) == []
    assert [item[0] for item in penalised(analyser.submit(program, RETURNED).result())] == ["never-returns-value"]


@pytest.mark.parametrize(
    "program",
    [
        "def f(): return 1\nf = lambda x: x\n",
        "def f(a, b): return a\nimport functools\nf = functools.partial(f, b=2)\n",
        "exec('def f(x): return x')\n",
        "globals()['f'] = lambda x: x\n",
        "def g(a): return a\nf = g\n",
        "from operator import neg as f\n",
        "class Solution:\n    f = staticmethod(abs)\n    def g(self): pass\n",
    ],
)
def test_an_entry_point_may_be_bound_in_any_way(analyser: Analyser, program: str) -> None:
    assert penalised(analyser.submit(program.encode(), CALL).result()) == []


@pytest.mark.parametrize("line", ["    s = s.sort()", "    s = s.strip().sort() + s.sort()"])
def test_names_that_are_bound_to_themselves_are_followed_once(line):
    """Every line refers to all others: followed anew at every mention, forty of them would never end."""
    source = "\n".join(["def f(s):", *[line] * 40, "    return s.sort()", ""])
    module = astroid.parse(source)
    certainty = Certainty(module)
    assert certainty.type_of(module.body[0].body[-1].value.func.expr) is None
    assert certainty.type_of(module.body[0].body[-1].value) is None
