"""`rltf report RUN` writes a run as one self-contained HTML page."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from training.errors import RunError
from training.files import why_unwritable, write_text
from training.page import build_page
from training.run import Run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.add_argument("run", metavar="RUN", help="run directory, such as runs/NAME")
    parser.add_argument("--out", metavar="FILE", type=Path, help="where to write the page (default: RUN/report.html)")
    parser.add_argument(
        "--budget",
        metavar="MB",
        type=_megabytes,
        help="megabytes of samples' tokens to keep, or 'all' (default: 6); programs, verdicts and rewards are all kept",
    )
    parser.add_argument(
        "--beside", metavar="RUN", nargs="+", default=[], help="other runs to draw and compare beside this one"
    )


def _megabytes(text: str) -> float:
    if text == "all":
        return math.inf
    size = float(text) * 1e6
    if not 0 <= size < math.inf:
        raise ValueError(text)
    return size


def run(arguments: argparse.Namespace) -> int:
    """Write the page and say where. Returns the exit status."""
    try:
        shown = Run.open(arguments.run)
        beside = [Run.open(other) for other in arguments.beside]
    except RunError as error:
        print(f"rltf report: {error}", file=sys.stderr)
        return 2
    out: Path = arguments.out or shown.path / "report.html"
    if problem := why_unwritable(out):
        print(f"rltf report: {problem}", file=sys.stderr)
        return 2
    try:
        write_text(out, build_page(shown, budget=arguments.budget, beside=beside))
    except OSError as error:
        print(f"rltf report: {out}: cannot be written: {error.strerror}", file=sys.stderr)
        return 2
    print(out)
    return 0
