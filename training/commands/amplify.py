"""`rltf amplify` adds tests to a data set that catch what its own tests let pass."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from engine import Problem, SandboxError
from training.commands.numbers import whole
from training.files import why_unwritable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `rltf amplify`."""
    parser.add_argument("data", metavar="DATA", help="a problem set, as data.train of `rltf train`; audit it first")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="write the set with the new tests there"
    )
    parser.add_argument(
        "--programs",
        type=Path,
        metavar="FILE|RUN",
        help="programs to catch too: samples.jsonl of `rltf eval`, or a run",
    )
    parser.add_argument("--propose", metavar="MODEL", help="also take inputs that a model proposes, as in `rltf eval`")
    parser.add_argument("--proposals", type=whole(1), default=4, help="texts asked of it for each problem (default 4)")
    parser.add_argument("--max-new-tokens", type=whole(1), default=256, help="its longest text (default 256)")
    parser.add_argument(
        "--candidates", type=whole(1), default=100, help="new inputs tried for each problem (default 100)"
    )
    parser.add_argument("--mutants", type=whole(0), default=40, help="most mutants of one problem (default 40)")
    parser.add_argument("--most", type=whole(1), default=10, help="most new tests of one problem (default 10)")
    parser.add_argument("--seed", type=whole(0), default=0, help="everything random is a function of it (default 0)")
    parser.add_argument("--limit", type=whole(0), default=0, help="only the first so many problems (default: all)")
    parser.add_argument("--workers", type=whole(1), default=1, help="pairs of sandbox workers (default 1)")
    parser.add_argument("--json", action="store_true", help="print one JSON object in place of the tables")


def run(arguments: argparse.Namespace) -> int:
    """Amplify, write, print. See `training.cli` for the exit status."""
    from training.data import LoadReport, load_problems
    from training.errors import DataError
    from training.quality.amplify.amplify import OUR_FAILURE, Amplifier
    from training.quality.amplify.programs import load_programs
    from training.quality.amplify.records import AmplifySettings
    from training.quality.amplify.report import amplified_record, render, summary
    from training.quality.audit.writing import write_records

    if problem := why_unwritable(arguments.out, arguments.data):
        print(f"rltf amplify: {problem}", file=sys.stderr)
        return 2
    settings = AmplifySettings(
        arguments.workers, arguments.candidates, arguments.mutants, arguments.most, arguments.seed
    )
    report = LoadReport()
    try:
        problems = load_problems(arguments.data, arguments.limit, report)
        programs = load_programs(arguments.programs) if arguments.programs else {}
        started = time.perf_counter()
        texts = _proposals(arguments, problems) if arguments.propose else {}
        results = []
        with Amplifier(settings) as amplifier, Console(stderr=True).status("amplifying") as status:
            for result in amplifier.amplify(problems, programs, texts):
                results.append(result)
                status.update(f"amplified {len(results)} of {len(problems)} problems")
        seconds = time.perf_counter() - started
    except (DataError, OSError) as error:
        print(f"rltf amplify: {error}", file=sys.stderr)
        return 2
    except SandboxError as error:
        print(f"rltf amplify: {error}", file=sys.stderr)
        return 1
    lost = ""
    try:
        write_records(arguments.out, map(amplified_record, results))
    except OSError as error:  # what was found is shown all the same
        lost = f"{arguments.out}: cannot be written: {error.strerror}"
        print(f"rltf amplify: {lost}", file=sys.stderr)
    for line in report.lines():
        print(f"rltf amplify: {line}", file=sys.stderr)
    if strangers := sorted(programs.keys() - {problem.id for problem in problems}):
        named = ", ".join(strangers[:3])
        print(f"rltf amplify: programs of {len(strangers)} problems not in DATA left out: {named}", file=sys.stderr)
    failures = [result for result in results if result.left_out.startswith(OUR_FAILURE)]
    for result in failures:
        print(f"rltf amplify: problem {result.problem.id}: {result.left_out}", file=sys.stderr)
    figures = summary(results, seconds)
    if arguments.json:
        print(json.dumps(figures))
    else:
        Console().print(render(figures))
        print("" if lost else f"written to {arguments.out}")
    return 1 if lost or report.malformed or strangers or failures else 0


def _proposals(arguments: argparse.Namespace, problems: Sequence[Problem]) -> dict[str, list[str]]:
    """Ask the model, by problem id. Raises DataError where there is no such model."""
    from training.errors import DataError, PolicyError
    from training.models.policy import load_policy, set_threads
    from training.quality.amplify.proposals import proposals
    from training.samplers.transformers import TransformersSampler
    from training.sections import ModelSection

    set_threads(0)
    try:
        policy = load_policy(ModelSection(name=arguments.propose))
    except PolicyError as error:
        raise DataError(str(error)) from None
    sampler = TransformersSampler(policy, arguments.max_new_tokens)
    return dict(proposals(policy, sampler, problems, arguments.proposals, arguments.seed))
