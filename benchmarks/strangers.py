"""Wrong programs with two passing ones by other authors: `python -m benchmarks.strangers OUT.jsonl [--part ...]`.

The buggy programs are mutants of one author's solution, as in `benchmarks.mutants`. APPS problems have solutions by
many authors. In MBPP, many tasks ask for nearly the same. A solution of one that passes the asserts of another, once
its function is renamed, is a stranger there. Strangers are the first two in the data set's order (in APPS after the
mutated author, around the end) that pass. They differ from it and from each other in more than names, comments and
blanks. Tasks that share solutions make a family. Families and APPS problems whose smallest number is odd are the tuning
part, the others are held out. What this does not do: keep only wrong answers. Some mutants crash or pass.
"""

from __future__ import annotations

import argparse
import ast
import json
import math
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.mutants import MBPP, changes, more_tests
from engine import AssertTest, Judge, Limits, Problem, Verdict, parse_problem
from training.algorithms.words import read

APPS = Path("../shared/data/APPS/train")
STRANGERS = 2
NEIGHBOURS = 20
"""MBPP tasks with the most similar texts whose solutions are tried."""
PER_TASK = 8
"""Mutants of one MBPP solution."""
PER_AUTHOR = 2
"""Mutants of one APPS solution."""


class _Task(NamedTuple):
    """An MBPP task whose solution parses."""

    fields: dict[str, Any]
    source: str
    function: str
    """The function that its asserts call."""

    @property
    def number(self) -> int:
        return int(self.fields["task_id"])


def main() -> None:
    """Write the corpus."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--part", choices=["tuning", "held-out"], default="held-out")
    arguments = parser.parse_args()
    rows = corpus()[arguments.part]
    arguments.out.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    print(f"{len(rows)} programs")


def corpus() -> dict[str, list[dict[str, Any]]]:
    """The rows of each part, in the shape of `benchmarks.localisation`, with `strangers`; the same every time."""
    parts: dict[str, list[dict[str, Any]]] = {"tuning": [], "held-out": []}
    with Judge(limits=Limits(cpu_seconds=2.0, timeouts=1)) as judge:
        for number, row in [*_mbpp(judge), *_apps(judge)]:
            parts["tuning" if number % 2 else "held-out"].append(row)
    return parts


def _rows(
    name: str, source: str, strangers: Sequence[str], number: int, most: int, tests: dict[str, Any]
) -> Iterator[tuple[int, dict[str, Any]]]:
    made = list(changes(ast.parse(source), source))
    chosen = random.Random(name).sample(made, min(most, len(made)))
    for index, (line, program) in enumerate(chosen):
        yield (
            number,
            {
                "id": f"{name}/{index}",
                "program": program,
                "fixed_program": source,
                "strangers": list(strangers),
                "buggy_lines": [line],
                **tests,
            },
        )


def _differing(source: str, others: Iterable[str]) -> list[str]:
    """The first others that differ from a program and from each other in more than names, comments and blanks."""
    seen, found = {_normalised(source)}, []
    for other in others:
        if (form := _normalised(other)) not in seen:
            seen.add(form)
            found.append(other)
    return found[:STRANGERS]


def _normalised(source: str) -> tuple[tuple[int | bytes, ...], ...]:
    return tuple(line.form for line in read(source.encode()))


# MBPP


def _mbpp(judge: Judge) -> Iterator[tuple[int, dict[str, Any]]]:
    tasks = [task for line in MBPP.read_text(encoding="utf-8").splitlines() if (task := _task(json.loads(line)))]
    passing = _passing(tasks, judge)
    families = _families({task.number: [other.number for other, _ in found] for task, found in passing})
    for task, found in passing:
        strangers = _differing(task.source, (source for _, source in found))
        if len(strangers) == STRANGERS and (tests := _tests(task, strangers, judge)):
            name = f"mbpp/{task.number}"
            yield from _rows(name, task.source, strangers, families[task.number], PER_TASK, {"tests": tests})


def _task(fields: dict[str, Any]) -> _Task | None:
    source = fields["code"].replace("\r\n", "\n").replace("\t", "    ")
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:
        return None
    functions = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    called = [word for word in re.findall(r"\w+", fields["test_list"][0]) if word in functions]
    return _Task(fields, source, called[0]) if called and not fields.get("test_setup_code") else None


def _passing(tasks: Sequence[_Task], judge: Judge) -> list[tuple[_Task, list[tuple[_Task, str]]]]:
    """For each task the other tasks whose solutions pass its asserts, with those solutions, by their numbers."""
    waiting = []
    for task, neighbours in zip(tasks, _neighbours([task.fields["text"] for task in tasks]), strict=True):
        problem = _asserts(task.fields["test_list"])
        tried = [(tasks[place], _renamed(tasks[place], task.function)) for place in sorted(neighbours)]
        waiting.append((task, [(*one, judge.submit(one[1].encode(), problem)) for one in tried]))
    return [
        (task, [(other, source) for other, source, future in tried if future.result().verdict is Verdict.PASSED])
        for task, tried in waiting
    ]


def _renamed(task: _Task, function: str) -> str:
    return re.sub(rf"\b{task.function}\b", function, task.source)


def _neighbours(texts: Sequence[str]) -> list[list[int]]:
    """The places of the most similar other texts, by the cosine of their words, rare ones weighing more."""
    words = [set(re.findall(r"[a-z0-9]+", text.lower())) for text in texts]
    counts = Counter(word for found in words for word in found)
    columns = {word: column for column, word in enumerate(counts)}
    vectors = np.zeros((len(texts), len(columns)))
    for row, found in enumerate(words):
        for word in found:
            vectors[row, columns[word]] = math.log(len(texts) / counts[word])
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    similar = vectors @ vectors.T
    np.fill_diagonal(similar, -1.0)
    nearest: list[list[int]] = np.argsort(-similar, axis=1, kind="stable")[:, :NEIGHBOURS].tolist()
    return nearest


def _families(solves: dict[int, list[int]]) -> dict[int, int]:
    """The smallest number among the tasks that share solutions with a task, directly or through others."""
    family = {number: number for number in solves}
    changed = True
    while changed:
        changed = False
        for number, others in solves.items():
            smallest = min(family[one] for one in (number, *others))
            for one in (number, *others):
                changed |= family[one] != smallest
                family[one] = smallest
    return family


def _tests(task: _Task, strangers: Sequence[str], judge: Judge) -> list[dict[str, Any]]:
    """The task's asserts, and those of `benchmarks.mutants` on which the strangers agree."""
    tests = more_tests(task.fields, task.source, judge, random.Random(task.number))
    problem = _asserts([test["assert"] for test in tests])
    verdicts = [
        [test.verdict for test in judge.submit(program.encode(), problem).result().tests]
        for program in (task.source, *strangers)
    ]
    agreed = [test for test, *found in zip(tests, *verdicts, strict=True) if set(found) == {Verdict.PASSED}]
    return agreed if {test["assert"] for test in agreed} >= set(task.fields["test_list"]) else []


def _asserts(tests: Iterable[str]) -> Problem:
    return Problem("asserts", tuple(AssertTest(test) for test in tests))


# APPS


def _apps(judge: Judge) -> Iterator[tuple[int, dict[str, Any]]]:
    for folder in sorted(APPS.iterdir()):
        fields = json.loads((folder / "input_output.json").read_text(encoding="utf-8"))
        solutions = json.loads((folder / "solutions.json").read_text(encoding="utf-8"))
        problem = parse_problem(fields, folder.name)
        sources = [source.replace("\r\n", "\n").replace("\t", "    ") for source in solutions]
        judged = [judge.submit(source.encode(), problem) for source in sources]
        sources = [
            source
            for source, future in zip(sources, judged, strict=True)
            if future.result().verdict is Verdict.PASSED and _parses(source)
        ]
        for place, source in enumerate(sources):
            strangers = _differing(source, sources[place + 1 :] + sources[:place])
            if len(strangers) == STRANGERS:
                name = f"apps/{folder.name}/{place}"
                yield from _rows(name, source, strangers, int(folder.name), PER_AUTHOR, {"problem": fields})


def _parses(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


if __name__ == "__main__":
    main()
