"""`python -m training.minicode` writes the problems, or builds a warm-started checkpoint."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from engine import CallTest, Problem, StdinTest
from training.minicode import CHECKPOINTS, TIERS, problems
from training.minicode.describe import mistakes


def public_shape(problem: Problem) -> dict[str, object]:
    """Write a problem in the APPS shape. A function's problem has `fn_name`, and its inputs are lists of arguments."""
    stdin = [test for test in problem.tests if isinstance(test, StdinTest)]
    calls = [test for test in problem.tests if isinstance(test, CallTest)]
    shape: dict[str, object] = {
        "id": problem.id,
        "prompt": problem.prompt,
        "starter_code": problem.starter_code,
        "inputs": [test.stdin for test in stdin] + [list(test.args) for test in calls],
        "outputs": [test.expected for test in stdin] + [test.expected for test in calls],
        "solutions": list(problem.references),
        "difficulty": problem.difficulty,
        "source": problem.source,
        "time_limit": problem.time_limit,
    }
    return shape | ({"fn_name": problem.entry_point} if problem.entry_point else {})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.minicode", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("problems", help="write a split as JSON lines in the APPS shape")
    listing.add_argument("--tier", choices=tuple(TIERS), default="short")
    listing.add_argument("--split", choices=("train", "held_out"), default="train")
    listing.add_argument("--count", type=int, help="number of problems (default: the whole split)")
    building = commands.add_parser("warm-start", help="build a checkpoint anew (minutes, one thread)")
    building.add_argument("--tier", choices=tuple(TIERS), default="short")
    building.add_argument("--out", type=Path, help="folder to write (default: the one in the package)")
    building.add_argument("--seed", type=int, default=0)
    commands.add_parser("mistakes", help="write the planted mistakes as Markdown (the end of docs/minicode.md)")
    given = parser.parse_args(arguments)
    if given.command == "mistakes":
        sys.stdout.write(mistakes(TIERS.values()))
        return 0
    if given.command == "warm-start":
        from training.minicode.warm_start import warm_start  # torch only where it is needed

        warm_start(TIERS[given.tier], given.out or CHECKPOINTS / given.tier, given.seed)
        return 0
    for problem in problems(given.tier, given.split, given.count):
        sys.stdout.write(json.dumps(public_shape(problem)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
