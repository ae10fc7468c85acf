"""A run as pandas data frames, for one's own analysis. `.to_parquet(path)` of a frame writes Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, Protocol

from engine.extras import needs

if TYPE_CHECKING:
    import pandas

Table = Literal["samples", "tokens", "metrics"]

_PLACE = ("seq", "step", "problem_id", "sample")


class Rows(Protocol):
    """What is read of a run: `training.run.Run`, which gives these frames."""

    def samples(self) -> list[dict[str, Any]]: ...

    def metrics(self) -> list[dict[str, Any]]: ...

    def rows(self, statement: str) -> Iterator[dict[str, Any]]: ...


def frame(run: Rows, table: Table) -> pandas.DataFrame:
    """Make one row per sample, per token or per metric value, oldest first.

    Args:
        run: The run, finished or not.
        table: `samples` has the columns of `Run.samples`, each reward component in a column `reward/NAME`, and `marks`
            as text. `tokens` has `seq`, `step`, `problem_id`, `sample` and `token` (its place), then the token's own
            fields with components as `reward/NAME`; all records are parsed. `metrics` has `seq, step, name, value`.

    Raises:
        ImportError: pandas is not installed.
        ValueError: there is no such table.
    """
    try:
        import pandas
    except ImportError:
        raise ImportError(f"a run's frames: {needs('pandas', 'data')}") from None
    match table:
        case "samples":
            return pandas.DataFrame([_sample(row) for row in run.samples()])
        case "tokens":
            return pandas.DataFrame(_tokens(run))
        case "metrics":
            return pandas.DataFrame(run.metrics(), columns=["seq", "step", "name", "value"])
    raise ValueError(f"frame: table is 'samples', 'tokens' or 'metrics', not {table!r}")


def _sample(row: dict[str, Any]) -> dict[str, Any]:
    parts, marks = row.pop("parts"), row.pop("marks")
    return {**row, **{f"reward/{name}": value for name, value in parts.items()}, "marks": "; ".join(marks)}


def _tokens(run: Rows) -> Iterator[dict[str, Any]]:
    for row in run.rows(f"SELECT {', '.join(_PLACE)}, record FROM samples ORDER BY seq"):  # noqa: S608
        place = {name: row[name] for name in _PLACE}
        for at, token in enumerate(json.loads(row["record"]).get("tokens") or ()):
            components = {f"reward/{name}": value for name, value in token.pop("components", {}).items()}
            yield {**place, "token": at, **token, **components}
