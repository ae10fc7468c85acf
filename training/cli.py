"""The `rltf` command, which finds the subcommand and runs it. It loads no torch, so that `rltf feedback` starts fast.

Exit status: 0 done; 1 finished with problems, each named; 2 usage or configuration error; 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

SUBCOMMANDS = {
    "train": "train a policy online, from unit-test and static feedback",
    "eval": "pass@k of a model on problems",
    "ablate": "train a grid of arms and seeds, and compare them",
    "data": "problems as a model will read them, their tests, and what was left out",
    "audit": "what is wrong with a data set: references, duplicates, weak tests",
    "amplify": "more tests for a data set, that catch what its tests let pass",
    "feedback": "verdict, error spans and token rewards of programs",
    "serve": "token rewards over HTTP, for other trainers",
    "show": "what a run did, in the terminal",
    "report": "a run as one self-contained HTML page",
    "doctor": "what this machine offers: isolation, devices, versions",
}


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `rltf ARGUMENTS`. Returns the exit status."""
    parser = _Parser(prog="rltf", description="Teach a code model with feedback from running and reading its programs.")
    subparsers = parser.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")
    words = list(sys.argv[1:] if arguments is None else arguments)
    for name, text in SUBCOMMANDS.items():
        subparser = subparsers.add_parser(name, help=text, description=text, allow_abbrev=False)
        if name in words[:1]:  # only the chosen subcommand's module is loaded
            import_module(f"training.commands.{name}").add_arguments(subparser)
    try:
        chosen, unknown = parser.parse_known_args(words)
        command = import_module(f"training.commands.{chosen.subcommand}")
        if unknown:
            explain = getattr(command, "explain_unknown", "no such argument: {}; see --help".format)
            parser.error(explain(unknown[0]))
        return int(command.run(chosen))
    except SystemExit as exited:  # argparse's: help, or a usage error
        return int(exited.code or 0)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
