"""How well blame finds known buggy lines: `python -m benchmarks.localisation [CORPUS.jsonl ...] [--write]`.

A corpus line has `program`, `fixed_program`, `tests` (`{call, args, expected}` or `{assert}`), `buggy_lines` and,
where its tests need it, `support` source. Every method lays its fine and static penalties on the program's tokens
(words, numbers and signs). Blamed are those with at least half the largest penalty, and their lines. `top-1` is the
chance that a line with the largest penalty is a buggy one, `recall` the share of buggy lines that are blamed, `lines`
and `tokens` the shares of the program that are blamed (a whole-program blame is all of it; where a method blames
nothing, none). `fused, no larger` is the top-1 of the fused method where it may blame no larger share of the corpus's
tokens than this method does: it leaves out the programs of which it is least certain for each token that it blames.
Without corpora it scores QuixBugs and the held-out half of `benchmarks.mutants`. A second table compares the strength
of each kind of blame with how often its place is right. What this does not do: time.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Container
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from benchmarks import mutants
from benchmarks.tables import write_between_markers
from engine import CallTest, Engine, ErrorKind, Limits, Problem, Report, Source, parse_problem
from engine.text import ProgramText
from feedback import Feedback, RewardSettings, assess
from feedback.spectrum import suspicion

QUIXBUGS = Path("../shared/data/quixbugs.jsonl")
INTRODUCTION = """Made by `python -m benchmarks.localisation --write`.
The odds and strengths of suspects were chosen on the half of the MBPP mutants whose problems have odd numbers, with
QuixBugs' scores seen beside it. The other half is held out.

A method that says nothing of most programs penalises little. The column *fused, no larger* makes methods comparable.
It is what the fused method finds (top-1) where it may penalise no larger a share of all tokens than the row's method.
It then penalises first where it is most certain for each token."""
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

_TOKEN = re.compile(rb"\w+|[^\w\s]")


class Blamed(NamedTuple):
    """What one method says of one program."""

    penalties: np.ndarray
    """One (0 or less) per token."""
    certainty: float
    """Strength of the strongest blame, 0..1."""


Method = Callable[[Report], Blamed]
Failing = list[tuple[dict[str, Any], Report]]
"""Rows of a corpus, each with what the engine found in its failing program."""
FEWEST = 15
"""Blames of a kind that has a row of its own."""


class Score(NamedTuple):
    """One method on one program."""

    top1: float
    recall: float
    lines: float
    tokens: float


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
    judged: Failing = []
    for name, rows in corpora.items():
        failing, repaired = judge(rows)
        judged += failing
        lines += [*table(name, failing, repaired), ""]
    strengths = "\n".join(reliability(judged))
    print(write_or_show("\n".join(lines[:-1]), write=arguments.write), strengths, sep="\n\n")
    if arguments.write:
        write_between_markers(Path("docs/feedback.md"), "reliability", strengths)


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def problem_of(row: dict[str, Any]) -> Problem:
    """A corpus row's problem, or its tests, run inside the sandbox by one function of the prelude."""
    if "problem" in row:
        return replace(parse_problem(row["problem"], row["id"]), references=(row["fixed_program"],))
    prelude = row.get("support", "") + _PRELUDE.format(tests=[{**test, "expected": None} for test in row["tests"]])
    tests = tuple(CallTest((index,), _expected(test)) for index, test in enumerate(row["tests"]))
    references = (row["fixed_program"],)
    return Problem(row["id"], tests, entry_point="run_case", prelude=prelude, references=references)


def _expected(test: dict[str, Any]) -> object:
    if "assert" in test:
        return True
    return round(test["expected"] / test["tol"] / 2) if "tol" in test else test["expected"]


def judge(rows: list[dict[str, Any]]) -> tuple[Failing, list[Report]]:
    """Judge a corpus: its failing programs with what was found in them, and its corrected ones."""
    limits = Limits(cpu_seconds=4.0, timeouts=1)
    with Engine(limits=limits, trace_lines=True, reference_states=True) as engine:
        problems = [problem_of(row) for row in rows]
        programs = [
            [engine.submit(row[key].encode(), problem) for row, problem in zip(rows, problems, strict=True)]
            for key in ("program", "fixed_program")
        ]
        reports, repaired = ([future.result() for future in futures] for futures in programs)
    pairs = zip(rows, reports, strict=True)
    return [(row, report) for row, report in pairs if report.execution.verdict != "passed"], repaired


def table(name: str, failing: Failing, repaired: list[Report]) -> list[str]:
    """One corpus's Markdown table, and what became of its correct programs."""
    blamed = {method: [blame(report) for _, report in failing] for method, blame in METHODS.items()}
    scores = {
        method: np.array([score(one.penalties, row, report) for one, (row, report) in zip(found, failing, strict=True)])
        for method, found in blamed.items()
    }
    certainty = np.array([one.certainty for one in blamed["fused"]])
    lines = [
        f"{name}: {len(failing)} failing programs.",
        "",
        "| method | top-1 | recall | lines | tokens | blames something in | fused, no larger |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for method, found in scores.items():
        top1, recall, of_lines, of_tokens = found.mean(axis=0)
        blaming = sum(bool(one.penalties.any()) for one in blamed[method])
        fused = top1_within(scores["fused"], certainty, found[:, 3].sum())
        shares = f"{of_lines:.1%} | {of_tokens:.1%} | {blaming} | {fused:.1%}"
        lines.append(f"| {method} | {top1:.1%} | {recall:.1%} | {shares} |")
    passed = [report for report in repaired if report.execution.verdict == "passed"]
    penalised = sum(bool(_blamed(report, RewardSettings()).penalties.any()) for report in passed)
    counts = f"{len(passed)} of {len(repaired)} pass their tests; {penalised} of those are penalised."
    return [*lines, "", f"Correct programs: {counts}"]


def reliability(failing: Failing) -> list[str]:
    """Compare the mean strength of each kind of blame that has a place with how often a buggy line is in it.

    A suspect's strength says how likely it is, so suspects are told apart by it.
    """
    found: dict[str, list[tuple[float, bool]]] = {}
    for row, report in failing:
        for blame in _feedback(_with(report, FUSED), RewardSettings(spectrum="ochiai")).blames:
            if blame.span is not None and blame.strength:
                place = range(blame.span.line, blame.span.end_line + 1)
                agreeing = {item.source for item in blame.also if item.source != blame.diagnostic.source}
                kind = " + ".join([f"{blame.diagnostic.source} {blame.diagnostic.code}", *sorted(agreeing)])
                if blame.diagnostic.source is Source.COVERAGE:
                    quarter = min(int(4 * blame.strength), 3) / 4
                    kind += f", {quarter:g} to {quarter + 0.25:g}"
                right = not set(row["buggy_lines"]).isdisjoint(place)
                found.setdefault(kind, []).append((blame.strength, right))
    kinds = {kind: blames for kind, blames in found.items() if len(blames) >= FEWEST}
    rest = [blame for kind, blames in found.items() if kind not in kinds for blame in blames]
    lines = ["| kind of blame | blames | mean strength | place is right |", "| --- | ---: | ---: | ---: |"]
    for kind, blames in [*sorted(kinds.items()), ("all others", rest)]:
        if blames:
            strength, right = np.array(blames, dtype=float).mean(axis=0)
            lines.append(f"| {kind} | {len(blames)} | {strength:.2f} | {right:.0%} |")
    return lines


def score(penalties: np.ndarray, row: dict[str, Any], report: Report) -> Score:
    """Score the penalties of a program's tokens against its known buggy lines."""
    if not penalties.any():
        return Score(0.0, 0.0, 0.0, 0.0)
    known = set(row["buggy_lines"])
    lines = lines_of_tokens(report.program)
    blamed = penalties <= penalties.min() / 2
    top, hit = set(lines[penalties == penalties.min()]), set(lines[blamed])
    return Score(len(top & known) / len(top), len(hit & known) / len(known), len(hit) / len(set(lines)), blamed.mean())


def top1_within(scores: np.ndarray, certainty: np.ndarray, budget: float) -> float:
    """Top-1 of a method that may blame `budget` programs' worth of tokens, the most certainty for each token first.

    Args:
        scores: float [programs, 4], of `Score`.
        certainty: float [programs].
        budget: sum of shares of tokens.
    """
    order = np.argsort(-certainty / np.maximum(scores[:, 3], 1e-9), kind="stable")
    affordable = np.cumsum(scores[order, 3]) <= budget + 1e-9
    return float(scores[order[affordable], 0].sum() / len(scores))


def tokens_of(program: bytes) -> np.ndarray:
    """Offsets of the program's words, numbers and signs, int32 [T, 2]."""
    return np.array([match.span() for match in _TOKEN.finditer(program)], dtype=np.int32).reshape(-1, 2)


def lines_of_tokens(program: bytes) -> np.ndarray:
    text = ProgramText(program)
    return np.array([text.span(start, start).line for start in tokens_of(program)[:, 0].tolist()])


def _blamed(report: Report, settings: RewardSettings) -> Blamed:
    """Fine and static penalty of each token."""
    feedback = _feedback(report, settings)
    certainty = max((blame.strength for blame in feedback.blames), default=0.0)
    return Blamed((feedback.rewards["fine"] + feedback.rewards["static"])[:-1], certainty)


def _feedback(report: Report, settings: RewardSettings) -> Feedback:
    end = [[len(report.program)] * 2]  # an end token: the blanks between the others are no tokens here
    return assess(
        report, np.append(tokens_of(report.program), np.array(end, dtype=np.int32), axis=0), settings=settings
    )


def _with(report: Report, sources: Container[Source]) -> Report:
    return replace(report, diagnostics=tuple(item for item in report.diagnostics if item.source in sources))


def _only(*sources: Source, spectrum: Literal["ochiai", "none"] = "none") -> Method:
    def method(report: Report) -> Blamed:
        return _blamed(_with(report, sources), RewardSettings(spectrum=spectrum))

    return method


def _on_lines(report: Report, lines: Container[int]) -> Blamed:
    """Whole lines (1-based), alike."""
    return Blamed(np.array([-0.3 if line in lines else 0.0 for line in lines_of_tokens(report.program)]), 1.0)


def _textbook(report: Report) -> Blamed:
    """Ochiai as in the literature: all lines of the highest suspicion, alike."""
    scores = suspicion(report.execution)
    top = max(scores.values(), default=0.0)
    return _on_lines(report, {line for line, score in scores.items() if top and score == top})


def _line_of_error(report: Report) -> Blamed:
    """RLTF's paper: the line of the first error, or the whole program."""
    return _blamed(report, RewardSettings(mode="paper"))


def _released(report: Report) -> Blamed:
    """The published RLTF code, re-stated: the reported line's text, looked for as a substring from the top.

    Time-outs, signals and every `RuntimeError` are ignored; a syntax error on the last line blames the whole program.
    """
    lines = report.program.decode(errors="replace").splitlines()
    error = report.execution.error
    if error is None or error.span is None or error.kind not in (ErrorKind.RUNTIME, ErrorKind.SYNTAX):
        return _on_lines(report, ())
    if error.type == "RuntimeError" or error.type == "TabError":
        return _on_lines(report, ())
    if error.type == "RecursionError" or (error.kind is ErrorKind.SYNTAX and error.span.line >= len(lines)):
        return _on_lines(report, range(1, len(lines) + 1))
    wanted = lines[error.span.line - 1].strip()
    return _on_lines(report, [next((number for number, line in enumerate(lines, 1) if wanted in line), 0)])


FUSED = (Source.RUNTIME, Source.SYNTAX, Source.PYLINT, Source.LIBCST)
METHODS: dict[str, Method] = {
    "released RLTF (substring)": _released,
    "RLTF's paper (line of the error)": _line_of_error,
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
