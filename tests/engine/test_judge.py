"""The judge on honest programs: verdicts, errors and their places, whatever way of input and output they use."""

import sys
import textwrap
import threading
from collections.abc import Iterator

import pytest

from engine import CallTest, ErrorKind, Judge, Limits, Problem, StdinTest, Verdict, parse_problem


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(limits=Limits(cpu_seconds=1.0, wall_factor=4.0, memory_bytes=256 << 20)) as judge:
        yield judge


SUM = parse_problem({"inputs": ["3\n5 1 9\n", "4\n10 20 30 41\n"], "outputs": ["15 9\n", "101 41\n"]})
DOUBLE = parse_problem({"fn_name": "double", "inputs": [[1], [2], [[3]]], "outputs": [2, 4, [3, 3]]})
ECHO = parse_problem({"inputs": ["a\n"], "outputs": ["a\n"]})


def run(judge, program, problem, **options):
    if isinstance(program, str):
        program = textwrap.dedent(program).encode()
    return judge.submit(program, problem, **options).result(60)


def span_text(program: str, execution) -> str:
    span = execution.error.span
    return textwrap.dedent(program).encode()[span.start_byte : span.end_byte].decode()


STYLES = {
    "input": "n = int(input()); a = list(map(int, input().split())); print(sum(a), max(a))",
    "buffer": "import sys; d = sys.stdin.buffer.read().split(); a = list(map(int, d[1:])); print(sum(a), max(a))",
    "open0": "a = list(map(int, open(0).read().split()[1:])); print(sum(a), max(a))",
    "iteration": "import sys; a = list(map(int, [line for line in sys.stdin][1].split())); print(sum(a), max(a))",
    "os.read": "import os; a = list(map(int, os.read(0, 9999).split()[1:])); os.write(1, b'%d %d' % (sum(a), max(a)))",
    "exit": "n = int(input()); a = list(map(int, input().split())); print(sum(a), max(a)); exit()",
    "os._exit": "import os; n = input(); a = list(map(int, input().split())); print(sum(a), max(a), flush=True); os._exit(0)",
    "atexit": "import atexit; input(); a = list(map(int, input().split())); atexit.register(lambda: print(sum(a), max(a)))",
    "stdin closed": "import sys; input(); a = list(map(int, input().split())); sys.stdin.close(); print(sum(a), max(a))",
    "stdout replaced": "import io, sys, os\ninput(); a = list(map(int, input().split()))\nsys.stdout = io.TextIOWrapper(open(1, 'wb'))\nprint(sum(a), max(a))",
    "late thread": "import threading, time\ndef main():\n input(); a = list(map(int, input().split())); time.sleep(0.02); print(sum(a), max(a))\nthreading.Thread(target=main).start()",
    "thread pool": "from concurrent.futures import ThreadPoolExecutor\ninput(); a = list(map(int, input().split()))\npool = ThreadPoolExecutor(2)\nprint(pool.submit(sum, a).result(), max(a))",
    "asyncio": "import asyncio\nasync def main():\n input(); a = list(map(int, input().split())); await asyncio.sleep(0); print(sum(a), max(a))\nasyncio.run(main())",
    "dataclass": "from dataclasses import dataclass\n@dataclass\nclass P:\n x: 'int'\ninput(); a = list(map(int, input().split())); print(P(sum(a)).x, max(a))",
    "main guard": "def main():\n input(); a = list(map(int, input().split())); print(sum(a), max(a))\nif __name__ == '__main__': main()",
    "BOM": "\ufeffinput(); a = list(map(int, input().split())); print(sum(a), max(a))",
    "CRLF": "input()\r\na = list(map(int, input().split()))\r\nprint(sum(a), max(a))\r\n",
    "form feed": "input()\n\f\na = list(map(int, input().split()))\nprint(sum(a), max(a))",
    "temporary file": "import tempfile\ninput(); a = list(map(int, input().split()))\nwith tempfile.TemporaryFile() as f: f.write(b'x')\nprint(sum(a), max(a))",
}


@pytest.mark.parametrize("style", STYLES)
def test_an_honest_program_passes(judge, style):
    execution = run(judge, STYLES[style], SUM)
    assert execution.verdict is Verdict.PASSED, execution
    assert [test.verdict for test in execution.tests] == [Verdict.PASSED] * 2


def test_every_test_has_its_own_result(judge):
    program = "n = int(input())\na = input().split()\nif n == 3: raise KeyError(a[0])\nprint(101, 41)"
    execution = run(judge, program, SUM)
    assert [test.verdict for test in execution.tests] == [Verdict.ERROR, Verdict.PASSED]
    assert (execution.verdict, execution.error.type, execution.pass_ratio) == (Verdict.ERROR, "KeyError", 0.5)


def test_module_state_does_not_leak_between_tests(judge):
    program = "seen = []\ndef double(x):\n    seen.append(x)\n    return x * 2 if len(seen) == 1 else None"
    assert run(judge, program, DOUBLE).verdict is Verdict.PASSED


def test_wrong_answers_fail_and_show_what_came_out(judge):
    execution = run(judge, "print(1)", SUM)
    assert (execution.verdict, execution.error) == (Verdict.FAILED, None)
    assert execution.tests[0].actual == "1\n"


@pytest.mark.parametrize(
    "program",
    [
        "def double(x): return x * 2",
        "class Solution:\n    def double(self, x): return x * 2",
        "double = lambda x: x + x",
        "def double(x):\n    print('noise')\n    return tuple(x * 2) if isinstance(x, list) else x * 2",
        "if __name__ == '__main__': raise SystemExit(3)\ndef double(x): return x * 2",
    ],
)
def test_functions_are_called(judge, program):
    assert run(judge, program, DOUBLE).verdict is Verdict.PASSED


def test_the_prelude_is_known_and_its_lines_do_not_count(judge):
    problem = Problem("p", (CallTest((1,), 2),), entry_point="f", prelude="from typing import List\nimport math\n")
    assert run(judge, "def f(x: List[int]): return x + int(math.sqrt(1))", problem).verdict is Verdict.PASSED
    execution = run(judge, "def f(x: List[int]): return y", problem)
    assert (execution.error.span.line, execution.error.span.column) == (1, 28)


MBPP = {
    "test_setup_code": "offset = 1",
    "test_list": [
        "assert set(g((1, 2), 3)) == {1, 2}",
        "assert g((offset, 1), 2) == [1, 1]",
        "assert g((3,), 0) == []",
    ],
}


def test_asserts_run_outside_the_program(judge):
    problem = parse_problem(MBPP)
    assert run(judge, "def g(t, n): return list(t)[:n]", problem).verdict is Verdict.PASSED
    execution = run(judge, "def g(t, n): return [1, 1]", problem)
    assert [test.verdict for test in execution.tests] == [Verdict.FAILED, Verdict.PASSED, Verdict.FAILED]
    assert execution.error is None
    execution = run(judge, "def g(t, n):\n    if n == 2: return t.nothing\n    return list(t)[:n]", problem)
    assert [test.verdict for test in execution.tests] == [Verdict.PASSED, Verdict.ERROR, Verdict.PASSED]
    assert (execution.error.type, execution.error.span.column) == ("AttributeError", 22)


def test_a_crash_in_one_assert_leaves_the_others(judge):
    execution = run(
        judge, "import os\ndef g(t, n):\n    if n == 2: os._exit(0)\n    return list(t)[:n]", parse_problem(MBPP)
    )
    assert [test.verdict for test in execution.tests] == [Verdict.PASSED, Verdict.ERROR, Verdict.PASSED]
    assert execution.error.kind is ErrorKind.CRASHED


HUMAN_EVAL = {
    "prompt": "from typing import List\n\ndef aid(x):\n    return x + 1\n\ndef f(x: List[int]) -> int:\n    '''Doc.'''\n",
    "entry_point": "f",
    "test": "def check(candidate):\n    for i in range(50):\n        assert candidate([i]) == aid(i)\n    try:\n        candidate([])\n        assert False\n    except IndexError:\n        pass\n",
}


def test_human_eval_check(judge):
    problem = parse_problem(HUMAN_EVAL)
    assert run(judge, "def f(x: List[int]) -> int: return aid(x[0])", problem).verdict is Verdict.PASSED
    assert run(judge, "def f(x): return 1", problem).verdict is Verdict.FAILED
    assert run(judge, "def f(x): return y", problem).error.type == "NameError"
    assert run(judge, "def g(x): return 1", problem).error.type == "NameError"


def test_objects_of_the_program_can_be_set_up_by_a_test(judge):
    problem = parse_problem(
        {"test_setup_code": "root = Node(1)\nroot.left = Node(2)", "test_list": ["assert total(root) == 3"]}
    )
    program = "class Node:\n    def __init__(self, v): self.v, self.left = v, None\ndef total(n): return n.v + (total(n.left) if n.left else 0)"
    assert run(judge, program, problem).verdict is Verdict.PASSED


ASSERTED = "assert 1 == 2, 'no'" if sys.version_info[:2] == (3, 12) else "1 == 2"
PLACES = {
    "expression": ("x = 1\ny = (x +\n     None) * 2\n", "TypeError", "x +\n     None"),
    "call": ("def f(a):\n    return a[3]\nprint(f(\n  [1]))", "IndexError", "a[3]"),
    "lambda": ("f = lambda a: a.b\nf(1)", "AttributeError", "a.b"),
    "comprehension": ("print([1 / n for n in (1, 0)])", "ZeroDivisionError", "1 / n"),
    "class body": ("class A:\n    x = missing\n", "NameError", "missing"),
    "decorator": ("@missing\ndef f(): pass\n", "NameError", "missing"),
    "non-ASCII": ("s = 'é€😀'; t = s + 1\n", "TypeError", "s + 1"),
    "library": ("import json\njson.loads('{')\n", "JSONDecodeError", "json.loads('{')"),
    "assertion": ("assert 1 == 2, 'no'", "AssertionError", ASSERTED),
    "raise": ("class E(Exception): pass\nraise E('x')", "E", "raise E('x')"),
    "group": (
        "raise ExceptionGroup('g', [ValueError(1)])",
        "ExceptionGroup",
        "raise ExceptionGroup('g', [ValueError(1)])",
    ),
    "recursion": ("def f(n):\n    return f(n + 1)\nf(0)\n", "RecursionError", "f(n + 1)"),
    "evil __str__": ("class E(Exception):\n    def __str__(self): raise KeyError\nraise E()", "E", "raise E()"),
    "chain": (
        "try:\n    1 / 0\nexcept Exception as e:\n    raise ValueError('v') from e",
        "ValueError",
        "raise ValueError('v') from e",
    ),
    "syntax": ("x = (1 +\ny = 2\n", "SyntaxError", "("),
    "unfinished call": ("n = int(input()\nprint(n)\n", "SyntaxError", "("),
    "indentation": ("def f():\nreturn 1\n", "IndentationError", "return"),
    "tabs": ("if 1:\n        x = 1\n\ty = 2\n", "TabError", "\t"),
    "return outside": ("é = 1; return é\n", "SyntaxError", "return é"),
    "string": ("x = 'abc\n", "SyntaxError", "'"),
}


@pytest.mark.parametrize("case", PLACES)
def test_an_error_has_type_and_place(judge, case):
    program, kind, text = PLACES[case]
    execution = judge.submit(program.encode(), ECHO).result(60)
    assert execution.error.type == kind
    assert (
        program.encode()[execution.error.span.start_byte : execution.error.span.end_byte].decode().startswith(text[:3])
    )
    if execution.error.kind is not ErrorKind.SYNTAX:
        assert program.encode()[execution.error.span.start_byte : execution.error.span.end_byte].decode() == text


def test_positions_are_bytes_of_the_file_as_written(judge):
    marked = b"\xef\xbb\xbfx = missing\n"
    assert run(judge, marked, ECHO).error.span.start_byte == marked.index(b"missing")
    latin = "# -*- coding: latin-1 -*-\ns = 'é' + missing\n".encode("latin-1")
    assert run(judge, latin, ECHO).error.span.start_byte == latin.index(b"missing")
    broken = "# -*- coding: latin-1 -*-\ns = 'é' + (\n".encode("latin-1")
    assert run(judge, broken, ECHO).error.span.start_byte == broken.index(b"(")
    crlf = b"x = 1\r\ny = missing\r\n"
    assert run(judge, crlf, ECHO).error.span.start_byte == crlf.index(b"missing")


@pytest.mark.parametrize(
    ("program", "kinds", "types"),
    [
        (b"print(1)\0\nprint(2)\n", {ErrorKind.SYNTAX}, {"SyntaxError", "ValueError"}),
        (b"print('\xff\xfe\xe9')\n", {ErrorKind.SYNTAX}, {"SyntaxError"}),
        (b'x = "\xed\xa0\x80"\n', {ErrorKind.SYNTAX}, {"SyntaxError"}),
        (b"# coding: nonsense\n", {ErrorKind.SYNTAX}, {"SyntaxError"}),
        (b"(" * 5000 + b")" * 5000, {ErrorKind.SYNTAX, ErrorKind.MEMORY, ErrorKind.CRASHED}, None),
        (b"x = " + b"-" * 200000 + b"1", {ErrorKind.SYNTAX, ErrorKind.MEMORY, ErrorKind.CRASHED}, None),
        (b"raise SyntaxError('no')", {ErrorKind.RUNTIME}, {"SyntaxError"}),
        (b"compile('(', 'x', 'exec')", {ErrorKind.RUNTIME}, {"SyntaxError"}),
        (b"raise SystemExit(3)", {ErrorKind.RUNTIME}, {"SystemExit"}),
        (b"import os; os._exit(137)", {ErrorKind.CRASHED}, {"SystemExit"}),
        (b"import ctypes; ctypes.string_at(0)", {ErrorKind.CRASHED}, {"SIGSEGV"}),
        (b"import os; os.abort()", {ErrorKind.CRASHED}, {"SIGABRT"}),
        (b"while True: pass", {ErrorKind.TIMEOUT}, {"TimeoutError"}),
        (b"import time; time.sleep(99)", {ErrorKind.TIMEOUT}, {"TimeoutError"}),
        (b"sum(range(10**12))", {ErrorKind.TIMEOUT}, {"TimeoutError"}),
        (b"raise TimeoutError", {ErrorKind.RUNTIME}, {"TimeoutError"}),
        (b"x = bytearray(1 << 36)", {ErrorKind.MEMORY}, {"MemoryError"}),
        (b"x = []\nwhile True: x.append(' ' * 10**6)", {ErrorKind.MEMORY}, {"MemoryError"}),
        (b"while True: print('x' * 1000)", {ErrorKind.OUTPUT_LIMIT}, {"OutputLimit"}),
        (b"import sys\nwhile True: sys.stderr.write('y' * 100000)", {ErrorKind.TIMEOUT}, {"TimeoutError"}),
    ],
)
def test_every_way_to_fail_has_its_kind(judge, program, kinds, types):
    execution = run(judge, program, ECHO)
    assert execution.verdict is Verdict.ERROR
    assert execution.error.kind in kinds
    assert types is None or execution.error.type in types


def test_ten_megabytes_of_source_have_a_verdict(judge):
    assert run(judge, b"# " + b"x" * 10_000_000 + b"\nprint(input())", ECHO).verdict is Verdict.PASSED
    assert run(judge, b"x = 1\n" * 1_700_000, ECHO).error.kind in (ErrorKind.MEMORY, ErrorKind.TIMEOUT)


def test_large_inputs_and_outputs_pass(judge):
    text = "x" * 5_000_000
    problem = Problem("p", (StdinTest(text, text), CallTest(([0] * 50_000,), [0] * 50_000)), entry_point="f")
    assert run(judge, "f = lambda x: x\nif __name__ == '__main__': print(input())", problem).verdict is Verdict.PASSED


def test_a_verdict_does_not_depend_on_chance():
    program = "import random\nprint(random.random(), hash('text'), random.sample(range(99), 3), {'a', 'b', 'c'})"
    seen = set()
    for _ in range(2):
        with Judge() as fresh:
            seen.add(run(fresh, program, ECHO).stdout_tail)
    assert len(seen) == 1


def test_printing_too_much_in_an_asserted_function_is_an_output_limit(judge):
    execution = run(judge, "def g(t, n):\n    while True: print('x' * 1000)", parse_problem(MBPP))
    assert execution.error.kind is ErrorKind.OUTPUT_LIMIT


def test_a_test_too_slow_for_the_answer_is_a_timeout(judge):
    problem = parse_problem({"test_list": ["assert all(i >= 0 for i in range(f(1)))"]})
    execution = run(judge, "def f(x): return 10 ** 15", problem)
    assert (execution.error.kind, execution.error.frames) == (ErrorKind.TIMEOUT, ())


def test_after_three_timeouts_the_rest_is_not_run(judge):
    with Judge(limits=Limits(cpu_seconds=0.1, timeouts=2)) as hasty:
        problem = Problem("p", tuple(StdinTest("", "") for _ in range(6)))
        execution = run(hasty, "while True: pass", problem)
    assert [test.error.kind for test in execution.tests] == [ErrorKind.TIMEOUT] * 6
    assert [test.error.message.startswith("not run") for test in execution.tests] == [False] * 2 + [True] * 4


def traced(judge, program, problem):
    first = run(judge, program, problem)
    return judge.trace_lines(program.encode(), problem, first).result(60)


def test_executed_lines_of_each_test(judge):
    program = "n = int(input())\nif n == 3:\n    x = 1\nelse:\n    x = 2\nprint(x)\n"
    execution = traced(judge, program, SUM)
    assert [test.executed_lines for test in execution.tests] == [{1, 2, 3, 6}, {1, 2, 5, 6}]
    assert run(judge, program, SUM).tests[0].executed_lines is None
    execution = traced(judge, "def g(t, n):\n    if n == 3:\n        return list(t)\n    return 0", parse_problem(MBPP))
    assert [test.executed_lines for test in execution.tests] == [{1, 2, 3}, {1, 2, 4}, {1, 2, 4}]


def test_identical_submissions_in_flight_are_judged_once(judge):
    program = b"import time; time.sleep(0.3); print(input())"
    futures = [judge.submit(program, ECHO) for _ in range(5)]
    assert len({id(future) for future in futures}) == 1
    assert futures[0].result(60).verdict is Verdict.PASSED
    again = judge.submit(program, ECHO)
    assert again is not futures[0]
    again.result(60)


def test_submissions_from_many_threads_all_come_back(judge):
    verdicts = []

    def submit(number: int) -> None:
        futures = [judge.submit(f"print({number * 100 + i})".encode(), ECHO) for i in range(40)]
        verdicts.extend(future.result(60).verdict for future in futures)

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verdicts == [Verdict.FAILED] * 200


def test_closing_finishes_what_was_submitted_and_takes_no_more():
    with Judge() as short:
        futures = [short.submit(f"print(input())#{i}".encode(), ECHO) for i in range(30)]
    assert all(future.done() and future.result().verdict is Verdict.PASSED for future in futures)
    with pytest.raises(RuntimeError):
        short.submit(b"", ECHO)


def test_leaving_by_an_error_abandons_what_waits():
    futures = []
    with pytest.raises(KeyError), Judge() as short:  # noqa: PT012
        futures = [short.submit(f"import time; time.sleep(0.2)#{i}".encode(), ECHO) for i in range(50)]
        raise KeyError
    assert [future.result(1).verdict for future in futures][-1] is Verdict.INFRA
