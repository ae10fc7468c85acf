"""The clerk may be hung, filled and crashed by what it reads; the program pays for it, and the next one notices nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from engine import Judge, Limits, Problem, StdinTest, Verdict, parse_problem
from engine.messages import MOST_BYTES, Answer, ClerkLimits

ECHO = parse_problem({"inputs": ["1\n", "2\n"], "outputs": ["1\n", "2\n"]})
RIGHT = b"print(input())"
FLOATS = Problem("floats", (StdinTest("", "0.5 " * 100_000), StdinTest("", "0.25 " * 100_000)))
"""Comparing what looks much alike takes some tenths of a second."""
ALIKE = b"print('0.50 ' * 100_000)"
VALUES = parse_problem({"fn_name": "f", "inputs": [[1], [2]], "outputs": [[1], [2]]})
MANY = b"def f(x): return [[] for _ in range(300_000)]"


def clerks() -> list[psutil.Process]:
    """The clerks of this process's judges."""
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            found += [child] if any("engine.clerk" in part for part in child.cmdline()) else []
    return found


@pytest.fixture
def hurried() -> Iterator[Judge]:
    """A judge whose clerk may compute for a moment only."""
    with Judge(clerk_limits=ClerkLimits(cpu_seconds=0.05)) as judge:
        yield judge


def test_an_answer_that_takes_the_clerk_too_long_is_wrong(hurried: Judge) -> None:
    execution = hurried.submit(ALIKE, FLOATS).result(120)
    assert (execution.verdict, execution.infra_reason) == (Verdict.FAILED, "")
    assert [test.verdict for test in execution.tests] == [Verdict.FAILED] * 2
    assert hurried.retries == 1  # it was given to another clerk first
    assert hurried.submit(RIGHT, ECHO).result(60).verdict is Verdict.PASSED


def test_the_same_answer_is_read_where_there_is_time_for_it() -> None:
    with Judge() as judge:
        execution = judge.submit(ALIKE, FLOATS).result(120)
    assert [test.verdict for test in execution.tests] == [Verdict.PASSED, Verdict.FAILED]


def test_an_answer_that_fills_the_clerk_is_wrong() -> None:
    with Judge(clerk_limits=ClerkLimits(memory_bytes=100 << 20)) as judge:
        assert judge.submit(RIGHT, ECHO).result(60).verdict is Verdict.PASSED
        execution = judge.submit(MANY, VALUES).result(120)
        assert (execution.verdict, execution.infra_reason) == (Verdict.FAILED, "")
        assert judge.submit(RIGHT, ECHO).result(60).verdict is Verdict.PASSED


def test_a_program_with_which_every_clerk_crashes_is_wrong() -> None:
    with Judge() as judge:
        judge.submit(RIGHT, ECHO).result(60)
        done = threading.Event()

        def crash() -> None:
            while not done.is_set():
                for clerk in clerks():
                    with contextlib.suppress(psutil.Error, OSError):
                        if "Seccomp:\t2" in Path(f"/proc/{clerk.pid}/status").read_text():  # it has started
                            time.sleep(0.3)
                            clerk.send_signal(signal.SIGSEGV)
                time.sleep(0.01)

        crasher = threading.Thread(target=crash)
        crasher.start()
        execution = judge.submit(b"import time; time.sleep(1.5); print(input())", ECHO).result(120)
        done.set()
        crasher.join()
        assert (execution.verdict, execution.infra_reason) == (Verdict.FAILED, "")
        assert judge.submit(RIGHT, ECHO).result(60).verdict is Verdict.PASSED


def test_a_clerk_that_dies_once_costs_nothing() -> None:
    with Judge() as judge:
        judge.submit(RIGHT, ECHO).result(60)
        (clerk,) = clerks()
        clerk.kill()
        assert judge.submit(RIGHT + b"  # 2", ECHO).result(60).verdict is Verdict.PASSED
        assert judge.retries == 1


def test_a_clerk_that_is_silent_is_given_up() -> None:
    """Its time on the clock has a bound too: it is stopped here, and uses no CPU time at all."""
    with Judge(limits=Limits(cpu_seconds=0.1, wall_factor=1.0), clerk_limits=ClerkLimits(cpu_seconds=0.1)) as judge:
        judge.submit(RIGHT, ECHO).result(60)
        (clerk,) = clerks()
        clerk.suspend()
        assert judge.submit(RIGHT + b"  # 2", ECHO).result(120).verdict is Verdict.PASSED
        assert judge.retries == 1
        assert not clerk.is_running()


def test_a_judge_that_is_closed_leaves_no_clerk() -> None:
    with Judge(workers=2) as judge:
        for number in range(8):
            judge.submit(RIGHT + b"#" * number, ECHO)
    assert clerks() == []


def test_a_clerk_can_start_nothing_and_open_nothing(tmp_path: Path) -> None:
    """What a program may not do, a clerk may not either."""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    os.environ["RLTF_TEST_SECRET"] = "secret"
    try:
        with Judge() as judge:
            judge.submit(RIGHT, ECHO).result(60)
            (clerk,) = clerks()
            assert clerk.environ() == {}
            status = Path(f"/proc/{clerk.pid}/status").read_text()
            assert "NoNewPrivs:\t1" in status
            assert clerk.rlimit(psutil.RLIMIT_AS)[0] == ClerkLimits().memory_bytes
            if judge.isolation.level >= 1:
                assert "Seccomp:\t2" in status
    finally:
        del os.environ["RLTF_TEST_SECRET"]


def test_nothing_of_what_a_program_wrote_is_handled_in_this_process() -> None:
    """This process imports no reader of a program's bytes for judging it."""
    script = """
import sys
from engine import Judge, parse_problem
with Judge() as judge:
    for program in (b"print(input())", b"print(1 / 0)", b"print((", b"print(2)"):
        judge.submit(program, parse_problem({"inputs": ["1"], "outputs": ["1"]})).result(60)
read = {"engine.clerk", "engine.trial", "engine.claims", "engine.positions", "engine.reading", "tokenize_of_programs"}
print(sorted(read & set(sys.modules)))
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_what_comes_out_of_a_clerk_is_small() -> None:
    """However much a program claims, what is told of it is bounded."""
    program = b"""
import sys
def f(x):
    def deep(n):
        if n: return deep(n - 1)
        raise type('E' * 10_000, (Exception,), {})('m' * 100_000)
    deep(200)
"""
    with Judge() as judge:
        execution = judge.submit(program, VALUES).result(60)
    assert execution.verdict is Verdict.ERROR
    assert len(msgspec.msgpack.encode(Answer(execution))) < 100_000 < MOST_BYTES
