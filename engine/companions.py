"""Processes of ours that read hostile text. Each may die of a message, which then has no answer.

What a companion runs is its `main`: it receives what it begins with, sends an empty answer, and then answers messages
(`engine.framing`) until its input ends.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from engine.framing import receive, send

T = TypeVar("T")

_ROOT = Path(__file__).resolve().parents[1]
_START = "import sys; sys.path.insert(0, {root!r}); from {module} import main; sys.path.pop(0); main()"
_NOWHERE = os.devnull
"""No folder: tools find no configuration there and can keep nothing."""


class Companions(Generic[T]):
    """So many processes at most, each started with the first message that needs it. Several threads may ask."""

    def __init__(self, module: str, start: object, answers: type[T], count: int) -> None:
        """Start nothing yet.

        Args:
            module: The module whose `main` they run.
            start: What each begins with.
            answers: The type of what they answer.
            count: Most processes.
        """
        self._module, self._start, self._answers = module, start, answers
        self._idle: queue.SimpleQueue[_Companion[T] | None] = queue.SimpleQueue()
        for _ in range(count):
            self._idle.put(None)

    def ask(self, request: object) -> T | None:
        """Wait for an idle companion and for its answer, which is None where it died. Another then takes its place.

        Raises:
            RuntimeError: it did not start; our own failure.
        """
        companion = self._idle.get()
        try:
            companion = companion or _Companion(self._module, self._start, self._answers)
            answer = companion.ask(request)
            if answer is None:
                companion.close()
                companion = None
            return answer
        finally:
            self._idle.put(companion)

    def close(self) -> None:
        """End the processes that are idle."""
        with contextlib.suppress(queue.Empty):
            while True:
                if (companion := self._idle.get_nowait()) is not None:
                    companion.close()


class _Companion(Generic[T]):
    """One process, asked by one thread at a time."""

    def __init__(self, module: str, start: object, answers: type[T]) -> None:
        self._answers = answers
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-P", "-X", "utf8", "-c", _START.format(root=str(_ROOT), module=module)],
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
        if self.ask(start) is None:
            self.close()
            raise RuntimeError(f"{module} did not start; try: python -c 'import {module}'")

    def ask(self, message: object) -> T | None:
        """Send a message and wait for the answer; None where the process has gone."""
        with contextlib.suppress(BrokenPipeError, msgspec.DecodeError):
            send(self._to, message)
            if (data := receive(self._from)) is not None:
                return msgspec.msgpack.decode(data, type=self._answers)
        return None

    def close(self) -> None:
        """End the process and wait for it."""
        self._process.kill()
        with contextlib.suppress(BrokenPipeError):
            self._to.close()
        self._from.close()
        self._process.wait()
