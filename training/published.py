"""The paper's tables as data (`published.toml`): what others reported at which k and difficulty.

What this module does not do: run anything, or correct a number. Where a print is doubtful the row's note says so.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from training.data import APPS_DIFFICULTIES
from training.results import OVERALL

_COLUMNS = (*APPS_DIFFICULTIES, OVERALL)


@dataclass(frozen=True, slots=True)
class Published:
    """One row of the paper's tables."""

    data: str
    """`apps` or `mbpp`."""
    method: str
    size: str
    note: str
    rates: dict[tuple[int, str], float]
    """(k, difficulty) -> share of problems, 0..1."""


@cache
def published() -> tuple[Published, ...]:
    """All rows, in the paper's order."""
    tables = tomllib.loads((files("training") / "published.toml").read_text(encoding="utf-8"))
    return tuple(
        Published(data, row["method"], row["size"], row.get("note", ""), dict(_rates(row["rates"])))
        for data in ("apps", "mbpp")
        for row in tables[data]
    )


def _rates(table: dict[str, float | Sequence[float]]) -> list[tuple[tuple[int, str], float]]:
    found = []
    for k, values in table.items():
        columns = zip(_COLUMNS, values, strict=True) if isinstance(values, list) else [(OVERALL, values)]
        found += [((int(k), column), value / 100) for column, value in columns if not math.isnan(float(str(value)))]  # type: ignore[operator]
    return found


def published_for(spec: str) -> tuple[Published, ...]:
    """The rows about the data set that a data spec names; none for other data sets."""
    name = next((data for data in ("apps", "mbpp") if spec.startswith(f"{data}:") or f"/{data}" in spec), "")
    return tuple(row for row in published() if row.data == name)
