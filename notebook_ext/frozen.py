"""A view's static form inside a notebook's output: works with no kernel, and says something with no scripts or styles.

What this module does not do: decide when to freeze (`notebook_ext.views`).
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from training import Run
from training.page import build_page, build_sample_page, record_line, record_table, run_line, run_table
from training.page.html import escape

RECORDS_BUDGET = 500_000
"""Bytes of compressed records in an output; with script, samples and escaping a notebook grows by under 2 MB."""

MOST_SAMPLES = 10_000
"""Samples that an output lists; a report lists all."""


def frozen_run(run: Run) -> str:
    """HTML of a run: its page in a frame, and its tables for readers where frames are stripped (GitHub, e-mail)."""
    page = build_page(run, budget=RECORDS_BUDGET, programs=False, most=MOST_SAMPLES, host="frame")
    return _framed(page, run_line(run), run_table(run), 900)


def frozen_sample(record: Mapping[str, Any]) -> str:
    """HTML of one sample, likewise."""
    return _framed(build_sample_page(record, host="frame"), record_line(record), record_table(record), 600)


def folded(line: str, html: str) -> str:
    """What stands below a live view: shut, one line; opened where no kernel shows the view any more, what it showed."""
    return f"<details><summary>{escape(line)} (kept for when no kernel shows the view above)</summary>{html}</details>"


def _framed(page: str, line: str, table: str, height: int) -> str:
    # scripts run in an origin of their own: what a model wrote could not reach the notebook even if it were run
    attributes = 'sandbox="allow-scripts allow-downloads" allow="clipboard-write" loading="lazy"'
    style = f"width: 100%; height: {height}px; border: 0; color-scheme: normal"
    frame = f'<iframe title="rltf" {attributes} style="{style}" srcdoc="{html.escape(page)}"></iframe>'
    return f"{frame}<details><summary>{escape(line)} (as text)</summary>{table}</details>"
