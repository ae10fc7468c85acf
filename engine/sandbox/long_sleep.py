"""A program that asks to sleep for longer than it may is stopped at once, and not when its time is over.

It would be stopped anyway, and a worker would wait for it. A program may end itself in this way too, and gains nothing.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import time
from typing import Any

from engine.sandbox.wire import TOO_LONG

_sleep = time.sleep
_longest = [sys.float_info.max]


def offer() -> None:
    """Put our `sleep` in the library's place."""

    def sleep(seconds: Any, /) -> None:
        if type(seconds) in (int, float) and seconds > _longest[0] and _is_alone():
            os._exit(TOO_LONG)
        _sleep(seconds)

    sleep.__module__, sleep.__qualname__, sleep.__doc__ = "time", "sleep", _sleep.__doc__
    time.sleep = sleep


def allow(seconds: float) -> None:
    """Say for how long the program of this process may sleep."""
    _longest[0] = seconds


def _is_alone() -> bool:
    """Say whether nothing else in this process goes on or wakes it."""
    others = _thread._count()
    return others == 0 and not any(signal.getitimer(signal.ITIMER_REAL))
