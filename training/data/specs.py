"""Read data specs. A short text names a problem set, and its problems come out one by one.

Nothing is dropped in silence, because `LoadReport` counts everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine import PROMPT_FIELDS, REFERENCE_FIELDS, Problem, ProblemError
from engine.fields import is_blank
from training import minicode
from training.data import livecodebench, shapes
from training.data.collections import COLLECTIONS, collection_of, collection_problem
from training.data.evalplus import PARTS, evalplus_problems
from training.data.livecodebench import livecodebench_problem
from training.data.reports import LoadReport
from training.data.rows import SUFFIXES, Malformed, Row, row_of, rows_of_file, rows_of_hub
from training.errors import DataError
from training.named import load_named

FORMS = (
    "minicode:TIER:SPLIT, mbpp:FILE[:SPLIT], apps:FOLDER_OR_FILE[:DIFFICULTY], humaneval:FILE,"
    " evalplus:FILE[:base|plus], livecodebench:FILE[:DIFFICULTY], verl:FILE, deepcoder:FILE, taco:FILE,"
    " codecontests:FILE, leetcode:FILE, kodcode:FILE, hf:NAME[@CONFIG][:SPLIT],"
    " python:PACKAGE.MODULE:NAME, or FILE of public shapes"
    f" ({', '.join(SUFFIXES)})"
)
_LIKE_REFERENCE = re.compile(
    r"^(?!.*(incorrect|wrong|bug|starter|test|input|setup))"
    r".*(answer|code|completion|gold|ground_truth|program|reference|response|solution|target)"
)
"""Names of fields that may hold references."""
_OPTIONS = {
    "mbpp": tuple(shapes.MBPP_SPLITS),
    "apps": shapes.APPS_DIFFICULTIES,
    "humaneval": (),
    "evalplus": PARTS,
    "livecodebench": livecodebench.DIFFICULTIES,
    **dict.fromkeys(COLLECTIONS, ()),
}


class ProblemStream(Iterator[Problem]):
    """A stream of problems, with the report on the records so far."""

    def __init__(self, problems: Iterator[Problem], report: LoadReport) -> None:
        self._problems = problems
        self._seen: set[str] = set()
        self.report = report
        """The report, which is complete when the stream has ended."""

    def __next__(self) -> Problem:
        while (problem := next(self._problems)).id in self._seen:
            where = f"{self.report.where}: " if self.report.where else ""
            self.report.refuse(Malformed(f"{where}problem {problem.id!r}", "another one has the same id"))
        self._seen.add(problem.id)
        self.report.problems += 1
        return problem


def load_problems(
    spec: str | Iterable[object], limit: int = 0, report: LoadReport | None = None, *, for_model: bool = False
) -> list[Problem]:
    """Read the problems a spec names (docs/data.md), or those of an iterable of records.

    Args:
        spec: One of `FORMS`, or, from Python, problems or records of the public shapes.
        limit: Maximum number of problems, or 0 for all.
        report: Counts malformed and left-out records for the caller to show. Without one a malformed record raises,
            and problems that are published without tests are left out.
        for_model: Whether a model will read them, so that a record without a text is malformed and not only counted.

    Raises:
        DataError: the form is unknown, the file is unreadable or empty, or (without `report`) a record is malformed,
            such as a second one with the same id.
    """
    stream = stream_problems(spec, for_model=for_model)
    problems: list[Problem] = []
    for problem in stream:
        _refuse_malformed(stream.report, report)
        problems.append(problem)
        if len(problems) == limit:
            break
    _refuse_malformed(stream.report, report)
    if report is not None:
        report.problems += stream.report.problems
        report.left_out.update(stream.report.left_out)
        report.unread.update(stream.report.unread)
        report.without_text += stream.report.without_text
        report.malformed += stream.report.malformed
        report.examples += stream.report.examples
    if not problems:
        lines = [line.strip() for line in stream.report.lines()]
        if stream.report.elsewhere:
            lines.append(f"{stream.report.elsewhere} records are of another split or difficulty")
        why = "; ".join(lines)
        name = repr(spec) if isinstance(spec, str) else "given"
        raise DataError(f"data {name}: no problems in it{': ' + why if why else ''}")
    return problems


def _refuse_malformed(found: LoadReport, wanted: LoadReport | None) -> None:
    if found.malformed and wanted is None:
        raise DataError(str(found.examples[0]))


def stream_problems(spec: str | Iterable[object], *, for_model: bool = False) -> ProblemStream:
    """Return the same problems as a stream, which reads nothing before it is asked for.

    Raises:
        DataError: the form is unknown. Faults of a file are raised when it is read.
    """
    report = LoadReport(for_model=for_model)
    if not isinstance(spec, str):
        return ProblemStream(_given(spec, report), report)
    form, _, rest = spec.partition(":")
    if form == "minicode":
        return ProblemStream(_minicode(spec, rest), report)
    if form == "python":
        return ProblemStream(_given(load_named(f"data {spec!r}", rest)(), report), report)
    source = _source(spec)
    if source.shape == "evalplus":
        return ProblemStream(evalplus_problems(source.rows(), source.option, report), report)
    return ProblemStream(_adapted(source.rows(), source.shape, source.option, report), report)


# Specs


@dataclass(frozen=True, slots=True)
class _Source:
    shape: str
    option: str
    rows: Callable[[], Iterator[Row | Malformed]]


def _source(spec: str) -> _Source:
    form, _, rest = spec.partition(":")
    shape, place = (form, rest) if form in _OPTIONS else ("", spec)
    before, _, last = place.rpartition(":")
    option = last if shape and before and last in _OPTIONS[shape] else ""
    place = before if option else place
    if place.startswith("hf:") or _is_hub_name(place):
        name, _, split = place.removeprefix("hf:").partition(":")
        split = split or (option if shape == "mbpp" else "")  # its splits are the hub's as well
        return _Source(shape, option, lambda: rows_of_hub(name, split))
    if not shape and not place.endswith(SUFFIXES):
        raise DataError(f"data {spec!r}: not a problem set; allowed: {FORMS}")
    path = Path(place)
    if not path.exists():
        options = f" (or the option is not one of {', '.join(_OPTIONS[shape])})" if shape and ":" in place else ""
        raise DataError(f"data {spec!r}: no such file: {place}{options}")
    folders = shape == "apps" and path.is_dir()
    return _Source(shape, option, lambda: shapes.rows_of_apps(path) if folders else rows_of_file(path))


def _is_hub_name(place: str) -> bool:
    """Say whether `place` has the form `owner/name` and does not exist on this machine."""
    name = place.partition(":")[0]
    named = re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name, re.ASCII) is not None
    return named and not name.endswith(SUFFIXES) and not Path(name).exists()


def _minicode(spec: str, rest: str) -> Iterator[Problem]:
    match rest.split(":"):
        case [("short" | "long" | "varied" | "uneven") as tier, ("train" | "held_out") as split]:
            return minicode.stream(tier, split)
    raise DataError(f"data {spec!r}: allowed: minicode:short|long|varied|uneven:train|held_out")


# Records


def _given(records: Iterable[object], report: LoadReport) -> Iterator[Problem]:
    """Yield problems as they are, and read records of any public shape."""
    for number, record in enumerate(records, start=1):
        if isinstance(record, Problem):
            yield record
        else:
            row = row_of(record, f"record {number}", number)
            yield from _adapted([row], "", "", report)


def _adapted(rows: Iterable[Row | Malformed], shape: str, option: str, report: LoadReport) -> Iterator[Problem]:
    for row in rows:
        report.where = row.where
        if isinstance(row, Malformed):
            report.refuse(row)
            continue
        try:
            problem = _problem(row, shape or _shape(row.data), option)
        except shapes.LeftOutError as left_out:
            report.left_out[str(left_out)] += 1
        except (ProblemError, ValueError, RecursionError) as error:
            report.refuse(Malformed(row.where, str(error)))
        else:
            if problem is None:
                report.elsewhere += 1
                continue
            if not problem.references:
                report.unread.update(_like_references(row.data))
            if not is_blank(problem.prompt) or report.takes_without_text(row.where, _no_text(row.data)):
                yield problem


def _like_references(data: Mapping[str, object]) -> list[str]:
    """List the fields whose name says that they hold a reference although they are not read as one."""
    named = (name for name in data if _LIKE_REFERENCE.search(str(name)) and name not in REFERENCE_FIELDS)
    texts = ((name, [value] if isinstance(value := data[name], str) else value) for name in named)
    return [name for name, value in texts if isinstance(value, list) and any(map(_is_text, value))]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not is_blank(value)


def _no_text(data: Mapping[str, object]) -> str:
    return (
        f"has no text for the model to read: none of {', '.join(PROMPT_FIELDS)} is there and not blank;"
        f" its fields are {', '.join(map(str, data))}"
    )


def _shape(data: Mapping[str, object]) -> str:
    """Name the data set whose fields a record has, or return an empty text for a plain record."""
    if "public_test_cases" in data or "private_test_cases" in data:
        return "livecodebench"
    if "base_input" in data:
        raise ProblemError("base_input", "an EvalPlus record: load the file as evalplus:FILE")
    return collection_of(data) or ("apps" if "input_output" in data and "question" in data else "")


def _problem(row: Row, shape: str, option: str) -> Problem | None:
    match shape:
        case "mbpp":
            return shapes.mbpp_problem(row, option)
        case "apps":
            return shapes.apps_problem(row, option)
        case "humaneval":
            return shapes.humaneval_problem(row)
        case "livecodebench":
            return livecodebench_problem(row, option)
    if shape in COLLECTIONS:
        return collection_problem(row, shape)
    return shapes.plain_problem(row)
