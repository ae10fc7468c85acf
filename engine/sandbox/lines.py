"""Which lines of the program ran: `sys.monitoring` on 3.12 and later, `sys.settrace` before.

What this module does not do: decide anything. A program that switches tracing off hides its lines, nothing more.
"""

from __future__ import annotations

import sys
from types import CodeType, FrameType
from typing import Any

from engine.sandbox.failures import PROGRAM_NAME

_TOOL = 3
"""A free tool id of `sys.monitoring` (0, 1, 2 and 5 are spoken for)."""
_MONITORING: Any = getattr(sys, "monitoring", None)


class LineTrace:
    """Collects the lines of the program that run between `start` and `stop`."""

    def __init__(self) -> None:
        self._lines: set[int] = set()

    def start(self) -> None:
        self._lines = set()
        if _MONITORING is not None:
            _monitor(_MONITORING, self._lines)
        else:
            threading = sys.modules.get("threading")
            if threading is not None:
                threading.settrace(self._trace)
            sys.settrace(self._trace)

    def stop(self) -> list[int]:
        """Stops collecting; 1-based lines in order."""
        if _MONITORING is not None:
            _MONITORING.set_events(_TOOL, 0)
            _MONITORING.free_tool_id(_TOOL)
        else:
            sys.settrace(None)
        return sorted(self._lines)

    def _trace(self, frame: FrameType, event: str, _argument: object) -> Any:
        if frame.f_code.co_filename != PROGRAM_NAME:
            return None
        if event == "line":
            self._lines.add(frame.f_lineno)
        return self._trace


def _monitor(monitoring: Any, lines: set[int]) -> None:
    def seen(code: CodeType, line: int) -> object:
        if code.co_filename == PROGRAM_NAME:
            lines.add(line)
        return monitoring.DISABLE

    monitoring.use_tool_id(_TOOL, "rltf")
    monitoring.register_callback(_TOOL, monitoring.events.LINE, seen)
    monitoring.set_events(_TOOL, monitoring.events.LINE)
    monitoring.restart_events()
