"""Assertions that do more than compare a call with a literal: what they pass, change, expect and get back."""

from collections.abc import Iterator

import pytest

from engine import ErrorKind, Judge, Limits, Verdict, parse_problem
from engine.assertions import settled


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(limits=Limits(cpu_seconds=2.0)) as judge:
        yield judge


def run(judge, program, *tests, setup=""):
    problem = parse_problem({"test_list": list(tests), "test_setup_code": setup})
    return judge.submit(program.encode(), problem).result()


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


EXPECTS = "try:\n    f(1)\n    assert False\nexcept ValueError as error:\n    assert str(error) == 'no'"


def test_a_test_catches_the_programs_own_subclass_of_what_it_expects(judge):
    program = "class D(ValueError): pass\nclass E(D): pass\ndef f(x): raise {}('no')"
    assert run(judge, program.format("E"), EXPECTS).verdict is Verdict.PASSED
    assert run(judge, program.format("UnicodeError"), EXPECTS).verdict is Verdict.PASSED
    execution = run(judge, program.format("KeyError"), EXPECTS)
    assert (execution.verdict, execution.error.type) == (Verdict.ERROR, "KeyError")


def test_an_exception_of_the_program_that_only_bears_a_builtin_name_is_not_that_builtin(judge):
    program = "class ValueError(Exception): pass\ndef f(x): raise ValueError('no')"
    assert run(judge, program, EXPECTS).verdict is Verdict.ERROR


def test_a_subclass_that_nobody_expects_keeps_its_name(judge):
    execution = run(judge, "class E(ValueError): pass\ndef f(x): raise E('no')", "assert f(int('1')) == 2")
    assert (execution.verdict, execution.error.type, execution.error.span.line) == (Verdict.ERROR, "E", 2)


def test_imports_of_the_set_up_are_known_to_the_program(judge):
    execution = run(judge, "def f(x): return math.sqrt(x)", "assert f(4) == 2", setup="import math")
    assert execution.verdict is Verdict.PASSED, execution


def test_an_error_in_a_generator_that_the_test_steps_through_has_its_place(judge):
    program = "def f(n):\n    yield 1\n    yield 1 // n"
    for test in ("assert list(f(0)) == [1, 1]", "assert sum(f(0)) == 2", "for x in f(0):\n    assert x == 1"):
        error = run(judge, program, test).error
        assert error.type == "ZeroDivisionError", error
        assert program[error.span.start_byte : error.span.end_byte] == "1 // n"


def test_a_returned_value_that_cannot_be_compared_is_wrong_and_never_our_fault(judge):
    for value in ("Decimal('sNaN')", "Decimal('1e999999999')", "Fraction(3 ** 90000, 7 ** 90000)", "1j", "10 ** 5000"):
        program = f"from decimal import Decimal\nfrom fractions import Fraction\ndef f(): return {value}"
        assert run(judge, program, "assert f() == 5", "assert f() in (5, 6)").verdict is Verdict.FAILED


def test_an_answer_that_takes_too_long_to_check_is_an_error():
    with Judge(limits=Limits(cpu_seconds=0.3)) as hasty:
        execution = run(hasty, "def f():\n    while True: yield 1", "assert sum(f()) == 3")
    assert execution.error.kind is ErrorKind.TIMEOUT


@pytest.mark.parametrize(
    ("test", "setup", "named"),
    [
        ("assert f(1) == 1", "table = {}[1]", "KeyError"),
        ("import no_such_library\nassert f(1) == 1", "", "ModuleNotFoundError"),
        ("import no_such_library as lib\nassert lib.close(f(1), 1)", "", "ModuleNotFoundError"),
        ("assert [] == 1\nassert f(1) == 1", "", "AssertionError"),
    ],
)
def test_a_test_that_fails_before_it_asks_anything_is_our_fault_and_no_programs(judge, test, setup, named):
    for program in ("def f(x): return x", "def f(x): return -x", ""):
        execution = run(judge, program, test, setup=setup)
        assert (execution.verdict, execution.error) == (Verdict.INFRA, None)
        assert named in execution.infra_reason
    assert run(judge, "def f(x", test, setup=setup).error.kind is ErrorKind.SYNTAX


def test_what_a_test_makes_of_a_wrong_answer_is_never_our_fault(judge):
    for test in ("assert f(1)[0] == 1", "assert f.none == 1", "x = f(1)\nassert {}[x]", "assert CONSTANT == 1"):
        for program in ("CONSTANT = 2\ndef f(x): return x", "def f(x): return x", ""):
            assert run(judge, program, test).verdict in (Verdict.FAILED, Verdict.ERROR), (test, program)


def test_a_prelude_that_fails_is_our_fault_and_no_programs(judge):
    for shape in ({"fn_name": "f", "inputs": [[1]], "outputs": [1]}, {"inputs": ["1\n"], "outputs": ["1\n"]}, {"test_list": ["assert f(1) == 1"]}):  # fmt: skip
        broken = parse_problem({**shape, "prelude": "import math\nimport no_such_library"})
        execution = judge.submit(b"def f(x): return x\nprint(1)", broken).result()
        assert (execution.verdict, execution.error) == (Verdict.INFRA, None), shape
        assert "no_such_library" in execution.infra_reason
        sound = parse_problem({**shape, "prelude": "import math"})
        for program in (b"import no_such_library\n", b"raise SystemExit(3)\n", b"def g(x): return x\n1/0\n"):
            assert judge.submit(program, sound).result().verdict is Verdict.ERROR, (shape, program)


def test_a_metaclass_that_equals_everything_is_never_asked_and_the_answer_is_wrong(judge):
    program = "class M(type):\n    def __eq__(s, o): return True\n    def __hash__(s): return 1\nclass A(metaclass=M): pass\ndef f(x): return A()"
    assert run(judge, program, "assert f(1) == 1").verdict is Verdict.FAILED
    called = parse_problem({"fn_name": "f", "inputs": [[1]], "outputs": [1]})
    assert judge.submit(program.encode(), called).result().verdict is Verdict.FAILED


@pytest.mark.parametrize("name", ["target", "do", "on", "self", "arguments", "keywords"])
def test_a_keyword_may_have_any_name(judge, name):
    program = f"def f(values, {name}=0): return values.index({name})"
    assert run(judge, program, f"value = f([1, 2], {name}=2)\nassert value == 1").verdict is Verdict.PASSED


AWAITED = {
    "a coroutine": ("async def f(x): return x * 2", "import asyncio\nassert asyncio.run(f(2)) == 4"),
    "without an import": ("async def f(x): return [x]", "assert asyncio.run(f(2)) == [2]"),
    "its sleep": (
        "import asyncio\nasync def f(x):\n    await asyncio.sleep(0.01)\n    return x",
        "import asyncio\nassert asyncio.run(f(2)) == 2 and asyncio.run(f(3)) == 3",
    ),
    "gathered": (
        "async def f(x): return x + 1",
        "import asyncio\nasync def main(): return await asyncio.gather(f(1), f(2), asyncio.wait_for(f(3), 5))\nassert asyncio.run(main()) == [2, 3, 4]",
    ),
    "a loop": (
        "async def f(x): return x",
        "import asyncio\nloop = asyncio.new_event_loop()\nassert loop.run_until_complete(f(5)) == 5\nloop.close()",
    ),
    "a task": (
        "async def f(x): return x",
        "import asyncio\nasync def main():\n    task = asyncio.create_task(f(7))\n    return await task\nassert asyncio.run(main()) == 7",
    ),
    "an exception": (
        "async def f(x): raise ValueError(x)",
        "import asyncio\ntry:\n    asyncio.run(f(2))\nexcept ValueError as error: assert str(error) == '2'\nelse: assert False",
    ),
    "a generator": (
        "async def f(n):\n    for x in range(n): yield x",
        "import asyncio\nasync def main(): return [x async for x in f(3)]\nassert asyncio.run(main()) == [0, 1, 2]",
    ),
    "state": (
        "import asyncio\nclass Box:\n    def __init__(self): self.queue = asyncio.Queue()\n    async def put(self, x): await self.queue.put(x)\n    async def get(self): return await self.queue.get()",
        "import asyncio\nbox = Box()\nasync def main():\n    await box.put(3)\n    return await box.get()\nassert asyncio.run(main()) == 3",
    ),
}


@pytest.mark.parametrize("what", AWAITED)
def test_what_is_awaited_in_a_test_runs_in_the_program(judge, what):
    program, test = AWAITED[what]
    execution = run(judge, program, test)
    assert execution.verdict is Verdict.PASSED, execution


def test_an_error_of_a_coroutine_is_the_programs_and_has_its_place(judge):
    error = run(judge, "async def f(x):\n    return 1 // x", "import asyncio\nassert asyncio.run(f(0)) == 1").error
    assert (error.type, error.span.line) == ("ZeroDivisionError", 2)
    assert (
        run(judge, "async def f(x): return x", "import asyncio\nassert asyncio.run(f(0)) == 1").verdict
        is Verdict.FAILED
    )
    assert run(judge, "def f(x): return x", "import asyncio\nassert asyncio.run(f(0)) == 0").verdict is Verdict.FAILED


RAISE_GROUP = "def f(): raise ExceptionGroup('several', [ValueError(1), ExceptionGroup('more', [KeyError('k'), OSError(2, 'no')])])"
GROUPS = {
    "caught": "try: f(); assert False\nexcept ExceptionGroup as group: assert group.message == 'several' and len(group.exceptions) == 2",
    "its members": "try: f(); assert False\nexcept ExceptionGroup as group:\n    first, second = group.exceptions\n    assert first.args == (1,) and [type(e) for e in second.exceptions] == [KeyError, FileNotFoundError]",
    "except*": "seen = []\ntry: f()\nexcept* ValueError: seen.append('value')\nexcept* (KeyError, OSError) as rest: seen.append(len(rest.exceptions))\nassert seen == ['value', 1]",
    "raises": "import contextlib\n@contextlib.contextmanager\ndef raises(kind):\n    try: yield\n    except kind: return\n    assert False, 'nothing was raised'\nwith raises(ExceptionGroup): f()",
    "unittest": "import unittest\nwith unittest.TestCase().assertRaises(ExceptionGroup): f()",
    "split": "try: f()\nexcept ExceptionGroup as group: match, rest = group.split(ValueError)\nassert len(match.exceptions) == 1 and rest is not None",
}


@pytest.mark.parametrize("what", GROUPS)
def test_a_group_of_exceptions_crosses_with_its_members(judge, what):
    execution = run(judge, RAISE_GROUP, GROUPS[what])
    assert execution.verdict is Verdict.PASSED, execution


ODD_EXCEPTIONS = {
    "group": ("raise ExceptionGroup('x', [ValueError(1)])", "ExceptionGroup"),
    "own group": ("class Several(ExceptionGroup): pass\n    raise Several('x', [ValueError(1)])", "Several"),
    "unicode": ("raise UnicodeDecodeError('utf-8', b'x', 0, 1, 'no')", "UnicodeDecodeError"),
    "own arguments": (
        "class Own(OSError):\n        def __init__(self, a, b, *, c): super().__init__(a)\n    raise Own(1, 2, c=3)",
        "Own",
    ),
    "group of many": ("raise ExceptionGroup('x', [ValueError(n) for n in range(1000)])", "ExceptionGroup"),
    "group of itself": (
        "g = ExceptionGroup('x', [ValueError(1)])\n    for _ in range(200): g = ExceptionGroup('x', [g])\n    raise g",
        "ExceptionGroup",
    ),
    "group of the base": ("raise BaseExceptionGroup('x', [KeyboardInterrupt()])", "BaseExceptionGroup"),
}


@pytest.mark.parametrize("what", ODD_EXCEPTIONS)
def test_an_exception_that_cannot_be_made_anew_is_the_programs_error_all_the_same(judge, what):
    body, kind = ODD_EXCEPTIONS[what]
    for source, test in (
        (f"def f(x):\n    {body}", "assert f(1) in [1]"),
        (f"def f(x):\n    {body}", "assert sorted(f(1)) == [1]"),
        (f"def f(x):\n    yield 1\n    {body}", "assert list(f(1)) == [1]"),
    ):
        execution = run(judge, source, test)
        assert (execution.verdict, execution.error and execution.error.type) == (Verdict.ERROR, kind), execution
