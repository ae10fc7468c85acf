"""`rltf eval` of the embedded models, end to end: rates, outcomes, and the time for 1,000 problems.

    python -m benchmarks.evaluation --write

writes the tables in docs/evaluation.md. MBPP is read from ../shared/data; without it that row is left out, with a word.
What this does not do: claim that a tiny model trained on minicode could solve MBPP; those rows show that it runs.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from pathlib import Path

from benchmarks.tables import write_between_markers
from training.config import ModelSection
from training.data import load_problems
from training.evaluation.plan import EvaluationPlan
from training.evaluation.results import OVERALL, Row, rows_of
from training.models.policy import set_threads

PAGE = Path("docs/evaluation.md")
MBPP = Path("../shared/data/mbpp.jsonl")
RUNS = (
    ("minicode:short:held_out", EvaluationPlan(ModelSection(name="embedded:short"), 10, (0.0, 0.6, 1.0), 1.0, 64)),
    ("minicode:long:held_out", EvaluationPlan(ModelSection(name="embedded:long"), 5, (0.0, 1.0), 1.0, 256)),
    (f"mbpp:{MBPP}:test", EvaluationPlan(ModelSection(name="embedded:short"), 5, (1.0,), 1.0, 64)),
)
K = (1, 5)
OUTCOMES = ("passed", "failed", "runtime", "syntax", "timeout")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write the tables in {PAGE}")
    parser.add_argument("--limit", type=int, default=0, help="only the first so many problems of each set")
    arguments = parser.parse_args()
    set_threads(1)
    rates = ["| model | problems | T | samples | pass@1 | pass@5 | " + " / ".join(OUTCOMES) + " |", "|" + "---|" * 7]
    times = ["| model | problems | samples of each | wall | CPU | for 1,000 problems: wall | CPU |", "|" + "---|" * 7]
    for spec, plan in RUNS:
        if str(MBPP) in spec and not MBPP.exists():
            print(f"left out: {spec} (no such file)")
            continue
        problems = load_problems(spec, arguments.limit)
        wall, cpu = time.monotonic(), _cpu_seconds()
        samples = list(plan.missing(problems))
        wall, cpu = time.monotonic() - wall, _cpu_seconds() - cpu
        name = f"`{spec.replace(str(MBPP), MBPP.name)}`, {len(problems)}"
        for row in rows_of(samples, K, [1]):
            if row.difficulty == OVERALL:
                rates.append(_line(plan, name, row))
                print(rates[-1])
        scale = 1000 / len(problems)
        each = len(samples) / len(problems)
        spent = " | ".join(f"{seconds:.0f} s" for seconds in (wall, cpu, scale * wall, scale * cpu))
        times.append(f"| {plan.model.name} | {name} | {each:g} | {spent} |")
        print(times[-1])
    if arguments.write:
        load = os.getloadavg()[1]
        busy = f"One torch thread, one sandbox worker, {os.cpu_count()} cores, load {load:.0f} while it ran."
        write_between_markers(PAGE, "rates", "\n".join(rates))
        write_between_markers(PAGE, "times", "\n".join(times) + f"\n\n{busy}")


def _line(plan: EvaluationPlan, name: str, row: Row) -> str:
    def rate(name: str) -> str:
        found = row.rates.get(name)
        return f"{found.value:.1%} ({found.low:.1%} to {found.high:.1%})" if found else "-"

    shares = " / ".join(f"{row.outcomes.get(kind, 0):.1%}" for kind in OUTCOMES)
    rates = f"{rate('pass@1')} | {rate('pass@5')}"
    return f"| {plan.model.name} | {name} | {row.temperature:g} | {row.samples} | {rates} | {shares} |"


def _cpu_seconds() -> float:
    """Of this process and of all workers that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main()
