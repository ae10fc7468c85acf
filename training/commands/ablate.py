"""`rltf ablate` trains a grid of arms and seeds, and compares them. Each run is an ordinary `rltf train`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from engine.extras import needs
from training.commands.numbers import whole
from training.commands.train import add_key_options, explain_unknown, given_keys
from training.errors import ConfigError
from training.files import why_unwritable, write_text

__all__ = ["add_arguments", "explain_unknown", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's own arguments. Every configuration key may be given and goes over every arm."""
    parser.add_argument("grid", metavar="GRID.toml", help="arms, seeds, configuration (training/evaluation/grid.py)")
    parser.add_argument("--out", metavar="DIR", help="where outcomes are kept and gone on with (default: runs/GRID)")
    parser.add_argument("--parallel", type=whole(1), default=1, metavar="N", help="runs at a time (default 1)")
    parser.add_argument("--keep-runs", action="store_true", help="keep the run directories of finished runs")
    parser.add_argument("--tables", action="store_true", help="train nothing: only write the tables of what has run")
    add_key_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run what has not run yet, then write `tables.md` and `curves.svg`. See `training.cli` for the exit status."""
    from training.evaluation.grid import Arm, Outcome, load_grid, read_outcomes, run_grid, valid_outcomes

    try:
        from training.evaluation.grid_tables import draw, tables
    except ImportError:
        print(f"rltf ablate: {needs('matplotlib', 'compare')}", file=sys.stderr)
        return 2
    path = Path(arguments.grid)
    folder = Path(arguments.out or Path("runs") / path.stem)
    try:
        grid = load_grid(path, given_keys(arguments))
    except ConfigError as error:
        print(f"rltf ablate: {error}", file=sys.stderr)
        return 2
    if problem := _unwritable(folder):
        print(f"rltf ablate: {problem}", file=sys.stderr)
        return 2
    console = Console()
    total = len(grid.arms) * len(grid.seeds)
    ended = len(valid_outcomes(grid, read_outcomes(folder)))
    failures: list[str] = []

    def done(arm: Arm, seed: int, outcome: Outcome | str) -> None:
        nonlocal ended
        ended += 1
        if isinstance(outcome, str):
            failures.append(f"{arm.name}, seed {seed}: {outcome}")
            said = f"[red]{escape(outcome)}[/red]"
        else:
            said = f"pass@1 {100 * outcome.curve[0].sampled:.1f} -> {100 * outcome.curve[-1].sampled:.1f}"
            said += f"  ({outcome.seconds:.0f} s)"
        console.print(f"{ended} of {total}  {escape(arm.name)}, seed {seed}: {said}")

    if not arguments.tables:
        console.print(f"{ended} of {total} runs are done already; {escape(str(folder))}", soft_wrap=True)
        run_grid(grid, folder, arguments.parallel, done, keep_runs=arguments.keep_runs)
    outcomes = valid_outcomes(grid, read_outcomes(folder))
    try:
        write_text(folder / "tables.md", tables(grid, outcomes))
        draw(grid, outcomes, folder / "curves.svg")
    except OSError as error:  # a full disk, say; the outcomes are written, and --tables makes them again
        print(f"rltf ablate: {error.filename or folder}: cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    written = f"tables {folder / 'tables.md'}\ncurves {folder / 'curves.svg'}"
    console.print(written, highlight=False, markup=False, soft_wrap=True)
    for failure in failures:
        print(f"rltf ablate: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _unwritable(folder: Path) -> str:
    """Say what is known against writing the grid's results, before the hours that they take. Empty where nothing is."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return f"--out {folder}: cannot be made: {error.strerror}"
    files = (folder / name for name in ("outcomes.jsonl", "tables.md", "curves.svg"))
    return next(filter(None, map(why_unwritable, files)), "")
