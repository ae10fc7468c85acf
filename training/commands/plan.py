"""`rltf plan`: what a run needs on many GPUs.

What this module does not do: the arithmetic (`training.plan`).
"""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.table import Table

from training.plan import GPUS, MODELS, SECONDS_PER_DAY, Efficiency, Plan, PlanError, Work, plan

_WORK, _EFFICIENCY = Work(), Efficiency()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("--gpus", type=_positive, required=True, metavar="N", help="GPUs in all")
    parser.add_argument("--model", choices=tuple(MODELS), default="7b", help="size of the policy (default 7b)")
    parser.add_argument("--gpu", choices=tuple(GPUS), default="h100", help="kind of GPU (default h100)")
    parser.add_argument("--samples", type=_positive, default=_WORK.samples, help="programs in each step")
    parser.add_argument("--prompt-tokens", type=_positive, default=_WORK.prompt_tokens, help="on average")
    parser.add_argument("--response-tokens", type=_positive, default=_WORK.response_tokens, help="on average")
    parser.add_argument(
        "--longest-tokens", type=_positive, default=_WORK.longest_tokens, help="of the longest response"
    )
    parser.add_argument(
        "--judge-seconds",
        type=_seconds,
        default=_WORK.judge_seconds,
        help="CPU seconds of a program that ends by itself",
    )
    parser.add_argument(
        "--timeout-share", type=_share, default=_WORK.timeout_share, help="share of programs that do not, 0 to 1"
    )
    parser.add_argument(
        "--time-limit", type=_seconds, default=_WORK.time_limit, help="CPU seconds such a program takes"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the plan; see `training.cli` for the exit status."""
    if arguments.longest_tokens < arguments.response_tokens:
        longest, average = arguments.longest_tokens, arguments.response_tokens
        print(f"rltf plan: --longest-tokens {longest}: below the average, --response-tokens {average}", file=sys.stderr)
        return 2
    work = Work(
        arguments.samples,
        arguments.prompt_tokens,
        arguments.response_tokens,
        arguments.longest_tokens,
        arguments.judge_seconds,
        arguments.timeout_share,
        arguments.time_limit,
    )
    try:
        found = plan(arguments.gpus, GPUS[arguments.gpu], MODELS[arguments.model], work)
    except PlanError as error:
        print(f"rltf plan: {error}", file=sys.stderr)
        return 2
    title = f"{arguments.model} on {arguments.gpus} {arguments.gpu}"
    table = Table(title=title, show_header=False)
    for name, value in rows(found, work):
        table.add_row(name, value)
    Console().print(table)
    return 0


def rows(found: Plan, work: Work) -> list[tuple[str, str]]:
    """What the table says, line by line."""
    push = f"{found.weights_bytes / 1e9:.1f} GB of weights to the samplers each step, {found.push_time:.1f} s"
    split = f"{found.samplers} GPUs sample, {found.learners} learn, one step behind"
    turns = f"all {found.learners} GPUs take turns at sampling and learning, on-policy"
    engine = f"{found.engine_gpus} GPU(s), {found.rows} programs at a time, {1000 * found.token_time:.1f} ms a token"
    days = f"{found.sample_bytes_per_day / 1e9:.1f} GB of samples a day; a checkpoint"
    days += f" has {found.checkpoint_bytes / 1e9:.0f} GB"
    assumed = f"{_EFFICIENCY.decoding:.0%} of memory bandwidth, {_EFFICIENCY.computing:.0%} of peak operations, "
    assumed += f"judges {_EFFICIENCY.judging:.0%} busy, network {_EFFICIENCY.network / 1e9:.0f} GB/s"
    return [
        ("split", split if found.samplers else turns),
        ("sampling engine", engine),
        ("step", f"{found.step_time:.1f} s for {work.samples} programs of {work.response_tokens} tokens"),
        ("of that", f"{found.sample_time:.1f} s until the last is judged, learning {found.learn_time:.1f} s"),
        ("tokens per second", f"{found.decode_rate:,.0f} a sampling GPU, {found.learn_rate:,.0f} a learning GPU"),
        ("programs per day", f"{work.samples * SECONDS_PER_DAY / found.step_time:,.0f}"),
        ("judge cores", f"{found.judge_cores} ({found.cores_per_gpu:.1f} a GPU; {work.core_seconds:.3f} s a program)"),
        ("network", push if found.samplers else "weights stay where they are"),
        ("storage", days),
        ("assumed", assumed),
    ]


def _positive(text: str) -> int:
    value = int(text) if text.isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a whole number from 1")
    return value


def _share(text: str) -> float:
    return _number(text, 1.0, "must be a number from 0 to 1")


def _seconds(text: str) -> float:
    return _number(text, sys.float_info.max, "must be a number from 0")


def _number(text: str, most: float, allowed: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= most:
        raise argparse.ArgumentTypeError(f"{text!r}: {allowed}")
    return value
