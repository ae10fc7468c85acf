"""What a live view costs a training step: `python -m benchmarks.view_cost RUN` with a finished run.

The trainer does nothing for a view: it writes the run directory whether one looks or not. What a view costs is the
kernel's work beside it. This replays the run's rows into a new store, step by step at the pace they were made, with a
view that answers every batch, and measures the CPU time of everything but the writing. It does not time a browser.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from notebook_ext.monitor import Monitor
from training import Run

STEPS = 20
TABLES = ("metrics", "samples", "events")


def main(folder: str) -> None:
    source = sqlite3.connect(Path(folder) / "run.db")
    found = source.execute("SELECT avg(value) FROM metrics WHERE name = 'time/step'").fetchone()[0]
    samples = source.execute("SELECT count(*) / count(DISTINCT step) FROM samples").fetchone()[0]
    with TemporaryDirectory() as temporary:
        target = _empty_store(Path(temporary), source)
        monitor = Monitor(Run(Path(temporary)), lambda message: _answer(monitor, message))
        monitor.start()
        monitor.receive({"kind": "hello", "view": "page", "seq": 0})
        cost = _replay(source, target, found)
        monitor.close()
        target.close()
    source.close()
    print(f"{STEPS} steps of {found:.2f} s, {samples} samples each")
    share = 100 * cost / STEPS / found
    print(f"view: {1000 * cost / STEPS:.1f} ms of CPU a step beside the trainer, {share:.2f} % of a core")
    print("trainer: none; it does not know whether a view looks")


def _answer(monitor: Monitor, message: dict[str, object]) -> None:
    if message["kind"] == "batch":
        monitor.receive({"kind": "ack", "view": message["to"], "batch": message["batch"]})


def _empty_store(folder: Path, source: sqlite3.Connection) -> sqlite3.Connection:
    (folder / "config.toml").write_text("")
    target = sqlite3.connect(folder / "run.db", isolation_level=None)
    target.execute("PRAGMA journal_mode = WAL")
    for table in TABLES:
        (statement,) = source.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        target.execute(statement)
    return target


def _replay(source: sqlite3.Connection, target: sqlite3.Connection, seconds: float) -> float:
    """Write step after step; returns the process's CPU seconds that were not spent on writing."""
    writing = 0.0
    started = time.process_time()
    for step in range(STEPS + 1):
        before = time.thread_time()
        target.execute("BEGIN")
        for table in TABLES:
            rows = source.execute(f"SELECT * FROM {table} WHERE step = ?", (step,))
            target.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * len(rows.description))})", rows)
        target.execute("COMMIT")
        writing += time.thread_time() - before
        time.sleep(seconds)
    return time.process_time() - started - writing


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
