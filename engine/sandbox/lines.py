"""Record which lines of the program ran, with `sys.monitoring` on 3.12 and later and `sys.settrace` before.

A test that runs many lines is cut short, so an endless loop shows its lines as well. The bound counts lines and not
seconds, so the result is the same every time. A program that switches tracing off hides its lines and nothing more.
"""

from __future__ import annotations

import sys
from types import CodeType, FrameType
from typing import Any

from engine.sandbox.failures import PROGRAM_NAME

_MOST_LINES, _MOST_LINES_OF_ALL_TESTS = 200_000, 1_000_000
"""Number of lines after which a test is cut short (some 30 ms)."""
_TOOL = 3
"""A free tool id of `sys.monitoring`. The ids 0, 1, 2 and 5 are reserved."""
_MONITORING: Any = getattr(sys, "monitoring", None)


class EnoughSeen(BaseException):
    """Raised in the program to cut a traced test short."""


class LineTrace:
    """Collects the lines of the program that run between `start` and `stop`."""

    def __init__(self) -> None:
        self._lines: set[int] = set()
        self._left = _MOST_LINES_OF_ALL_TESTS

    def start(self) -> None:
        self._lines = lines = set[int]()
        room = left = min(_MOST_LINES, self._left)

        def seen(line: int) -> None:
            nonlocal left
            lines.add(line)
            left -= 1
            if left < 0:
                raise EnoughSeen

        def spent() -> int:
            return room - left

        self._spent = spent
        if _MONITORING is not None:
            _monitor(_MONITORING, seen)
        else:
            _settrace(seen)

    def stop(self) -> dict[str, object]:
        """Stop collecting. Returns 1-based lines in order."""
        if _MONITORING is not None:
            _MONITORING.set_events(_TOOL, 0)
            _MONITORING.free_tool_id(_TOOL)
        else:
            sys.settrace(None)
        self._left -= self._spent()
        return {"lines": sorted(self._lines)}


def _settrace(seen: Any) -> None:
    def in_program(frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line":
            seen(frame.f_lineno)
        return in_program

    def called(frame: FrameType, _event: str, _argument: object) -> Any:
        return in_program if frame.f_code.co_filename == PROGRAM_NAME else None

    threading = sys.modules.get("threading")
    if threading is not None:
        threading.settrace(called)
    sys.settrace(called)


def _monitor(monitoring: Any, seen: Any) -> None:
    def line_begins(code: CodeType, line: int) -> object:
        if code.co_filename != PROGRAM_NAME:
            return monitoring.DISABLE
        return seen(line)

    monitoring.use_tool_id(_TOOL, "rltf")
    monitoring.register_callback(_TOOL, monitoring.events.LINE, line_begins)
    monitoring.set_events(_TOOL, monitoring.events.LINE)
    monitoring.restart_events()
