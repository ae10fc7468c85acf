"""The tables of docs/data-quality.md, from what `benchmarks.data_quality measure` saw.

What this does not do: measure.
"""

from __future__ import annotations

from pathlib import Path


def write_tables(work: Path, page: Path) -> None:
    """Writes the tables between their markers."""
