"""`rltf show` shows in the terminal what a run did."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from training.commands.numbers import whole
from training.errors import RunError
from training.run import Run, runs_in
from training.run.rendering import render_record


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `rltf show`."""
    parser.add_argument("run", nargs="?", metavar="RUN", help="a run's folder; without it the runs in runs/ are listed")
    parser.add_argument(
        "--samples", type=whole(0), default=3, help="failing samples of the newest step to print (default 3)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print. See `training.cli` for the exit status."""
    console = Console()
    if arguments.run is None:
        return _list(console)
    try:
        shown = Run.open(arguments.run)
    except RunError as error:
        print(f"rltf show: {error}", file=sys.stderr)
        return 2
    state = shown.state
    console.print(f"[bold]{shown.path}[/]  {state['state']}, step {state['step']}", highlight=False)
    console.print(_evaluations(shown))
    for sign in shown.signs:
        console.print(f"step {sign['step']}: {sign['text']}", style="yellow", markup=False, highlight=False)
    failing = [row for row in shown.samples() if row["verdict"] in ("failed", "error")]
    for row in failing[-arguments.samples :] if arguments.samples else []:
        console.print(render_record(shown.record(row["seq"])))
    return 0


def _list(console: Console) -> int:
    if not (runs := runs_in(Path("runs"))):
        console.print("runs: no runs here yet; name one's folder to show it", highlight=False)
        return 0
    table = Table("run", "state", "step", "held-out pass@1", show_edge=False)
    for run in runs:
        rates = [row["value"] for row in run.metrics() if row["name"] == "held_out/pass@1"]
        change = f"{rates[0]:.1%} -> {rates[-1]:.1%}" if rates else ""
        table.add_row(str(run.path), run.state["state"], str(run.state["step"]), change)
    console.print(table)
    return 0


def _evaluations(shown: Run) -> Table:
    table = Table("step", "pass@1", "greedy", title="held-out problems", show_edge=False)
    rows: dict[int, dict[str, float]] = {}
    for row in shown.metrics():
        if row["name"].startswith("held_out/"):
            rows.setdefault(row["step"], {})[row["name"]] = row["value"]
    for step, values in rows.items():
        cells = [f"{values[name]:.1%}" for name in ("held_out/pass@1", "held_out/greedy") if name in values]
        table.add_row(str(step), *cells)
    return table
