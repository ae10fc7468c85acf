"""`rltf eval`: pass@k of a model on problems.

What this module does not do: compare with published tables or filter by public tests.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.evaluation import Judged


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `rltf eval`."""
    parser.add_argument("model", metavar="MODEL", help="hub name, folder, a run's checkpoint, or embedded:short|long")
    parser.add_argument("--data", required=True, metavar="SPEC", help="as data.train of `rltf train`")
    parser.add_argument("--limit", type=int, default=0, help="only the first so many problems (default: all)")
    parser.add_argument("--samples", type=int, default=10, help="programs sampled for each problem (default 10)")
    parser.add_argument("--k", type=_numbers, default=[1], metavar="1,5,10", help="the k of pass@k (default 1)")
    parser.add_argument("--temperature", type=float, default=1.0, help="0 is greedy, one sample (default 1)")
    parser.add_argument("--max-new-tokens", type=int, default=256, help="longest completion (default 256)")
    parser.add_argument(
        "--prompt-format", default="{prompt}\n", help="what the model reads (default the prompt, newline)"
    )
    parser.add_argument("--extract", choices=["whole", "fence"], default="whole", help="the program in a completion")
    parser.add_argument("--seed", type=int, default=0, help="everything random is a function of it (default 0)")
    parser.add_argument("--workers", type=int, default=1, help="sandbox workers (default 1)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write samples.jsonl and summary.json there")


def run(arguments: argparse.Namespace) -> int:
    """Sample, judge, print; see `training.cli` for the exit status."""
    from engine import Judge
    from training.config import ModelSection
    from training.data import DataError, load_problems
    from training.evaluation import judged_samples, pass_rate
    from training.policy import PolicyError, load_policy, set_threads
    from training.sampler import TransformersSampler

    greedy = arguments.temperature == 0
    samples = 1 if greedy else arguments.samples
    if samples < max(arguments.k):
        print(f"rltf eval: --k {max(arguments.k)} needs at least that many samples, not {samples}", file=sys.stderr)
        return 2
    set_threads(0)
    try:
        problems = load_problems(arguments.data, arguments.limit)
        policy = load_policy(
            ModelSection(name=arguments.model, prompt_format=arguments.prompt_format, extract=arguments.extract)
        )
        sampler = TransformersSampler(
            policy, arguments.max_new_tokens, temperature=arguments.temperature or 1.0, greedy=greedy
        )
        with Judge(workers=arguments.workers) as judge:
            judged = list(
                judged_samples(
                    policy,
                    sampler,
                    judge,
                    problems,
                    samples,
                    seed=arguments.seed,
                )
            )
    except (DataError, PolicyError) as error:
        print(f"rltf eval: {error}", file=sys.stderr)
        return 2
    rates = pass_rate(judged)
    summary = {
        "model": arguments.model,
        "data": arguments.data,
        "problems": rates.problems,
        "samples_per_problem": samples,
        "temperature": arguments.temperature,
        "seed": arguments.seed,
        **_pass_at(judged, arguments.k),
        "classes": rates.classes,
        "infra": rates.infra,
    }
    _print(summary)
    if arguments.out:
        _write(arguments.out, summary, judged)
    return 1 if rates.infra else 0


def _numbers(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.isdecimal() and int(part) >= 1 for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r}: must be numbers of at least 1, as in 1,5,10")
    return [int(part) for part in parts]


def _pass_at(judged: list[Judged], ks: list[int]) -> dict[str, float]:
    from engine import Verdict
    from training.evaluation import pass_at_k

    groups: dict[str, list[bool]] = defaultdict(list)
    for each in judged:
        if each.execution.verdict is not Verdict.INFRA:
            groups[each.problem_id].append(each.execution.verdict is Verdict.PASSED)
    found = {}
    for k in ks:
        counted = [group for group in groups.values() if len(group) >= k]
        values = [pass_at_k(len(group), sum(group), k) for group in counted]
        found[f"pass@{k}"] = sum(values) / len(values) if values else float("nan")
    return found


def _print(summary: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{summary['model']} on {summary['data']}", show_edge=False)
    table.add_column("")
    table.add_column("", justify="right")
    for name, value in summary.items():
        if name.startswith("pass@"):
            table.add_row(name, f"{value:.1%}")
    table.add_row("problems x samples", f"{summary['problems']} x {summary['samples_per_problem']}")
    for name, share in summary["classes"].items():
        table.add_row(name, f"{share:.1%}")
    Console().print(table)


def _write(folder: Path, summary: dict[str, Any], judged: list[Judged]) -> None:
    from training.files import write_text

    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps(
            {
                "problem_id": each.problem_id,
                "sample": each.rollout.sample,
                "program": each.program.decode(errors="replace"),
                "verdict": str(each.execution.verdict),
                "error": each.execution.error.type if each.execution.error else None,
                "pass_ratio": each.execution.pass_ratio,
                "finish_reason": str(each.rollout.finish_reason),
            }
        )
        for each in judged
    ]
    write_text(folder / "samples.jsonl", "\n".join(lines) + "\n")
    write_text(folder / "summary.json", json.dumps(summary, indent=2) + "\n")
