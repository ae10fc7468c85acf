"""Build self-contained HTML pages of runs and samples, with the script and stylesheet that all views share."""

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
