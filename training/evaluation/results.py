"""Keep the results of an evaluation, with one line for each judged sample, and sum them up.

A folder has `settings.json`, `samples.jsonl` and, at the end, `summary.json`. Samples are appended as they come. A line
that a crash cut short is dropped when the evaluation resumes.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, Any

from training.evaluation.estimates import Estimate, mean_over_problems, n_at_k, pass_at_k
from training.files import why_unwritable, write_text

OVERALL = "all"
_SYNC_SECONDS = 2.0
"""Between two waits for the disk."""


class ResultError(ValueError):
    """A result cannot be read, or its folder holds another evaluation."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One judged program."""

    temperature: float
    """0 is greedy."""
    problem_id: str
    sample: int
    verdict: str
    outcome: str
    """passed | failed | infra | syntax | runtime | timeout | other."""
    error: str | None
    """Exception class, or the like."""
    source: str
    """The data set that the problem comes from."""
    pass_ratio: float
    public: bool | None
    """Whether it passes the public tests, or None where the problem has none."""
    difficulty: str
    finish_reason: str
    tokens: int
    seconds: float
    """CPU seconds of judging."""
    program: str

    @property
    def passed(self) -> bool:
        return self.verdict == "passed"

    @property
    def counts(self) -> bool:
        """Say whether the sample counts. One that we failed to judge says nothing about the model."""
        return self.verdict != "infra"


class ResultFolder:
    """The samples of one evaluation on disk. Use it as a context manager."""

    CHANGEABLE = ("samples", "temperatures")
    """Settings that may change when an evaluation resumes, which are more samples and more temperatures."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        """Open a new folder, or one to resume.

        Raises:
            ResultError: it holds an evaluation with other settings, is not ours, or cannot be made.
        """
        self.path = path
        self.settings = dict(settings)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ResultError(f"--out {path}: cannot be made: {error.strerror}") from None
        file = path / "settings.json"
        if file.exists():
            _check_same(file, self.settings, self.CHANGEABLE)
        elif any(path.iterdir()):
            raise ResultError(f"--out {path}: has files in it and is no evaluation")
        if problem := why_unwritable(path / "summary.json"):  # which is written when all the work is done
            raise ResultError(problem)
        write_text(file, json.dumps(self.settings, indent=2) + "\n")
        self.samples = _recover(path / "samples.jsonl")
        self._file: IO[str] = (path / "samples.jsonl").open("a", encoding="utf-8")
        self._synced = time.monotonic()

    def add(self, sample: Sample) -> None:
        """Write a sample. It then survives a crash of this process, and soon after one of the machine."""
        self.samples.append(sample)
        self._file.write(json.dumps(asdict(sample)) + "\n")
        self._file.flush()
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()

    def finish(self, found: Sequence[Row], seconds: float, drawn: int) -> None:
        """Write the summary of the samples, with the duration of the last session and its number of samples."""
        last = {"samples_of_last_session": drawn, "seconds_of_last_session": round(seconds, 1)}
        summary = {**self.settings, **last, "results": [asdict(row) for row in found]}
        write_text(self.path / "summary.json", json.dumps(summary, indent=2) + "\n")

    def __enter__(self) -> ResultFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _check_same(file: Path, settings: Mapping[str, Any], changeable: Sequence[str]) -> None:
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
        assert isinstance(before, dict)
    except (OSError, ValueError, AssertionError):
        raise ResultError(f"{file}: cannot be read") from None
    for name, value in settings.items():
        if name not in changeable and before.get(name) != value:
            raise ResultError(
                f"--out {file.parent}: holds an evaluation with {name} {before.get(name)!r}, not {value!r}:"
                " give another folder, or the same settings to go on"
            )


def _recover(path: Path) -> list[Sample]:
    """Read the samples in a file, and rewrite it without a last line that a crash cut short.

    `infra` samples are removed as well, because what we failed to judge is judged again.
    """
    if not path.exists():
        return []
    content = path.read_bytes()
    samples = list(_parsed(path, content[: content.rfind(b"\n") + 1]))
    counted = [sample for sample in samples if sample.counts]
    if len(counted) < len(samples) or not content.endswith(b"\n"):
        write_text(path, "".join(json.dumps(asdict(sample)) + "\n" for sample in counted))
    return counted


def _parsed(path: Path, content: bytes) -> Iterator[Sample]:
    names = {field.name for field in fields(Sample)}
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line:
            continue
        try:
            data = json.loads(line)
            yield Sample(**{name: data[name] for name in names})
        except (ValueError, KeyError, TypeError) as error:
            raise ResultError(f"{path}:{number}: not a sample: {error}") from None


@dataclass(frozen=True, slots=True)
class Result:
    """A finished or interrupted evaluation, as read from its folder."""

    name: str
    settings: Mapping[str, Any]
    samples: Sequence[Sample]


def read_result(path: Path) -> Result:
    """Read the result in a folder that `rltf eval --out` wrote.

    Raises:
        ResultError: there is none.
    """
    try:
        settings = json.loads((path / "settings.json").read_text(encoding="utf-8"))
        content = (path / "samples.jsonl").read_bytes()
    except (OSError, ValueError):
        raise ResultError(f"{path}: no result of `rltf eval --out` in it") from None
    return Result(path.name, settings, list(_parsed(path / "samples.jsonl", content[: content.rfind(b"\n") + 1])))


# Sums


@dataclass(frozen=True, slots=True)
class Row:
    """The rates of one temperature and difficulty."""

    temperature: float
    difficulty: str
    problems: int
    samples: int
    rates: Mapping[str, Estimate]
    """Estimates by name, such as `pass@1` and `1@10`."""
    outcomes: Mapping[str, float]
    """Share of samples by outcome."""
    infra: int
    """Number of samples that we failed to judge, which enter no rate."""
    short: int
    """Number of problems with fewer judged samples than the largest k, which are left out of that rate."""


def rows_of(samples: Sequence[Sample], ks: Sequence[int], ns: Sequence[int]) -> list[Row]:
    """Make a row for each temperature, for all problems and for each difficulty."""
    found = []
    for temperature in sorted({sample.temperature for sample in samples}):
        mine = [sample for sample in samples if sample.temperature == temperature]
        found.append(_row(mine, OVERALL, ks, ns))
        for level in levels(mine)[1:]:
            found.append(_row([sample for sample in mine if sample.difficulty == level], level, ks, ns))
    return found


def levels(samples: Iterable[Sample]) -> list[str]:
    """Return `all`, then the difficulties, easiest first, if there are several."""
    found = {sample.difficulty for sample in samples if sample.difficulty}
    return [OVERALL, *(sorted(found, key=_level_order) if len(found) > 1 else ())]


def _level_order(level: str) -> tuple[int, str]:
    known = ("introductory", "easy", "interview", "medium", "competition", "hard")
    return (known.index(level) if level in known else len(known), level)


def _row(samples: Sequence[Sample], difficulty: str, ks: Sequence[int], ns: Sequence[int]) -> Row:
    outcomes = Counter(sample.outcome for sample in samples)
    groups = by_problem(samples)
    wanted = [k for k in ks if samples[0].temperature > 0 or k == 1]
    rates = {f"pass@{k}": values for k in wanted if (values := pass_rates(groups, k))}
    if any(sample.public is not None for sample in samples):
        for n, k in ((n, k) for k in wanted for n in ns if n < k):
            rates[f"{n}@{k}"] = n_at_k_rates(groups, n, k)
    return Row(
        temperature=samples[0].temperature,
        difficulty=difficulty,
        problems=len(groups),
        samples=len(samples),
        rates={name: mean_over_problems(list(values.values())) for name, values in rates.items() if values},
        outcomes={name: count / len(samples) for name, count in sorted(outcomes.items())},
        infra=outcomes["infra"],
        short=sum(len(group) < max(wanted) for group in groups.values()) if wanted else 0,
    )


def by_problem(samples: Iterable[Sample]) -> dict[str, list[Sample]]:
    """Group the samples that count by problem, in their order. A problem without any has an empty list."""
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        group = groups[sample.problem_id]
        if sample.counts:
            group.append(sample)
    return dict(groups)


def pass_rates(groups: Mapping[str, Sequence[Sample]], k: int) -> dict[str, float]:
    """Compute pass@k of each problem that has k samples."""
    return _rates(groups, k, lambda group: pass_at_k(len(group), sum(sample.passed for sample in group), k))


def n_at_k_rates(groups: Mapping[str, Sequence[Sample]], n: int, k: int) -> dict[str, float]:
    """Compute n@k of each problem that has k samples. Without public tests every sample passes the filter."""

    def rate(group: Sequence[Sample]) -> float:
        return n_at_k([sample.public is not False for sample in group], [sample.passed for sample in group], n, k)

    return _rates(groups, k, rate)


def _rates(
    groups: Mapping[str, Sequence[Sample]], k: int, rate: Callable[[Sequence[Sample]], float]
) -> dict[str, float]:
    return {name: rate(group) for name, group in groups.items() if len(group) >= k}
