"""Read untrusted text (references to mutate, a model's text) in processes that may die of it.

Nothing of one text is kept for the next.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import msgspec

from engine.framing import receive, send
from training.quality.audit.mutants import Mutant

_ROOT = Path(__file__).resolve().parents[3]
_START = "import sys; sys.path.insert(0, {root!r}); from training.quality.audit.reading_process import main; main()"
_LONGEST = 200_000
"""Maximum number of characters of a text that is read at all."""


class ReadingError(RuntimeError):
    """A text could not be read. The message says why."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits on reading one text."""

    seconds: float = 10.0
    """Wall-clock seconds."""
    memory_bytes: int = 2 << 30


@dataclass(frozen=True, slots=True)
class Request:
    """One text to read."""

    text: str
    name: str = ""
    """The function whose calls are wanted, or empty to make mutants."""
    seed: int = 0
    most: int = 0
    """Maximum number of mutants or calls."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The mutants or calls that were found. `problem` says why there are none."""

    mutants: tuple[Mutant, ...] = ()
    calls: tuple[str, ...] = ()
    """Arguments of each call, as source of a tuple of literals."""
    problem: str = ""


class Reader:
    """Worker processes that read. Use it as a context manager, or `close` it. Several threads may use it."""

    def __init__(self, workers: int = 1, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._folder = tempfile.TemporaryDirectory(prefix="rltf-reading-")  # empty: nothing to import
        self._idle: queue.SimpleQueue[_Process | None] = queue.SimpleQueue()
        for _ in range(workers):
            self._idle.put(None)

    def mutants(self, source: str, seed: int, most: int) -> tuple[Mutant, ...]:
        """Call `mutants.mutants_of`. Raises ReadingError if the text is too large or not a program."""
        return self._ask(Request(source, seed=seed, most=most)).mutants

    def calls(self, text: str, name: str, most: int) -> tuple[str, ...]:
        """Find the calls of `name` with literal arguments in `text`, each as source of a tuple."""
        return self._ask(Request(text, name=name, most=most)).calls

    def _ask(self, request: Request) -> Answer:
        if len(request.text) > _LONGEST:
            raise ReadingError(f"longer than {_LONGEST} characters")
        if any("\ud800" <= character <= "\udfff" for character in request.text):
            raise ReadingError("not UTF-8")
        process = self._idle.get()
        try:
            process = process or _Process(self._limits, self._folder.name)
            answer = process.ask(request)
            if answer is None:
                process.close()
                process = None
                raise ReadingError("reading it took too much time, memory or stack")
        finally:
            self._idle.put(process)
        if answer.problem:
            raise ReadingError(answer.problem)
        return answer

    def close(self) -> None:
        """End the processes."""
        with contextlib.suppress(queue.Empty):
            while True:
                if (process := self._idle.get_nowait()) is not None:
                    process.close()
        self._folder.cleanup()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()


class _Process:
    """One reading process, used by one thread at a time."""

    def __init__(self, limits: Limits, folder: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-X", "utf8", "-c", _START.format(root=str(_ROOT))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={"PATH": os.defpath, "PYTHONHASHSEED": "0"},
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout
        with contextlib.suppress(BrokenPipeError):
            send(self._to, limits)
        if receive(self._from) is None:
            self.close()
            raise RuntimeError("a reading process did not start; try: python -c 'import libcst'")

    def ask(self, request: Request) -> Answer | None:
        """Return the answer, or None where the process died."""
        try:
            send(self._to, request)
            data = receive(self._from)
            return None if data is None else msgspec.msgpack.decode(data, type=Answer)
        except (BrokenPipeError, msgspec.DecodeError):
            return None

    def close(self) -> None:
        """End the process and wait for it."""
        self._process.kill()
        with contextlib.suppress(BrokenPipeError):
            self._to.close()
        self._from.close()
        self._process.wait()
