"""`rltf feedback` shows verdict, error spans and token rewards of one program, or of a file of them.

It loads no torch, and transformers only where `--tokenizer` names a model.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine import Engine, Problem, ProblemError, Report, SandboxError, Verdict, parse_problem
from feedback import COMPONENTS, Feedback, assess, to_json, token_offsets
from training.commands.batch import run_batch
from training.commands.numbers import whole
from training.files import why_unwritable, write_text
from training.models.tokenization import Tokenization, TokenizerError
from training.page import build_sample_page, shown_record
from training.run.rendering import render_record, visible

_WORDS = re.compile(rb"\n|[^\S\n]+|\w+|[^\w\s]")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's arguments."""
    parser.add_argument("program", nargs="?", metavar="PROGRAM.py", type=Path, help="the program to judge")
    parser.add_argument(
        "--problem", metavar="PROBLEM.json", type=Path, help="its problem: APPS, MBPP or HumanEval shape"
    )
    parser.add_argument("--tokenizer", metavar="NAME", help="a model's name or folder: rewards on its tokens")
    parser.add_argument(
        "--reference", action="store_true", help="also find where a wrong answer parts from the reference solution"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON line in place of the display")
    parser.add_argument("--html", metavar="FILE", type=Path, help="also write the display as a page of its own")
    parser.add_argument("--batch", metavar="IN.jsonl", type=Path, help='lines {"id", "program", "problem"} to judge')
    parser.add_argument("--out", metavar="OUT.jsonl", type=Path, help="where the lines of --batch go")
    parser.add_argument(
        "--workers", metavar="N", type=whole(1), help="worker processes of each kind (default: the cores)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Judge and show. Returns the exit status."""
    written = (path for path in (arguments.out, arguments.html) if path is not None)
    if problem := _usage_problem(arguments) or next(filter(None, map(why_unwritable, written)), ""):
        print(f"rltf feedback: {problem}", file=sys.stderr)
        return 2
    try:
        tokenization = Tokenization.load(arguments.tokenizer) if arguments.tokenizer else None
        if arguments.batch:
            workers = arguments.workers or len(os.sched_getaffinity(0))
            return run_batch(arguments.batch, arguments.out, workers, tokenization)
        return _single(arguments, tokenization)
    except OSError as error:
        done = "written" if error.filename in (str(arguments.out), str(arguments.html)) else "read"
        what = f"{error.filename}: cannot be {done}: {error.strerror}" if error.filename else str(error)
        print(f"rltf feedback: {what}", file=sys.stderr)
        return 2
    except TokenizerError as error:
        print(f"rltf feedback: {error}", file=sys.stderr)
        return 2
    except SandboxError as error:
        print(f"rltf feedback: {error}", file=sys.stderr)
        return 1


def _usage_problem(arguments: argparse.Namespace) -> str:
    """Say what is wrong with the combination of arguments. Empty if nothing is."""
    if arguments.batch:
        if arguments.out is None:
            return "--batch needs --out OUT.jsonl"
        if arguments.out.exists() and arguments.batch.exists() and arguments.out.samefile(arguments.batch):
            return f"--out {arguments.out} is the file that --batch reads; give another"
        single = [name for name in ("program", "problem", "reference", "html", "json") if getattr(arguments, name)]
        given = {"program": "PROGRAM.py"}.get(single[0], f"--{single[0]}") if single else ""
        return f"--batch takes no {given}: its lines hold programs and problems" if single else ""
    if arguments.program is None or arguments.problem is None:
        return "give PROGRAM.py and --problem PROBLEM.json, or --batch IN.jsonl --out OUT.jsonl"
    return "--out is for --batch" if arguments.out else ""


def _single(arguments: argparse.Namespace, tokenization: Tokenization | None) -> int:
    program = arguments.program.read_bytes()
    try:
        problem = _read_problem(arguments.problem)
    except ProblemError as error:
        print(f"rltf feedback: {arguments.problem}: {error}", file=sys.stderr)
        return 2
    if arguments.reference and not problem.references:
        print(f"rltf feedback: --reference: {arguments.problem} has no reference solution", file=sys.stderr)
        return 2
    with Engine(trace_lines=True, reference_states=arguments.reference) as engine:
        report = engine.submit(program, problem).result()
    name = arguments.program.name
    if arguments.json:
        offsets = tokenization.offsets(program) if tokenization else _word_offsets(program)
        print(json.dumps(to_json(assess(report, offsets), name, tokens=tokenization is not None)))
    if arguments.html or not arguments.json:
        _show(report, problem, name, arguments.html, tokenization, quiet=arguments.json)
    if report.execution.verdict is Verdict.INFRA:
        print(f"rltf feedback: {name} was not judged: {report.execution.infra_reason}", file=sys.stderr)
        return 1
    return 0


def _read_problem(path: Path) -> Problem:
    try:
        data = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ProblemError("problem", f"is not JSON ({error})") from None
    return parse_problem(data, path.stem)


def _word_offsets(program: bytes) -> NDArray[np.int32]:
    """Take words for tokens, for display without a tokenizer."""
    return token_offsets(_WORDS.findall(program), slice(0, len(program)))


def _show(
    report: Report, problem: Problem, name: str, page: Path | None, tokenization: Tokenization | None, *, quiet: bool
) -> None:
    offsets = tokenization.offsets(report.program) if tokenization else _word_offsets(report.program)
    feedback = assess(report, offsets)
    record = {**shown_record(feedback, problem, name), "problem_id": name}
    if page is not None:
        write_text(page, build_sample_page(record))
    if not quiet:
        console = Console()
        console.print(render_record(record))
        console.print(_components(feedback, "token" if tokenization else "word (no --tokenizer)"))


def _components(feedback: Feedback, unit: str) -> Table:
    table = Table("component", f"mean per {unit}", "lowest", "highest", "rule", show_edge=False)
    for name in COMPONENTS:
        values = feedback.rewards[name]
        rules = dict.fromkeys(part.rule for _, part in feedback.contributions if part.component == name)
        cells = [f"{value:+.3f}" for value in (values.mean(), values.min(), values.max())] if len(values) else [""] * 3
        table.add_row(name, *cells, Text(visible("; ".join(rules))))
    return table
