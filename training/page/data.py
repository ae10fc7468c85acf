"""A run's rows as the plain data that the view's script draws.

What this module does not do: write HTML, or follow a run that is still growing (`notebook_ext.monitor`).
"""

from __future__ import annotations

import base64
import gzip
import json
import math
from collections.abc import Iterator
from typing import Any, TypeAlias

from training.run import Run

RECORDS_BUDGET = 1_500_000
"""Bytes of compressed sample records in a page."""

Row: TypeAlias = tuple[int, int]


def sample_summaries(run: Run, after: int = 0, limit: int = -1) -> list[dict[str, Any]]:
    """The run's samples with `seq > after`, oldest first, as the view lists them: no programs, no tokens."""
    return [_summary(row) for row in run.samples(after, limit)]


def newest_summaries(run: Run, count: int) -> list[dict[str, Any]]:
    """The `count` newest samples, oldest first."""
    return [_summary(row) for row in run.newest_samples(count)]


def _summary(row: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name not in ("codes", "program")}
    return {**kept, "reward": round(row["reward"], 5)}


def page_data(run: Run, *, budget: int = RECORDS_BUDGET) -> dict[str, Any]:
    """Everything a page shows of a run: state, `rows` (metrics, all samples), `records` (as many as fit in `budget`).

    Rows and records are JSON, gzipped, in base64: a run of thousands of samples stays a page of a megabyte or two.

    Args:
        run: The run, finished or not.
        budget: Bytes of compressed records; samples without a record are listed and say so when chosen.
    """
    samples = sample_summaries(run)
    held = _seqs_within(run, budget)
    for sample in samples:
        sample["held"] = sample["seq"] in held
    metrics = metric_rows(run.metrics())
    return {
        "run": {"name": run.name, **run.state, "summary": run.summary},
        "rows": _packed(json.dumps({"metrics": metrics, "samples": samples}, separators=(",", ":"))),
        "records": _packed(_records(run, held)),
    }


def metric_rows(rows: list[dict[str, Any]]) -> list[list[Any]]:
    """Metrics as `[step, name, value]`; None for a value that is no finite number (JSON has none, SQLite no NaN)."""
    values = ((row, row["value"]) for row in rows)
    return [
        [row["step"], row["name"], round(value, 5) if value is not None and math.isfinite(value) else None]
        for row, value in values
    ]


def _seqs_within(run: Run, budget: int) -> set[int]:
    """Which records fit: spread over the run so that every stretch of it stays readable."""
    lengths = [(row["seq"], row["size"]) for row in run.rows("SELECT seq, length(record) AS size FROM samples")]
    some = [seq for seq, _ in lengths[:: max(1, len(lengths) // 32)]]
    share = len(_packed(_records(run, set(some)))) / max(1, sum(size for seq, size in lengths if seq in some))
    held: set[int] = set()
    for seq, size in _spread(lengths):
        budget -= int(size * share)
        if budget < 0:
            break
        held.add(seq)
    return held


def _spread(rows: list[Row]) -> Iterator[Row]:
    """All rows, in an order whose every beginning is spread evenly: every 64th, then every 32nd, and so on."""
    seen: set[int] = set()
    for stride in (64, 32, 16, 8, 4, 2, 1):
        for position in range(len(rows) - 1, -1, -stride):
            if position not in seen:
                seen.add(position)
                yield rows[position]


def _records(run: Run, held: set[int]) -> str:
    """Records by `seq`, as JSON."""
    parts = [
        f'"{row["seq"]}":{json.dumps(compact(json.loads(row["record"])), separators=(",", ":"))}'
        for row in run.rows("SELECT seq, record FROM samples ORDER BY seq")
        if row["seq"] in held
    ]
    return f"{{{','.join(parts)}}}"


def _packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), compresslevel=6, mtime=0)).decode()


def compact(value: Any) -> Any:  # noqa: ANN401 - any JSON data
    """The same data with numbers rounded to what a reader can see (six significant digits: sums still add up)."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: compact(item) for key, item in value.items()}
    return [compact(item) for item in value] if isinstance(value, list) else value
