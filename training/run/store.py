"""Write a run's database with one transaction per step. Only one process writes."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.run.about import write_about
from training.run.listing import FIRST, LISTED, encoded, listed

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS metrics (seq INTEGER PRIMARY KEY, step INTEGER, name TEXT, value REAL);
CREATE TABLE IF NOT EXISTS samples (seq INTEGER PRIMARY KEY, step INTEGER, problem_id TEXT, sample INTEGER,
    verdict TEXT, error_type TEXT, pass_ratio REAL, reward REAL, codes TEXT,
    {", ".join(f"{name} {kind}" for name, kind in LISTED.items())}, record TEXT);
CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, step INTEGER, time REAL, kind TEXT, data TEXT);
CREATE TABLE IF NOT EXISTS run (identity TEXT);
CREATE INDEX IF NOT EXISTS samples_by_step ON samples (step);
CREATE INDEX IF NOT EXISTS metrics_by_step ON metrics (step);
"""
TABLES = ("metrics", "samples", "events")
_COLUMNS = {
    "metrics": ("seq", "step", "name", "value"),
    "samples": (*FIRST, *LISTED, "record"),
    "events": ("seq", "step", "time", "kind", "data"),
}


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A row of `samples`. docs/architecture.md describes its `record`."""

    problem_id: str
    sample: int
    verdict: str
    error_type: str
    pass_ratio: float
    reward: float
    codes: str
    record: Mapping[str, Any]


class NoStore:
    """A store that discards everything. Every process except rank 0 uses it."""

    def write(self, *_: object, **__: object) -> None:
        """Discard the rows."""

    newest = 0

    def forget_after(self, step: int) -> None:
        """Do nothing, because nothing was kept."""

    def close(self) -> None:
        """Do nothing."""


class RunStore:
    """`run.db` of a run directory, opened for writing.

    Args:
        folder: The run's directory.
        track: Receives all metrics too.
        identity: The run's identity, written once. `training.run.resume` compares it with that of the checkpoints.
    """

    def __init__(
        self,
        folder: Path,
        track: Callable[[int, Mapping[str, float]], None] = lambda *_: None,
        identity: str = "",
    ) -> None:
        self._track = track
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "run.db"
        self._connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")  # a checkpoint must not outlive the rows before it
        owner = f"INSERT INTO run SELECT '{identity}' WHERE NOT EXISTS (SELECT 1 FROM run);" if identity else ""  # noqa: S608
        self._connection.executescript(f"BEGIN; {_SCHEMA} {owner} COMMIT;")  # a database is never without its owner
        self._add_columns()
        write_about(folder)
        newest = [self._connection.execute(f"SELECT max(seq) FROM {table}").fetchone()[0] for table in TABLES]  # noqa: S608
        self._seq = max((seq for seq in newest if seq is not None), default=0)

    def write(
        self,
        step: int,
        metrics: Mapping[str, float] | None = None,
        samples: Sequence[SampleRow] = (),
        events: Sequence[tuple[str, Mapping[str, Any]]] = (),
    ) -> None:
        """Add rows of one step, all of them or none.

        Raises:
            FileNotFoundError: the run's folder has been deleted. SQLite itself would go on writing into nothing.
            sqlite3.Error: the rows cannot be written.
        """
        if not self._path.exists():
            raise FileNotFoundError(f"{self._path.parent}: the run's folder is gone; what it held is lost")
        rows: dict[str, list[tuple[object, ...]]] = {
            "metrics": [(self._next(), step, name, float(value)) for name, value in (metrics or {}).items()],
            "samples": [
                (
                    self._next(),
                    step,
                    row.problem_id,
                    row.sample,
                    row.verdict,
                    row.error_type,
                    row.pass_ratio,
                    row.reward,
                    row.codes,
                    *encoded(listed(row.record)).values(),
                    json.dumps(row.record, separators=(",", ":")),
                )
                for row in samples
            ],
            "events": [(self._next(), step, time.time(), kind, json.dumps(data)) for kind, data in events],
        }
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for table, values in rows.items():
                if values:
                    columns, marks = ",".join(_COLUMNS[table]), ",".join("?" * len(values[0]))
                    self._connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", values)  # noqa: S608
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):  # SQLite has rolled back by itself where the disk is full
                self._connection.execute("ROLLBACK")
            raise type(error)(f"{self._path}: cannot be written: {error}") from error
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        if metrics:
            self._track(step, metrics)

    @property
    def newest(self) -> int:
        """Return the `seq` of the newest row."""
        return self._seq

    def forget_after(self, step: int) -> None:
        """Delete rows after `step`, because a resumed run does those steps again."""
        self._connection.execute("BEGIN IMMEDIATE")
        for table in TABLES:
            self._connection.execute(f"DELETE FROM {table} WHERE step > ?", (step,))  # noqa: S608
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the connection, folding the write-ahead log into the file."""
        with suppress(sqlite3.Error):  # a full disk: the log is read just as well
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()

    def _add_columns(self) -> None:
        """Add missing columns to the table of a resumed run. Its old rows keep them empty."""
        present = {row[1] for row in self._connection.execute("PRAGMA table_info(samples)")}
        for name, kind in LISTED.items():
            if name not in present:
                self._connection.execute(f"ALTER TABLE samples ADD COLUMN {name} {kind}")

    def _next(self) -> int:
        self._seq += 1
        return self._seq
