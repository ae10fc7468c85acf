"""Carry out what `rltf eval` was asked: choose problems and format, sample and judge, print what it adds up to."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from engine import ComparisonRule, Problem
from training.config import TrainConfig
from training.data import LoadReport, load_problems
from training.errors import PolicyError
from training.evaluation.plan import EvaluationPlan
from training.evaluation.results import OVERALL, Result, ResultFolder, Sample, rows_of
from training.evaluation.signs import signs
from training.evaluation.suitable import suitable_format
from training.evaluation.tables import outcomes_table, rates_table
from training.models.policy import load_policy, set_threads
from training.models.prompts import encode_prompt
from training.run.checkpoint import changed_files
from training.run.display import progress_of
from training.sections import ModelSection, SamplerSection

_READ = {"whole": "all of the completion", "fence": "its Markdown block"}


def show_prompt(arguments: argparse.Namespace) -> int:
    """Print what the model reads for the first problem. Returns the exit status."""
    console = Console(stderr=True)
    problems, _ = _problems(arguments, console)
    policy = load_policy(_plan(arguments, problems, console).model)
    ids = encode_prompt(policy, problems[0])
    print(f"{problems[0].id}: {len(ids)} tokens", file=sys.stderr)
    sys.stdout.write(b"".join(policy.bytes_of(ids)).decode(errors="replace"))
    sys.stdout.flush()
    return 0


def evaluated(arguments: argparse.Namespace) -> tuple[int, Result]:
    """Sample and judge what is missing, and print what it adds up to. Returns exit status and result."""
    console = Console()
    problems, malformed = _problems(arguments, console)
    plan = _plan(arguments, problems, console)
    settings = {"data": arguments.data, **plan.settings(problems)}
    set_threads(0)
    with ResultFolder(arguments.out, settings) if arguments.out else nullcontext() as folder:
        samples = folder.samples if folder else []
        before, started = len(samples), time.monotonic()
        missing = plan.missing(
            problems,
            list(samples),
            workers=arguments.workers,
            batch_size=arguments.batch_size,
            tell=lambda line: _tell(console, line),
            folder=arguments.out / "served" if arguments.out else None,
        )
        if before:
            _tell(console, f"going on: {before} samples are in {arguments.out}")
        try:
            for sample in _shown(missing, plan.size(problems), before):
                folder.add(sample) if folder else samples.append(sample)
        except KeyboardInterrupt:
            kept = f"{len(samples)} samples are in {arguments.out}: the same command goes on"
            print(f"rltf eval: stopped; {kept if folder else 'nothing was kept (--out DIR keeps it)'}", file=sys.stderr)
            raise
    seconds, drawn = time.monotonic() - started, len(samples) - before
    found = rows_of(samples, arguments.k or [1], arguments.n or [1])
    console.print(rates_table(f"{arguments.model} on {arguments.data}", found))
    console.print()
    console.print(outcomes_table(found))
    pace = f"; {1000 * seconds / len(problems):.0f} s per 1,000 problems" if not before else ""
    console.print(f"\n{drawn} samples in {seconds:.1f} s{pace}", highlight=False)
    unfiltered = not any(sample.public is not None for sample in samples)
    if arguments.n and unfiltered:
        print("rltf eval: no problem has public tests to filter by: no n@k (it would be pass@n)", file=sys.stderr)
    for line in signs(samples, problems, plan.model.extract):
        _tell(console, line, "yellow")
    infra = sum(row.infra for row in found if row.difficulty == OVERALL)
    if infra:
        console.print(f"{infra} samples could not be judged, through our own fault; they are in no rate", style="red")
    if folder:
        folder.finish(found, seconds, drawn)
    return int(bool(infra or malformed)), Result(arguments.model, settings, samples)


def _problems(arguments: argparse.Namespace, console: Console) -> tuple[list[Problem], int]:
    """Load the problems, and say what was left out. Returns how many records were malformed too."""
    report = LoadReport()
    problems = load_problems(arguments.data, arguments.limit, report, for_model=True)
    for line in report.lines():
        _tell(console, f"{arguments.data}: {line}")
    if arguments.comparison:
        rule = ComparisonRule(arguments.comparison)
        problems = [replace(problem, comparison=rule) for problem in problems]
    return problems, report.malformed


def _plan(arguments: argparse.Namespace, problems: list[Problem], console: Console) -> EvaluationPlan:
    """Plan the evaluation that is asked for, and say which format it takes where none is given."""
    if changed := changed_files(Path(arguments.model)):
        raise PolicyError(
            f"model {arguments.model!r}: not as its run wrote it: {', '.join(changed)};"
            " name another checkpoint, or delete its checksums.json to take it as it is"
        )
    prompt_format, extract, stop = arguments.prompt_format, arguments.extract, tuple(arguments.stop)
    if prompt_format is None:
        suitable = suitable_format(arguments.model, problems)
        prompt_format, extract, stop = suitable.prompt_format, extract or suitable.extract, stop or suitable.stop
        _tell(
            console,
            f"prompt format {prompt_format!r}, program: {_READ[extract]} ({suitable.why});"
            " --prompt-format and --extract choose others",
        )
    return EvaluationPlan(
        ModelSection(
            name=arguments.model,
            prompt_format=prompt_format,
            extract=extract or "whole",
            stop=stop,
            max_prompt_tokens=arguments.max_prompt_tokens,
            long_prompts=arguments.long_prompts,
            dtype=arguments.dtype,
        ),
        samples=arguments.samples,
        temperatures=tuple(arguments.temperature),
        top_p=arguments.top_p,
        max_new_tokens=arguments.max_new_tokens,
        seed=arguments.seed,
        critic_sampling=arguments.critic_sampling,
        sampler=_sampler(arguments),
    )


def _sampler(arguments: argparse.Namespace) -> SamplerSection:
    """Read what samples. Raises ConfigError as `rltf train` does."""
    keys = {"sampler.servers": arguments.servers, "sampler.backend": arguments.backend}
    if arguments.servers and not arguments.backend:
        keys["sampler.backend"] = "vllm"
    return TrainConfig.load(overrides={name: value for name, value in keys.items() if value}).sampler


def _tell(console: Console, line: str, style: str = "") -> None:
    console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)


def _shown(samples: Iterator[Sample], total: int, before: int) -> Iterator[Sample]:
    """Yield the samples as they come, with a bar on a terminal."""
    console = Console(stderr=True)
    with progress_of("samples", console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total, completed=before)
        for sample in samples:
            yield sample
            progress.advance(task)
