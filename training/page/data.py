"""Turn a run's rows into the plain data that the view's script draws."""

from __future__ import annotations

import base64
import gzip
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from training.page.about import run_about
from training.run import Run

RECORDS_BUDGET = 6_000_000
"""Maximum number of bytes of compressed sample records in a page."""
_TOKENS_OF_THE_REST = 20
"""A record's size without its tokens, in tokens."""

Row: TypeAlias = tuple[int, int]


def sample_summaries(run: Run, after: int = 0, limit: int = -1) -> list[dict[str, Any]]:
    """List the run's samples with `seq > after`, oldest first, without programs and tokens."""
    return [_summary(row) for row in run.samples(after, limit)]


def newest_summaries(run: Run, count: int) -> list[dict[str, Any]]:
    """List the `count` newest samples, oldest first."""
    return [_summary(row) for row in run.newest_samples(count)]


def _summary(row: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name not in ("codes", "program")}
    return {**kept, "reward": round(row["reward"], 5)}


def newest_step(run: Run) -> int:
    """Tell how far a run is: a state event says so only when the state changes, metrics come with every step."""
    newest = next(iter(run.rows("SELECT max(step) AS step FROM metrics")), {}).get("step")
    return max(run.state.get("step") or 0, newest or 0)


def outcome_counts(run: Run) -> Counter[str]:
    """Count the samples by outcome."""
    return _counts(run, "outcome", lambda row: [row["outcome"]])


def mark_counts(run: Run) -> Counter[str]:
    """Count the samples by diagnostic, such as `"L pylint E0602"`."""
    return _counts(run, "marks", lambda row: row["marks"])


def _counts(run: Run, column: str, names: Callable[[dict[str, Any]], list[str]]) -> Counter[str]:
    """Count over all samples, in SQLite where the column was written with every sample."""
    if run.is_listed:
        grouped = run.rows(f"SELECT {column}, count(*) AS count FROM samples GROUP BY {column}")  # noqa: S608
        rows = [
            ({column: json.loads(row[column]) if column == "marks" else row[column]}, row["count"]) for row in grouped
        ]
    else:
        rows = [(row, 1) for row in run.samples()]
    counts: Counter[str] = Counter()
    for row, count in rows:
        for name in names(row):
            counts[name] += count
    return counts


def notes_by_seq(run: Run) -> dict[int, str]:
    """Return the notes of `Run.notes` by the sample's `seq`."""
    notes = run.notes
    if not notes:
        return {}
    places = run.rows("SELECT seq, problem_id || '/' || step || '/' || sample AS place FROM samples")
    return {row["seq"]: notes[row["place"]] for row in places if row["place"] in notes}


def page_data(
    run: Run,
    *,
    budget: float = RECORDS_BUDGET,
    programs: bool = True,
    beside: Sequence[Run] = (),
    most: int | None = None,
) -> dict[str, Any]:
    """Collect everything that a page shows of a run: state, configuration, metrics, samples, some samples' tokens.

    `rows` (metrics, samples), `records` and `beside` are JSON, gzipped, in base64, so that thousands of samples make a
    page of a few megabytes.

    Args:
        run: The run, finished or not.
        budget: Bytes of compressed records (`math.inf`: all); a sample without its record keeps its verdict, rewards
            and program, and says that its tokens are not here.
        programs: Whether every sample keeps its program.
        beside: Other runs whose curves and configuration are shown beside this one's.
        most: The newest so many samples are listed; None for all.
    """
    rows = run.samples() if most is None else run.newest_samples(most)
    notes, left_out = notes_by_seq(run), sum(outcome_counts(run).values()) - len(rows)
    held = _seqs_within(run, rows, budget, first=set(notes))
    samples = [
        {**_summary(row), "held": row["seq"] in held} | ({"program": row["program"]} if programs else {})
        for row in rows
    ]
    others = [
        {"name": other.name, "about": run_about(other), "metrics": metric_rows(other.metrics())} for other in beside
    ]
    said = [f"This page keeps the tokens of {len(held)} of its {len(rows)} samples."] if len(held) < len(rows) else []
    said += [f"{left_out} older samples are in the run directory only."] if left_out else []
    more = f"`rltf report {run.path} --budget all` keeps those of all samples." if programs else ""
    return {
        "run": {"name": run.name, **run.state, "summary": run.summary},
        "about": run_about(run),
        "notes": notes,
        "more": more,
        "notice": " ".join([*said, more] if said else []),
        "rows": _packed(_json({"metrics": metric_rows(run.metrics()), "samples": samples})),
        "records": _packed(_records(run, held)),
        "held_out": _packed(_json(run.held_out())) if programs else None,
        "beside": _packed(_json(others)) if others else None,
    }


def metric_rows(rows: list[dict[str, Any]]) -> list[list[Any]]:
    """List metrics as `[step, name, value]`. A value that is not finite becomes None, because JSON has none."""
    values = ((row, row["value"]) for row in rows)
    return [
        [row["step"], row["name"], round(value, 5) if value is not None and math.isfinite(value) else None]
        for row, value in values
    ]


def _seqs_within(run: Run, rows: list[dict[str, Any]], budget: float, first: set[int]) -> set[int]:
    """Choose the records that fit: those of `first`, then others spread evenly over the run."""
    if math.isinf(budget):
        return {row["seq"] for row in rows}
    lengths = [(row["seq"], row["tokens"] + _TOKENS_OF_THE_REST) for row in rows]
    some = lengths[:: max(1, len(lengths) // 32)]
    share = len(_packed(_records(run, {seq for seq, _ in some}))) / max(1, sum(size for _, size in some))
    held: set[int] = set()
    for seq, size in [*(pair for pair in lengths if pair[0] in first), *_spread(lengths)]:
        budget -= 0 if seq in held else size * share
        if budget < 0:
            break
        held.add(seq)
    return held


def _spread(rows: list[Row]) -> Iterator[Row]:
    """Order all rows so that every beginning is spread evenly: every 64th, then every 32nd, and so on."""
    seen: set[int] = set()
    for stride in (64, 32, 16, 8, 4, 2, 1):
        for position in range(len(rows) - 1, -1, -stride):
            if position not in seen:
                seen.add(position)
                yield rows[position]


def _records(run: Run, held: set[int]) -> str:
    """Read records by `seq`, as JSON."""
    chosen = "SELECT seq, record FROM samples WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq"
    parts = [
        f'"{row["seq"]}":{_json(compact(json.loads(row["record"])))}'
        for row in run.rows(chosen, (json.dumps(sorted(held)),))
    ]
    return f"{{{','.join(parts)}}}"


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), compresslevel=6, mtime=0)).decode()


def compact(value: Any) -> Any:  # noqa: ANN401 - any JSON data
    """Round numbers to six significant digits, which a reader can see and whose sums still add up."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: compact(item) for key, item in value.items()}
    return [compact(item) for item in value] if isinstance(value, list) else value
