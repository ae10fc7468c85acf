"""Read the paper's tables (`published.toml`), with the rates that others reported by k and difficulty.

No number is corrected. Where a print is doubtful, the row's note says so.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from training.data import APPS_DIFFICULTIES
from training.evaluation.results import OVERALL

_COLUMNS = (*APPS_DIFFICULTIES, OVERALL)


@dataclass(frozen=True, slots=True)
class Published:
    """One row of the paper's tables."""

    data: str
    """`apps` or `mbpp`."""
    method: str
    size: str
    note: str
    rates: Mapping[tuple[int, str], float]
    """Share of problems by (k, difficulty), from 0 to 1."""


@cache
def published() -> tuple[Published, ...]:
    """Return all rows, in the paper's order."""
    tables = tomllib.loads((files("training.evaluation") / "published.toml").read_text(encoding="utf-8"))
    return tuple(
        Published(data, row["method"], row["size"], row.get("note", ""), dict(_rates(row["rates"])))
        for data in ("apps", "mbpp")
        for row in tables[data]
    )


def _rates(table: Mapping[str, Any]) -> Iterator[tuple[tuple[int, str], float]]:
    for k, values in table.items():
        columns = zip(_COLUMNS, values, strict=True) if isinstance(values, list) else [(OVERALL, values)]
        yield from (((int(k), column), value / 100) for column, value in columns if not math.isnan(value))


def published_for(sources: set[str]) -> tuple[Published, ...]:
    """Return the rows about the data set of all problems (`Problem.source`). Other sets and mixtures have none."""
    return tuple(row for row in published() if {row.data} == sources)
