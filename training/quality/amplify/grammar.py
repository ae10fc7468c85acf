"""Infer the grammar of standard inputs from examples: counts, rows, grids and blocks that a count repeats.

One grammar must explain every line of every example. The first one that does, in the order below, is taken. Few
examples therefore leave room for wrong guesses, and a shape that no rule below describes has no grammar.

    count      a whole number that says how many tokens, letters, lines or blocks of up to four lines follow
               (as it is, one less, or one more)
    fields     a line with the same number of tokens in every example
    row        a line with as many tokens as a count says, or with any number where nothing else explains it
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from training.quality.amplify.domains import Domain, Items
from training.quality.amplify.scalars import Floats, Seen, Texts, Whole

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?[0-9]+\.[0-9]+")
_LONGEST_BLOCK = 4
_OFFSETS = (0, -1, 1)
_MOST_LINES, _MOST_EXAMPLES, _MOST_STEPS = 100, 8, 3000
"""Longer examples, more examples and more attempts to explain them are ignored."""

Line = tuple[str, ...]
Env = dict[int, int]
"""Values of the counts read so far, numbered in the order of the text."""


@dataclass(frozen=True, slots=True)
class Count:
    """A count of items: a number that was read earlier, and what to add to it."""

    variable: int
    offset: int

    def of(self, env: Env) -> int:
        return env[self.variable] + self.offset


@dataclass(frozen=True, slots=True)
class Field:
    """One token."""

    domain: Domain
    variable: int | None
    """The number of the count that a whole number may be."""
    bound: Count | None = None
    """A count that it never exceeds and often meets, as for labels from 1 to n."""
    length: Count | None = None
    """The count that its length equals."""
    distinct: bool = False
    """Whether no label occurs twice in the block that repeats it."""


@dataclass(frozen=True, slots=True)
class Fields:
    """A line with a fixed number of tokens."""

    fields: tuple[Field, ...]
    examples: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of tokens that are all alike."""

    items: Items
    count: Count | None
    bound: Count | None


@dataclass(frozen=True, slots=True)
class Repeat:
    """A block of lines that is repeated."""

    count: Count
    body: tuple[Item, ...]


Item = Fields | Row | Repeat


def infer(texts: Sequence[str]) -> tuple[Item, ...] | None:
    """Infer the grammar of the examples, from the shortest of them if they are many. None means that there is none."""
    cases = [[tuple(line.split()) for line in text.rstrip("\n").split("\n")] for text in sorted(texts, key=len)]
    cases = [case for case in cases if len(case) <= _MOST_LINES][:_MOST_EXAMPLES]
    if not cases or any(not line for case in cases for line in case):
        return None
    for loose in (False, True):
        found = next(_Search(loose).explain(cases, [{} for _ in cases], 0), None)
        if found is not None:
            return found
    return None


class _Search:
    """A depth-first search for a grammar."""

    def __init__(self, loose: bool) -> None:
        self._loose = loose
        """Whether rows may have any number of tokens."""
        self._steps = 0

    def explain(self, cases: Sequence[list[Line]], envs: Sequence[Env], depth: int) -> Iterator[tuple[Item, ...]]:
        """Yield grammars of the rest of the cases, best first."""
        self._steps += 1
        if self._steps > _MOST_STEPS:
            return
        left = [bool(case) for case in cases]
        if not any(left):
            yield ()
            return
        if not all(left):
            return
        for item, taken, known in self._first_items(cases, envs, depth):
            rests = [case[lines:] for case, lines in zip(cases, taken, strict=True)]
            for others in self.explain(rests, known, depth):
                yield (item, *others)

    def _first_items(
        self, cases: Sequence[list[Line]], envs: Sequence[Env], depth: int
    ) -> Iterator[tuple[Item, list[int], Sequence[Env]]]:
        """Yield what the cases may begin with, the lines of each that it takes, and the counts known after it."""
        for count in _counts(envs):
            times = [count.of(env) for env in envs]
            if depth < 2 and min(times) >= 0 and max(times) > 1:
                for height in range(1, _LONGEST_BLOCK + 1):
                    taken = [number * height for number in times]
                    if all(lines <= len(case) for lines, case in zip(taken, cases, strict=True)):
                        body = self._block(cases, envs, taken, height, depth)
                        if body is not None:
                            yield Repeat(count, body), taken, envs
        lines = [case[0] for case in cases]
        one = [1] * len(cases)
        for count in _counts(envs):
            if all(len(line) == count.of(env) for line, env in zip(lines, envs, strict=True)):
                row = _row(lines, envs, count)
                if row is not None:
                    yield row, one, envs
        if len(set(map(len, lines))) == 1:
            yield _fields(lines, envs, one)
        elif self._loose:
            row = _row(lines, envs, None)
            if row is not None:
                yield row, one, envs

    def _block(
        self, cases: Sequence[list[Line]], envs: Sequence[Env], taken: list[int], height: int, depth: int
    ) -> tuple[Item, ...] | None:
        chunks: list[list[Line]] = []
        chunk_envs: list[Env] = []
        for case, env, lines in zip(cases, envs, taken, strict=True):
            for start in range(0, lines, height):
                chunks.append(case[start : start + height])
                chunk_envs.append(env)
        return next(self.explain(chunks, chunk_envs, depth + 1), None) if chunks else None


def _counts(envs: Sequence[Env]) -> Iterator[Count]:
    """List the counts known in all cases, the latest first."""
    for variable in sorted(set.intersection(*(set(env) for env in envs)), reverse=True):
        for offset in _OFFSETS:
            yield Count(variable, offset)


def _fields(lines: Sequence[Line], envs: Sequence[Env], one: list[int]) -> tuple[Item, list[int], Sequence[Env]]:
    known = [dict(env) for env in envs]
    fields = []
    for column in zip(*lines, strict=True):
        whole = all(map(_WHOLE.fullmatch, column))
        variable = None
        if whole:
            variable = len(known[0])
            for env, token in zip(known, column, strict=True):
                env[variable] = int(token)
        bound = _bound([(int(token), env) for token, env in zip(column, envs, strict=True)]) if whole else None
        length = None if whole else _length(column, envs)
        distinct = bound is not None and _is_distinct(column, envs)
        fields.append(Field(_domain(column), variable, bound, length, distinct))
    return Fields(tuple(fields), tuple(lines)), one, known


def _row(lines: Sequence[Line], envs: Sequence[Env], count: Count | None) -> Row | None:
    tokens = [token for line in lines for token in line]
    values: list[list[Any]]
    bound = None
    if all(map(_WHOLE.fullmatch, tokens)):
        values = [[int(token) for token in line] for line in lines]
        pairs = zip(values, envs, strict=True)
        bound = _bound([(value, env) for row, env in pairs for value in row])
    elif all(_WHOLE.fullmatch(token) or _DECIMAL.fullmatch(token) for token in tokens):
        values = [[float(token) for token in line] for line in lines]
    elif any(map(_WHOLE.fullmatch, tokens)):
        return None  # a mixture has no pattern
    else:
        values = [list(line) for line in lines]
    return Row(Items.of(list, values), count, bound)


def _domain(column: Sequence[str]) -> Domain:
    if all(map(_WHOLE.fullmatch, column)):
        return Whole.of([int(token) for token in column])
    if all(_WHOLE.fullmatch(token) or _DECIMAL.fullmatch(token) for token in column):
        return Floats.of([float(token) for token in column])
    if len(column) >= 4 and len(set(column)) <= len(column) // 2:
        return Seen(tuple(column), str)  # names of commands
    return Texts.of(column)


def _bound(pairs: Sequence[tuple[int, Env]]) -> Count | None:
    """Find the count that no value exceeds and at least one meets. Too few values give None."""
    if len(pairs) < 3 or any(value < 0 for value, _ in pairs):
        return None
    for count in _counts([env for _, env in pairs]):
        if count.offset <= 0 and max(value - count.of(env) for value, env in pairs) == 0:
            return count
    return None


def _is_distinct(column: Sequence[str], envs: Sequence[Env]) -> bool:
    """Say whether no two lines of one block, which share their counts, have the same token."""
    blocks: dict[int, list[str]] = {}
    for token, env in zip(column, envs, strict=True):
        blocks.setdefault(id(env), []).append(token)
    return max(map(len, blocks.values())) > 1 and all(len(set(block)) == len(block) for block in blocks.values())


def _length(column: Sequence[str], envs: Sequence[Env]) -> Count | None:
    for count in _counts(envs):
        if count.offset == 0 and all(len(token) == count.of(env) for token, env in zip(column, envs, strict=True)):
            return count
    return None
