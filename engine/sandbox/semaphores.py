"""`multiprocessing`'s locks between threads: a program has no other process to share one with.

The library makes its locks of named semaphores, which need a shared directory. Pools of threads
(`multiprocessing.pool.ThreadPool`, `multiprocessing.dummy`) make one although they never need it, and so do queues.
"""

from __future__ import annotations

import importlib
import re
from _thread import get_ident
from typing import Any

_RECURSIVE = 0
"""The kind of `multiprocessing.RLock`; all others are semaphores."""


_USES = re.compile(b"multiprocessing|concurrent")
"""Words without which no program makes such a lock."""


def offer(source: bytes) -> None:
    """Put our locks in the library's place, where the program may use them."""
    if _USES.search(source):
        library: Any = importlib.import_module("_multiprocessing")
        library.SemLock = SemLock


class SemLock:
    """As `_multiprocessing.SemLock`, for one process."""

    SEM_VALUE_MAX = 2**31 - 1

    def __init__(self, kind: int, value: int, maxvalue: int, name: str, unlink: bool) -> None:
        from threading import Condition, Lock

        self.kind, self.maxvalue, self.name, self.handle = kind, maxvalue, None if unlink else name, 0
        self._value = value
        self._changed = Condition(Lock())
        self._owner, self._depth = 0, 0

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take one; whether there was one before the time was over."""
        if self.kind == _RECURSIVE and self._is_mine():
            self._depth += 1
            return True
        with self._changed:
            if not self._changed.wait_for(lambda: self._value > 0, 0 if not block else timeout):
                return False
            self._value -= 1
        self._owner = get_ident()
        self._depth += 1
        return True

    def release(self) -> None:
        """Give one back."""
        if self.kind == _RECURSIVE:
            if not self._is_mine():
                raise AssertionError("attempt to release recursive lock not owned by thread")
            if self._depth > 1:
                self._depth -= 1
                return
        with self._changed:
            if self._value >= self.maxvalue:
                raise ValueError("semaphore or lock released too many times")
            self._depth -= 1
            self._value += 1
            self._changed.notify()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def _count(self) -> int:
        return self._depth

    def _is_mine(self) -> bool:
        return self._depth > 0 and self._owner == get_ident()

    def _get_value(self) -> int:
        return self._value

    def _is_zero(self) -> bool:
        return self._value == 0

    def _after_fork(self) -> None:
        self._depth = 0
