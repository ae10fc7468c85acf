"""Programs behave as in a CPython process of their own: nothing left by earlier tests, all frames, threads, line ends."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from engine import CallTest, ErrorKind, Judge, Limits, Problem, StdinTest, Verdict, parse_problem


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(limits=Limits(cpu_seconds=2.0)) as judge:
        yield judge


def run(judge, program, problem):
    return judge.submit(program.encode(), problem).result()


def printing(*pairs: tuple[str, str]) -> Problem:
    return Problem("p", tuple(StdinTest(stdin, expected) for stdin, expected in pairs))


LEAKS = {
    "builtins": "import builtins\n_p = builtins.print\nbuiltins.print = lambda *a: _p('>', *a)\nprint(input())",
    "module function": "import math\n_g = math.gcd\nmath.gcd = lambda a, b: _g(a, b) + 1\n"
    "print('>', input()) if math.gcd(2, 4) == 3 else print('leak')",
    "decimal context": "import decimal\nc = decimal.getcontext()\nc.prec += 1\nprint('>' if c.prec == 29 else c.prec, input())",
    "digits": "import sys\nfresh = sys.get_int_max_str_digits() == 4300\nsys.set_int_max_str_digits(0)\nprint('>' * fresh, input())",
    "environment": "import os\nos.environ['Q'] = os.environ.get('Q', '') + '>'\nprint(os.environ['Q'], input())",
    "error": "import math\nassert not hasattr(math, 'seen')\nmath.seen = 1\nprint('>', input())",
}


@pytest.mark.parametrize("leak", LEAKS)
def test_what_one_test_leaves_behind_fails_no_other(judge, leak):
    execution = run(judge, LEAKS[leak], printing(("a", "> a"), ("b", "> b"), ("c", "> c")))
    assert [test.verdict for test in execution.tests] == [Verdict.PASSED] * 3, execution


def test_what_one_call_leaves_behind_fails_no_other(judge):
    program = "import math\ndef f(x):\n    math.n = getattr(math, 'n', 0) + 1\n    return math.n"
    calls = Problem("p", (CallTest((1,), 1), CallTest((2,), 1), CallTest((3,), 5)), entry_point="f")
    execution = run(judge, program, calls)
    assert [test.verdict for test in execution.tests] == [Verdict.PASSED, Verdict.PASSED, Verdict.FAILED]
    assert execution.tests[2].actual == "1"
    asserts = parse_problem({"test_list": ["assert f(0) < 2", "assert f(1) < 2"]})
    assert run(judge, program, asserts).verdict is Verdict.PASSED


def test_signals_that_are_blocked_in_this_process_are_not_blocked_in_programs():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})  # as Ray's actors have SIGINT blocked
    try:
        with Judge(limits=Limits(cpu_seconds=2.0)) as judge:
            program = "import signal\nprint(signal.pthread_sigmask(signal.SIG_BLOCK, ()))"
            assert run(judge, program, printing(("", "set()"))).verdict is Verdict.PASSED
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


RECURSIVE = "def f(n): return 0 if n == 0 else 1 + f(n - 1)\n"


def test_a_program_has_the_whole_recursion_limit(judge):
    program = RECURSIVE + "for n in range(960, 1100):\n    try: f(n)\n    except RecursionError: break\nprint(n)"
    python = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert run(judge, program, printing(("", python), ("", python))).verdict is Verdict.PASSED
    assert run(judge, RECURSIVE + "f(int(input()))", printing(("998", ""), ("999", ""))).error.type == "RecursionError"
    calls = Problem("p", (CallTest((997,), 997),), entry_point="f")
    assert run(judge, RECURSIVE, calls).verdict is Verdict.PASSED
    asserts = parse_problem({"test_list": ["assert f(int('997')) == 997"]})
    assert run(judge, RECURSIVE, asserts).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("import sys\nprint(sys.getrecursionlimit())", "1000"),
        ("import sys\nsys.setrecursionlimit(5000)\nprint(sys.getrecursionlimit(), f(4900))", "5000 4900"),
        ("import sys\nsys.setrecursionlimit(2**31 - 1)\nprint(f(900))", "900"),
        ("import sys\ntry: sys.setrecursionlimit(0)\nexcept ValueError as e: print(e)", None),
    ],
)
def test_the_recursion_limit_reads_and_sets_as_usual(judge, program, expected):
    expected = expected or "recursion limit must be greater or equal than 1"
    assert run(judge, RECURSIVE + program, printing(("", expected), ("", expected))).verdict is Verdict.PASSED


def test_an_exception_in_a_thread_is_an_error_where_the_answer_is_wrong(judge):
    program = "import threading\ndef main():\n    x = []\n    print(x[0])\nthreading.Thread(target=main).start()\n"
    execution = run(judge, program, printing(("", "3"), ("", "4")))
    assert [test.verdict for test in execution.tests] == [Verdict.ERROR] * 2
    error = execution.error
    assert (error.kind, error.type, error.span.line, error.span.column) == (ErrorKind.RUNTIME, "IndexError", 4, 10)


def test_an_exception_in_a_thread_does_not_spoil_a_right_answer(judge):
    program = "import threading\nprint(input())\nthreading.Thread(target=lambda: 1 / 0).start()\n"
    assert run(judge, program, printing(("3", "3"), ("4", "4"))).verdict is Verdict.PASSED


def test_line_ends_of_standard_input_stay_as_they_are(judge):
    assert run(judge, "print(repr(input()))", printing(("a\r\n", "'a\\r'"))).verdict is Verdict.PASSED


def test_stop_iteration_in_a_generator_is_blamed_on_its_line(judge):
    program = "def g():\n    yield next(iter([]))\nprint(list(g()))"
    error = run(judge, program, printing(("", ""))).error
    assert (error.type, error.message) == ("RuntimeError", "generator raised StopIteration")
    assert (error.span.line, error.span.column) == (2, 10)
