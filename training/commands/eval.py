"""`rltf eval` computes pass@k and n@k of a model on problems, beside other results and the paper's tables."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from engine import Problem
    from training.evaluation.plan import EvaluationPlan
    from training.evaluation.results import Result, Sample
    from training.sections import SamplerSection

PAPER = "paper"
_READ = {"whole": "all of the completion", "fence": "its Markdown block"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `rltf eval`."""
    parser.add_argument(
        "model", nargs="?", metavar="MODEL", help="hub name, folder, a run's checkpoint, or embedded:short|long"
    )
    parser.add_argument("--data", metavar="SPEC", help="problems, as data.train of `rltf train` (docs/data.md)")
    parser.add_argument("--limit", type=int, default=0, help="only the first so many problems (default: all)")
    parser.add_argument("--samples", type=int, default=10, help="programs sampled for each problem (default 10)")
    parser.add_argument("--k", type=_numbers, metavar="1,5,10", help="the k of pass@k and n@k (default 1)")
    parser.add_argument("--n", type=_numbers, metavar="1,5", help="the n of n@k (default 1)")
    parser.add_argument(
        "--temperature",
        type=_temperatures,
        default=[1.0],
        metavar="0,0.6,1",
        help="one or several; 0 is greedy, one sample (default 1)",
    )
    parser.add_argument("--top-p", type=_share, default=1.0, help="nucleus; the paper: 0.95 (default 1: all)")
    parser.add_argument("--max-new-tokens", type=int, default=256, help="longest completion (default 256)")
    parser.add_argument(
        "--max-prompt-tokens", type=int, default=0, help="longest prompt (default: what model and completions leave)"
    )
    parser.add_argument(
        "--long-prompts", choices=["cut", "leave_out"], default="cut", help="what becomes of longer ones (default cut)"
    )
    parser.add_argument("--batch-size", type=int, default=64, help="sequences generated together (default 64)")
    parser.add_argument(
        "--prompt-format",
        help="what the model reads, as model.prompt_format: apps, mbpp, humaneval as published, chat, or a text"
        " (default: what suits model and data; it says which)",
    )
    parser.add_argument("--show-prompt", action="store_true", help="print what the model reads for a problem, and end")
    parser.add_argument("--extract", choices=["whole", "fence"], help="the program in a completion (default: as suits)")
    parser.add_argument(
        "--stop", action="append", default=[], metavar="TEXT", help="ends a completion (several times for several)"
    )
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], default="float32", help="of the weights")
    parser.add_argument(
        "--comparison", choices=["strict", "apps"], help="of outputs; apps: as lax as the published harness"
    )
    parser.add_argument(
        "--critic-sampling",
        action="store_true",
        help="refine and repair with the critic that MODEL, a checkpoint of a coderl run, holds (docs/critic.md)",
    )
    parser.add_argument(
        "--servers",
        "--sampler.servers",
        metavar="URL,URL",
        help="vLLM servers of MODEL that sample, as sampler.servers of `rltf train` (docs/scaling.md)",
    )
    parser.add_argument("--sampler.backend", dest="backend", help="what samples, as in `rltf train`")
    parser.add_argument("--seed", type=int, default=0, help="everything random is a function of it (default 0)")
    parser.add_argument("--workers", type=int, default=1, help="sandbox workers (default 1)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep samples and verdicts there, and go on from there")
    parser.add_argument(
        "--compare", nargs="+", default=[], metavar="DIR", help="results of --out to compare with, or `paper`"
    )


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, compare, print; see `training.cli` for the exit status."""
    from rich.console import Console

    from engine import SandboxError
    from training.errors import LostError, RefusedError
    from training.evaluation.results import ResultError, read_result
    from training.evaluation.tables import show_comparisons

    if fault := _usage_fault(arguments):
        print(f"rltf eval: {fault}", file=sys.stderr)
        return 2
    try:
        others = [read_result(Path(name)) for name in arguments.compare if name != PAPER]
        if arguments.show_prompt:
            return _show_prompt(arguments)
        status, result = _evaluated(arguments) if arguments.model else (0, None)
        pairs = [(other, result) for other in others] if result else [(others[0], other) for other in others[1:]]
        beside_paper = [*others, *([result] if result else [])] if PAPER in arguments.compare else []
        show_comparisons(Console(), pairs, beside_paper, arguments.k or [])
    except (RefusedError, ResultError, SandboxError) as error:
        print(f"rltf eval: {error}", file=sys.stderr)
        return 2
    except OSError as error:  # a full disk, say; the samples that are written count when the same command goes on
        print(f"rltf eval: --out {arguments.out}: cannot be written: {error.strerror or error}", file=sys.stderr)
        return 1
    except LostError as error:  # what was drawn before is kept with --out
        print(f"rltf eval: {error}", file=sys.stderr)
        return 1
    return status


def _usage_fault(arguments: argparse.Namespace) -> str:
    """What is wrong with the arguments together; empty where nothing is."""
    if bool(arguments.model) != bool(arguments.data):
        return "MODEL and --data SPEC belong together"
    if not arguments.model and (len(arguments.compare) < 2 or set(arguments.compare) == {PAPER}):
        return "needs MODEL and --data SPEC, or --compare with two results (`paper` may be one)"
    least = {
        "samples": 1,
        "max_new_tokens": 1,
        "batch_size": 1,
        "workers": 1,
        "limit": 0,
        "seed": 0,
        "max_prompt_tokens": 0,
    }
    for name, bound in least.items():
        if getattr(arguments, name) < bound:
            return f"--{name.replace('_', '-')} {getattr(arguments, name)}: must be at least {bound}"
    samples, largest = arguments.samples if max(arguments.temperature) > 0 else 1, max(arguments.k or [1])
    if arguments.model and samples < largest:
        return f"--k {largest} needs at least that many samples, not {samples}"
    if max(arguments.n or [1]) > largest:
        return f"--n {max(arguments.n)} is above the largest k, {largest}: n of k samples are submitted"
    greedy_refined = arguments.critic_sampling and min(arguments.temperature) == 0
    return "--critic-sampling needs temperatures above 0: greedy ends would all be the same" if greedy_refined else ""


def _numbers(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.isdecimal() and int(part) >= 1 for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r}: must be numbers of at least 1, as in 1,5,10")
    return sorted({int(part) for part in parts})


def _share(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found <= 1:
        raise argparse.ArgumentTypeError(f"{text!r}: must be above 0 and at most 1")
    return found


def _temperatures(text: str) -> list[float]:
    try:
        found = sorted({float(part) for part in text.split(",")})
    except ValueError:
        found = [-1.0]
    if not all(0 <= each < 100 for each in found):
        raise argparse.ArgumentTypeError(f"{text!r}: must be numbers of at least 0, as in 0,0.6,1")
    return found


def _problems(arguments: argparse.Namespace, console: Console) -> tuple[list[Problem], int]:
    """The problems, and how many records were malformed; says what was left out."""
    from engine import ComparisonRule
    from training.data import LoadReport, load_problems

    report = LoadReport()
    problems = load_problems(arguments.data, arguments.limit, report, for_model=True)
    for line in report.lines():
        console.print(f"{arguments.data}: {line}", markup=False, highlight=False, soft_wrap=True)
    if arguments.comparison:
        rule = ComparisonRule(arguments.comparison)
        problems = [replace(problem, comparison=rule) for problem in problems]
    return problems, report.malformed


def _plan(arguments: argparse.Namespace, problems: list[Problem], console: Console) -> EvaluationPlan:
    """The evaluation that is asked for; says which format it takes where none is given."""
    from training.evaluation.plan import EvaluationPlan
    from training.evaluation.suitable import suitable_format
    from training.sections import ModelSection

    prompt_format, extract, stop = arguments.prompt_format, arguments.extract, tuple(arguments.stop)
    if prompt_format is None:
        suitable = suitable_format(arguments.model, problems)
        prompt_format, extract, stop = suitable.prompt_format, extract or suitable.extract, stop or suitable.stop
        console.print(
            f"prompt format {prompt_format!r}, program: {_READ[extract]} ({suitable.why});"
            " --prompt-format and --extract choose others",
            markup=False,
            highlight=False,
            soft_wrap=True,
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
    """Read what samples; raises ConfigError as `rltf train` does."""
    from training.config import TrainConfig

    keys = {"sampler.servers": arguments.servers, "sampler.backend": arguments.backend}
    if arguments.servers and not arguments.backend:
        keys["sampler.backend"] = "vllm"
    return TrainConfig.load(overrides={name: value for name, value in keys.items() if value}).sampler


def _show_prompt(arguments: argparse.Namespace) -> int:
    from rich.console import Console

    from training.models.policy import load_policy
    from training.models.prompts import encode_prompt

    console = Console(stderr=True)
    problems, _ = _problems(arguments, console)
    policy = load_policy(_plan(arguments, problems, console).model)
    ids = encode_prompt(policy, problems[0])
    print(f"{problems[0].id}: {len(ids)} tokens", file=sys.stderr)
    sys.stdout.write(b"".join(policy.bytes_of(ids)).decode(errors="replace"))
    sys.stdout.flush()
    return 0


def _evaluated(arguments: argparse.Namespace) -> tuple[int, Result]:
    """Sample and judge what is missing, print what it adds up to; the exit status and the result."""
    from rich.console import Console

    from training.evaluation.results import OVERALL, Result, ResultFolder, rows_of
    from training.evaluation.tables import outcomes_table, rates_table
    from training.models.policy import set_threads

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
            tell=lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True),
            folder=arguments.out / "served" if arguments.out else None,
        )
        if before:
            said = f"going on: {before} samples are in {arguments.out}"
            console.print(said, highlight=False, markup=False, soft_wrap=True)
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
    for line in _signs(samples, problems, plan.model.extract):
        console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)
    infra = sum(row.infra for row in found if row.difficulty == OVERALL)
    if infra:
        console.print(f"{infra} samples could not be judged, through our own fault; they are in no rate", style="red")
    if folder:
        folder.finish(found, seconds, drawn)
    return int(bool(infra or malformed)), Result(arguments.model, settings, samples)


def _signs(samples: list[Sample], problems: list[Problem], extract: str) -> Iterator[str]:
    """What the samples as a whole say about the settings: programs that are none, completions that were cut off."""
    from feedback import CompletionFormat

    counted = [sample for sample in samples if sample.counts]
    cut = sum(sample.finish_reason == "length" for sample in counted)
    if cut * 2 > len(counted):
        yield f"{cut} of {len(counted)} completions were cut off at --max-new-tokens"
    if not counted or any(sample.outcome != "syntax" for sample in counted):
        return
    yield f"all {len(counted)} programs are syntax errors: are --prompt-format and --extract the model's?"
    if extract == "whole":
        by_id = {problem.id: problem for problem in problems}
        fence = CompletionFormat(extract="fence")
        texts = [
            (sample.program.encode(), by_id[sample.problem_id]) for sample in counted if sample.problem_id in by_id
        ]
        fenced = sum(fence.program(text, problem).text != text for text, problem in texts)
        yield f"{fenced} of them hold a Markdown block, which --extract fence would read as the program"
    else:
        yield "--extract whole would read all of a completion as the program"


def _shown(samples: Iterator[Sample], total: int, before: int) -> Iterator[Sample]:
    """The samples as they come, with a bar on a terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("samples"),
        MofNCompleteColumn(),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total, completed=before)
        for sample in samples:
            yield sample
            progress.advance(task)
