"""Measure what `rltf audit` and `rltf amplify` find on MBPP, APPS and QuixBugs, for the tables of docs/data-quality.md.

    python -m benchmarks.data_quality measure ../shared/data WORK    # goes on where it stopped; WORK keeps what it saw
    python -m benchmarks.data_quality write WORK

New tests are chosen with one half of the mutants. They are measured with the other half, with bugs of QuixBugs that
were not shown to the choice, and with right programs that must still pass. None of the data is committed.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.data_quality_tables import write_tables
from engine import CallTest, Problem, Verdict, parse_problem
from training.data import load_problems
from training.quality.amplify.amplify import Amplifier
from training.quality.amplify.records import Amplified, AmplifySettings
from training.quality.audit.bench import hurried
from training.quality.audit.duplicates import duplicates
from training.quality.audit.mutants import Mutant
from training.quality.audit.reading import ReadingError
from training.quality.audit.writing import problem_record

_MUTANTS = 60


def measure(shared: Path, work: Path) -> None:
    """Runs what WORK does not hold yet."""
    work.mkdir(parents=True, exist_ok=True)
    for name, spec in (("mbpp", f"mbpp:{shared / 'mbpp.jsonl'}"), ("apps", f"apps:{shared / 'APPS' / 'train'}")):
        audited = work / f"audit-{name}.json"
        if not audited.exists():
            command = [sys.executable, "-m", "training", "audit", spec, "--json"]
            audited.write_text(subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True).stdout)
    mbpp = load_problems(f"mbpp:{shared / 'mbpp.jsonl'}:test")
    with Amplifier(AmplifySettings()) as amplifier:
        quixbugs = list(_quixbugs(amplifier, shared / "quixbugs.jsonl", work / "quixbugs-left-out.json"))
        bugs = {problem.id: [(program, "bug")] for problem, program in quixbugs}
        _amplify(amplifier, work / "amplify-quixbugs.jsonl", [problem for problem, _ in quixbugs], bugs)
        halves, others = _halved(load_problems(f"apps:{shared / 'APPS' / 'train'}"))
        _amplify(amplifier, work / "amplify-apps.jsonl", halves, others)
        _amplify(amplifier, work / "amplify-mbpp.jsonl", mbpp, _twins(load_problems(f"mbpp:{shared / 'mbpp.jsonl'}")))


def _amplify(
    amplifier: Amplifier, out: Path, problems: Sequence[Problem], others: dict[str, list[tuple[str, str]]]
) -> None:
    """One line for each problem, with what old and new tests say to mutants and programs that were not shown."""
    done = {json.loads(line)["id"] for line in out.read_text().splitlines()} if out.exists() else set()
    todo = [problem for problem in problems if problem.id not in done]
    made = {problem.id: _mutants(amplifier, problem) for problem in todo}
    started = time.perf_counter()
    with out.open("a") as lines:
        for result in amplifier.amplify(todo, mutants={identity: chosen for identity, (chosen, _) in made.items()}):
            old = next(problem for problem in todo if problem.id == result.problem.id)
            line = _measured(amplifier, old, result, made[old.id][1], others.get(old.id, []))
            lines.write(json.dumps({**line, "elapsed": time.perf_counter() - started}) + "\n")
            lines.flush()
            started = time.perf_counter()


def _mutants(amplifier: Amplifier, problem: Problem) -> tuple[list[Mutant], list[Mutant]]:
    """Mutants to choose tests with, and mutants to measure them with."""
    try:
        mutants = list(amplifier.bench.reader.mutants(problem.references[0], 1, _MUTANTS))
    except ReadingError:
        return [], []
    Random(problem.id).shuffle(mutants)
    return mutants[::2], mutants[1::2]


def _measured(
    amplifier: Amplifier, old: Problem, result: Amplified, held_out: Sequence[Mutant], others: list[tuple[str, str]]
) -> dict[str, Any]:
    programs = [mutant.program for mutant in held_out]
    slowest = None if result.left_out else 0.05
    before = amplifier.bench.judge(programs, hurried(old, slowest))
    after = amplifier.bench.judge(programs, hurried(result.problem, slowest)) if result.added else before
    others_before = amplifier.bench.judge([program for program, _ in others], old)
    others_after = amplifier.bench.judge([program for program, _ in others], result.problem)
    record = problem_record(result.problem)
    return {
        "id": old.id,
        "left_out": result.left_out,
        "tests": len(old.tests),
        "added": len(result.added),
        "origins": [each.origin for each in result.added],
        "candidates": result.candidates,
        "rejected": dict(result.rejected),
        "chosen_with": [result.mutants, result.caught_before, result.caught_after],
        "held_out": [
            sum(each.verdict is not Verdict.INFRA for each in before),
            sum(each.verdict in (Verdict.FAILED, Verdict.ERROR) for each in before),
            sum(each.verdict in (Verdict.FAILED, Verdict.ERROR) for each in after),
        ],
        "others": [
            [kind, one.verdict is Verdict.PASSED, two.verdict is Verdict.PASSED]
            for (_, kind), one, two in zip(others, others_before, others_after, strict=True)
        ],
        "new_tests": [str(each) for each in record.get("test_list", [])][len(old.tests) :]  # type: ignore[attr-defined]
        or [str(each.test)[:300] for each in result.added],
        "seconds": result.seconds,
    }


def _twins(problems: Sequence[Problem]) -> dict[str, list[tuple[str, str]]]:
    """References of other problems with the same tests or prompt, under the name that this one's tests call."""
    by_id = {problem.id: problem for problem in problems}
    found: dict[str, list[tuple[str, str]]] = {}
    for index, likeness in duplicates(problems, 0.5).items():
        pair = (problems[index], by_id[likeness.other])
        for one, other in (pair, pair[::-1]):
            if one.entry_point and other.entry_point:
                source = re.sub(rf"\b{re.escape(other.entry_point)}\b", one.entry_point, other.references[0])
                if "".join(source.split()) != "".join(one.references[0].split()):
                    found.setdefault(one.id, []).append((source, "right"))
    return found


def _halved(problems: Sequence[Problem]) -> tuple[list[Problem], dict[str, list[tuple[str, str]]]]:
    """The problems with every other reference, and the rest of the references."""
    halves = [replace(problem, references=problem.references[::2]) for problem in problems]
    return halves, {problem.id: [(source, "right") for source in problem.references[1::2]] for problem in problems}


def _quixbugs(amplifier: Amplifier, path: Path, left_out: Path) -> Iterator[tuple[Problem, str]]:
    """Problems with those of their tests that the buggy program passes, and that program."""
    reasons: dict[str, str] = {}
    for line in path.read_text().splitlines():
        row = json.loads(line)
        if not all("args" in test for test in row["tests"]):
            reasons[row["id"]] = "its tests are more than calls"
            continue
        tests = row["tests"]
        data = {"id": row["id"], "fn_name": row["fn_name"], "solutions": [row["fixed_program"]]}
        calls = {"inputs": [test["args"] for test in tests], "outputs": [test["expected"] for test in tests]}
        problem = parse_problem({**data, **calls})
        (execution,) = amplifier.bench.judge([row["program"]], problem)
        passed = [
            test
            for test, result in zip(problem.tests, execution.tests, strict=False)
            if result.verdict is Verdict.PASSED and isinstance(test, CallTest)
        ]
        if passed:
            yield replace(problem, tests=tuple(passed)), row["program"]
        else:
            reasons[row["id"]] = "its bug fails every test"
    left_out.write_text(json.dumps(reasons))


def main() -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    measuring = steps.add_parser("measure")
    measuring.add_argument("shared", type=Path, help="folder with mbpp.jsonl, quixbugs.jsonl and APPS/train")
    measuring.add_argument("work", type=Path)
    writing = steps.add_parser("write")
    writing.add_argument("work", type=Path)
    arguments = parser.parse_args()
    if arguments.step == "measure":
        measure(arguments.shared, arguments.work)
    else:
        write_tables(arguments.work, Path("docs/data-quality.md"))


if __name__ == "__main__":
    main()
