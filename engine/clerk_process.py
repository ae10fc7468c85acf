"""Start the process of a clerk (`engine.clerk`), hand it tasks, and read its answers until its deadline."""

from __future__ import annotations

import mmap
import os
import pickle
import socket
import subprocess
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from engine.framing import receive, send
from engine.messages import DEADLINE, MOST_BYTES, Answer, Order, Settings
from engine.records import Problem
from engine.sandbox.worker import STARTING, Worker, WorkerError
from engine.task import Task

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
_KNOWN_PROBLEMS, _KNOWN_BYTES = 256, 64 << 20
"""Problems that a clerk keeps."""
_DECODER = msgspec.msgpack.Decoder(tuple[Answer, ...])


class ClerkLostError(Exception):
    """The clerk died, or was silent beyond its deadline, with a program in its hands."""


class Clerk:
    """The process of a clerk, as its owner sees it."""

    def __init__(self, settings: Settings, workers: Sequence[Worker], fell_asleep: Callable[[], object]) -> None:
        """Start the process and hand it the ports of `workers`, for programs and, if there is one, for tests.

        Raises:
            WorkerError: It did not start.
        """
        self._workers, self._fell_asleep = workers, fell_asleep
        self._numbers: OrderedDict[int, tuple[int, int, Problem]] = OrderedDict()
        """Id of a problem -> its number, its size and itself (so that its id stays its own)."""
        self._next = 0
        with STARTING:
            self._socket, theirs = socket.socketpair()
            page = os.memfd_create("deadline")
            os.ftruncate(page, DEADLINE.size)
            self._page = mmap.mmap(page, DEADLINE.size)
            ports = [worker.fileno() for worker in workers]
            self._process = _start((theirs.fileno(), page, *ports, *([-1] * (2 - len(ports)))))
            theirs.close()
            os.close(page)
        DEADLINE.pack_into(self._page, 0, time.monotonic() + _START_SECONDS)
        self._socket.settimeout(_LOOK_SECONDS)
        try:
            self._send(settings)
            self._receive()
        except ClerkLostError:
            raise WorkerError(f"a clerk did not start: {self._last_words()}") from None
        assert self._process.stderr is not None
        self._process.stderr.close()  # it writes no more

    def _last_words(self) -> str:
        """Read what a process that did not start wrote. Ends it if it has not."""
        self._process.kill()
        assert self._process.stderr is not None
        lines = self._process.stderr.read().decode(errors="replace").strip().splitlines()
        self._process.stderr.close()
        self.close()
        return lines[-1] if lines else "it ended"

    @property
    def pid(self) -> int:
        """Return the process's id."""
        pid: int = self._process.pid
        return pid

    def knows(self, problem: Problem) -> bool:
        """Say whether the clerk has been given this problem."""
        return id(problem) in self._numbers

    def ask(self, tasks: Sequence[Task], *, careful: bool = False) -> Iterator[Answer]:
        """Yield the clerk's answers, in order, as they come.

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
        """Give the problem's number, the packed problem where the clerk does not know it, and what it is to forget."""
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
        """Read from the clerk, as a file's `read` does, until its deadline."""
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

    def close(self) -> None:
        """End the process."""
        self._socket.close()
        self._page.close()
        self._process.kill()
        self._process.wait()


def _start(descriptors: Sequence[int]) -> subprocess.Popen[bytes]:
    """Start a clerk's process with its descriptors, as `engine.clerk.main` takes them."""
    here = Path(__file__).resolve().parent
    boot = _BOOT.format(
        engine=str(here),
        sandbox=str(here / "sandbox"),
        packages=str(Path(msgspec.__file__).resolve().parents[1]),
        descriptors=tuple(descriptors),
    )
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", "-c", boot],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={},
        cwd="/",
        start_new_session=True,
        pass_fds=[number for number in descriptors if number >= 0],
    )
