"""`rltf audit` says what is wrong with a data set, before money is spent on it."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from rich.console import Console

from engine import Problem, SandboxError
from training.commands.numbers import fraction, share, whole
from training.files import why_unwritable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `rltf audit`."""
    parser.add_argument("data", metavar="DATA", help="a problem set, as data.train of `rltf train`")
    parser.add_argument("--held-out", metavar="SPEC", help="a problem set that DATA must share no problem with")
    parser.add_argument("--out", type=Path, metavar="FILTERED.jsonl", help="write the problems that are kept there")
    parser.add_argument("--json", action="store_true", help="print one JSON object in place of the tables")
    parser.add_argument("--limit", type=whole(0), default=0, help="only the first so many problems (default: all)")
    parser.add_argument("--runs", type=whole(1), default=3, help="how often each reference is judged (default 3)")
    parser.add_argument("--mutants", type=whole(0), default=24, help="most mutants of one problem (default 24)")
    parser.add_argument("--min-score", type=fraction, default=0.5, help="lowest mutation score to keep (default 0.5)")
    parser.add_argument("--near", type=share, default=0.8, help="likeness of duplicates, 0 to 1 (default 0.8)")
    parser.add_argument("--seed", type=whole(0), default=0, help="chooses the mutants (default 0)")
    parser.add_argument("--workers", type=whole(1), default=1, help="pairs of sandbox workers (default 1)")
    parser.add_argument(
        "--show", type=whole(0), default=20, help="problems named for each kind of finding (default 20)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Audit, print, write. Returns 1 where anything was found (see `training.cli`)."""
    from training.data import DataError, LoadReport, load_problems
    from training.quality.audit.audit import Auditor, AuditSettings
    from training.quality.audit.report import filtered, render, summary, to_json
    from training.quality.audit.writing import problem_record, write_records

    if arguments.out and (problem := why_unwritable(arguments.out, arguments.data)):
        print(f"rltf audit: {problem}", file=sys.stderr)
        return 2
    settings = AuditSettings(
        workers=arguments.workers,
        runs=arguments.runs,
        mutants=arguments.mutants,
        seed=arguments.seed,
        min_score=arguments.min_score,
        near=arguments.near,
    )
    report = LoadReport()
    try:
        problems = load_problems(arguments.data, arguments.limit, report)
        held_out: list[Problem] = load_problems(arguments.held_out) if arguments.held_out else []
        started = time.perf_counter()
        with Auditor(settings) as auditor, Console(stderr=True).status("auditing") as status:
            audits = []
            for audit in auditor.audit(problems, held_out):
                audits.append(audit)
                status.update(f"audited {len(audits)} of {len(problems)} problems")
        seconds = time.perf_counter() - started
    except (DataError, OSError) as error:
        print(f"rltf audit: {error}", file=sys.stderr)
        return 2
    except SandboxError as error:
        print(f"rltf audit: {error}", file=sys.stderr)
        return 1
    lost = ""
    try:
        if arguments.out:
            write_records(arguments.out, map(problem_record, filtered(problems, audits)))
    except OSError as error:  # what was found is shown all the same
        lost = f"{arguments.out}: cannot be written: {error.strerror}"
        print(f"rltf audit: {lost}", file=sys.stderr)
    for line in report.lines():
        print(f"rltf audit: {line}", file=sys.stderr)
    if arguments.json:
        loaded = {"left_out": dict(report.left_out), "malformed": report.malformed}
        found = {"summary": summary(audits, seconds), "problems": [to_json(audit) for audit in audits]}
        print(json.dumps({"loaded": loaded, **found}))
    else:
        Console().print(render(audits, seconds, arguments.show))
        if arguments.out and not lost:
            print(f"{sum(not audit.dropped for audit in audits)} problems written to {arguments.out}")
    return 1 if lost or not report.complete or any(audit.findings for audit in audits) else 0
