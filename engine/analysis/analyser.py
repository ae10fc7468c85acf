"""The analyser: programs in, findings out, from worker processes that are replaced when they die or grow.

What this module does not do: read programs itself, know rewards, or blame a program for a tool that failed on it.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import msgspec

from engine.analysis.facts import facts_of
from engine.analysis.worker import Answer, Limits, Request
from engine.framing import receive, send
from engine.records import Diagnostic, Problem, Similarity

_ROOT = Path(__file__).resolve().parents[2]
_START = "import sys; sys.path.insert(0, {root!r}); from engine.analysis.worker import main; sys.path.pop(0); main()"
_NOWHERE = os.devnull
"""No folder: the tools find no configuration there and can keep nothing."""
_MOST_PROGRAMS = 5_000
_MOST_GROWTH_BYTES = 300 << 20
"""A worker is replaced after this many programs, or when it holds this much more than at its start."""


class Analyser:
    """Reads programs with pylint and libcst in worker processes; use it as a context manager, or `close` it."""

    def __init__(self, workers: int = 1, limits: Limits | None = None) -> None:
        """Starts the workers.

        Args:
            workers: worker processes; each takes about one core.
            limits: time and memory for one program.
        """
        if workers < 1:
            raise ValueError(f"workers must be at least 1, is {workers}")
        self._limits = limits or Limits()
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        for _ in range(workers):
            self._idle.put(_Worker(self._limits))
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="analyser")

    def submit(self, program: bytes, problem: Problem) -> Future[tuple[Diagnostic, ...]]:
        """Reads one program as an answer to `problem`.

        A program that the tools cannot read (too long, not UTF-8), or that kills or outlasts them, has the findings
        made until then. One that does not parse has those of its parsable part.
        """
        return self._threads.submit(self._analyse, Request(program, facts_of(problem)))

    def compare(self, program: bytes, references: tuple[str, ...]) -> Future[Similarity]:
        """How alike a program and the reference most like it are (CodeBLEU's syntax and data-flow match).

        Zeros without a reference, and for a program that kills or outlasts the worker.
        """
        request = Request(program, references=tuple(reference.encode() for reference in references))
        return self._threads.submit(self._compare, request)

    def close(self) -> None:
        """Ends the workers; what was submitted is finished first."""
        self._threads.shutdown()
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()

    def __enter__(self) -> Analyser:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def _analyse(self, request: Request) -> tuple[Diagnostic, ...]:
        return tuple(found for answer in self._ask(request) for found in answer.diagnostics)

    def _compare(self, request: Request) -> Similarity:
        if not request.references:
            return Similarity()
        found = (answer.similarity for answer in self._ask(request))
        return next((each for each in found if each is not None), Similarity())

    def _ask(self, request: Request) -> list[Answer]:
        worker = self._idle.get()
        try:
            if not worker.usable:
                worker.close()
                worker = _Worker(self._limits)
            return worker.ask(request)
        finally:
            self._idle.put(worker)


class _Worker:
    """One worker process, owned by one thread at a time."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._programs = 0
        self._resident_at_start = 0
        self._alive = True
        self._greeted = False
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-P", "-X", "utf8", "-c", _START.format(root=str(_ROOT))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",  # nothing is imported from there (-I, -P), nothing written
            env={"PATH": os.defpath, "HOME": _NOWHERE, "PYLINTHOME": _NOWHERE},
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout

    @property
    def usable(self) -> bool:
        return self._alive and self._programs < _MOST_PROGRAMS

    def ask(self, request: Request) -> list[Answer]:
        """What is found about one program: all that came before the worker was done or died.

        Raises:
            RuntimeError: the worker did not start; our own failure.
        """
        self._greet()
        found: list[Answer] = []
        self._programs += 1
        try:
            send(self._to, request)
            while True:
                answer = self._receive()
                if answer is None:
                    self._alive = False
                    return found
                found.append(answer)
                if answer.last:
                    self._alive = answer.resident_bytes < self._resident_at_start + _MOST_GROWTH_BYTES
                    return found
        except (BrokenPipeError, msgspec.DecodeError):
            self._alive = False
            return found

    def close(self) -> None:
        """Ends the process and waits for it."""
        self._process.kill()
        with contextlib.suppress(BrokenPipeError):
            self._to.close()
        self._from.close()
        self._process.wait()

    def _greet(self) -> None:
        if self._greeted:
            return
        with contextlib.suppress(BrokenPipeError):
            send(self._to, self._limits)
        answer = self._receive()
        if answer is None:
            self._alive = False
            raise RuntimeError("an analysis worker did not start; try: python -c 'import pylint, libcst'")
        self._resident_at_start = answer.resident_bytes
        self._greeted = True

    def _receive(self) -> Answer | None:
        data = receive(self._from)
        return None if data is None else msgspec.msgpack.decode(data, type=Answer)
