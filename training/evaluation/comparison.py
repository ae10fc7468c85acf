"""Compare results: paired differences on the problems that both have, and the paper's rows at the same k."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from training.evaluation.estimates import Difference, Estimate, paired_difference
from training.evaluation.published import Published
from training.evaluation.results import OVERALL, Result, ResultError, Row, Sample, by_problem, levels, pass_rates


@dataclass(frozen=True, slots=True)
class Compared:
    """One rate of two results on their common problems."""

    temperatures: tuple[float, float]
    difficulty: str
    rate: str
    first: float
    second: float
    difference: Difference


def compared(first: Result, second: Result, ks: Sequence[int]) -> list[Compared]:
    """Compute pass@k of both by difficulty and overall, with the paired difference second - first.

    Equal temperatures are paired. Two results with one temperature each are compared whatever the temperatures are.

    Raises:
        ResultError: they have no problem, no k or no temperature in common.
    """
    found = []
    for one, other in _temperatures(first, second):
        mine = [sample for sample in first.samples if sample.temperature == one]
        theirs = [sample for sample in second.samples if sample.temperature == other]
        for level in levels(mine):
            groups = _of_level(mine, level), _of_level(theirs, level)
            found += [
                Compared((one, other), level, f"pass@{k}", *pair)
                for k in ks
                if (pair := _paired(groups, k)) is not None
            ]
    if not found:
        wanted = ", ".join(map(str, ks))
        raise ResultError(f"{first.name} and {second.name}: no problem in common with samples enough for k = {wanted}")
    return found


def _temperatures(first: Result, second: Result) -> list[tuple[float, float]]:
    one, other = ({sample.temperature for sample in result.samples} for result in (first, second))
    if same := sorted(one & other):
        return [(temperature, temperature) for temperature in same]
    if len(one) == len(other) == 1:
        return [(one.pop(), other.pop())]
    raise ResultError(f"{first.name} and {second.name}: no temperature in common: {sorted(one)} and {sorted(other)}")


def _of_level(samples: Sequence[Sample], level: str) -> dict[str, list[Sample]]:
    return by_problem(sample for sample in samples if level in (OVERALL, sample.difficulty))


def _paired(
    groups: tuple[Mapping[str, Sequence[Sample]], Mapping[str, Sequence[Sample]]], k: int
) -> tuple[float, float, Difference] | None:
    one, other = (pass_rates(group, k) for group in groups)
    common = sorted(one.keys() & other.keys())
    if not common:
        return None
    first, second = [one[name] for name in common], [other[name] for name in common]
    return sum(first) / len(first), sum(second) / len(second), paired_difference(first, second)


@dataclass(frozen=True, slots=True)
class Beside:
    """A row of the table that shows a result among published ones."""

    method: str
    size: str
    ours: bool
    rates: Mapping[str, Estimate | float]
    """The rate by difficulty, which is an `Estimate` for our own results."""
    note: str


def beside_published(name: str, rows: Sequence[Row], others: Sequence[Published], k: int) -> Iterator[Beside]:
    """List the published rows at `k`, then ours, one for each temperature."""
    for other in others:
        rates = {difficulty: value for (at, difficulty), value in other.rates.items() if at == k}
        if rates:
            yield Beside(other.method, other.size, False, rates, _note_at(other.note, k))
    for temperature in dict.fromkeys(row.temperature for row in rows):
        mine = {
            row.difficulty: row.rates[f"pass@{k}"]
            for row in rows
            if row.temperature == temperature and f"pass@{k}" in row.rates
        }
        if mine:
            count = max(found.problems for found in mine.values())
            yield Beside(f"{name}, T={temperature:g}, {count} problems", "", True, mine, "")


def _note_at(note: str, k: int) -> str:
    """Return the note, unless it is about another k."""
    named = re.findall(r"pass@(\d+)", note)
    return note if not named or str(k) in named else ""


def common_ks(results: Sequence[Result], wanted: Sequence[int]) -> list[int]:
    """Return every k, of those wanted or of the usual ones, for which all results have enough samples of a problem."""
    most = [max((len(group) for group in by_problem(result.samples).values()), default=0) for result in results]
    return [k for k in (wanted or (1, 5, 10, 100, 1000)) if k <= min(most)]
