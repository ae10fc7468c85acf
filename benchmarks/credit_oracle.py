"""Credit as only somebody can give it who knows the tables of minicode's `varied` and `uneven`: a ceiling, no method.

Right programs of a problem are written many times with `vary`. A line of a failing program that none of them has is at
fault, and in it the words that the most similar right line lacks. Which name is bound and what a comment says never
matters.
"""

from __future__ import annotations

import difflib
import random
import re
from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np

from engine import Problem
from engine.records import Span
from feedback import token_range
from training import minicode
from training.algorithms.credit import Credit
from training.algorithms.peers import Places
from training.minicode.corpus import with_bug
from training.minicode.generate import Draft, assemble, edges
from training.minicode.primitives import Step
from training.minicode.varied import NAMES, VARIED, vary
from training.records import Row, Sample

_WRITTEN = 400
"""Times that each part of a right program is written anew."""
_WORD = re.compile(rb"\w+|[-+*/%<>=!&|^~@]+|[^\w\s]")
_BINDING = re.compile(rb"\bfor (\w+)(?:, (\w+))? in\b|^\s*(\w+)(?:, (\w+))? = |\bdef \w+\((\w+)\)", re.MULTILINE)
_COMMENT = re.compile(rb"# (.*)")
_ROLES = {
    other.encode(): (own if len(others) < 5 and "line" not in others else "list").encode()
    for own, others in NAMES.items()
    for other in others
}
"""A name -> what it stands for: names of one role are the same."""


class Oracle(Credit):
    """Credit with the truth in place of peers and blame."""

    def choices(self, sample: Sample, passing: Sequence[Sample]) -> Places:  # noqa: ARG002
        return bindings_and_comments(sample)

    def certainty(self, sample: Sample, passing: Sequence[Sample]) -> Row:  # noqa: ARG002
        return faults(sample, right_lines(sample.rollout.problem_id)).astype(np.float32)


def bindings_and_comments(sample: Sample) -> Places:
    """Mark the tokens of names where they are bound, and of what comments say, [T]."""
    program = sample.feedback.report.program
    own = set(NAMES) | {name for names in NAMES.values() for name in names}
    found = [match.span(1) for match in _COMMENT.finditer(program)]
    for match in _BINDING.finditer(program):
        found += [match.span(i) for i in range(1, 6) if match.group(i) and match.group(i).decode() in own]
    return _tokens(sample, found)


def faults(sample: Sample, right: frozenset[tuple[bytes, ...]]) -> Places:
    """Mark the tokens of a failing sample that no right program has in such a line, [T].

    Where something is left out, that is the token in its place: the next word, or the end of the line.
    """
    program = sample.feedback.report.program
    found: list[Sequence[int]] = []
    start = ended = 0
    previous: tuple[bytes, ...] | None = ()
    for line in program.splitlines(keepends=True):
        words = [(match.group(), start + match.start(), start + match.end()) for match in _WORD.finditer(line)]
        start += len(line)
        role = tuple(_ROLES.get(word, word) for word, _, _ in words)
        if not role or role[0].startswith(b"#"):
            continue
        if role not in right:
            near = max(right, key=lambda other: difflib.SequenceMatcher(None, role, other, False).ratio(), default=())
            matcher = difflib.SequenceMatcher(None, role, near, autojunk=False)
            for kind, first, last, _, _ in matcher.get_opcodes():
                if kind != "equal":
                    wrong = [place for _, *place in words[first : max(last, first + 1)]]
                    found += wrong or [(words[-1][2], words[-1][2] + 1)]
            previous, ended = None, words[-1][2]
            continue
        if previous is not None and (*previous, b"\n", *role) not in right:
            found.append((ended, ended + 1))
        previous, ended = role, words[-1][2]
    return _tokens(sample, found)


@cache
def right_lines(problem_id: str) -> frozenset[tuple[bytes, ...]]:
    """Give all lines of right programs, as words, and all pairs of lines that follow each other."""
    draft = _draft(_problems()[problem_id])
    rng = random.Random(problem_id)
    lines: set[tuple[bytes, ...]] = set()
    for _ in range(_WRITTEN):
        first, last = (edge.code.replace("{name}", draft.entry_point) for edge in edges(draft))
        parts = [
            vary(step.fill(rng.choice((step.primitive.code, *VARIED.forms.get(step.primitive.name, ())))), rng)
            for step in draft.steps
        ]
        if draft.shape == "stdin":
            first, last = vary(first, rng), vary(last, rng)
        previous: tuple[bytes, ...] = ()
        for line in "\n".join((first, *parts, last)).encode().splitlines():
            role = tuple(_ROLES.get(word, word) for word in _WORD.findall(line))
            if role[0].startswith(b"#"):
                continue
            lines |= {role, (*previous, b"\n", *role)}
            previous = role
    return frozenset(lines)


def mistake(problem_id: str) -> tuple[str, str]:
    """Write the problem's reference, and the same with the mistake of its weak step."""
    draft = _draft(_problems()[problem_id])
    first, last = edges(draft)
    right = [step.fill(step.primitive.code) for step in draft.steps]
    wrong = [
        step.fill(with_bug(step.primitive.code, *step.primitive.bugs)) if step.primitive.bugs else code
        for step, code in zip(draft.steps, right, strict=True)
    ]
    return assemble(draft, right, first.code, last.code), assemble(draft, wrong, first.code, last.code)


@cache
def _problems() -> dict[str, Problem]:
    tiers: tuple[minicode.TierName, ...] = ("varied", "uneven")
    found = [minicode.problems(tier, split, references=True) for tier in tiers for split in ("train", "held_out")]
    return {problem.id: problem for problems in found for problem in problems}


def _draft(problem: Problem) -> Draft:
    """Find the steps of a problem again, with the parameters that its reference has."""
    by_name = {primitive.name: primitive for primitive in VARIED.primitives}
    text = re.sub(r"(?m)^    ", "", problem.references[0]) if problem.entry_point else problem.references[0]
    steps = []
    for name in problem.source.partition(": ")[2].split(" | "):
        options = [Step(by_name[name], parameter) for parameter in by_name[name].parameters or ("",)]
        steps.append(next(step for step in options if step.fill(step.primitive.code) in text))
    return Draft(VARIED, tuple(steps), "call" if problem.entry_point else "stdin", problem.entry_point or "")


def _tokens(sample: Sample, found: Iterable[Sequence[int]]) -> Places:
    places = np.zeros(len(sample.rollout.token_ids), dtype=np.bool_)
    for start, end in found:
        first, last = token_range(Span(start, end, 1, 0, 1, 0), sample.feedback.offsets)
        places[first:last] = True
    return places
