"""The clocks of one child, kept by the zygote: how long it has computed, and how long it has slept.

No clock is the program's word. The child marks in a pipe, which it closes before the program's first line, when the
program begins. From there on all its tests together may use what one test may use. So no test has had more, wherever
the program says that one began. The tests that are left over get another child (`engine.trial`).
"""

from __future__ import annotations

import contextlib
import os
import time

from engine.sandbox.wire import BEGUN, BUSIEST, CPU, EXITED, IDLE, Request

_WINDOW = 0.25
"""Seconds in which a program that has something to compute gets its turn, on the busiest machine."""


class Watch:
    """Looks at a child a few times in a second.

    A window of time counts as sleep as far as it is longer than the busiest machine would take for what the child has
    computed in it.
    """

    def __init__(self, pid: int, request: Request, mark: int) -> None:
        """`mark`: the pipe in which the child marks that the program begins."""
        self._clock = (~pid << 3) | 2
        self._request, self._pipe = request, mark
        self._cpu, self._looked, self._left = 0.0, time.monotonic(), request.cpu
        self._mark = b""
        self.idle = 0.0
        """Seconds slept, in whole windows."""

    @property
    def wait(self) -> float:
        """Seconds until the next look."""
        return max(min(self._looked + _WINDOW - time.monotonic(), self._left), 0.001)

    @property
    def begun(self) -> bool:
        """Whether the program's first line was reached."""
        if not self._mark:
            with contextlib.suppress(BlockingIOError):
                self._mark = os.read(self._pipe, BEGUN.size)
        return bool(self._mark)

    def look(self) -> int:
        """Say why to stop the child now (`EXITED`: do not)."""
        cpu = time.clock_gettime(self._clock)
        self._left = self._request.cpu - cpu + (BEGUN.unpack(self._mark)[0] / 1e9 if self.begun else 0.0)
        self._close_window(cpu)
        if self._left <= 0:
            return CPU
        return IDLE if self.idle >= self._request.idle else EXITED

    def _close_window(self, cpu: float) -> None:
        now = time.monotonic()
        if now - self._looked >= _WINDOW:
            window = min(now - self._looked, 2 * _WINDOW)  # a longer one was a stop of us all
            self.idle += max(window - BUSIEST * (cpu - self._cpu), 0.0)
            self._cpu, self._looked = cpu, now
