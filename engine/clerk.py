"""The clerk, a process of ours that drives the workers of one thread and reads all that a program wrote.

Programs, records, outputs and values are parsed and compared here and nowhere else, so nothing that a program makes
is handled in the process that trains. What comes out is a small finished record. The clerk runs no program. What it
reads may stop, fill or crash it, and then it is replaced. A timer that kills limits its CPU time for one program, and
the kernel limits its memory. Its owner (`engine.clerk_process`) limits its time on the clock, and is told by when it
will hear from the clerk. The clerk opens no file but Python's own, starts no process and knows no network.
"""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
import pickle
import resource
import signal
import socket
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import msgspec

from engine.checking import Checker
from engine.claims import State
from engine.divergence import parting
from engine.framing import receive, send
from engine.harmless import LIBRARY
from engine.limits import Limits
from engine.logical import layout
from engine.messages import DEADLINE, MOST_BYTES, Answer, Order, Settings
from engine.observation import Observation
from engine.reading import Reading, read_program
from engine.records import Execution, Problem, Verdict
from engine.sandbox import landlock, privileges, seccomp
from engine.sandbox.python_files import python_files
from engine.sandbox.rules import is_source
from engine.sandbox.wire import BUSIEST, Request, Task
from engine.sandbox.worker import Port, Running, WorkerError, longest
from engine.steps import Step, steps_of
from engine.tracing import Tracing
from engine.trial import Trial

_RENEWAL_SECONDS = 120.0
"""In which a worker starts and is measured, on a busy machine too."""
_TOGETHER_SECONDS = 0.01
"""For so long, answers wait for others before they are sent: to wake the owner costs more than to answer."""
_STATES = 256
"""Tests of one problem whose reference states are kept."""


def main(control: int, page: int, worker: int, referee: int) -> None:
    """Answer orders from the socket `control` until its other end is closed.

    Args:
        control: Socket that orders come from.
        page: Memory file for the deadline.
        worker: Socket of the worker that runs programs.
        referee: Socket of the worker that runs tests, or -1 where there is none.
    """
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # the timer kills: nothing else stops a loop in C
    privileges.die_with_parent()
    owner = socket.socket(fileno=control)
    orders = owner.makefile("rb")
    settings = msgspec.msgpack.decode(receive(orders) or b"", type=Settings)
    deadline = _Deadline(page, settings.own_limits.cpu_seconds)
    outbox = _Outbox(owner)
    program = _Port("program", worker, outbox, deadline)
    desk = _Desk(
        settings.limits,
        settings.isolation,
        program,
        _Port("referee", referee, outbox, deadline) if referee >= 0 else None,
    )
    _warm_up()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # from here on, nobody reads it
    confine(settings.own_limits.memory_bytes)
    send(owner, ())
    decoder = msgspec.msgpack.Decoder(list[Order])
    while (data := receive(orders)) is not None:
        _answer_all(decoder.decode(data), desk, deadline, outbox)


def _answer_all(orders: Sequence[Order], desk: _Desk, deadline: _Deadline, outbox: _Outbox) -> None:
    """Answer orders one after the other. All programs are read first, while the compiler is at it."""
    deadline.begin()
    readings = [desk.read(order) for order in orders]
    for order, reading in zip(orders, readings, strict=True):
        deadline.begin()
        answer = desk.answer(order, reading)
        outbox.put(answer)
        if answer.fault:
            outbox.send()
            os._exit(1)  # a worker is gone, and with it whoever has none
    outbox.send()


class _Outbox:
    """Collects answers to tell them together, because to wake the owner costs more than to answer."""

    def __init__(self, owner: socket.socket) -> None:
        self.owner = owner
        self._answers: list[msgspec.Raw] = []
        self._size, self._sent = 0, time.monotonic()

    def put(self, answer: Answer) -> None:
        """Add an answer. One that is too long is none."""
        if len(encoded := msgspec.msgpack.encode(answer)) > MOST_BYTES // 2:
            encoded = msgspec.msgpack.encode(Answer(unreadable=True))
        if self._size + len(encoded) > MOST_BYTES // 2:
            self.send()
        self._answers.append(msgspec.Raw(encoded))
        self._size += len(encoded)
        if time.monotonic() - self._sent > _TOGETHER_SECONDS:
            self.send()

    def send(self) -> None:
        """Tell all that was added."""
        if self._answers:
            send(self.owner, self._answers)
        self._answers, self._size, self._sent = [], 0, time.monotonic()


def _warm_up() -> None:
    """Load what is loaded when it is first used."""
    for module in LIBRARY:
        with contextlib.suppress(ImportError):  # numpy is for programs only
            __import__(module)
    warnings.simplefilter("ignore")  # a program's text may make the compiler warn
    read_program(b"import math\nprint(math.pi)\n", "")
    gc.collect()
    gc.freeze()  # what a clerk keeps for ever need not be looked through again and again
    gc.set_threshold(20_000, 20, 50)


def confine(memory_bytes: int) -> None:
    """Give up what a clerk does not need, with each layer that the kernel offers."""
    privileges.drop_privileges()
    with contextlib.suppress(OSError):
        landlock.restrict(python_files({}).readable, [])
    limits = [(resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, 64), (resource.RLIMIT_AS, memory_bytes)]
    for kind, value in limits:
        hard = resource.getrlimit(kind)[1]
        limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (limit, limit))
    with contextlib.suppress(OSError):
        seccomp.clerk_filter().install(os.getpid())


class _Deadline:
    """Says when the owner hears from this process, and limits its CPU time."""

    def __init__(self, page: int, cpu_seconds: float) -> None:
        self._page = mmap.mmap(page, DEADLINE.size)
        self._cpu_seconds = cpu_seconds

    def begin(self) -> None:
        """Begin a program."""
        signal.setitimer(signal.ITIMER_PROF, self._cpu_seconds)
        self.put_off(0.0)

    def put_off(self, seconds: float) -> None:
        """Wait for others for some seconds at most, then read for as long as a busy machine takes."""
        DEADLINE.pack_into(self._page, 0, time.monotonic() + seconds + BUSIEST * self._cpu_seconds)


class _Port(Port):
    """Puts the deadline off while a worker's child runs, and tells the owner what concerns it."""

    def __init__(self, name: Literal["program", "referee"], control: int, outbox: _Outbox, deadline: _Deadline) -> None:
        super().__init__(socket.socket(fileno=control))
        self._name, self._outbox, self._deadline = name, outbox, deadline

    def begin(self, task: Task, request: Request, channel: socket.socket | None = None) -> Running:
        self._deadline.put_off(longest(request))
        return super().begin(task, request, channel)

    def renew(self) -> None:
        """Ask the owner for another worker's port."""
        self._deadline.put_off(_RENEWAL_SECONDS)
        self._outbox.put(Answer(notice="worn program" if self._name == "program" else "worn referee"))
        self._outbox.send()
        _, (control,), _, _ = socket.recv_fds(self._outbox.owner, 1, 1)
        self._socket.close()
        self._socket = socket.socket(fileno=control)

    def fell_asleep(self) -> None:
        if self._name == "program":
            self._outbox.put(Answer(notice="asleep"))
            self._outbox.send()


@dataclass(frozen=True, slots=True)
class _Known:
    """Holds a problem and what was made of it."""

    problem: Problem
    steps: Sequence[Step]
    states: dict[int, tuple[State, ...]] = field(default_factory=dict)
    """By test, those of the first reference."""
    checker_fault: list[str] = field(default_factory=list)
    """Why its checker cannot be loaded, once that is known; empty text where it can."""


class _Desk:
    """Does what orders ask for."""

    def __init__(self, limits: Limits, isolation: str, worker: Port, referee: Port | None) -> None:
        self._limits, self._isolation = limits, isolation
        self._worker, self._referee = worker, referee
        self._known: dict[int, _Known] = {}

    def read(self, order: Order) -> tuple[_Known, Reading] | Answer:
        """Find what there is to know before a program runs. Gives an answer where the problem cannot be prepared."""
        try:
            known = self._problem(order)
        except Exception as error:
            return Answer(fault=f"the problem cannot be prepared ({type(error).__name__}: {error})"[:500])
        return known, Reading() if order.careful else read_program(order.program, known.problem.prelude)

    def answer(self, order: Order, read: tuple[_Known, Reading] | Answer) -> Answer:
        """Answer an order. Never raises: what a program made and cannot be read is the program's own fault."""
        if isinstance(read, Answer):
            return read
        try:
            return _JOBS[order.job](self, order, *read)
        except WorkerError as error:
            return Answer(fault=str(error)[:500])
        except Exception:
            return Answer(unreadable=True)

    def _problem(self, order: Order) -> _Known:
        for number in order.forget:
            self._known.pop(number, None)
        if order.packed:
            problem = pickle.loads(order.packed)  # noqa: S301 (made by our owner from a problem, before any program)
            self._known[order.problem] = _Known(problem, steps_of(problem))
        return self._known[order.problem]

    def _judge(self, order: Order, known: _Known, reading: Reading) -> Answer:
        if fault := self._checker_fault(known):
            return Answer(Execution(Verdict.INFRA, (), None, 0.0, self._isolation, infra_reason=fault))
        trial = Trial(order.program, known.problem, self._limits, known.steps, reading)
        execution = trial.run(self._worker, self._referee, self._isolation)
        if execution.verdict not in (Verdict.PASSED, Verdict.INFRA):
            execution = replace(execution, layout=layout(order.program))
        return Answer(execution)

    def _checker_fault(self, known: _Known) -> str:
        """Say why no program can be judged by the problem's checker, before the first one is."""
        if not known.checker_fault:
            checker = known.problem.checker
            own = Checker(checker, self._referee, self._limits) if self._referee and is_source(checker) else None
            known.checker_fault.append(own.fault() if own else "")
        return known.checker_fault[0]

    def _lines(self, order: Order, known: _Known, reading: Reading) -> Answer:
        tracing = self._tracing(order.program, known, reading, "lines", order.tests)
        return Answer(results=tracing.results(self._worker, self._referee))

    def _parting(self, order: Order, known: _Known, reading: Reading) -> Answer:
        (test,) = order.tests
        states = self._tracing(order.program, known, reading, "states", order.tests).states(self._worker, self._referee)
        if test not in known.states:
            reference = known.problem.references[0].encode(errors="surrogatepass")
            also = read_program(reference, known.problem.prelude)
            tracing = self._tracing(reference, known, also, "states", order.tests)
            known.states[test] = tracing.states(self._worker, self._referee)
            while len(known.states) > _STATES:
                known.states.pop(next(iter(known.states)))
        return Answer(diagnostic=parting(order.program, states, known.states[test]))

    def _outputs(self, order: Order, known: _Known, reading: Reading) -> Answer:
        observation = Observation(order.program, known.problem, self._limits, known.steps, reading)
        return Answer(outputs=observation.observe(self._worker, self._isolation))

    def _tracing(self, program: bytes, known: _Known, reading: Reading, trace: str, tests: tuple[int, ...]) -> Tracing:
        return Tracing(program, known.problem, self._limits, known.steps, reading, trace=trace, tests=tests)


_JOBS = {"judge": _Desk._judge, "lines": _Desk._lines, "parting": _Desk._parting, "outputs": _Desk._outputs}
