"""How well blame finds the bug of a wrong answer beside two strangers: `python -m benchmarks.peer_blame [--write]`.

Programs are those of `benchmarks.strangers` that give a wrong answer, without an error. `top-1`, `recall` and `tokens`
are those of `benchmarks.localisation`. What was written in other passing programs is known from MBPP's solutions. Those
that resemble the corrected program or a stranger are left out. What this does not do: train with what it finds.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import strangers
from benchmarks.localisation import METHODS, Blamed, Score, lines_of_tokens, problem_of, score, tokens_of
from benchmarks.mutants import MBPP
from benchmarks.tables import write_between_markers
from engine import Engine, Limits, Report, Source, Verdict
from engine.text import ProgramText
from feedback import Feedback, FinishReason
from feedback.narrowing import tells, value_of
from feedback.spectrum import shares
from training.algorithms.credit import fault
from training.algorithms.memory import Memory
from training.algorithms.words import Line, read
from training.records import Rollout, Sample

PAGE = Path("docs/feedback.md")
COPIED = 0.6
"""Share of a program's lines that makes another one a copy of it."""
BINS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
_Trigram = tuple[bytes, bytes, bytes]


@dataclass(frozen=True)
class Case:
    """A wrong answer, and what is known beside it."""

    row: dict[str, Any]
    reports: tuple[Report, ...]
    """What the engine found with each stranger as the reference."""
    seen: tuple[str, ...]
    """Passing programs of other problems."""

    @property
    def report(self) -> Report:
        return self.reports[0]

    @cached_property
    def likely(self) -> dict[int, float]:
        """How likely each line is the faulty one, by the tests and by what no passing program has."""
        found = shares(self.report.program, self.report.execution)
        strange = rarity(self.report.program, self.row["strangers"], self.seen)
        odds = {line: value * math.exp(strange.get(line, 0.0)) for line, value in found.items()}
        return {line: value / sum(odds.values()) for line, value in odds.items()}


def main() -> None:
    """Score every method on both halves and print (or write) the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"write the tables into {PAGE}")
    arguments = parser.parse_args()
    cases = {part: judge(rows) for part, rows in strangers.corpus().items()}
    lines = tables(cases)
    print("\n".join(lines))
    if arguments.write:
        write_between_markers(PAGE, "peers", "\n".join(lines))


def judge(rows: list[dict[str, Any]]) -> list[Case]:
    """Judge a part of the corpus, and keep the wrong answers."""
    solutions = [json.loads(line)["code"] for line in MBPP.read_text(encoding="utf-8").splitlines()]
    forms = {solution: _forms(solution) for solution in solutions}
    with Engine(limits=Limits(cpu_seconds=4.0, timeouts=1), trace_lines=True, reference_states=True) as engine:
        waiting = []
        for row in rows:
            problem = problem_of(row)
            problems = [replace(problem, references=(stranger,)) for stranger in row["strangers"]]
            waiting.append([engine.submit(row["program"].encode(), one) for one in problems])
        judged = [
            (row, tuple(future.result() for future in futures)) for row, futures in zip(rows, waiting, strict=True)
        ]
    return [
        Case(row, reports, tuple(_unlike(forms, [row["fixed_program"], *row["strangers"]])))
        for row, reports in judged
        if reports[0].execution.verdict is Verdict.FAILED
    ]


def _unlike(forms: dict[str, frozenset[Any]], programs: Iterable[str]) -> Iterator[str]:
    known = [_forms(program) for program in programs]
    for solution, form in forms.items():
        if not any(len(form & other) >= COPIED * len(other) for other in known):
            yield solution


def _forms(program: str) -> frozenset[Any]:
    return frozenset(line.form for line in read(program.encode()))


# Methods


def _without(case: Case) -> Blamed:
    return METHODS["fused"](case.report)


def _by_words(case: Case) -> Blamed:
    """What `credit` takes off the tokens of a failing sample, whose group has two passing ones."""
    certainty = credit_certainty(case)
    return Blamed(-certainty, float(certainty.max(initial=0.0)))


def credit_certainty(case: Case) -> np.ndarray:
    """How certain `credit` is that each token is at fault, float32 [T]."""
    passing = [_sample(replace(case.report, program=peer.encode())) for peer in case.row["strangers"]]
    return fault(_sample(case.report), passing, _memory(case.seen))


@lru_cache(maxsize=8)
def _memory(programs: tuple[str, ...]) -> Memory:
    known = Memory()
    known.add(program.encode() for program in programs)
    return known


def _sample(report: Report) -> Sample:
    offsets = tokens_of(report.program)
    ids = tuple(range(len(offsets)))
    rollout = Rollout("", 0, (), ids, (0.0,) * len(ids), FinishReason.STOP, 0)
    return Sample(rollout, Feedback(report, (), offsets, {}))


def _by_states(case: Case) -> Blamed:
    """The line where variables part from the first stranger that shares some, else as without strangers."""
    parted = [one for one in case.reports if any(item.source is Source.REFERENCE for item in one.diagnostics)]
    return METHODS[STATES](parted[0] if parted else case.report)


def _together(case: Case) -> Blamed:
    """The value of the likeliest line."""
    if not case.likely:
        return Blamed(np.zeros(len(tokens_of(case.report.program))), 0.0)
    text, offsets = ProgramText(case.report.program), tokens_of(case.report.program)
    line = max(case.likely, key=lambda line: (case.likely[line], line))
    place = value_of(text, line)
    inside = (offsets[:, 0] < place.end_byte) & (offsets[:, 1] > place.start_byte)
    marked = inside & tells(text.program, offsets)
    certainty = case.likely[line]
    return Blamed(np.where(marked if marked.any() else inside, -certainty, 0.0), certainty)


def rarity(program: bytes, peers: Iterable[str], seen: Iterable[str]) -> dict[int, float]:
    """Say how rare the rarest three words of each line are that no peer has: 1 / (1 + programs seen that have them).

    Names that a program binds are alike.
    """
    lines = read(program)
    wanted = {words for line in lines for words in _trigrams(line)}
    for peer in peers:
        wanted -= _all_trigrams(peer)
    counts = Counter(words for other in seen for words in wanted & _all_trigrams(other))
    text = ProgramText(program)
    found: dict[int, float] = {}
    for line in lines:
        number = text.span(line.places[0][0], line.places[0][0]).line
        found[number] = max((1 / (1 + counts[words]) for words in _trigrams(line) if words in wanted), default=0.0)
    return found


def _all_trigrams(program: str) -> frozenset[_Trigram]:
    if program not in _KNOWN:
        _KNOWN[program] = frozenset(words for line in read(program.encode()) for words in _trigrams(line))
    return _KNOWN[program]


_KNOWN: dict[str, frozenset[_Trigram]] = {}


def _trigrams(line: Line) -> Iterator[_Trigram]:
    words = [b"\n", b"\n", *(b"" if name else word for word, name in zip(line.words, line.names, strict=True)), b"\n"]
    yield from zip(words, words[1:], words[2:], strict=False)


STATES = "fused, with `reference_states` and the corrected program as the reference"
PEER_METHODS: dict[str, Callable[[Case], Blamed]] = {
    "without strangers": _without,
    "two strangers, by words (as `credit` does)": _by_words,
    "two strangers, by the states of one": _by_states,
    "two strangers, tests and rare words together": _together,
}


# Tables


def tables(cases: dict[str, list[Case]]) -> list[str]:
    """All methods on each part, and how far their certainty can be relied on, on the last part."""
    lines: list[str] = []
    for part, found in cases.items():
        problems = len({"/".join(case.row["id"].split("/")[:2]) for case in found})
        passing = sum(case.report.execution.pass_ratio > 0 for case in found) / max(1, len(found))
        lines += [
            f"{part}: {len(found)} wrong answers to {problems} problems, {passing:.0%} of which pass a test.",
            "",
            "| method | top-1 | top-1, MBPP | top-1, APPS | recall | tokens | blames something in |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        is_mbpp = np.array([case.row["id"].startswith("mbpp") for case in found])
        for name, method in PEER_METHODS.items():
            blamed = [method(case) for case in found]
            scores = [score(one.penalties, case.row, case.report) for one, case in zip(blamed, found, strict=True)]
            lines.append(
                f"| {name} | {_shares(scores, is_mbpp)} | {sum(bool(one.penalties.any()) for one in blamed)} |"
            )
        lines.append("")
    return [*lines, *reliability(*list(cases.items())[-1])]


def _shares(scores: list[Score], is_mbpp: np.ndarray) -> str:
    values = np.array(scores)
    top1, recall, _, tokens = values.mean(axis=0)
    return (
        f"{top1:.1%} | {values[is_mbpp, 0].mean():.1%} | {values[~is_mbpp, 0].mean():.1%} | {recall:.1%} | {tokens:.1%}"
    )


def reliability(part: str, cases: list[Case]) -> list[str]:
    """Compare certainty with how often it is right: of tokens (by words), and of lines (together)."""
    by_words: list[tuple[float, bool]] = []
    together: list[tuple[float, bool]] = []
    for case in cases:
        known = set(case.row["buggy_lines"])
        lines = lines_of_tokens(case.report.program).tolist()
        by_words += [
            (value, line in known) for value, line in zip(credit_certainty(case).tolist(), lines, strict=True) if value
        ]
        together += [(value, line in known) for line, value in case.likely.items()]
    lines = [f"| certainty, {part} | tokens by words | mean | right | lines together | mean | right |"]
    lines.append("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for low, high in pairwise(BINS):
        cells = [_bin(pairs, low, high) for pairs in (by_words, together)]
        lines.append(f"| {low:g} to {high:g} | {' | '.join(cells)} |")
    return lines


def _bin(pairs: list[tuple[float, bool]], low: float, high: float) -> str:
    inside = np.array([pair for pair in pairs if low < pair[0] <= high], dtype=float).reshape(-1, 2)
    if not len(inside):
        return "0 | | "
    return f"{len(inside)} | {inside[:, 0].mean():.2f} | {inside[:, 1].mean():.0%}"


if __name__ == "__main__":
    main()
