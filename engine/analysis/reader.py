"""A fork of the warm worker that uses the tools on hostile text and may die of it.

A reader has limits on CPU time and memory for each tool and program, and dies of them. A limit on wall-clock time
catches only a reader that sleeps.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import IO, cast

import msgspec

from engine.analysis.messages import Answer, Limits
from engine.analysis.tools import Tools
from engine.framing import receive, send

_MOST_GROWTH_BYTES = 300 << 20
"""A reader that holds this much more memory than at its start is replaced."""
_DEPTH, _STACK_BYTES = 100_000, 512 << 20
"""The tools recurse several calls deep for each level of an expression. A stack takes no memory until it is used."""


class Reader:
    """One forked process, asked for one tool at a time."""

    def __init__(self, tools: Tools, limits: Limits) -> None:
        self._most_bytes = _memory()[1] + _MOST_GROWTH_BYTES
        ours, theirs = socket.socketpair()
        self._pid = os.fork()
        if not self._pid:
            ours.close()
            _become_reader(tools, limits, theirs)
        theirs.close()
        ours.settimeout(limits.seconds * limits.wall_factor)
        with ours:
            self._stream = cast("IO[bytes]", ours.makefile("rwb"))
        self.usable = True
        """Whether it is there and may be asked."""

    def ask(self, tool: str, request: bytes) -> Answer:
        """Ask a tool about the program in an encoded request. There are no findings where the reader dies of it."""
        answer = None
        with contextlib.suppress(OSError, msgspec.DecodeError):  # it is gone, or sleeps
            send(self._stream, (tool, request))
            data = receive(self._stream)
            answer = None if data is None else msgspec.msgpack.decode(data, type=Answer)
        if answer is None or answer.resident_bytes > self._most_bytes:
            self.close()
        return answer or Answer()

    def close(self) -> None:
        """End the process. A second call is a no-op."""
        if self.usable:
            self.usable = False
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            with contextlib.suppress(OSError):
                self._stream.close()


def _become_reader(tools: Tools, limits: Limits, channel: socket.socket) -> None:
    """Answer the worker until it is gone. Never returns."""
    try:
        os.close(0)  # the requests are for the worker
        most = _memory()[0] + limits.memory_bytes + _STACK_BYTES  # somebody's analyser may have loaded torch
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _on_deep_stack(lambda: _serve(tools, limits, cast("IO[bytes]", channel.makefile("rwb"))))
    finally:
        os._exit(0)


def _on_deep_stack(work: Callable[[], None]) -> None:
    sys.setrecursionlimit(_DEPTH)
    threading.stack_size(_STACK_BYTES)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def _serve(tools: Tools, limits: Limits, stream: IO[bytes]) -> None:
    while (data := receive(stream)) is not None:
        tool, request = msgspec.msgpack.decode(data, type=tuple[str, bytes])
        signal.setitimer(signal.ITIMER_PROF, limits.seconds)  # its signal kills: nothing else stops a loop in C
        answer = tools.use(tool, request)
        signal.setitimer(signal.ITIMER_PROF, 0)
        send(stream, replace(answer, resident_bytes=_memory()[1]))


def _memory() -> tuple[int, int]:
    """Return the bytes of this process that are mapped, and those that are resident."""
    try:
        with open("/proc/self/statm", "rb") as statm:  # noqa: PTH123  read after every program
            mapped, resident = statm.read().split()[:2]
            return int(mapped) * resource.getpagesize(), int(resident) * resource.getpagesize()
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return most, most
