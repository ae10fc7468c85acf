"""A run or a sample as one self-contained HTML page, and the script and stylesheet that every view of rltf shares.

What this package does not do: talk to a kernel (`notebook_ext`) or draw anything itself: the script draws, from data.
"""

from training.page.about import run_about
from training.page.data import compact, metric_rows, newest_summaries, notes_by_seq, page_data, sample_summaries
from training.page.html import build_page, build_sample_page, record_line, record_table, run_line, run_table
from training.page.script import STYLE, view_script
from training.run.record import shown_record

__all__ = [
    "STYLE",
    "build_page",
    "build_sample_page",
    "compact",
    "metric_rows",
    "newest_summaries",
    "notes_by_seq",
    "page_data",
    "record_line",
    "record_table",
    "run_about",
    "run_line",
    "run_table",
    "sample_summaries",
    "shown_record",
    "view_script",
]
