"""Time limits: what a program writes moves no clock, what it computes counts, and a busy machine makes no time-out."""

import os
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import pytest

from engine import AssertTest, CallTest, ErrorKind, Judge, Problem, StdinTest, Verdict
from engine.sandbox import watch
from engine.sandbox.wire import BEGUN, CPU, EXITED, IDLE, Request

PRINT = Problem("p", tuple(StdinTest(f"{n}\n", f"{n}\n") for n in range(8)), time_limit=0.5)
CALL = Problem("p", tuple(CallTest((n,), n) for n in range(8)), entry_point="f", time_limit=0.5)


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge() as judge:
        yield judge


def run(judge, program, problem):
    return judge.submit(program.encode(), problem).result()


BURN = """
import os, struct, sys, time
def burn(seconds, meanwhile=lambda: None):
    start = time.process_time()
    while time.process_time() - start < seconds:
        for _ in range(10000): pass
        meanwhile()
"""
FORGERIES = {
    "a start": "lambda: os.pwrite(3, struct.pack('<qqq', 0, time.process_time_ns(), time.monotonic_ns()), 0)",
    "a start in the future": "lambda: os.pwrite(3, struct.pack('<qqq', 7, 1 << 62, 1 << 62), 0)",
    "all records": "lambda: os.pwrite(3, b''.join(b'{\"i\":%d,\"end\":0}\\n' % i for i in range(8)), 0)",
    "the mark of the beginning": "lambda: [os.write(fd, struct.pack('<q', time.process_time_ns())) for fd in (3, 4, 5) if os.path.exists(f'/dev/fd/{fd}')]",
    "the recorder's tests": "skip",
}
SKIP = """
frame = sys._getframe()
while 'recorder' not in frame.f_locals: frame = frame.f_back
recorder = frame.f_locals['recorder']
def skip():
    recorder.write({}, True)
    recorder.begin(recorder._index + 1, '7')
"""


@pytest.mark.parametrize("forgery", FORGERIES)
def test_no_forgery_gives_a_test_more_time(judge, forgery):
    head = BURN + (SKIP if FORGERIES[forgery] == "skip" else "")
    slow = f"n = int(input())\nif n == 0: burn(1.5, {FORGERIES[forgery]})\nprint(n)"
    execution = run(judge, head + slow, PRINT)
    assert execution.tests[0].verdict is not Verdict.PASSED
    if forgery not in ("all records", "the recorder's tests"):  # with these, no test has the right answer
        assert execution.error.kind is ErrorKind.TIMEOUT
        slow = f"def f(n):\n    if n == 0: burn(1.5, {FORGERIES[forgery]})\n    return n"
        assert run(judge, head + slow, CALL).error.kind is ErrorKind.TIMEOUT


def test_each_test_has_the_whole_limit_for_itself(judge):
    shared = "n = int(input())\nfor _ in range(3 * 10**6): pass\nprint(n)"  # in one process as long as there is time
    assert [test.verdict for test in run(judge, shared, PRINT).tests] == [Verdict.PASSED] * 8
    alone = BURN + "def f(n):\n    burn(0.3)\n    return n"
    few = replace(CALL, tests=CALL.tests[:3])
    assert [test.verdict for test in run(judge, alone, few).tests] == [Verdict.PASSED] * 3


def test_each_assertion_has_the_whole_limit_for_itself(judge):
    problem = Problem("p", tuple(AssertTest(f"assert f({n}) in [{n}]") for n in range(4)), time_limit=0.5)
    execution = run(judge, BURN + "def f(n):\n    burn(0.3 if n < 2 else 0.9)\n    return n", problem)
    assert [test.verdict for test in execution.tests] == [Verdict.PASSED] * 2 + [Verdict.ERROR] * 2, execution
    assert execution.error.kind is ErrorKind.TIMEOUT


@pytest.mark.parametrize(
    "ending",
    [
        "",
        "import os; os._exit(0)",
        "import threading; threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
    ],
)
def test_a_program_that_sleeps_a_little_in_every_test_is_given_up(judge, ending):
    problem = Problem("p", tuple(StdinTest(f"{n}\n", f"{n}\n") for n in range(100)), time_limit=0.5)
    program = f"import time\nn = input()\ntime.sleep(0.4)\nprint(n, flush=True)\n{ending}"
    execution = run(judge, program, problem)
    ran = [test for test in execution.tests if test.verdict is Verdict.PASSED]
    assert 1 <= len(ran) <= 10
    assert execution.error.kind is ErrorKind.TIMEOUT
    assert execution.error.message.startswith("not run: the program had slept")


def test_a_sleeper_times_out_and_one_that_does_not_sleep_long_passes(judge):
    assert (
        run(judge, "import time\nn = input()\nif n == '0': time.sleep(60)\nprint(n)", PRINT).error.kind
        is ErrorKind.TIMEOUT
    )
    assert run(judge, "import time\nn = input()\ntime.sleep(0.02)\nprint(n)", PRINT).verdict is Verdict.PASSED


PATIENT = Problem("p", (StdinTest("1\n", "1\n"),), time_limit=3600.0)


def test_a_program_that_asks_for_more_sleep_than_it_may_have_is_stopped_at_once(judge):
    """With an hour to sleep, nobody waits for it."""
    for name in ("from time import sleep", "import time\nsleep = time.sleep"):
        execution = run(judge, f"{name}\ntry: sleep(7200)\nexcept BaseException: pass\nprint(1)", PATIENT)
        assert execution.error.kind is ErrorKind.TIMEOUT
    asserted = Problem("p", (AssertTest("assert f(1) in [1]"),), time_limit=3600.0)
    execution = run(judge, "import time\ndef f(n):\n    time.sleep(7200)\n    return n", asserted)
    assert execution.error.kind is ErrorKind.TIMEOUT


@pytest.mark.parametrize(
    "program",
    [
        "import threading, time\nthreading.Thread(target=time.sleep, args=(7200,), daemon=True).start()\nprint(input())",
        "import signal, time\ndef wake(*_): raise KeyError\nsignal.signal(signal.SIGALRM, wake)\nsignal.setitimer(signal.ITIMER_REAL, 0.05)"
        "\ntry: time.sleep(7200)\nexcept KeyError: print(input())",
        "import time\ntry: time.sleep('x')\nexcept TypeError: print(input())",
    ],
    ids=["a thread sleeps", "something wakes it", "no number"],
)
def test_a_sleep_that_something_ends_is_none_of_these(judge, program):
    assert run(judge, program, PATIENT).verdict is Verdict.PASSED


# The clocks alone, on made-up machines


@pytest.fixture
def machine(monkeypatch):
    """A machine whose clocks the test moves, with a child of 1 s CPU and 1 s sleep that begins at once."""
    clocks = SimpleNamespace(now=0.0, cpu=0.0)
    monkeypatch.setattr(
        watch, "time", SimpleNamespace(monotonic=lambda: clocks.now, clock_gettime=lambda _: clocks.cpu)
    )
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.write(write, BEGUN.pack(0))
    clocks.watch = watch.Watch(1, Request(1.0, 1.0, 0), read)
    yield clocks
    os.close(read)
    os.close(write)


def passes(machine, share):
    """Lets time go by in which the child gets this share of a core, until it is stopped; why, and its CPU seconds."""
    for _ in range(10000):
        wait = machine.watch.wait
        machine.now += wait
        machine.cpu += share * wait
        if (stopped := machine.watch.look()) != EXITED:
            return stopped, machine.cpu
    return EXITED, machine.cpu


@pytest.mark.parametrize("share", [1.0, 0.5, 0.1, 0.05, 4.0])
def test_a_program_that_computes_is_stopped_for_its_cpu_time_alone_however_busy_the_machine(machine, share):
    stopped, cpu = passes(machine, share)
    assert stopped == CPU
    assert cpu >= 1.0


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01])
def test_a_program_that_sleeps_is_stopped_for_it(machine, share):
    stopped, _ = passes(machine, share)
    assert stopped == IDLE
    assert machine.now < 2.0


def test_a_machine_that_stood_still_makes_no_sleeper(machine):
    machine.now += 3600.0
    assert machine.watch.look() == EXITED


def test_what_comes_before_the_program_does_not_count(machine, monkeypatch):
    read, write = os.pipe()
    os.set_blocking(read, False)
    late = watch.Watch(1, Request(1.0, 1.0, 0), read)
    machine.cpu = 0.9
    assert (late.look(), late.begun) == (EXITED, False)
    os.write(write, BEGUN.pack(900_000_000))
    machine.cpu = 1.8
    assert (late.look(), late.begun) == (EXITED, True)
    machine.cpu = 1.95
    assert late.look() == CPU
    os.close(read)
    os.close(write)
