"""Load programs that passed once and may be wrong, from a file of samples or from a run's database."""

from __future__ import annotations

from pathlib import Path

from training.data.rows import Malformed, rows_of_file
from training.errors import DataError, RunError
from training.run import Run


def load_programs(path: Path) -> dict[str, list[str]]:
    """Load programs by problem id from a run's folder, or from lines `{"problem_id", "program", "verdict"?}`.

    `rltf eval --out` writes such lines. Only programs that passed are taken, or all where lines have no verdict.

    Raises:
        DataError: there is no such file, or a line has another form.
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
