"""Where a run begins or goes on, found by reading alone: a run that cannot go on is refused, and nothing is changed."""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from training.errors import RunError
from training.run.checkpoint import Damaged, checkpoints, load_progress, newest_valid, set_aside
from training.run.settings import identity_of
from training.run.store import TABLES


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a run begins."""

    identity: str
    """Tells the run from all others, in its settings, its database and its checkpoints."""
    checkpoint: Path | None = None
    """What it goes on from. None at the very beginning."""
    damaged: tuple[Damaged, ...] = ()
    """Newer checkpoints that are passed over."""


def new_beginning() -> Beginning:
    """Make the beginning of a new run."""
    return Beginning(secrets.token_hex(6))


def find_beginning(path: Path) -> Beginning:
    """Find where the run in a directory goes on: its newest whole checkpoint, or the start where nothing is recorded.

    Raises:
        RunError: something of it is damaged, missing or another run's, so that going on would lose what is recorded.
    """
    database, folder = path / "run.db", path / "checkpoints"
    kept = checkpoints(folder) + list(folder.glob(".step-*.gone"))
    if not kept and not os.path.lexists(database):
        return new_beginning()
    identity = identity_of(path)
    recorded = _recorded(database, identity, new=not kept)
    checkpoint, damaged = newest_valid(folder, identity)
    if checkpoint is None and (damaged or recorded.step or recorded.checkpoints):
        reasons = "; ".join(f"{checkpoint.path.name}: {checkpoint.why}" for checkpoint in damaged) or "there is none"
        raise RunError(
            f"{path}: recorded up to step {recorded.step}, but no checkpoint to go on from ({reasons}){_ANEW}"
        )
    if checkpoint is not None and recorded.newest < load_progress(checkpoint).recorded:
        raise RunError(f"{database}: rows are missing that were there when {checkpoint.name} was written{_ANEW}")
    return Beginning(identity, checkpoint, tuple(damaged))


_ANEW = "; nothing was changed: repair it and resume, or begin anew with --restart, which keeps what is there"


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What a run's database says of the run."""

    step: int = 0
    """The newest one."""
    newest: int = 0
    """The `seq` of the newest row."""
    checkpoints: int = 0
    """Checkpoints written."""


def _recorded(file: Path, identity: str, *, new: bool) -> _Recorded:
    """Look through a run's database, which may be empty where the run is `new`.

    Raises:
        RunError: it is missing, damaged, or another run's.
    """
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as connection:
            for (problem,) in connection.execute("PRAGMA quick_check"):
                if problem != "ok":
                    raise RunError(f"{file}: damaged ({problem}){_ANEW}")
            if new and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                return _Recorded()  # the trainer was killed while it made the file
            if connection.execute("SELECT * FROM run").fetchall() != [(identity,)]:
                raise RunError(f"{file}: is another run's, and not that of {file.parent / 'config.toml'}{_ANEW}")
            found = [connection.execute(f"SELECT max(step), max(seq) FROM {table}").fetchone() for table in TABLES]  # noqa: S608
            written = connection.execute("SELECT count(*) FROM events WHERE kind = 'checkpoint'").fetchone()[0]
            return _Recorded(max(step or 0 for step, _ in found), max(seq or 0 for _, seq in found), written)
    except sqlite3.Error as error:
        raise RunError(f"{file}: missing or damaged ({error}){_ANEW}") from None


def set_damaged_aside(beginning: Beginning) -> list[str]:
    """Give the damaged checkpoints other names. Returns what to tell the user."""
    return [f"{checkpoint}; kept as {set_aside(checkpoint.path).name}" for checkpoint in beginning.damaged]
