"""Find the runs below a folder and describe each as one small row, for JupyterLab's side panel and status bar."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from training import Run
from training.run import Stamp

FOLDER = "runs"
"""The default of `run.folder`. Runs are searched in folders of this name."""
DEPTH = 3
"""Number of levels below the root at which such a folder may be: `runs/`, `project/runs/`, `team/project/runs/`."""
MOST = 100
"""Maximum number of runs that are listed, newest first. Others are only counted."""


class FoundRuns:
    """Finds and describes the runs below `root`. A run is read again only if its files have changed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[Path, tuple[Stamp, dict[str, Any]]] = {}

    def rows(self) -> dict[str, Any]:
        """Return `{runs: [row], more: number of older runs}`, with the run that changed last first.

        A row has `path` (below the root, `/` between its parts), `name`, `state`, `step`, `steps`, `pass_rate`,
        `held_out` (first and last pass@1) and `quiet` (seconds since its files changed). `state` is `unreadable` if the
        database is.
        """
        found = sorted(((_changed(folder), folder) for folder in self._folders()), reverse=True)
        now = time.time()
        rows = [{**self._row(folder), "quiet": round(max(0.0, now - changed), 1)} for changed, folder in found[:MOST]]
        return {"runs": rows, "more": max(0, len(found) - MOST)}

    def run(self, path: str) -> Run | None:
        """Return the run that a row's `path` names, or None for anything that is not a run found here."""
        return next((Run(folder) for folder in self._folders() if self._path(folder) == path), None)

    def _folders(self) -> Iterator[Path]:
        for depth in range(DEPTH):
            for database in self._root.glob("*/" * depth + f"{FOLDER}/*/run.db"):
                hidden = any(part.startswith(".") for part in database.relative_to(self._root).parts)
                if not hidden and database.is_file():
                    yield database.parent

    def _path(self, folder: Path) -> str:
        return folder.relative_to(self._root).as_posix()

    def _row(self, folder: Path) -> dict[str, Any]:
        stamp = Run(folder).stamp()
        known = self._known.get(folder)
        if known is None or known[0] != stamp:
            row = {"path": self._path(folder), "name": folder.name, **_described(folder)}
            self._known[folder] = known = (stamp, row)
        return known[1]


def _changed(folder: Path) -> float:
    return max((modified / 1e9 for modified, _ in Run(folder).stamp()), default=0.0)


def _described(folder: Path) -> dict[str, Any]:
    run = Run(folder)
    try:
        state = run.state
        newest = next(iter(run.rows("SELECT max(step) AS step FROM metrics")), {}).get("step")
        names = ("pass_rate", "held_out/pass@1")
        rows = list(run.rows("SELECT name, value FROM metrics WHERE name IN (?, ?) ORDER BY seq", names))
    except (ValueError, TypeError):  # no database, or not one that a trainer wrote
        return {"state": "unreadable", "step": 0, "steps": None, "pass_rate": None, "held_out": []}
    # numbers that JSON has: a run that diverged has others
    finite = [row for row in rows if isinstance(row["value"], float) and math.isfinite(row["value"])]
    values = {name: [row["value"] for row in finite if row["name"] == name] for name in names}
    held_out = values["held_out/pass@1"]
    return {
        "state": str(state.get("state")),
        "step": max(_count(state, "step") or 0, newest or 0),
        "steps": _count(state, "steps"),
        "pass_rate": values["pass_rate"][-1] if values["pass_rate"] else None,
        "held_out": [held_out[0], held_out[-1]] if held_out else [],
    }


def _count(state: Mapping[str, Any], key: str) -> int | None:
    value = state.get(key)
    return value if isinstance(value, int) else None
