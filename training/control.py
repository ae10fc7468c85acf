"""Commands from outside to a running trainer: pause, resume, stop; through one file in the run directory.

What this module does not do: stop anything half-way: the loop asks between steps.
"""

from __future__ import annotations

import json
import os
from pathlib import Path


class Stopping(Exception):  # noqa: N818
    """Training was asked to stop in the middle of a step, which then does not count."""


class Control:
    """Reads `control.json` (written by `Run.send`) and watches whether whoever launched the trainer still lives."""

    def __init__(self, folder: Path, *, stop_with_parent: bool = False) -> None:
        self._file = folder / "control.json"
        self._parent = os.getppid() if stop_with_parent else None
        self._seen = self._read()[1]  # commands to an earlier session are not ours

    def poll(self) -> tuple[str, int] | None:
        """The newest command not yet seen and its id, or None."""
        if self._parent is not None and os.getppid() != self._parent:
            return "stop", self._seen
        command, identifier = self._read()
        if identifier == self._seen:
            return None
        self._seen = identifier
        return command, identifier

    def _read(self) -> tuple[str, int]:
        try:
            data = json.loads(self._file.read_text())
            return str(data["command"]), int(data["id"])
        except (OSError, ValueError, KeyError, TypeError):  # absent, or not written by `Run.send`
            return "", 0
