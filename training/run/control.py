"""Read commands to a running trainer (pause, resume, stop) from one file in the run directory, between steps."""

from __future__ import annotations

import json
import os
from pathlib import Path


class Control:
    """Reads `control.json` (written by `Run.send`) and watches whether whoever launched the trainer still lives."""

    def __init__(self, folder: Path, *, stop_with_parent: bool = False) -> None:
        self._file = folder / "control.json"
        self._parent = os.getppid() if stop_with_parent else None
        self._seen = newest_command(self._file)[1]  # commands to an earlier session are not ours

    def poll(self) -> tuple[str, int] | None:
        """Return the newest command not yet seen and its id, or None."""
        if self._parent is not None and os.getppid() != self._parent:
            return "stop", self._seen
        command, identifier = newest_command(self._file)
        if identifier == self._seen:
            return None
        self._seen = identifier
        return command, identifier


def newest_command(file: Path) -> tuple[str, int]:
    """Read the command in a control file and its id, or nothing and 0 where `Run.send` did not write it."""
    try:
        data = json.loads(file.read_text())
        return str(data["command"]), int(data["id"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", 0
