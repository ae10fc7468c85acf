"""A worker process as its supervisor sees it: start it, give it a task, read how the child ended, replace it.

Nothing here forks, because the supervisor may hold a model and threads.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.sandbox.packages import installed
from engine.sandbox.wire import (
    ASLEEP,
    BUSIEST,
    REFUSED,
    REPLY,
    REQUEST,
    Reply,
    Request,
    Task,
    dump_line,
    load_line,
    pack_task,
    read_reply,
)

_BOOT = """
import sys, types
for name, path in (("engine", {engine!r}), ("engine.sandbox", {sandbox!r})):
    sys.modules[name] = types.ModuleType(name); sys.modules[name].__path__ = [path]
from engine.sandbox.zygote import main
main()
"""
"""Imports the worker's modules without the packages around them, which import much that a worker does not need."""
_ENVIRONMENT = {"LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "2"}
_INHERITED = ("LD_LIBRARY_PATH", "PYTHONHOME")
"""Without them, an interpreter that was moved finds neither `libpython` nor its library. No program sees them."""
_START_SECONDS = 60.0
_GRACE_SECONDS = 120.0
"""How long a worker may be silent beyond the time that its task can take. Its end is seen at once, so this ends one
that hangs, and no machine is so busy that it ends another."""
_DESCRIPTORS = 128
"""The zygote keeps its control socket at descriptor 100, out of the way of programs."""
LAYERS = ("seccomp", "landlock", "namespaces")
STARTING = threading.Lock()
"""One process is started after the other, because a start needs descriptors that are free again at once."""


class WorkerError(RuntimeError):
    """The worker process died, fell silent or could not start: our fault, not the program's."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one child ended and what it left."""

    reply: Reply
    report: bytes
    """What the compiler said, in a process that had not run a line of the program; empty if it agreed."""
    records: bytes
    output: bytes


class Port:
    """Where a worker takes tasks, one at a time and from one process: all of it that a clerk has."""

    def __init__(self, control: socket.socket) -> None:
        self._socket = control
        self.worn = False
        """Whether a program has left what another could see: another process takes the next task."""

    def fileno(self) -> int:
        """Give the descriptor to hand to a clerk."""
        return self._socket.fileno()

    def run(self, task: Task, request: Request) -> Outcome:
        """Run one task to its end.

        Raises:
            WorkerError: the worker is gone; it must be replaced.
        """
        with self.begin(task, request) as running:
            return running.wait()

    def begin(self, task: Task, request: Request, channel: socket.socket | None = None) -> Running:
        """Start one task. The worker takes no other until `Running.wait` has returned."""
        if self.worn:
            self.renew()
            self.worn = False
        return Running(self, self._socket, task, request, channel)

    def renew(self) -> None:
        """Put another process in the place of a worn one."""
        raise NotImplementedError

    def fell_asleep(self) -> None:
        """Note that the task under way sleeps or waits."""


class Worker(Port):
    """One zygote and its children. Not thread-safe: each worker belongs to one thread, which must outlive it."""

    def __init__(self, layers: Sequence[str] = LAYERS, memory_bytes: int = 1 << 30, hash_seed: int = 0) -> None:
        """Start the process with those of `layers` that the kernel offers.

        Raises:
            WorkerError: it did not start.
        """
        if sys.platform != "linux":
            raise WorkerError("programs can be judged on Linux only")
        allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if allowed < _DESCRIPTORS:
            raise WorkerError(f"a worker needs {_DESCRIPTORS} file descriptors; `ulimit -n` allows {allowed}")
        self._memory_bytes, self._hash_seed = memory_bytes, hash_seed
        self.missing: dict[str, str] = {}
        self.worn = False
        self.check: Callable[[Worker], object] = lambda _: None
        """Called when another process has taken the place of the first; raises where it confines less."""
        try:
            self._start(layers)
        except WorkerError as error:
            if self._process.returncode != REFUSED:
                raise
            reason = str(error)
            self._start([layer for layer in layers if layer != "namespaces"])
            self.missing["namespaces"] = reason

    def _start(self, layers: Sequence[str]) -> None:
        here = Path(__file__).resolve().parent
        boot = _BOOT.format(engine=str(here.parent), sandbox=str(here))
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        with STARTING:
            self._socket, theirs = socket.socketpair()
            self._process = subprocess.Popen(
                [sys.executable, "-s", "-S", "-P", "-B", "-c", boot],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={**_ENVIRONMENT, **inherited, "PYTHONHASHSEED": str(self._hash_seed)},
                cwd="/",
                start_new_session=True,
            )
            theirs.close()
        self._socket.settimeout(_START_SECONDS)
        try:
            settings = {"layers": list(layers), "memory_bytes": self._memory_bytes, "packages": installed()}
            self._socket.sendall(dump_line(settings))
            with self._socket.makefile("rb") as stream:
                hello = load_line(stream.readline())
        except OSError as error:
            hello, reason = None, str(error)
        else:
            reason = "it ended"
        if hello is None:
            words = self._last_words()
            self.close()
            raise WorkerError(f"a worker did not start: {words or reason}")
        assert self._process.stderr is not None
        self._process.stderr.close()  # it writes no more
        self.layers: tuple[str, ...] = tuple(hello["layers"])
        self.spaces: dict[str, int] = hello["spaces"]
        self.landlock_abi: int = hello["landlock_abi"]
        self.missing.update(hello["missing"])

    def _last_words(self) -> str:
        """Read what the worker wrote before it ended. Ends it if it has not."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(2)
        self._kill()
        assert self._process.stderr is not None
        lines = self._process.stderr.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    @property
    def pid(self) -> int:
        pid: int = self._process.pid
        return pid

    def renew(self) -> None:
        """Do as `Port.renew` says. `check` refuses whatever confines less."""
        self.close()
        self._start(self.layers[1:])
        self.worn = False
        self.check(self)

    def ends_within(self, seconds: float) -> bool:
        """Say whether the process has ended, or does within so many seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
            return True
        return False

    def close(self) -> None:
        """End the process and all its children."""
        self._socket.close()
        if self._process.stderr is not None:
            self._process.stderr.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(2)
        self._kill()

    def _kill(self) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Running:
    """A task under way, with the memory files that the child reads and writes."""

    def __init__(
        self, worker: Port, control: socket.socket, task: Task, request: Request, channel: socket.socket | None
    ) -> None:
        content = pack_task(task)
        self._worker, self._control = worker, control
        self._files = [os.memfd_create(name) for name in ("task", "output", "records")]
        self._file_bytes = request.file_bytes
        try:
            _write(self._files[0], content)
            descriptors = self._files if channel is None else [*self._files, channel.fileno()]
            control.settimeout(longest(request) + _GRACE_SECONDS)
            socket.send_fds(control, [REQUEST.pack(*request)], descriptors)
        except OSError as error:
            self.__exit__()
            raise WorkerError(f"a worker is gone: {error}") from None

    def wait(self) -> Outcome:
        """Wait for the child's end. Raises WorkerError if the worker dies or falls silent."""
        while (reply := read_reply(self._receive(REPLY.size))).stopped == ASLEEP:
            self._worker.fell_asleep()
        records, output = (_read(file, self._file_bytes) for file in (self._files[2], self._files[1]))
        self._worker.worn |= reply.worn
        return Outcome(reply, b"", records, output) if reply.begun else Outcome(reply, records, b"", b"")

    def _receive(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size:
            try:
                part = self._control.recv(size)
            except OSError as error:
                raise WorkerError(f"a worker fell silent: {error}") from None
            if not part:
                raise WorkerError("a worker died")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            os.close(file)
        self._files = []


def longest(request: Request) -> float:
    """Compute the seconds on the clock that a child may take, at most."""
    return request.idle + 2 * BUSIEST * request.cpu


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
    os.lseek(file, 0, os.SEEK_SET)


def _read(file: int, limit: int) -> bytes:
    return os.pread(file, min(os.fstat(file).st_size, limit), 0)
