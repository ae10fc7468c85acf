"""What lists, filters and groups show of a sample: small columns that are written beside its record.

A table of a hundred thousand samples must not parse a hundred thousand records. `RunStore` writes these columns with
each sample. A run directory from before they existed gets them from its records when it is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

FIRST = ("seq", "step", "problem_id", "sample", "verdict", "error_type", "pass_ratio", "reward", "codes")
"""Columns of every run directory, however old."""
LISTED = {
    "outcome": "TEXT",
    "tokens": "INTEGER",
    "advantage": "REAL",
    "parts": "TEXT",
    "marks": "TEXT",
    "tests": "TEXT",
    "program": "TEXT",
}
"""Columns that this module takes from a record, with their SQL types."""

_LETTERS = {"U_global": "G", "U_line": "L", "U_ignore": "I"}
_KINDS = ("syntax", "runtime", "timeout")
_JSON = ("parts", "marks")


def listed(record: Mapping[str, Any]) -> dict[str, Any]:
    """Summarise a record in the columns of `LISTED`.

    Returns:
        `outcome` (`passed`, `failed`, `syntax`, `runtime`, `timeout`, `other` or `infra`), `tokens` (their number),
        `advantage` (mean over the tokens, None if they carry none), `parts` (component -> mean over the tokens),
        `marks` (such as `"L pylint E0602"`: class, source and code of each diagnostic), `tests` (one letter per test:
        `p`assed, `f`ailed, `e`rror, `i`nfra) and `program`.
    """
    tokens: Sequence[Mapping[str, Any]] = record.get("tokens") or ()
    advantages = [token["advantage"] for token in tokens if token.get("advantage") is not None]
    components = tokens[0].get("components", {}) if tokens else {}
    marks = {
        f"{_LETTERS.get(finding['category'], '?')} {finding['source']} {finding['code']}": None
        for finding in record.get("diagnostics") or ()
    }
    return {
        "outcome": _outcome(record),
        "tokens": len(tokens),
        "advantage": _mean(advantages) if advantages else None,
        "parts": {name: _mean([token["components"][name] for token in tokens]) for name in components},
        "marks": list(marks),
        "tests": "".join(str(test["verdict"])[:1] for test in record.get("tests") or ()),
        "program": record.get("program", ""),
    }


def _outcome(record: Mapping[str, Any]) -> str:
    verdict = str(record.get("verdict", "infra"))
    kind = (record.get("error") or {}).get("kind")
    return verdict if verdict != "error" else kind if kind in _KINDS else "other"


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 5)


def encoded(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Encode the columns as SQLite stores them."""
    return {name: json.dumps(value) if name in _JSON else value for name, value in columns.items()}


def select(present: Sequence[str], where: str) -> str:
    """Write a SELECT of all columns but the record. Old rows come with `record`, from which `decoded` fills them.

    Args:
        present: The columns that the table has.
        where: What follows FROM.
    """
    named = [name if name in present else f"NULL AS {name}" for name in LISTED]
    old = "CASE WHEN outcome IS NULL THEN record END AS record" if "outcome" in present else "record"
    return f"SELECT {', '.join((*FIRST, *named, old))} FROM samples {where}"  # noqa: S608


def decoded(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Decode rows of `select` into plain data, with those of old runs filled in."""
    for row in rows:
        record = row["record"]
        columns = {name: json.loads(row[name]) for name in _JSON} if record is None else listed(json.loads(record))
        kept = {name: value for name, value in row.items() if name != "record"}
        yield kept | columns
