"""The process that reads programs. It keeps the tools warm and forks the readers that use them on hostile text.

A reader may die of a program (`engine.analysis.reader`). The next one is a fork away, so a program that kills one tool
costs neither the findings of the others nor a second loading of pylint.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys

import msgspec

from engine.analysis.messages import Answer, Limits, Request, Start
from engine.analysis.reader import Reader
from engine.analysis.tools import SIMILARITY, Tools
from engine.framing import receive, send


def main() -> None:
    """Answer requests from standard input until it ends."""
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the tools print is no answer
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    start = msgspec.msgpack.decode(receive(requests) or b"", type=Start)
    tools = Tools(start.finders)
    sys.path[:] = [entry for entry in sys.path if "site-packages" not in entry and "dist-packages" not in entry]
    gc.collect()
    gc.freeze()  # what the tools keep for ever need not be looked through again and again
    gc.set_threshold(50_000, 20, 50)
    send(answers, Answer())
    with contextlib.closing(_Readers(tools, start.limits)) as readers:
        while (data := receive(requests)) is not None:
            send(answers, readers.read(data))


class _Readers:
    """Holds one reader after the other."""

    def __init__(self, tools: Tools, limits: Limits) -> None:
        self._tools, self._limits = tools, limits
        self._reader: Reader | None = None

    def read(self, data: bytes) -> Answer:
        """Ask all tools about an encoded request, each within limits of its own."""
        request = msgspec.msgpack.decode(data, type=Request)
        if self._tools.read_library_of(request.program):
            self.close()  # the next reader knows those modules as well
        answers = [self._ask(name, data) for name in ((SIMILARITY,) if request.references else self._tools.finders)]
        return Answer(tuple(item for answer in answers for item in answer.diagnostics), answers[-1].similarity)

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()

    def _ask(self, tool: str, data: bytes) -> Answer:
        if self._reader is None or not self._reader.usable:
            self._reader = Reader(self._tools, self._limits)
        return self._reader.ask(tool, data)
