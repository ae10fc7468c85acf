"""Read records of the published shapes MBPP, HumanEval and APPS as problems, by split and difficulty."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from engine import Problem, parse_problem
from training.data.reports import NO_TESTS
from training.data.rows import Malformed, Row
from training.errors import DataError

MBPP_SPLITS = {"prompt": range(1, 11), "test": range(11, 511), "validation": range(511, 601), "train": range(601, 975)}
"""Task ids of each split, as published."""
APPS_DIFFICULTIES = ("introductory", "interview", "competition")


class LeftOutError(Exception):
    """A record is as published and cannot be used. The message is the kind that counts it."""


def plain_problem(row: Row) -> Problem:
    """Read a record of any public shape, as a user writes it."""
    problem = parse_problem(row.data, "/".join(filter(None, (row.split, str(row.number)))))
    code = row.data.get("canonical_solution")
    return problem if problem.references or not code else replace(problem, references=(str(code),))


def mbpp_problem(row: Row, split: str) -> Problem | None:
    """Read a record of MBPP, full or sanitized, or return None where it is of another split."""
    problem = parse_problem(row.data, str(row.number))
    number = problem.id.rpartition("/")[2]
    if split and not (number.isdecimal() and int(number) in MBPP_SPLITS[split]):
        return None
    return replace(problem, id=f"mbpp/{number}", source="mbpp")


def humaneval_problem(row: Row) -> Problem:
    """Read a record of HumanEval."""
    return parse_problem(row.data, f"HumanEval/{row.number - 1}")


def apps_problem(row: Row, difficulty: str) -> Problem | None:
    """Read a record of APPS, or return None where it is of another difficulty.

    Raises:
        LeftOutError: it has no tests (550 of the training problems, and some of the test problems).
    """
    data = {name: value for name, value in row.data.items() if name != "problem_id"}
    if difficulty and data.get("difficulty") != difficulty:
        return None
    tests = data.get("input_output")
    if not tests and "inputs" in data:  # the tests of a folder's `input_output.json`, beside the other fields
        tests = {name: data[name] for name in ("fn_name", "inputs", "outputs") if name in data}
    if isinstance(tests, str) and tests.strip():
        tests = json.loads(tests)
    if not tests or (isinstance(tests, dict) and not tests.get("inputs")):
        raise LeftOutError(NO_TESTS)
    data["input_output"] = tests
    number = str(row.data.get("problem_id", row.number - 1))
    identity = "/".join(filter(None, ("apps", row.split, number.zfill(4))))
    return replace(parse_problem(data, identity), source="apps")


def rows_of_apps(folder: Path) -> Iterator[Row | Malformed]:
    """Yield the rows of the published layout, a folder per problem with `question.txt`, `input_output.json` and more.

    Raises:
        DataError: there is no such folder, or no problem in it.
    """
    folders = sorted(file.parent for file in folder.glob("*/question.txt"))
    if not folders:
        inner = [part.name for part in (folder / "train", folder / "test") if part.is_dir()]
        hint = f"; it has {' and '.join(inner)}: name one" if inner else " (the published APPS layout)"
        raise DataError(f"{folder}: no */question.txt in it{hint}")
    split = folder.name if folder.name in ("train", "test") else ""
    for number, path in enumerate(folders, start=1):
        try:
            yield Row(str(path), _apps_folder(path), number, split)
        except (OSError, UnicodeDecodeError, TypeError) as error:
            yield Malformed(str(path), f"cannot be read: {error}")
        except (ValueError, RecursionError) as error:
            yield Malformed(str(path), f"not JSON: {error}")


def _apps_folder(folder: Path) -> dict[str, object]:
    def text(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8") if (folder / name).exists() else ""

    return {
        "problem_id": folder.name,
        "question": text("question.txt"),
        "input_output": text("input_output.json"),
        "solutions": text("solutions.json"),
        "starter_code": text("starter_code.py"),
        **json.loads(text("metadata.json") or "{}"),
    }
