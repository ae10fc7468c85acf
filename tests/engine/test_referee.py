"""Assertions that do more than compare a call with a literal: what they pass, change, expect and get back."""

from collections.abc import Iterator

import pytest

from engine import Judge, Limits, Verdict, parse_problem
from engine.assertions import settled
from tests.engine.asserted import run


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(limits=Limits(cpu_seconds=2.0)) as judge:
        yield judge


APPLY = "def f(g, l): return list(map(g, l))"
CALLABLES = {
    "lambda": (APPLY, "assert f(lambda x: x + 1, [1]) == [2]"),
    "key": ("def f(l, key): return sorted(l, key=key)", "assert f([3, 1], key=lambda x: -x) == [3, 1]"),
    "builtin": (APPLY, "assert f(len, ['ab']) == [2]"),
    "library": (APPLY, "import math\nassert f(math.sqrt, [4]) == [2]"),
    "method of a type": (APPLY, "assert f(str.upper, ['a']) == ['A']"),
    "bound method": ("def f(g): g(1); g(2)", "seen = []\nf(seen.append)\nassert seen == [1, 2]"),
    "the program's own": ("def twice(f, x): return f(f(x))\ndef add(x): return x + 1", "assert twice(add, 1) == 3"),
    "memoised": (
        "def memo(g):\n    kept = {}\n    def h(x):\n        if x not in kept: kept[x] = g(x)\n        return kept[x]\n    return h",
        "calls = []\ndef slow(x):\n    calls.append(x)\n    return x\nm = memo(slow)\nassert m(1) == m(1) == 1 and calls == [1]",
    ),
    "decorator": (
        "def plus(g):\n    return lambda *a: g(*a) + 1",
        "@plus\ndef h(x): return x\nassert h(1) == 2",
    ),
    "caught": (
        "def f(g):\n    try: g(0)\n    except ZeroDivisionError: return 'caught'",
        "assert f(lambda x: 1 / x) == 'caught'",
    ),
    "iterators": ("def f(i): return list(i)", "assert f(x * x for x in [1, 2]) == [1, 4]\nassert f(iter('ab')) == ['a', 'b']"),
    "in a thread": (
        "from concurrent.futures import ThreadPoolExecutor\ndef f(g, l):\n    with ThreadPoolExecutor(3) as p: return list(p.map(g, l))",
        "assert f(lambda x: x + 1, list(range(20))) == list(range(1, 21))",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CALLABLES)
def test_a_test_can_give_the_program_functions(judge, case):
    execution = run(judge, *CALLABLES[case])
    assert execution.verdict is Verdict.PASSED, execution


def test_a_wrong_use_of_a_function_fails_and_what_it_raises_is_an_error_of_the_program(judge):
    key = "assert f([3, 1, 2], lambda x: -x) == [3, 2, 1]"
    assert run(judge, "def f(l, key): return sorted(l)", key).verdict is Verdict.FAILED
    execution = run(judge, "def f(g): return g(0)", "assert f(lambda x: 1 / x) == 1")
    assert (execution.error.type, execution.error.span.column) == ("ZeroDivisionError", 17)
    execution = run(judge, APPLY, "assert f(3, [1]) == [2]", "assert f(lambda x: f(lambda y: y, x), [[1]]) == [[1]]")
    assert [test.verdict for test in execution.tests] == [Verdict.ERROR, Verdict.PASSED]


def test_endless_calls_to_and_fro_end(judge):
    execution = run(judge, "def f(g): return g(f)", "def back(h): return h(back)\nassert f(back) == 1")
    assert (execution.verdict, execution.error.type) == (Verdict.ERROR, "RecursionError")


CHANGES = {
    "list": ("def s(l): l.sort()", "l = [3, 1]\ns(l)\nassert l == [1, 3]"),
    "at once": ("def s(l): l.sort()", "l = [3, 1]\nassert s(l) is None and l == [1, 3]"),
    "and returned": ("def s(l): l.sort(); return l", "l = [3, 1]\nassert s(l) == [1, 3]\nassert l == [1, 3]"),
    "number returned": ("def s(l): del l[0]; return len(l)", "l = [3, 1]\nk = s(l)\nassert k == 1 and l == [1]"),
    "nested": ("def s(m): m[0][0] = 9", "m = [[1], [2]]\nrow = m[0]\ns(m)\nassert m == [[9], [2]] and row == [9]"),
    "nested and returned": ("def s(m): m[0][0] = 9; return m", "assert s([[1], [2]]) == [[9], [2]]"),
    "shared": ("def s(a, b): a.append(1); return len(b)", "l = []\nassert s(l, l) == 1\nassert l == [1]"),
    "dict": ("def s(d): d['a'] = d.pop('b')", "d = {'b': [2]}\ns(d)\nassert d == {'a': [2]}"),
    "set": ("def s(d): d.add(1)", "d = {2}\ns(d)\nassert d == {1, 2}"),
    "deque": ("def s(d): d.append(1)", "from collections import deque\nd = deque([2])\ns(d)\nassert list(d) == [2, 1]"),
    "counter": ("def s(c): c['a'] += 2", "from collections import Counter\nc = Counter('a')\ns(c)\nassert c['a'] == 3"),
    "not changed": ("def s(l): return sorted(l)", "l = [3, 1]\nassert s(l) == [1, 3]\nassert l == [3, 1]"),
    "identity": ("def s(l): return l", "l = [3, 1]\nassert s(l) is l\nassert s([3, 1]) is not l"),
    "check": ("def s(l): l.reverse()", "def check(c):\n    for n in range(3):\n        l = list(range(n))\n        c(l)\n        assert l == list(range(n))[::-1]\ncheck(s)"),
    "a cycle": ("def s(l): l.append(l)", "l = [1]\ns(l)\nassert l[0] == 1 and l[1] is l"),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGES)
def test_what_a_call_does_to_its_arguments_is_seen(judge, case):
    execution = run(judge, *CHANGES[case])
    assert execution.verdict is Verdict.PASSED, execution


def test_an_argument_that_must_not_change_fails_where_it_does(judge):
    test = "l = [3, 1]\nassert s(l) == [1, 3]\nassert l == [3, 1]"
    assert run(judge, "def s(l): l.sort(); return l", test).verdict is Verdict.FAILED


def test_emptying_an_argument_does_not_change_what_is_expected_of_the_call(judge):
    program = "def s(l):\n    l.clear()\n    return []"
    assert run(judge, program, "l = [3, 1]\nassert s(l) == sorted(l)").verdict is Verdict.FAILED
    check = {"prompt": "", "entry_point": "s", "test": "def check(c):\n    l = [2, 1]\n    assert c(l) == sorted(l)\n"}
    assert judge.submit(program.encode(), parse_problem(check)).result().verdict is Verdict.FAILED


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "l = [1]\nif f(l):\n    g(l)  # é\nassert h(l)",
            "l = [1]\nif f(l):\n    g(l); __settle__()  # é\nassert h(l); __settle__()",
        ),
        ("if x: f(l); y = 1", "if x: f(l); __settle__(); y = 1"),
        ("é = f('é',\r\n  2)\r\nx\r\n", "é = f('é',\r\n  2); __settle__()\r\nx\r\n"),
        ("f(\n'a'\n)\\\n.x", "f(\n'a'\n)\\\n.x; __settle__()"),
        ("f(", "f("),
        ("\0", "\0"),
    ],
)
def test_changes_are_settled_after_each_statement_that_calls(source, expected):
    assert settled(source) == expected


def test_a_function_may_have_any_name(judge):
    test = "l = [3, 1]\nsettle(l)\nassert l == [1, 3]"
    assert run(judge, "def settle(l): l.sort()", test).verdict is Verdict.PASSED


POINT = "from collections import namedtuple\nP = namedtuple('P', 'x y')\n"
VALUES = {
    "generator": ("def f(n):\n    for i in range(n): yield i", "assert list(f(3)) == [0, 1, 2]\nassert sum(f(2000)) == 1999000"),
    "endless generator": (
        "def f():\n    n = 0\n    while True:\n        yield n\n        n += 1",
        "from itertools import islice\ng = f()\nassert next(g) == 0\nassert list(islice(g, 3)) == [1, 2, 3]",
    ),
    "generator that raises": (
        "def f():\n    yield 1\n    raise ValueError('no')",
        "g = f()\nassert next(g) == 1\ntry:\n    next(g)\n    assert False\nexcept ValueError as e:\n    assert str(e) == 'no'",
    ),
    "singletons": ("def f(x): return x is ..., NotImplemented", "assert f(...) == (True, NotImplemented)\nassert f(0)[0] is False"),
    "map": ("def f(l): return map(str, l)", "assert list(f([1])) == ['1']"),
    "keys": ("def f(d): return d.keys()", "assert f({1: 2}) == {1} and list(f({1: 2})) == [1]"),
    "named tuple": (POINT + "def f(): return P(1, 2)", "assert f() == (1, 2) and f().x == 1"),
    "counter": ("from collections import Counter\nf = Counter", "assert f('aab').most_common(1) == [('a', 2)]\nassert f('a') == {'a': 1}"),
    "defaultdict": (
        "from collections import defaultdict\ndef f(): return defaultdict(list, a=[1])",
        "d = f()\nassert d == {'a': [1]} and d['z'] == []",
    ),
    "ordered": ("from collections import OrderedDict\nf = OrderedDict", "assert list(f([('b', 1), ('a', 2)]).items()) == [('b', 1), ('a', 2)]"),
    "date": ("import datetime\ndef f(d): return d + datetime.timedelta(1)", "from datetime import date\nassert f(date(2020, 2, 28)) == date(2020, 2, 29)"),
    "decimal": ("from decimal import Decimal\nf = Decimal", "assert f('0.5') == 0.5\nassert abs(float(f('0.1')) - 0.1) < 1e-9"),
    "fraction": ("from fractions import Fraction\ndef f(): return Fraction(1, 2)", "from fractions import Fraction\nassert f() == 0.5 == Fraction(2, 4)"),
    "numpy": ("import numpy as np\ndef f(): return np.arange(3), np.int64(4)", "import numpy as np\nassert np.allclose(f()[0], [0, 1, 2]) and f()[1] == 4"),
    "constant": ("LIMIT = 5\ndef f(): return LIMIT", "assert LIMIT == 5 and f() == LIMIT"),
    "printed": ("def f(): print('hi')", "import io, contextlib\nb = io.StringIO()\nwith contextlib.redirect_stdout(b): f()\nassert b.getvalue() == 'hi\\n'"),
    "closure": ("def f(x): return lambda y: x + y", "g = f(1)\nassert g(2) == 3 and callable(g)"),
}  # fmt: skip


@pytest.mark.parametrize("case", VALUES)
def test_values_come_back_as_what_they_are(judge, case):
    if case == "numpy":
        pytest.importorskip("numpy")
    execution = run(judge, *VALUES[case])
    assert execution.verdict is Verdict.PASSED, execution


STACK = """
class Stack:
    size = property(lambda self: len(self.items))
    def __init__(self, items=()): self.items = list(items)
    def push(self, x): self.items.append(x); return self
    def __len__(self): return len(self.items)
    def __str__(self): return 'Stack'
    def __iter__(self): return iter(self.items)
    def __getitem__(self, i): return self.items[i]
    def __enter__(self): return self
    def __exit__(self, *a): self.items = []
    @classmethod
    def of(cls, *a): return cls(a)
class Empty(LookupError): pass
def top(stack):
    if not stack.items: raise Empty('nothing', 3)
    return stack.items[-1]
default = Stack()
def shared(): return default
"""
OBJECTS = [
    "s = Stack()\ns.push(1).push(2)\nassert len(s) == s.size == 2 and s.items == [1, 2] and top(s) == 2",
    "assert str(Stack()) == 'Stack' and f'{Stack()}' == 'Stack'",
    "assert list(Stack([1, 2])) == [1, 2] and Stack([5])[0] == 5 and 5 in Stack([5]) and 6 not in Stack([5])",
    "assert not Stack() and Stack([1])",
    "with Stack([1]) as s:\n    assert len(s) == 1\nassert len(s) == 0",
    "assert isinstance(Stack.of(1), Stack) and not isinstance(3, Stack)",
    "assert shared() is shared() and shared() == shared() and Stack() is not Stack()",
    "s = Stack()\ns.items = [7]\nassert top(s) == 7 and hasattr(s, 'push') and not hasattr(s, 'pop')",
    "try:\n    top(Stack())\n    assert False\nexcept Empty as e:\n    assert e.args == ('nothing', 3)",
    "try:\n    top(Stack())\n    assert False\nexcept LookupError:\n    pass",
]


@pytest.mark.parametrize("test", OBJECTS)
def test_objects_of_the_program_can_be_used_by_a_test(judge, test):
    execution = run(judge, STACK, test)
    assert execution.verdict is Verdict.PASSED, execution


NODE = "class ListNode:\n    def __init__(self, val=0, next=None): self.val, self.next = val, next\n"


def test_objects_of_a_tests_own_class_can_be_used_by_the_program(judge):
    program = "def rev(n):\n    p = None\n    while n: n.next, p, n = p, n, n.next\n    return p\ndef make(a): return ListNode(a)"
    test = "r = rev(ListNode(1, ListNode(2)))\nassert r.val == 2 and r.next.val == 1 and r.next.next is None"
    execution = run(judge, program, test, "assert make(4).val == 4", setup=NODE)
    assert execution.verdict is Verdict.PASSED, execution


LIAR = "class L:\n    def __getattr__(s, n): return lambda *a: True\n    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = "
LIAR += (
    "__contains__ = lambda *a: True\n    __sub__ = __rsub__ = __abs__ = lambda *a: 0.0\n    __hash__ = lambda s: 5\n"
)


@pytest.mark.parametrize(
    "test",
    [
        "assert f(1) == 5",
        "assert 5 == f(1)",
        "assert f(1) >= 5",
        "assert abs(f(1) - 5) < 1e-6",
        "assert abs(5 - f(1)) < 1e-6",
        "assert f(1) == f(2)",
        "assert f(1) in {5: 1}",
        "assert 5 in f(1)",
        "assert f(1) in [5]",
        "assert not f(1) != 5",
        "assert [f(1)] == [5] or {f(1): 1} == {5: 1}",
    ],
)
def test_an_object_that_claims_to_be_anything_is_never_the_answer(judge, test):
    assert run(judge, LIAR + "def f(x): return L()", "n = 5\n" + test).verdict is Verdict.FAILED


@pytest.mark.parametrize(
    "look",
    ["g.__globals__", "g.__code__.co_consts", "g.__closure__", "g.__self__", "i.gi_frame", "o._secret", "str(g)"],
)
def test_a_program_sees_nothing_of_a_test_through_what_it_is_given(judge, look):
    test = "class O:\n    _secret = 5\ndef five(): return 5\nassert f(five, (x for x in [1]), O()) == 5"
    execution = run(judge, f"def f(g, i, o):\n    return {look}", test)
    assert execution.verdict is not Verdict.PASSED
    assert "5" not in execution.tests[0].actual


def test_what_no_program_can_use_is_our_limit_and_never_its_fault(judge):
    test = "import threading\nassert f(threading.Lock()) == 3"
    execution = run(judge, "def f(lock):\n    with lock: return 3", test)
    assert (execution.verdict, execution.error) == (Verdict.INFRA, None)
    assert "a lock" in execution.infra_reason
    assert run(judge, "def f(lock): return 3", test).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    "asks", ["g(int, str)", "p.scanner('a')"], ids=["the sum of two types", "a scanner of a pattern"]
)
def test_what_the_program_asks_of_a_test_is_no_fault_of_the_test(judge, asks):
    test = "import re\nassert abs(f(lambda a, b: a | b, re.compile('a'))) == 1"
    assert run(judge, f"def f(g, p):\n    {asks}\n    return 5", test).verdict is Verdict.FAILED


EQUAL = "type('K', (), {'__eq__': lambda *_: True})()"


@pytest.mark.parametrize(
    ("program", "test"),
    [
        (f'decode = eval\ndef encode(x): return "{EQUAL}"', "text = encode('abc')\nassert decode(text) == 'abc'"),
        (f'class C:\n    d = eval\n    def e(self): return "{EQUAL}"', "c = C()\nassert c.d(c.e()) == 'abc'"),
        ("look = globals\ndef f(x): return x['want']", "want = 7\nassert abs(f(look())) == want"),
        (
            "make = type\ndef f(x): return 'K', (), {'__eq__': abs}",
            "def call(f, a): return f(*a)()\nassert call(make, f(1)) == 3",
        ),
    ],
    ids=["by name", "by attribute", "names of the test", "a class"],
)
def test_a_test_runs_no_text_of_the_program(judge, program, test):
    assert run(judge, program, test).verdict in (Verdict.FAILED, Verdict.ERROR)


def test_a_program_may_give_any_builtin(judge):
    program = "calc = eval\nbiggest = max\ndef kinds(): return [int, len]"
    test = "assert abs(calc('1 + 2')) == 3\nassert biggest([1, 3]) == 3 and kinds() == [int, len]"
    assert run(judge, program, test).verdict is Verdict.PASSED
