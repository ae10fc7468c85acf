"""The processes of one of the judge's threads: a worker for programs, one for tests, and the clerk that drives them.

They live and die together. A program may cost them their lives, and is given to fresh ones then.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import pickle
import socket
import subprocess
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from engine.framing import receive, send
from engine.limits import Limits
from engine.messages import DEADLINE, MOST_BYTES, Answer, ClerkLimits, Job, Order, Settings
from engine.records import AssertTest, Problem
from engine.sandbox.isolation import Isolation, SandboxError, check, measure
from engine.sandbox.worker import Worker, WorkerError
from engine.steps import step_of

_BOOT = """
import sys, types
for name, path in (("engine", {engine!r}), ("engine.sandbox", {sandbox!r})):
    sys.modules[name] = types.ModuleType(name); sys.modules[name].__path__ = [path]
sys.path.append({packages!r}); import msgspec; sys.path.pop()
from engine.clerk import main
main(*{descriptors!r})
"""
"""Imports the clerk's modules without the packages around them; of what is installed it has `msgspec` alone."""
_START_SECONDS = 60.0
_LOOK_SECONDS = 5.0
"""How often the deadline is looked at while the clerk is silent."""
_SEND_SECONDS = 300.0
_MOMENT = 0.2
_KNOWN_PROBLEMS, _KNOWN_BYTES = 256, 64 << 20
"""Problems that a clerk keeps."""


class ClerkLostError(Exception):
    """The clerk died, or was silent beyond its deadline, with a program in its hands."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One submission to the judge."""

    job: Job
    program: bytes
    problem: Problem
    read: Callable[[Answer], object]
    """The result from the clerk's answer."""
    unreadable: Callable[[str], object]
    """Isolation -> the result where what the program made cannot be read."""
    failed: Callable[[str, str], object]
    """Reason, isolation -> the result where we could not run the program."""
    tests: tuple[int, ...] = ()
    key: tuple[bytes, int] | None = None
    """The same submission has the same."""
    future: Future[object] = field(default_factory=Future)


class Crew:
    """Owned by one thread, which must outlive it."""

    def __init__(
        self,
        limits: Limits,
        clerk_limits: ClerkLimits,
        require: int,
        hash_seed: int,
        fell_asleep: Callable[[Crew], object],
    ) -> None:
        """`fell_asleep` is called when a program begins to sleep or wait."""
        self._limits, self._clerk_limits = limits, clerk_limits
        self._require, self._hash_seed = require, hash_seed
        self._fell_asleep = fell_asleep
        self.busy = self.has_turn = False
        """Whether it has programs, and whether it is one of the crews that may use a processor."""
        self._isolation: Isolation | None = None
        self._program: Worker | None = None
        self._referee: Worker | None = None
        self._clerk: Clerk | None = None
        self.retries = 0
        """How often a program was given to fresh processes because its own had died."""

    def start(self) -> Isolation:
        """Starts a worker for programs."""
        self._program = Worker(memory_bytes=self._limits.memory_bytes, hash_seed=self._hash_seed)
        self._program.check = self._measure
        return self._measure(self._program)

    def _measure(self, worker: Worker) -> Isolation:
        """Refuses a worker that confines less than required or than the one before it."""
        isolation = measure(worker)
        check(isolation, max(self._require, self._isolation.level if self._isolation else 0))
        self._isolation = isolation
        return isolation

    def run(self, tasks: Sequence[Task], finish: Callable[[Task, object], None]) -> None:
        """Does what tasks ask for, and calls `finish` with each of them and its result.

        Where processes die, what has no answer is done again with fresh ones, one task at a time.
        """
        answered = 0
        with contextlib.suppress(ClerkLostError, WorkerError, SandboxError):
            for answer in self._ready_clerk(tasks).ask(tasks) if len(tasks) > 1 else ():
                if answer.fault:
                    break
                finish(tasks[answered], self._result(tasks[answered], answer))
                answered += 1
        if len(tasks) > 1 and answered < len(tasks):
            self.close()
            self.retries += len(tasks) - answered
        for task in tasks[answered:]:
            finish(task, self._run_alone(task))

    def _run_alone(self, task: Task) -> object:
        """One task's result, from a second crew where the first one dies.

        A program with which the clerk is lost, and another one after it, has an answer that cannot be read. That is
        its own doing, unless the workers are gone too.
        """
        reason, lost = "", False
        for again in (False, True):
            self.retries += again
            try:
                (answer,) = self._ready_clerk([task]).ask([task], careful=again)
            except ClerkLostError:
                reason, lost = "all of a crew's processes died", self._has_workers()
            except (WorkerError, SandboxError) as error:
                reason, lost = str(error), False
            else:
                if not answer.fault:
                    return self._result(task, answer)
                reason, lost = answer.fault, False
            self.close()
        return task.unreadable(str(self._isolation)) if lost else task.failed(reason, str(self._isolation))

    def _result(self, task: Task, answer: Answer) -> object:
        return task.unreadable(str(self._isolation)) if answer.unreadable else task.read(answer)

    def _ready_clerk(self, tasks: Sequence[Task]) -> Clerk:
        if self._program is None:
            self.start()
        assert self._program is not None
        if self._referee is None and any(self._wants_referee(task.problem) for task in tasks):
            self._referee = Worker(memory_bytes=self._limits.memory_bytes)
            self._dismiss_clerk()  # the next one gets to know both
        if self._clerk is None:
            workers = [self._program, *([self._referee] if self._referee else [])]
            settings = Settings(self._limits, self._clerk_limits, str(self._isolation))
            self._clerk = Clerk(settings, workers, lambda: self._fell_asleep(self))
        return self._clerk

    def _wants_referee(self, problem: Problem) -> bool:
        known = self._clerk is not None and self._clerk.knows(problem)
        return not known and needs_referee(problem)

    def _has_workers(self) -> bool:
        """Whether the workers live, and go on living for a moment: who ends them all ends one after the other."""
        return not any(worker.ends_within(_MOMENT) for worker in (self._program, self._referee) if worker is not None)

    def _dismiss_clerk(self) -> None:
        if self._clerk is not None:
            self._clerk.close()
        self._clerk = None

    def close(self) -> None:
        """Ends all processes."""
        self._dismiss_clerk()
        for worker in (self._program, self._referee):
            if worker is not None:
                worker.close()
        self._program = self._referee = None

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def needs_referee(problem: Problem) -> bool:
    """Whether some test of a problem is run by a referee."""
    return any(isinstance(test, AssertTest) and step_of(test, problem).kind == "assert" for test in problem.tests)


class Clerk:
    """A clerk's process, as its owner sees it."""

    def __init__(self, settings: Settings, workers: Sequence[Worker], fell_asleep: Callable[[], object]) -> None:
        """Starts the process and hands it the ports of `workers`: for programs and, if there is one, for tests.

        Raises:
            WorkerError: it did not start.
        """
        self._workers, self._fell_asleep = workers, fell_asleep
        self._numbers: OrderedDict[int, tuple[int, int, Problem]] = OrderedDict()
        """Id of a problem -> its number, its size and itself (so that its id stays its own)."""
        self._next = 0
        self._socket, theirs = socket.socketpair()
        page = os.memfd_create("deadline")
        os.ftruncate(page, DEADLINE.size)
        self._page = mmap.mmap(page, DEADLINE.size)
        ports = [worker.fileno() for worker in workers]
        descriptors = (theirs.fileno(), page, *ports, *([-1] * (2 - len(ports))))
        here = Path(__file__).resolve().parent
        boot = _BOOT.format(
            engine=str(here),
            sandbox=str(here / "sandbox"),
            packages=str(Path(msgspec.__file__).resolve().parents[1]),
            descriptors=descriptors,
        )
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", "-c", boot],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={},
            cwd="/",
            start_new_session=True,
            pass_fds=[number for number in descriptors if number >= 0],
        )
        theirs.close()
        os.close(page)
        DEADLINE.pack_into(self._page, 0, time.monotonic() + _START_SECONDS)
        self._socket.settimeout(_LOOK_SECONDS)
        try:
            self._send(settings)
            self._receive()
        except ClerkLostError:
            raise WorkerError(f"a clerk did not start: {self.close()}") from None

    @property
    def pid(self) -> int:
        """The process's id."""
        pid: int = self._process.pid
        return pid

    def knows(self, problem: Problem) -> bool:
        """Whether the clerk has been given this problem."""
        return id(problem) in self._numbers

    def ask(self, tasks: Sequence[Task], *, careful: bool = False) -> Iterator[Answer]:
        """The clerk's answers, in order, as they come.

        Raises:
            ClerkLostError: there are no more, and none will come.
            WorkerError: a worker could not be replaced.
            SandboxError: the one in its place confines less.
        """
        orders = []
        for task in tasks:
            number, packed, forget = self._introduce(task.problem)
            orders.append(Order(task.job, task.program, number, packed, forget, task.tests, careful))
        self._send(orders)
        missing = len(tasks)
        while missing:
            for answer in self._receive():
                if answer.notice == "asleep":
                    self._fell_asleep()
                elif answer.notice:
                    self._renew(self._workers[answer.notice == "worn referee"])
                else:
                    missing -= 1
                    yield answer

    def _renew(self, worker: Worker) -> None:
        worker.renew()
        try:
            socket.send_fds(self._socket, [b"\0"], [worker.fileno()])
        except OSError:
            raise ClerkLostError from None

    def _introduce(self, problem: Problem) -> tuple[int, bytes, tuple[int, ...]]:
        """The problem's number, itself packed where the clerk does not know it, and what the clerk is to forget."""
        if (known := self._numbers.get(id(problem))) is not None:
            self._numbers.move_to_end(id(problem))
            return known[0], b"", ()
        packed = pickle.dumps(problem)
        self._next += 1
        self._numbers[id(problem)] = (self._next, len(packed), problem)
        forgotten = []
        while len(self._numbers) > _KNOWN_PROBLEMS or (
            len(self._numbers) > 1 and sum(size for _, size, _ in self._numbers.values()) > _KNOWN_BYTES
        ):
            forgotten.append(self._numbers.popitem(last=False)[1][0])
        return self._next, packed, tuple(forgotten)

    def _send(self, message: Settings | Sequence[Order]) -> None:
        self._socket.settimeout(_SEND_SECONDS)
        try:
            send(self._socket, message)
        except OSError:
            raise ClerkLostError from None

    def _receive(self) -> tuple[Answer, ...]:
        self._socket.settimeout(_LOOK_SECONDS)
        data = receive(self, MOST_BYTES)
        if data is None:
            raise ClerkLostError
        try:
            return _DECODER.decode(data)
        except msgspec.DecodeError:
            raise ClerkLostError from None

    def read(self, size: int) -> bytes:
        """Reads from the clerk, as a file's `read` does, until its deadline."""
        parts = []
        while size:
            try:
                part = self._socket.recv(size)
            except TimeoutError:
                if time.monotonic() > DEADLINE.unpack_from(self._page)[0]:
                    raise ClerkLostError from None
                continue
            except OSError:
                raise ClerkLostError from None
            if not part:
                raise ClerkLostError
            parts.append(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> str:
        """Ends the process; gives its last words."""
        self._socket.close()
        self._page.close()
        self._process.kill()
        _, words = self._process.communicate()
        lines = words.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it ended"


_DECODER = msgspec.msgpack.Decoder(tuple[Answer, ...])
