"""Which credit on tokens makes a model learn faster: the protocol of docs/credit.md, for one core.

    python -m benchmarks.credit properties --tier varied         # what a tier is like
    python -m benchmarks.credit shared --seeds 0 1 2             # every arm learns the same judged samples
    python -m benchmarks.credit online --seeds 0 1 --steps 20    # short runs that sample for themselves
    python -m benchmarks.credit table                            # writes what was measured into docs/credit.md

Arms are compared on the same held-out problems with the same random numbers, paired by problem and seed. Every outcome
goes into a file of JSON lines with its arm, seed and step, and what is there already is not run again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.credit_bench import ARMS, Bench, Setting, draw_groups, open_bench
from benchmarks.credit_properties import properties
from benchmarks.credit_table import comparison, table
from benchmarks.tables import write_between_markers
from training.evaluation.estimates import pass_at_k
from training.step import Step

OUT = Path("docs/results/credit.jsonl")
PICTURE = Path("docs/images/results-uneven.svg")


def shared(bench: Bench, arms: Sequence[str], given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Let every arm learn the same groups, `given.portion` problems a step, and evaluate it once."""
    groups = draw_groups(bench, 0, given.sets)
    for arm in arms:
        trainer = bench.trainer(arm)
        portions = [groups[start : start + given.portion] for start in range(0, len(groups), given.portion)]
        for step in range(given.steps):
            experiences = [each for group in portions[step % len(portions)] for each in trainer.algorithm.credit(group)]
            batch = trainer.algorithm.batch(experiences, step)
            trainer.learner.accumulate(batch.sequences, batch.divisor, batch.loss)
            trainer.learner.update()
        yield from outcomes(bench, given, {"arm": arm, "step": given.steps, "judged": len(groups) * 8})


def online(bench: Bench, arms: Sequence[str], given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Let every arm sample for itself, and evaluate it on the way."""
    for arm in arms:
        trainer = bench.trainer(arm)
        for number in range(given.steps):
            trainer.take(Step(number))
            if (number + 1) % given.every == 0 or number + 1 == given.steps:
                judged = (number + 1) * given.portion * 8
                yield from outcomes(bench, given, {"arm": arm, "step": number + 1, "judged": judged})


def outcomes(bench: Bench, given: argparse.Namespace, about: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Evaluate at the first temperature, and after the last step at each, as rows of the file."""
    mistakes = round(bench.mistakes(10**6), 4)
    about = {"protocol": given.command, **asdict(bench.setting), **about}
    last = about["step"] == given.steps
    for temperature in given.temperatures if last else given.temperatures[:1]:
        passes = bench.evaluate(given.problems, given.samples, temperature)
        row = {**about, "temperature": temperature, "mistakes": mistakes}
        rates = {k: statistics.mean(pass_at_k(len(p), sum(p), k) for p in passes.values()) for k in (1, given.samples)}
        print(json.dumps(row), " ".join(f"pass@{k} {rate:.3f}" for k, rate in rates.items()), flush=True)
        yield {**row, "passes": {name: "".join(map(str, each)) for name, each in passes.items()}}


def _is_last(row: dict[str, Any], command: str) -> bool:
    """Say whether a row of the file ends a run of this protocol."""
    return bool(row["protocol"] == command and row["step"] == row["steps"])


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("properties", "shared", "online", "table"))
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS), metavar="ARM")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--sets", type=int, default=4, help="shared: steps' worth of samples, 128 each")
    parser.add_argument("--steps", type=int, default=8, help="optimizer steps of an arm")
    parser.add_argument("--rate", type=float, default=5e-4, help="learning rate of an arm")
    parser.add_argument("--tier", choices=("varied", "uneven"), default="uneven")
    parser.add_argument("--portion", type=int, default=16, help="problems of a step")
    parser.add_argument("--every", type=int, default=5, help="online: steps between evaluations")
    parser.add_argument("--problems", type=int, default=96, help="held-out problems")
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--temperatures", nargs="+", type=float, default=[1.0])
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--against", default="positive")
    given = parser.parse_args()
    rows = [json.loads(line) for line in given.out.read_text().splitlines()] if given.out.exists() else []
    if given.command == "table":
        write_between_markers(Path("docs/credit.md"), "credit", table(rows, given.against))
        write_between_markers(Path("docs/results.md"), "uneven", comparison(rows, PICTURE))
        return
    given.out.parent.mkdir(parents=True, exist_ok=True)
    for seed in given.seeds:
        with tempfile.TemporaryDirectory() as folder:
            setting = Setting(given.tier, seed, given.steps, given.rate, given.portion)
            bench = open_bench(setting, Path(folder) / "run")
            try:
                if given.command == "properties":
                    for name, value in properties(bench, given.sets).items():
                        print(f"| {name} | {value:.3g} |")
                    continue
                done = [r["arm"] for r in rows if r | asdict(setting) == r and _is_last(r, given.command)]
                arms = [arm for arm in given.arms if arm not in done]
                if given.command == "shared":  # where nobody asks for more samples
                    arms = [arm for arm in arms if ARMS[arm]["algorithm"] != "branch"]
                run = shared if given.command == "shared" else online
                for row in run(bench, arms, given):
                    with given.out.open("a") as file:
                        file.write(json.dumps(row) + "\n")
            finally:
                bench.opened.close()


if __name__ == "__main__":
    main()
