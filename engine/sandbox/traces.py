"""What one program could leave for the next in the kernel: process ids, which are set back, and a used `/tmp`."""

from __future__ import annotations

import contextlib
import os
import time

from engine.sandbox.namespaces import clear_temporary

_LAST_PID = "/proc/sys/kernel/ns_last_pid"
_FIRST_PID = b"100"
"""Above the ids of the worker's own processes."""
_TICK = 0.02
"""Seconds that are longer than a tick of the clock of files."""


def open_pid_counter() -> int | None:
    """Open the file that sets the last process id of its writer's name space. None where it cannot be written."""
    with contextlib.suppress(OSError):
        return os.open(_LAST_PID, os.O_WRONLY | os.O_CLOEXEC)
    return None


class Traces:
    """The counter of process ids and the private `/tmp` of a worker that has name spaces of its own.

    Files can be deleted, but inode numbers, times and the order of the directory tell of them. So each program that
    changes something in `/tmp` has a directory that no other has seen. Nothing here changes from program to program.
    """

    def __init__(self, launcher: int, pids: int | None) -> None:
        """Args:
        launcher: the socket of the process that changes `/tmp`.
        pids: from `open_pid_counter`; setting it needs `CAP_CHECKPOINT_RESTORE` in the own name space.
        """
        self._launcher, self._pids = launcher, pids
        clear_temporary(launcher)
        time.sleep(_TICK)
        try:
            self.set_back()
        except OSError:  # before Linux 5.9
            self._pids = None

    def set_back(self) -> None:
        """Let the next child have the same process id as all others."""
        if self._pids is not None:
            os.pwrite(self._pids, _FIRST_PID, 0)

    def clear(self) -> bool:
        """Put another `/tmp` in the place of a used one. Returns whether it was used and there is no other."""
        return clear_temporary(self._launcher)
