"""`rltf eval` computes pass@k and n@k of a model on problems, beside other results and the paper's tables."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from training.commands.numbers import share, whole

PAPER = "paper"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `rltf eval`."""
    parser.add_argument(
        "model",
        nargs="?",
        metavar="MODEL",
        help="hub name, folder, a run's checkpoint, or embedded:short|long|varied|uneven",
    )
    parser.add_argument("--data", metavar="SPEC", help="problems, as data.train of `rltf train` (docs/data.md)")
    parser.add_argument("--limit", type=whole(0), default=0, help="only the first so many problems (default: all)")
    parser.add_argument("--samples", type=whole(1), default=10, help="programs sampled for each problem (default 10)")
    parser.add_argument("--k", type=_numbers, metavar="1,5,10", help="the k of pass@k and n@k (default 1)")
    parser.add_argument("--n", type=_numbers, metavar="1,5", help="the n of n@k (default 1)")
    parser.add_argument(
        "--temperature",
        type=_temperatures,
        default=[1.0],
        metavar="0,0.6,1",
        help="one or several; 0 is greedy, one sample (default 1)",
    )
    parser.add_argument("--top-p", type=share, default=1.0, help="nucleus; the paper: 0.95 (default 1: all)")
    parser.add_argument("--max-new-tokens", type=whole(1), default=256, help="longest completion (default 256)")
    parser.add_argument(
        "--max-prompt-tokens",
        type=whole(0),
        default=0,
        help="longest prompt (default: what model and completions leave)",
    )
    parser.add_argument(
        "--long-prompts", choices=["cut", "leave_out"], default="cut", help="what becomes of longer ones (default cut)"
    )
    parser.add_argument("--batch-size", type=whole(1), default=64, help="sequences generated together (default 64)")
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
    parser.add_argument("--seed", type=whole(0), default=0, help="everything random is a function of it (default 0)")
    parser.add_argument("--workers", type=whole(1), default=1, help="sandbox workers (default 1)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep samples and verdicts there, and go on from there")
    parser.add_argument(
        "--compare", nargs="+", default=[], metavar="DIR", help="results of --out to compare with, or `paper`"
    )


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, compare, print. See `training.cli` for the exit status."""
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
        status, result = 0, None
        if arguments.model:
            from training.commands.evaluating import evaluated, show_prompt

            if arguments.show_prompt:
                return show_prompt(arguments)
            status, result = evaluated(arguments)
        pairs = [(other, result) for other in others] if result else [(others[0], other) for other in others[1:]]
        beside_paper = [*others, *([result] if result else [])] if PAPER in arguments.compare else []
        show_comparisons(Console(), pairs, beside_paper, arguments.k or [])
    except (RefusedError, ResultError, SandboxError) as error:
        print(f"rltf eval: {error}", file=sys.stderr)
        return 2
    except OSError as error:  # a full disk, say; the samples that are written count when the same command goes on
        what = f"--out {arguments.out}: cannot be written: {error.strerror or error}" if arguments.out else str(error)
        print(f"rltf eval: {what}", file=sys.stderr)
        return 1
    except LostError as error:  # what was drawn before is kept with --out
        print(f"rltf eval: {error}", file=sys.stderr)
        return 1
    return status


def _usage_fault(arguments: argparse.Namespace) -> str:
    """Say what is wrong with the arguments together. Empty where nothing is."""
    if bool(arguments.model) != bool(arguments.data):
        return "MODEL and --data SPEC belong together"
    if not arguments.model and (len(arguments.compare) < 2 or set(arguments.compare) == {PAPER}):
        return "needs MODEL and --data SPEC, or --compare with two results (`paper` may be one)"
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


def _temperatures(text: str) -> list[float]:
    try:
        found = sorted({float(part) for part in text.split(",")})
    except ValueError:
        found = [-1.0]
    if not all(0 <= temperature < 100 for temperature in found):
        raise argparse.ArgumentTypeError(f"{text!r}: must be numbers of at least 0, as in 0,0.6,1")
    return found
