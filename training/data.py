"""Problem sets: a short spec names one, and `load_problems` reads it.

What this module does not do: judge references (that is `rltf feedback --batch` and the audit) or drop anything in
silence: a record that is not a problem raises, with its file, line and field.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from engine import Problem, ProblemError, parse_problem
from training import minicode


class DataError(ValueError):
    """A data spec or a record is malformed; the message says where and what is allowed."""


FORMS = "minicode:TIER:SPLIT, mbpp:FILE.jsonl, apps:FOLDER, or FILE.jsonl"


APPS_PRELUDE = """\
import bisect, collections, copy, functools, heapq, itertools, math, operator, random, re, string, sys
from bisect import bisect_left, bisect_right
from collections import Counter, OrderedDict, defaultdict, deque
from functools import lru_cache, reduce
from heapq import heapify, heappop, heappush
from itertools import accumulate, combinations, permutations, product
from math import ceil, factorial, floor, gcd, inf, sqrt
from typing import *
"""
"""Names that APPS's harness supplies to call-based solutions; published references (LeetCode style) rely on them."""


def load_problems(spec: str, limit: int = 0) -> list[Problem]:
    """Read the problems a spec names.

    Args:
        spec: `minicode:short|long:train|held_out`, `mbpp:FILE.jsonl`, `apps:FOLDER` (the published layout: a folder
            per problem), or a JSONL file of problems in any of the public shapes.
        limit: Only the first so many; 0 for all.

    Raises:
        DataError: unknown form, unreadable file, malformed record, or nothing in it.
    """
    form, _, rest = spec.partition(":")
    if form == "minicode":
        problems = _minicode(spec, rest)
    elif form == "mbpp":
        problems = list(_jsonl(Path(rest), "mbpp"))
    elif form == "apps":
        problems = list(_apps(Path(rest)))
    elif spec.endswith(".jsonl"):
        problems = list(_jsonl(Path(spec), ""))
    else:
        raise DataError(f"data {spec!r}: not a problem set; allowed: {FORMS}")
    if not problems:
        raise DataError(f"data {spec!r}: no problems in it")
    return problems[:limit] if limit else problems


def _minicode(spec: str, rest: str) -> list[Problem]:
    match rest.split(":"):
        case [("short" | "long") as tier, ("train" | "held_out") as split]:
            return minicode.problems(tier, split)
    raise DataError(f"data {spec!r}: allowed: minicode:short|long:train|held_out")


def _jsonl(path: Path, source: str) -> Iterator[Problem]:
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path}:{number}: not JSON: {error}") from None
        if not isinstance(data, Mapping):
            raise DataError(f"{path}:{number}: must be an object, not {type(data).__name__}")
        identifier = str(data.get("id", data.get("task_id", number)))
        if source:
            identifier = f"{source}/{identifier}"
        code = data.get("code", data.get("canonical_solution"))
        yield _problem(data, identifier, source, (str(code),) if code else (), f"{path}:{number}")


def _apps(folder: Path) -> Iterator[Problem]:
    folders = sorted(each.parent for each in folder.glob("*/input_output.json"))
    if not folders:
        raise DataError(f"{folder}: no */input_output.json in it (the published APPS layout)")
    for each in folders:
        data = {**_json(each / "input_output.json"), "prompt": _text(each / "question.txt")}
        if "fn_name" in data:
            data["prelude"] = APPS_PRELUDE
        if (each / "starter_code.py").exists():
            data["starter_code"] = _text(each / "starter_code.py")
        references = _json(each / "solutions.json") if (each / "solutions.json").exists() else []
        metadata = _json(each / "metadata.json") if (each / "metadata.json").exists() else {}
        problem = _problem(data, f"apps/{each.name}", "apps", tuple(references), str(each))
        yield replace(problem, difficulty=str(metadata.get("difficulty", "")))


def _problem(
    data: Mapping[str, object], identifier: str, source: str, references: tuple[str, ...], where: str
) -> Problem:
    try:
        problem = parse_problem(data, identifier)
    except ProblemError as error:
        raise DataError(f"{where}: {error}") from None
    return replace(problem, source=source or problem.source, references=references or problem.references)


def _lines(path: Path) -> list[str]:
    return _text(path).splitlines()


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from None


def _json(path: Path) -> dict[str, object]:
    try:
        data: dict[str, object] = json.loads(_text(path))
    except ValueError as error:
        raise DataError(f"{path}: not JSON: {error}") from None
    return data
