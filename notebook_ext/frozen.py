"""Write a view's static form for a notebook's output. It works without a kernel, and shows tables without scripts."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from training import Run
from training.page import build_page, build_sample_page, record_line, record_table, run_line, run_table
from training.page.html import escape

RECORDS_BUDGET = 500_000
"""Maximum number of bytes of compressed records in an output. A notebook grows by under 2 MB with everything else."""

MOST_SAMPLES = 10_000
"""Maximum number of samples that an output lists. A report lists all."""


def frozen_run(run: Run) -> str:
    """Write HTML of a run: its page in a frame, and its tables for readers without frames (GitHub, e-mail)."""
    page = build_page(run, budget=RECORDS_BUDGET, programs=False, most=MOST_SAMPLES, host="frame")
    return _framed(page, run_line(run), run_table(run), 900)


def frozen_sample(record: Mapping[str, Any]) -> str:
    """Write HTML of one sample in the same way."""
    return _framed(build_sample_page(record, host="frame"), record_line(record), record_table(record), 600)


def folded(line: str, html: str) -> str:
    """Write what stands below a live view: one line, which opens to what the view showed where there is no kernel."""
    return f"<details><summary>{escape(line)} (kept for when no kernel shows the view above)</summary>{html}</details>"


def _framed(page: str, line: str, table: str, height: int) -> str:
    # scripts run in an origin of their own: what a model wrote could not reach the notebook even if it were run
    attributes = 'sandbox="allow-scripts allow-downloads" allow="clipboard-write" loading="lazy"'
    style = f"width: 100%; height: {height}px; border: 0; color-scheme: normal"
    frame = f'<iframe title="rltf" {attributes} style="{style}" srcdoc="{html.escape(page)}"></iframe>'
    return f"{frame}<details><summary>{escape(line)} (as text)</summary>{table}</details>"
