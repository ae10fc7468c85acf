"""How well blame finds known buggy lines: `python -m benchmarks.localisation [CORPUS.jsonl ...] [--write]`.

A corpus line has `program`, `fixed_program`, `tests` (`{call, args, expected}` or `{assert}`), `buggy_lines` and,
where its tests need it, `support` source. Every method lays its fine and static penalties on the lines, one token
each. Blamed lines are those with at least half the largest penalty; `top-1` is the chance that a line with the largest
penalty is a buggy one, `recall` the share of buggy lines that are blamed, `program` the share of lines that are blamed
(a whole-program blame is all of them; where a method blames nothing, none), `where it blames` the same over the
programs that it blames something in. Without corpora it scores QuixBugs and the held-out half of `benchmarks.mutants`.
What this does not do: time.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import mutants
from benchmarks.tables import write_between_markers
from engine import CallTest, Engine, ErrorKind, Limits, Problem, Report, Source
from engine.text import ProgramText
from feedback import RewardSettings, assess, token_offsets
from feedback.spectrum import suspicion

QUIXBUGS = Path("../shared/data/quixbugs.jsonl")
INTRODUCTION = """Made by `python -m benchmarks.localisation --write`. What there is to choose (tie-breaks, weights) was
chosen on QuixBugs and on the other half of the MBPP mutants; mutants of problems with even numbers are held out."""
_PRELUDE = """
import types as _types
_TESTS = {tests!r}
def run_case(index):
    test = _TESTS[index]
    if "assert" in test:
        try:
            exec(test["assert"], dict(globals()))
        except AssertionError:
            return False
        return True
    value = globals()[test["call"]](*test["args"])
    value = list(value) if isinstance(value, _types.GeneratorType) else value
    if "tol" in test:
        return value if not isinstance(value, float) else round(value / test["tol"] / 2)
    return value
"""

Method = Callable[[Report], np.ndarray]
"""A report -> one penalty (0 or less) per line."""


class Score(NamedTuple):
    """One method on one program."""

    top1: float
    recall: float
    share: float


def main() -> None:
    """Score every method on every corpus and print (or write) the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", nargs="*", type=Path)
    parser.add_argument("--write", action="store_true", help="write the tables into docs/performance.md")
    arguments = parser.parse_args()
    corpora = {path.stem: _read(path) for path in arguments.corpora} or {
        "quixbugs": _read(QUIXBUGS),
        "MBPP mutants, held out": mutants.corpus("held-out"),
    }
    lines = ["## Places of bugs", "", INTRODUCTION, ""]
    for name, rows in corpora.items():
        lines += [*table(name, rows), ""]
    print(write_or_show("\n".join(lines[:-1]), write=arguments.write))


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def problem_of(row: dict[str, Any]) -> Problem:
    """A corpus row's tests, run inside the sandbox by one function of the prelude."""
    prelude = row.get("support", "") + _PRELUDE.format(tests=[{**test, "expected": None} for test in row["tests"]])
    tests = tuple(CallTest((index,), _expected(test)) for index, test in enumerate(row["tests"]))
    references = (row["fixed_program"],)
    return Problem(row["id"], tests, entry_point="run_case", prelude=prelude, references=references)


def _expected(test: dict[str, Any]) -> object:
    if "assert" in test:
        return True
    return round(test["expected"] / test["tol"] / 2) if "tol" in test else test["expected"]


def table(name: str, rows: list[dict[str, Any]]) -> list[str]:
    """One corpus's Markdown table, and what became of its correct programs."""
    limits = Limits(cpu_seconds=4.0, timeouts=1)
    with Engine(limits=limits, trace_lines=True, reference_states=True) as engine:
        problems = [problem_of(row) for row in rows]
        programs = [
            [engine.submit(row[key].encode(), problem) for row, problem in zip(rows, problems, strict=True)]
            for key in ("program", "fixed_program")
        ]
        reports, repaired = ([future.result() for future in futures] for futures in programs)
    failing = [(row, report) for row, report in zip(rows, reports, strict=True) if report.execution.verdict != "passed"]
    lines = [
        f"{name}: {len(failing)} failing programs.",
        "",
        "| method | top-1 | recall | program | where it blames | blames something in |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for method, penalties_of in METHODS.items():
        penalties = [penalties_of(report) for _, report in failing]
        scores = [score(penalty, row, report) for penalty, (row, report) in zip(penalties, failing, strict=True)]
        blaming = sum(bool(penalty.any()) for penalty in penalties)
        top1, recall, share = np.mean(scores, axis=0)
        where = share * len(failing) / max(blaming, 1)
        lines.append(f"| {method} | {top1:.1%} | {recall:.1%} | {share:.1%} | {where:.1%} | {blaming} |")
    passed = [report for report in repaired if report.execution.verdict == "passed"]
    penalised = sum(bool(_penalties(report, RewardSettings()).any()) for report in passed)
    counts = f"{len(passed)} of {len(repaired)} pass their tests; {penalised} of those are penalised."
    return [*lines, "", f"Correct programs: {counts}"]


def score(penalty: np.ndarray, row: dict[str, Any], report: Report) -> Score:
    """Score penalties against the known buggy lines."""
    known = set(row["buggy_lines"])
    count = sum(bool(line.strip()) for line in report.program.splitlines())
    if not penalty.any():
        return Score(0.0, 0.0, 0.0)
    worst = penalty.min()
    top = {int(index) + 1 for index in np.flatnonzero(penalty == worst)}
    blamed = {int(index) + 1 for index in np.flatnonzero(penalty <= worst / 2)}
    return Score(len(top & known) / len(top), len(blamed & known) / len(known), len(blamed) / count)


def _penalties(report: Report, settings: RewardSettings) -> np.ndarray:
    """Fine and static penalty of each line."""
    text = ProgramText(report.program)
    starts = [text.line_start(line) for line in range(1, text.line_count + 2)]
    pieces = [report.program[first:last] for first, last in pairwise(starts)]
    feedback = assess(report, token_offsets(pieces, slice(0, len(report.program))), settings=settings)
    penalty = feedback.rewards["fine"] + feedback.rewards["static"]
    return np.where([bool(piece.strip()) for piece in pieces], penalty, 0.0)


def _only(*sources: Source, spectrum: str = "none") -> Method:
    def method(report: Report) -> np.ndarray:
        kept = tuple(item for item in report.diagnostics if item.source in sources)
        return _penalties(replace(report, diagnostics=kept), RewardSettings(spectrum=spectrum))

    return method


def _textbook(report: Report) -> np.ndarray:
    """Ochiai as in the literature: all lines of the highest suspicion, alike."""
    scores = suspicion(report.program, report.execution)
    top = max(scores.values(), default=0.0)
    lines = range(1, ProgramText(report.program).line_count + 1)
    return np.array([-0.3 if top and scores.get(line, 0.0) == top else 0.0 for line in lines])


def _released(report: Report) -> np.ndarray:
    """The published RLTF code, re-stated: the reported line's text, looked for as a substring from the top.

    Time-outs, signals and every `RuntimeError` are ignored; a syntax error on the last line blames the whole program.
    """
    lines = report.program.decode(errors="replace").splitlines()
    penalty = np.zeros(ProgramText(report.program).line_count)
    error = report.execution.error
    if error is None or error.span is None or error.kind not in (ErrorKind.RUNTIME, ErrorKind.SYNTAX):
        return penalty
    if error.type == "RuntimeError" or error.type == "TabError":
        return penalty
    if error.type == "RecursionError" or (error.kind is ErrorKind.SYNTAX and error.span.line >= len(lines)):
        penalty[: len(lines)] = [-0.3 if line.strip() else 0.0 for line in lines]
        return penalty
    wanted = lines[error.span.line - 1].strip()
    place = next((index for index, line in enumerate(lines) if wanted in line), None)
    if place is not None:
        penalty[place] = -0.3
    return penalty


FUSED = (Source.RUNTIME, Source.SYNTAX, Source.PYLINT, Source.LIBCST)
METHODS: dict[str, Method] = {
    "released RLTF (substring)": _released,
    "runtime only": _only(Source.RUNTIME, Source.SYNTAX),
    "static only": _only(Source.PYLINT, Source.LIBCST),
    "spectrum only (textbook Ochiai)": _textbook,
    "spectrum only": _only(spectrum="ochiai"),
    "fused": _only(*FUSED, spectrum="ochiai"),
    "fused, with `reference_states` and the corrected program as the reference": _only(*Source, spectrum="ochiai"),
}


def write_or_show(text: str, *, write: bool) -> str:
    """Put the table into the documentation if asked to."""
    if write:
        write_between_markers(Path("docs/performance.md"), "localisation", text)
    return text


if __name__ == "__main__":
    main()
