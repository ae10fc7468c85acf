"""`rltf data`: problems as a model will read them, what tests they have, and what was left out and why."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from training.commands.numbers import whole

if TYPE_CHECKING:
    from engine import Problem, Test

_LONGEST = 200
"""Characters shown of a test."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `rltf data`."""
    parser.add_argument("data", metavar="SPEC", help="problems, as data.train of `rltf train` (docs/data.md)")
    parser.add_argument("--limit", type=whole(0), default=0, help="read only the first so many problems (default: all)")
    parser.add_argument("--problems", type=whole(0), default=3, help="problems to show (default 3)")
    parser.add_argument("--model", metavar="MODEL", help="whose format and tokenizer to show them with")
    parser.add_argument("--prompt-format", help="as model.prompt_format (default: what suits model and data)")


def run(arguments: argparse.Namespace) -> int:
    """Print. See `training.cli` for the exit status."""
    from rich.console import Console

    from training.data import DataError, LoadReport, load_problems
    from training.errors import PolicyError
    from training.run.rendering import visible

    report = LoadReport()
    try:
        problems = load_problems(arguments.data, arguments.limit, report, for_model=True)
        lines = list(_shown(arguments, problems))
    except (DataError, PolicyError) as error:
        print(f"rltf data: {error}", file=sys.stderr)
        return 2
    console = Console()
    for line in "\n".join([*lines, *_sums(problems), *report.lines(shown=10)]).split("\n"):
        console.print(visible(line), markup=False, highlight=False, soft_wrap=True)
    return int(bool(report.malformed))


def _shown(arguments: argparse.Namespace, problems: list[Problem]) -> Iterator[str]:
    """Show the first problems, in the format."""
    from training.evaluation.suitable import suitable_format
    from training.models.formats import ProgramFormat
    from training.models.policy import load_policy
    from training.models.prompts import encode_prompt, prompt_text
    from training.sections import ModelSection

    prompt_format = arguments.prompt_format
    if prompt_format is None:
        suitable = suitable_format(arguments.model or "embedded:", problems)
        prompt_format = suitable.prompt_format
        yield f"prompt format {prompt_format!r}" + (f" ({suitable.why})" if arguments.model else "")
    section = ModelSection(name=arguments.model or "", prompt_format=prompt_format)
    policy = load_policy(section) if arguments.model else None
    for problem in problems[: arguments.problems]:
        text = prompt_text(policy, problem) if policy else ProgramFormat.of(section).text(problem)
        tokens = f", {len(encode_prompt(policy, problem))} tokens" if policy else ""
        yield f"\n--- {problem.id}: what the model reads ({len(text)} characters{tokens})"
        yield text.rstrip("\n")
        public = sum(test in problem.public_tests for test in problem.tests)
        counts = f"{len(problem.tests)} tests, {public} of them public, {len(problem.references)} references"
        checker = (
            f", checker {problem.checker if '(' not in problem.checker else 'in Python'}" if problem.checker else ""
        )
        yield f"--- {problem.id}: {counts}{checker}; the first test:"
        yield _described(problem.tests[0], problem)


def _described(test: Test, problem: Problem) -> str:
    from engine import AssertTest, StdinTest

    match test:
        case StdinTest():
            text = f"stdin {test.stdin!r} -> {test.expected!r}"
        case AssertTest():
            text = test.source.strip()
        case _:
            text = f"{problem.entry_point}({test.arguments}) -> {test.expected!r}"
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."


def _sums(problems: list[Problem]) -> Iterator[str]:
    """Say what all problems add up to."""
    from engine import are_python

    kinds = Counter(type(problem.tests[0]).__name__ for problem in problems)
    names = {"StdinTest": "by standard input", "CallTest": "by calls", "AssertTest": "by assertions"}
    parts = [f"{count} judged {names[kind]}" for kind, count in kinds.items()]
    taught = sum(bool(problem.references) for problem in problems)
    checked = sum(bool(problem.checker) for problem in problems)
    more = f", {checked} with a checker" if checked else ""
    yield f"\n{len(problems)} problems: {', '.join(parts)}; {taught} with references{more}"
    references = [(problem.id, reference) for problem in problems for reference in problem.references]
    python = are_python([reference for _, reference in references])
    if foreign := [identity for (identity, _), readable in zip(references, python, strict=True) if not readable]:
        yield (
            f"{len(foreign)} of {len(references)} references are not Python 3 and are not taught, as one of problem"
            f" {foreign[0]!r}"
        )
