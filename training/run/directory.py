"""A run directory as seen from outside, the interface between trainer, command line and notebook.

Only the trainer writes metrics and samples (`training.run.store`). No torch is loaded here.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from training.errors import RunError
from training.files import write_text
from training.run.control import newest_command
from training.run.listing import decoded, select
from training.run.settings import identity_of, read_settings, write_settings

if TYPE_CHECKING:
    import pandas

    from training.config import TrainConfig
    from training.run.frames import Table

Command = Literal["pause", "resume", "stop"]
Stamp = tuple[tuple[int, int], ...]
"""Modification time in nanoseconds and size in bytes of each of the database's files."""

_KEPT_IN_PLACE = ("lock", "trainer.log")
"""Files that belong to the trainer that is starting, and not to an earlier run."""


class Run:
    """Reads `runs/NAME/` (docs/architecture.md), live or finished, and sends commands to its trainer."""

    def __init__(self, path: str | Path, process: subprocess.Popen[bytes] | None = None) -> None:
        self.path = Path(path)
        self._process = process

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """Open the run in a directory.

        Raises:
            RunError: there is no run in it.
        """
        run = cls(path)
        if not (run.path / "config.toml").exists():
            raise RunError(f"{path}: no run there (no config.toml)")
        return run

    @property
    def name(self) -> str:
        """Return the folder's name."""
        return self.path.name

    @property
    def config(self) -> TrainConfig:
        """Return the resolved configuration."""
        return read_settings(self.path)

    @property
    def summary(self) -> dict[str, Any] | None:
        """Return `summary.json` once the run has finished, or None where it is missing or damaged."""
        try:
            summary = json.loads((self.path / "summary.json").read_text())
        except (OSError, ValueError):
            return None
        return summary if isinstance(summary, dict) else None

    @property
    def state(self) -> dict[str, Any]:
        """Return the newest state event: `state`, `step`, `steps`, and the `id` of the command it answers, if any."""
        rows = list(self.rows("SELECT data FROM events WHERE kind = 'state' ORDER BY seq DESC LIMIT 1"))
        return dict(json.loads(rows[0]["data"])) if rows else {"state": "starting", "step": 0}

    def metrics(self, after: int = 0) -> list[dict[str, Any]]:
        """Return rows `seq, step, name, value` with `seq > after`, oldest first."""
        return list(self.rows("SELECT seq, step, name, value FROM metrics WHERE seq > ? ORDER BY seq", (after,)))

    def samples(self, after: int = 0, limit: int = -1) -> list[dict[str, Any]]:
        """Return rows of `samples` without their record, with `seq > after`, oldest first, at most `limit` (-1: all).

        Beside the columns of the table, `parts` is a dict and `marks` a list (`training.run.listing.listed`).
        """
        return self._samples("WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit))

    @property
    def is_listed(self) -> bool:
        """Say whether every sample has the columns that lists need. Older runs are listed from their records."""
        columns = [row["name"] for row in self.rows("PRAGMA table_info(samples)")]
        return "outcome" in columns and not list(self.rows("SELECT 1 FROM samples WHERE outcome IS NULL LIMIT 1"))

    def newest_samples(self, count: int) -> list[dict[str, Any]]:
        """Return the `count` newest rows of `samples`, oldest first."""
        return self._samples("ORDER BY seq DESC LIMIT ?", (count,))[::-1]

    def _samples(self, where: str, values: tuple[int, ...]) -> list[dict[str, Any]]:
        present = [row["name"] for row in self.rows("PRAGMA table_info(samples)")]
        return list(decoded(self.rows(select(present, where), values)))

    def record(self, seq: int) -> dict[str, Any]:
        """Return the whole record of one sample.

        Raises:
            RunError: there is no such sample.
        """
        rows = list(self.rows("SELECT record FROM samples WHERE seq = ?", (seq,)))
        if not rows:
            raise RunError(f"{self.path}: no sample with seq {seq}")
        return dict(json.loads(rows[0]["record"]))

    def frame(self, table: Table) -> pandas.DataFrame:
        """Return the run's samples, tokens or metrics as a pandas data frame (`training.run.frames`)."""
        from training.run.frames import frame

        return frame(self, table)

    def events(self, after: int = 0) -> list[dict[str, Any]]:
        """Return rows `seq, time, kind, data` (`data` decoded) with `seq > after`, oldest first."""
        rows = self.rows("SELECT seq, time, kind, data FROM events WHERE seq > ? ORDER BY seq", (after,))
        return [{**row, "data": json.loads(row["data"])} for row in rows]

    @property
    def notes(self) -> dict[str, str]:
        """Return readers' notes on samples by `problem_id/step/sample` (`notes.json`)."""
        file = self.path / "notes.json"
        return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}

    def note(self, seq: int, text: str) -> None:
        """Keep a note on a sample in the run directory. An empty text takes it away.

        Raises:
            RunError: no such sample.
        """
        rows = list(self.rows("SELECT problem_id, step, sample FROM samples WHERE seq = ?", (seq,)))
        if not rows:
            raise RunError(f"{self.path}: no sample with seq {seq}")
        notes = {**self.notes, "{problem_id}/{step}/{sample}".format(**rows[0]): text}
        kept = {sample: note for sample, note in notes.items() if note}
        write_text(self.path / "notes.json", json.dumps(kept, indent=1))

    def held_out(self) -> list[dict[str, Any]]:
        """Give the samples of all held-out evaluations with their `step`, oldest first (`training.evaluation.kept`)."""
        rows = self.rows("SELECT step, data FROM events WHERE kind = 'held_out' ORDER BY seq")
        return [{"step": row["step"], **sample} for row in rows for sample in json.loads(row["data"])["samples"]]

    @property
    def signs(self) -> list[dict[str, Any]]:
        """What the run's metrics were a sign of: `step` and `text`, oldest first (`training.run.signs`)."""
        return [event["data"] for event in self.events() if event["kind"] == "sign"]

    def send(self, command: Command) -> int:
        """Ask the trainer to pause, resume or stop. Returns the id that its answering state event will carry."""
        file = self.path / "control.json"
        _, last = newest_command(file)
        write_text(file, json.dumps({"command": command, "id": last + 1}))
        return last + 1

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the trainer that this object launched has ended. Returns its exit status.

        Raises:
            RunError: the run was launched elsewhere.
            subprocess.TimeoutExpired: it goes on for more than `timeout` seconds.
        """
        if self._process is None:
            raise RunError(f"{self.path}: launched elsewhere; its state says when it has ended")
        return self._process.wait(timeout)

    def stamp(self) -> Stamp:
        """Return what changes with every write to the database. To read it costs a hundredth of a query.

        A file that is not there has no part in it: SQLite removes its log whenever the last connection closes, which
        may be between two calls of ours.
        """
        found = []
        for file in (self._database, self.path / "run.db-wal"):
            with suppress(FileNotFoundError):
                status = file.stat()
                found.append((status.st_mtime_ns, status.st_size))
        return tuple(found)

    @property
    def _database(self) -> Path:
        return self.path / "run.db"

    def rows(self, statement: str, values: tuple[object, ...] = ()) -> Iterator[dict[str, Any]]:
        """Return the rows of any SELECT on the database, read-only. There are none before the trainer begins to write.

        Raises:
            RunError: the database is damaged.
        """
        if not self._database.exists():
            return
        uri = f"{self._database.resolve().as_uri()}?mode=ro"
        try:
            with closing(sqlite3.connect(uri, uri=True, timeout=10)) as connection:
                connection.row_factory = sqlite3.Row
                if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'events'").fetchone():
                    yield from (dict(row) for row in connection.execute(statement, values))
        except sqlite3.DatabaseError as error:
            raise RunError(f"{self._database}: cannot be read: {error}") from None


def watch(path: str | Path) -> Run:
    """Open a run that was started anywhere else."""
    return Run.open(path)


def new_run_path(config: TrainConfig) -> Path:
    """Return the folder of a new run of this configuration.

    Raises:
        RunError: its name is taken.
    """
    name = config.run.name or f"{config.data.train.replace(':', '-').replace('/', '-')}-{datetime.now():%m%d-%H%M%S}"
    path = Path(config.run.folder) / name
    if (path / "run.db").exists():
        raise RunError(f"{path}: there is a run of this name; choose another with --run, or go on with --resume")
    return path


def runs_in(folder: str | Path) -> list[Run]:
    """List the runs in a folder, newest last."""
    databases = sorted(Path(folder).glob("*/run.db"), key=lambda file: file.stat().st_ctime)
    return [Run(database.parent) for database in databases]


def move_earlier(path: Path) -> Path | None:
    """Move the content of a run directory into its folder `earlier-N`. Returns None where there is nothing."""
    there = [entry for entry in sorted(path.iterdir()) if entry.name not in _KEPT_IN_PLACE and not _is_earlier(entry)]
    if not there:
        return None
    folder = next(folder for number in count(1) if not (folder := path / f"earlier-{number}").exists())
    folder.mkdir()
    for entry in there:
        entry.rename(folder / entry.name)
    return folder


def _is_earlier(path: Path) -> bool:
    return path.is_dir() and path.name.removeprefix("earlier-").isdecimal()


def _in_notebook() -> bool:
    """Say whether this process is a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def launch(config: TrainConfig, *, resume: bool = False, detach: bool | None = None) -> Run:
    """Start training in a process of its own and return at once.

    The process is in its own session, so interrupting a notebook's kernel does not end it. Its output goes to
    `trainer.log` in the run directory.

    Args:
        config: What to train.
        resume: Whether to go on with the run of its name, if there is one, and with this configuration.
        detach: Whether training goes on when the launching process ends. If not, it then stops with a checkpoint. None:
            it goes on if that process is a notebook's kernel, since people restart those all day; stop it from a view,
            from JupyterLab's side panel, or by `watch(path).send("stop")`.
    """
    detach = _in_notebook() if detach is None else detach
    path = Path(config.run.folder) / config.run.name
    resume = resume and bool(config.run.name) and (path / "run.db").exists()
    if not resume:
        path = new_run_path(config)
    path.mkdir(parents=True, exist_ok=True)
    if resume:
        write_settings(path, config, identity_of(path))
    else:
        write_text(path / "config.toml", config.to_toml())
    command = [sys.executable, "-m", "training", "train", str(path / "config.toml"), "--run", path.name]
    command += [
        "--run.folder",
        str(path.parent),
        *([] if detach else ["--stop-with-parent"]),
        *(["--resume"] if resume else []),
    ]
    with (path / "trainer.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    return Run(path, process)
