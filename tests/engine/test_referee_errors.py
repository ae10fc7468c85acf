"""Errors that cross between a test and a program: what a test expects, awaits and catches, and whose fault they are."""

from collections.abc import Iterator

import pytest

from engine import ErrorKind, Judge, Limits, Verdict, parse_problem
from tests.engine.asserted import run


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(limits=Limits(cpu_seconds=2.0)) as judge:
        yield judge


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
