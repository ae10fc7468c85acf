"""Find problems that are equal or nearly equal, within a set and between two sets.

Exact duplicates have the same words in the prompt, or the same tests up to blanks and the function's name. Near
duplicates have a Jaccard similarity of the prompts' word triples, or of the tests, that reaches a threshold. All such
pairs are found by prefix filtering (Chaudhuri et al. 2006, Bayardo et al. 2007), and none is guessed from hashes. Two
wordings of one task stay unnoticed.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine import AssertTest, CallTest, Problem, StdinTest, Test

_WORD = re.compile(r"\w+")
_TRIPLE = 3


@dataclass(frozen=True, slots=True)
class Likeness:
    """The similarity of two problems. 1.0 means that they are equal."""

    other: str
    """Id of the other problem, which is the earlier one or the held-out one."""
    prompt: float
    tests: float

    @property
    def exact(self) -> bool:
        """Say whether prompt or tests are equal."""
        return max(self.prompt, self.tests) == 1.0

    def __str__(self) -> str:
        parts = {"prompt": self.prompt, "tests": self.tests}
        named = (
            f"{'same' if value == 1.0 else f'{value:.0%} of the'} {name}" for name, value in parts.items() if value
        )
        return f"{self.other} ({', '.join(named)})"


def duplicates(problems: Sequence[Problem], threshold: float) -> dict[int, Likeness]:
    """Map the index of each problem that resembles an earlier one to the most similar earlier one."""
    return _best(_alike(problems, problems, threshold, within=True))


def overlap(problems: Sequence[Problem], held_out: Sequence[Problem], threshold: float) -> dict[int, Likeness]:
    """Map the index of each problem that resembles one of `held_out` to the most similar one."""
    return _best(_alike(problems, held_out, threshold, within=False))


def _best(found: Iterator[tuple[int, Likeness]]) -> dict[int, Likeness]:
    best: dict[int, Likeness] = {}
    for index, likeness in found:
        if index not in best or (likeness.exact, likeness.prompt) > (best[index].exact, best[index].prompt):
            best[index] = likeness
    return best


def _alike(
    problems: Sequence[Problem], others: Sequence[Problem], threshold: float, *, within: bool
) -> Iterator[tuple[int, Likeness]]:
    prompts = _similar(
        [_triples(problem.prompt) for problem in problems], [_triples(problem.prompt) for problem in others], threshold
    )
    tests = _similar([_tests(problem) for problem in problems], [_tests(problem) for problem in others], threshold)
    for index, other in sorted({*prompts, *tests}):
        if not within or other < index:
            pair = (index, other)
            yield index, Likeness(others[other].id, prompts.get(pair, 0.0), tests.get(pair, 0.0))


def _triples(prompt: str) -> frozenset[str]:
    words = _WORD.findall(prompt.lower())
    if len(words) <= _TRIPLE:
        return frozenset([" ".join(words)] if words else [])
    return frozenset(" ".join(words[i : i + _TRIPLE]) for i in range(len(words) - _TRIPLE + 1))


def _tests(problem: Problem) -> frozenset[str]:
    return frozenset(_normal(test, problem.entry_point) for test in problem.tests)


def _normal(test: Test, name: str | None) -> str:
    if isinstance(test, StdinTest):
        return " ".join(test.stdin.split()) + "\n" + " ".join(test.expected.split())
    if isinstance(test, CallTest):
        return repr((test.args, test.kwargs, test.expected))
    assert isinstance(test, AssertTest)
    source = re.sub(rf"\b{re.escape(name)}\b", "f", test.source) if name else test.source
    return "".join(source.split())


def _similar(
    left: Sequence[frozenset[str]], right: Sequence[frozenset[str]], threshold: float
) -> dict[tuple[int, int], float]:
    """Yield all pairs of a set on the left and one on the right whose Jaccard similarity is at least `threshold`."""
    frequency = Counter(item for sets in (left, right) for tokens in sets for item in tokens)

    def rare_first(items: frozenset[str]) -> list[str]:
        ordered = sorted(items, key=lambda item: (frequency[item], item))
        return ordered[: len(ordered) - math.ceil(threshold * len(ordered)) + 1]

    holders: dict[str, list[int]] = defaultdict(list)
    for index, items in enumerate(right):
        for item in rare_first(items) if items else ():
            holders[item].append(index)
    found: dict[tuple[int, int], float] = {}
    for index, items in enumerate(left):
        candidates = {other for item in (rare_first(items) if items else ()) for other in holders.get(item, ())}
        for other in candidates:
            similarity = len(items & right[other]) / len(items | right[other])
            if similarity >= threshold:
                found[index, other] = similarity
    return found
