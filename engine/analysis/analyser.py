"""The analyser: programs in, findings out. Worker processes read the programs; this process never parses one."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

import msgspec

from engine.analysis.facts import facts_of
from engine.analysis.messages import Answer, Limits, Request, Start
from engine.extras import needs
from engine.framing import receive, send
from engine.records import Diagnostic, Problem, Similarity, Source

_ROOT = Path(__file__).resolve().parents[2]
_START = "import sys; sys.path.insert(0, {root!r}); from engine.analysis.worker import main; sys.path.pop(0); main()"
_NOWHERE = os.devnull
"""No folder: the tools find no configuration there and can keep nothing."""


class Analyser:
    """Reads programs with pylint and libcst in worker processes; use it as a context manager, or `close` it."""

    def __init__(self, workers: int = 1, limits: Limits | None = None, finders: Sequence[str] = ()) -> None:
        """Workers start with the first program that each of them reads: one that passes needs none.

        Args:
            workers: worker processes; each takes about one core.
            limits: time and memory for one program.
            finders: functions of somebody else's by import path (`package.module:name`), called in the workers as
                ours are: `find(source, text, facts) -> Sequence[Diagnostic]`.

        Raises:
            ValueError: a finder cannot be found.
        """
        if workers < 1:
            raise ValueError(f"workers must be at least 1, is {workers}")
        self._start = Start(limits or Limits(), tuple((_folder_of(name), name) for name in finders))
        self._idle: queue.SimpleQueue[_Worker | None] = queue.SimpleQueue()
        for _ in range(workers):
            self._idle.put(None)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="analyser")

    def submit(self, program: bytes, problem: Problem) -> Future[tuple[Diagnostic, ...]]:
        """Reads one program as an answer to `problem`.

        A program that kills or outlasts one tool has the findings of the others. One that no tool can read (too long,
        not UTF-8) has none; one that does not parse has those of its parsable part.
        """
        return self._threads.submit(self._analyse, Request(program, facts_of(problem)))

    def compare(self, program: bytes, references: tuple[str, ...]) -> Future[Similarity]:
        """How alike a program and the reference most like it are (CodeBLEU's syntax and data-flow match).

        Zeros without a reference, and for a program that kills or outlasts the tool.

        Raises:
            ImportError: tree-sitter is not installed.
        """
        if find_spec("tree_sitter_python") is None:
            raise ImportError(f"the similarity of programs {needs('tree-sitter-python', 'similarity')}")
        request = Request(program, references=tuple(reference.encode() for reference in references))
        return self._threads.submit(self._compare, request)

    def close(self) -> None:
        """Ends the workers; what was submitted is finished first."""
        self._threads.shutdown()
        with contextlib.suppress(queue.Empty):
            while True:
                if (worker := self._idle.get_nowait()) is not None:
                    worker.close()

    def __enter__(self) -> Analyser:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def _analyse(self, request: Request) -> tuple[Diagnostic, ...]:
        """All findings: those of pylint in the order of the text, as if one tool had made them."""
        found = self._ask(request).diagnostics
        pylint = [item for item in found if item.source is Source.PYLINT]
        pylint.sort(key=lambda item: (item.span.start_byte if item.span else 0, item.code))
        return (*pylint, *(item for item in found if item.source is not Source.PYLINT))

    def _compare(self, request: Request) -> Similarity:
        return (self._ask(request).similarity if request.references else None) or Similarity()

    def _ask(self, request: Request) -> Answer:
        worker = self._idle.get()
        try:
            worker = worker or _Worker(self._start)
            answer = worker.ask(request)
            if answer is None:
                worker.close()
                worker = None
        finally:
            self._idle.put(worker)
        return answer or Answer()


def _folder_of(name: str) -> str:
    """The folder that holds the top-level package or module of `package.module:name`."""
    module, _, attribute = name.partition(":")
    try:
        spec = find_spec(module) if attribute else None
    except ImportError:
        spec = None
    if spec is None or spec.origin is None:
        raise ValueError(f"analyser {name!r}: no such module; it must read package.module:name")
    levels = module.count(".") + (Path(spec.origin).name == "__init__.py")
    return str(Path(spec.origin).resolve().parents[levels])


class _Worker:
    """One worker process, owned by one thread at a time."""

    def __init__(self, start: Start) -> None:
        """Starts it.

        Raises:
            RuntimeError: it did not start; our own failure.
        """
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
        if self._exchange(start) is None:
            self.close()
            raise RuntimeError("an analysis worker did not start; try: python -c 'import pylint, libcst'")

    def ask(self, request: Request) -> Answer | None:
        """What is found about one program; None where the worker has gone, which no program should bring about."""
        return self._exchange(request)

    def close(self) -> None:
        """Ends the process and waits for it."""
        self._process.kill()
        with contextlib.suppress(BrokenPipeError):
            self._to.close()
        self._from.close()
        self._process.wait()

    def _exchange(self, message: Start | Request) -> Answer | None:
        with contextlib.suppress(BrokenPipeError, msgspec.DecodeError):
            send(self._to, message)
            if (data := receive(self._from)) is not None:
                return msgspec.msgpack.decode(data, type=Answer)
        return None
