"""`rltf report RUN`: a run as one self-contained HTML page.

What this module does not do: build the page (`training.page`).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from training.files import write_text
from training.page import build_page
from training.run import Run, RunError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.add_argument("run", metavar="RUN", help="run directory, such as runs/NAME")
    parser.add_argument("--out", metavar="FILE", type=Path, help="where to write the page (default: RUN/report.html)")


def run(arguments: argparse.Namespace) -> int:
    """Write the page and say where; returns the exit status."""
    try:
        shown = Run.open(arguments.run)
    except RunError as error:
        print(f"rltf report: {error}", file=sys.stderr)
        return 2
    out: Path = arguments.out or shown.path / "report.html"
    try:
        write_text(out, build_page(shown))
    except OSError as error:
        print(f"rltf report: --out {out}: cannot be written: {error.strerror}", file=sys.stderr)
        return 2
    print(out)
    return 0
