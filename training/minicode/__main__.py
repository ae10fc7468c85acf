"""`python -m training.minicode`: write the problems.

What this module does not do: train with rewards (`rltf train`).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from engine import CallTest, Problem, StdinTest
from training.minicode import TIERS, problems


def public_shape(problem: Problem) -> dict[str, object]:
    """A problem in the APPS shape: `fn_name` for functions; inputs are then lists of arguments."""
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
    }
    return shape | ({"fn_name": problem.entry_point} if problem.entry_point else {})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.minicode", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("problems", help="write a split as JSON lines in the APPS shape")
    listing.add_argument("--tier", choices=tuple(TIERS), default="short")
    listing.add_argument("--split", choices=("train", "held_out"), default="train")
    listing.add_argument("--count", type=int, help="number of problems (default: the whole split)")
    given = parser.parse_args(arguments)
    for problem in problems(given.tier, given.split, given.count):
        sys.stdout.write(json.dumps(public_shape(problem)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
