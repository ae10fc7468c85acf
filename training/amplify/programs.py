"""Programs that passed once and may be wrong: from a file of samples, or from a run's database.

What this module does not do: judge them; amplifying does, on the old tests and on the new.
"""

from __future__ import annotations

from pathlib import Path

from training.data.rows import Malformed, rows_of_file
from training.errors import DataError, RunError
from training.run import Run


def load_programs(path: Path) -> dict[str, list[str]]:
    """Programs by problem id: those that passed, of a run's folder; or lines `{"problem_id", "program", "verdict"?}`.

    Such lines are what `rltf eval --out` writes; where they have a verdict, only `passed` is taken.

    Raises:
        DataError: no such file, or a line that is none.
    """
    return _of_run(path) if path.is_dir() else _of_file(path)


def _of_run(path: Path) -> dict[str, list[str]]:
    try:
        run = Run.open(path)
    except RunError as error:
        raise DataError(str(error)) from None
    found: dict[str, list[str]] = {}
    for row in run.samples():
        if row["verdict"] == "passed":
            _add(found, row["problem_id"], run.record(row["seq"])["program"])
    return found


def _of_file(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows_of_file(path):
        if isinstance(row, Malformed):
            raise DataError(str(row))
        identity, program = row.data.get("problem_id", row.data.get("id")), row.data.get("program")
        if not isinstance(program, str) or not isinstance(identity, str | int):
            raise DataError(f"{row.where}: needs `problem_id` and `program`, both text")
        if row.data.get("verdict", "passed") == "passed":
            _add(found, str(identity), program)
    return found


def _add(found: dict[str, list[str]], identity: str, program: str) -> None:
    programs = found.setdefault(identity, [])
    if program not in programs:
        programs.append(program)
