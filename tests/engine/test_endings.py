"""Every way for a program to end badly, and every odd byte in its source, has a verdict that is written down."""

from collections.abc import Iterator

import pytest

from engine import ErrorKind, Judge, Limits, Verdict, parse_problem

ECHO = parse_problem({"inputs": ["a\n"], "outputs": ["a\n"]})
HASTY = parse_problem({"inputs": ["a\n"], "outputs": ["a\n"], "time_limit": 0.3})


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge(limits=Limits(cpu_seconds=3.0, wall_factor=4.0, memory_bytes=256 << 20)) as judge:
        yield judge


def run(judge, program, problem):
    return judge.submit(program, problem).result()


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
    execution = run(judge, program, HASTY if kinds == {ErrorKind.TIMEOUT} else ECHO)
    assert execution.verdict is Verdict.ERROR
    assert execution.error.kind in kinds
    assert types is None or execution.error.type in types


def test_an_error_is_one_whatever_threads_are_left(judge):
    for head in (
        "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(1); pool.submit(int)\n",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(1,), daemon=True).start()\n",
    ):
        error = run(judge, f"{head}raise KeyError(3)".encode(), ECHO).error
        assert (error.kind, error.type, error.span.line) == (ErrorKind.RUNTIME, "KeyError", 3)


def test_ten_megabytes_of_source_have_a_verdict(judge):
    assert run(judge, b"# " + b"x" * 10_000_000 + b"\nprint(input())", ECHO).verdict is Verdict.PASSED
    assert run(judge, b"x = 1\n" * 1_700_000, ECHO).error.kind in (ErrorKind.MEMORY, ErrorKind.TIMEOUT)


@pytest.mark.parametrize(
    "program",
    [
        b"\xef\xbb\xbfprint(input())",
        b"print(\r\n input())\r\n",
        b"x = 1\rprint(input())\r",
        b"\x0c\nif 1:\n\x0c\tprint(input())\n",
        b"if 1:\n\tprint(input())",
        b"# coding: latin-1\nassert '\xe9' == chr(233); print(input())",
        b"#!/usr/bin/env python3\n# -*- coding: utf-8 -*-\nprint(input())",
        b"print(input()) # " + "é€😀\u2028\x85".encode(),
        "\U0001d561\U0001d563\U0001d55a\U0001d55f\U0001d565(input())".encode(),
        b"print(input())\x1a"[:-1],
        b"\n" * 100000 + b"print(input())",
        b"print(input())" + b" " * 100000,
    ],
)
def test_odd_bytes_that_python_allows_are_allowed(judge, program):
    assert run(judge, program, ECHO).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("program", "line", "column"),
    [
        (b"x = 1\nprint(1)\0\n", 2, 8),
        (b"x = 1\ny = '\xe9'\n", 2, 5),
        (b"\xef\xbb\xbf# coding: latin-1\n", 1, None),
        (b"x = 1 \xc2\xa0+ 2\n", 1, 6),
        (b"if 1:\n\tx = 1\n        y = 2\n", 3, None),
        (b"x = 1\x1a\n", 1, 5),
    ],
)
def test_odd_bytes_that_python_refuses_are_a_syntax_error_at_their_place(judge, program, line, column):
    error = run(judge, program, ECHO).error
    assert (error.kind, error.span.line) == (ErrorKind.SYNTAX, line), error
    assert column is None or error.span.column == column


def test_a_lone_surrogate_printed_is_an_ordinary_error(judge):
    error = run(judge, b"print('\\ud800')", ECHO).error
    assert (error.kind, error.type, error.span.line) == (ErrorKind.RUNTIME, "UnicodeEncodeError", 1)


@pytest.mark.parametrize(
    "printed", ["b'\\xff\\xfe'", "b'a\\0'", "b'\\xed\\xa0\\x80'", "'a\\ufeff'.encode()", "'\\ufeffa'.encode()"]
)
def test_bytes_that_are_not_the_expected_text_are_a_wrong_answer(judge, printed):
    execution = run(judge, f"import os\nos.write(1, {printed})".encode(), ECHO)
    assert (execution.verdict, execution.error) == (Verdict.FAILED, None)


CRASHES = {
    "null pointer": b"import ctypes; ctypes.string_at(0)",
    "stack of C": b"t = ()\nfor _ in range(2 * 10**6): t = (t,)\nhash(t)",
    "bad bytecode": b"def f(): pass\nf.__code__ = f.__code__.replace(co_code=bytes([100, 255]) * 9)\nf()",
    "kills itself": b"import os; os.kill(os.getpid(), 9)",
    "terminates itself": b"import os; os.kill(os.getpid(), 15)",
    "jumps": b"import ctypes; ctypes.CFUNCTYPE(None)(1)()",
}


@pytest.mark.parametrize("crash", CRASHES)
def test_a_crash_is_an_error_and_the_next_program_runs(judge, crash):
    error = run(judge, CRASHES[crash], ECHO).error
    assert error.kind in (ErrorKind.CRASHED, ErrorKind.MEMORY, ErrorKind.RUNTIME)
    assert run(judge, b"print(input())#" + crash.encode(), ECHO).verdict is Verdict.PASSED


DEEP = {
    "brackets": b"x = " + b"[" * 100000,
    "closed brackets": b"x = " + b"[" * 20000 + b"]" * 20000,
    "minus": b"x = " + b"-" * 100000 + b"1",
    "plus": b"x = " + b"1 + " * 100000 + b"1",
    "attributes": b"x = a" + b".a" * 100000,
    "calls": b"x = f" + b"()" * 100000,
    "else if": b"if a: pass\n" + b"elif a: pass\n" * 20000,
    "lambdas": b"x = " + b"lambda: " * 20000 + b"1",
    "strings": b"x = " + b"'a' " * 200000,
}


@pytest.mark.parametrize("deep", DEEP)
def test_source_too_deep_for_the_compiler_is_refused_and_never_our_fault(judge, deep):
    execution = run(judge, DEEP[deep], ECHO)
    assert execution.verdict in (Verdict.ERROR, Verdict.FAILED)
    if execution.error is not None:
        assert execution.error.kind in (ErrorKind.SYNTAX, ErrorKind.MEMORY, ErrorKind.CRASHED, ErrorKind.RUNTIME)
