"""Compare the programs of a problem with each other: what two of them share, and where they part.

Lines are aligned first, then the words between lines that are alike. Names may differ, as long as one stands for the
other wherever it is bound and used. Comments, and lines in another order, make no difference. Time and memory grow with
the product of two lengths, which is bounded.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.algorithms.words import Line

Places = NDArray[np.bool_]
"""A mark for each word of a program, [W], or for each token of a completion, [T]."""
NO_PARTNER = -1
_LARGEST = 4_000_000
"""Most comparisons of one alignment. What is longer shares nothing: a hostile program costs no more than this."""
_Word = tuple[int, int]
"""A line's number, and a word's place in it."""


@dataclass(frozen=True, slots=True)
class Parting:
    """Where a program parts from another one, word by word, [W] each."""

    apart: Places
    """Words in whose place the other has something else or nothing, wrong names among them."""
    renamed: Places
    """Names that the other has another name for, consistently."""
    branch: Places
    """Shared words before which the other has something more."""

    @property
    def distance(self) -> int:
        """Count the words that may matter."""
        return int((self.apart | self.branch).sum())


def parting(one: Sequence[Line], other: Sequence[Line]) -> Parting:
    """Compare a program with another."""
    pairs, branch = _aligned(one, other)
    renamed, wrong = _names(one, other, pairs)
    words = _words(one, range(len(one)))
    return Parting(
        apart=np.array([word not in pairs or word in wrong for word in words], dtype=np.bool_),
        renamed=np.array([word in renamed for word in words], dtype=np.bool_),
        branch=np.array([word in branch for word in words], dtype=np.bool_),
    )


def nearest(one: Sequence[Line], others: Sequence[Sequence[Line]]) -> Parting:
    """Compare with the one of `others` that differs least, the first of equally near ones. There must be some."""
    return min((parting(one, other) for other in others), key=lambda found: found.distance)


def _aligned(one: Sequence[Line], other: Sequence[Line]) -> tuple[dict[_Word, _Word], set[_Word]]:
    """Pair the words of two programs. Also gives the words before which the other has more."""
    alike = partners([line.form for line in one], [line.form for line in other])
    moved = _moved(one, other, alike)
    pairs = {
        (line, place): (partner, place)
        for line, partner in [*enumerate(alike.tolist()), *moved.items()]
        if partner != NO_PARTNER
        for place in range(len(one[line].words))
    }
    branch: set[_Word] = set()
    elsewhere = set(moved.values())
    begin, begin_other = 0, 0
    for end in [*np.flatnonzero(alike != NO_PARTNER).tolist(), len(one)]:
        end_other = int(alike[end]) if end < len(one) else len(other)
        own = _words(one, (line for line in range(begin, end) if line not in moved))
        theirs = _words(other, (line for line in range(begin_other, end_other) if line not in elsewhere))
        found = partners([one[n].key(place) for n, place in own], [other[n].key(place) for n, place in theirs])
        pairs |= {own[i]: theirs[j] for i, j in enumerate(found.tolist()) if j != NO_PARTNER}
        following = [(end, 0)] if end < len(one) else []
        last = last_other = -1
        for i in [*np.flatnonzero(found != NO_PARTNER).tolist(), len(own)]:
            j = int(found[i]) if i < len(own) else len(theirs)
            if i == last + 1 and j > last_other + 1:
                branch |= set([*own, *following][i : i + 1])
            last, last_other = i, j
        begin, begin_other = end + 1, end_other + 1
    return pairs, branch


def _moved(one: Sequence[Line], other: Sequence[Line], alike: NDArray[np.int64]) -> dict[int, int]:
    """Pair lines that stand somewhere else in the other program."""
    taken = set(alike.tolist())
    free: dict[Hashable, list[int]] = {}
    for number, line in enumerate(other):
        if number not in taken:
            free.setdefault(line.form, []).append(number)
    unpaired = [number for number in range(len(one)) if alike[number] == NO_PARTNER]
    return {number: free[form].pop(0) for number in unpaired if free.get(form := one[number].form)}


def _names(one: Sequence[Line], other: Sequence[Line], pairs: dict[_Word, _Word]) -> tuple[set[_Word], set[_Word]]:
    """Find the names for which the other has another one, and those that should be another name by what was bound."""
    renamed: set[_Word] = set()
    wrong: set[_Word] = set()
    meaning: dict[bytes, bytes] = {}
    for number, line in enumerate(one):
        used = [
            (place, word, other[partner[0]].words[partner[1]])
            for place, word in enumerate(line.words)
            if line.names[place] and (partner := pairs.get((number, place))) is not None
        ]
        bound: dict[bytes, bytes] = {}
        for _, word, theirs in used:
            if word in line.bound:
                bound.setdefault(word, theirs)
        for place, word, theirs in used:
            if theirs not in (bound.get(word), meaning.get(word, word)):
                wrong.add((number, place))
            elif word != theirs:
                renamed.add((number, place))
        meaning |= bound
    return renamed, wrong


def _words(lines: Sequence[Line], numbers: Iterable[int]) -> list[_Word]:
    return [(number, place) for number in numbers for place in range(len(lines[number].words))]


def partners(one: Sequence[Hashable], other: Sequence[Hashable]) -> NDArray[np.int64]:
    """Give the place in `other` of each item of `one` that a longest common subsequence holds, else -1.

    Of several longest ones it takes the one whose matches come first.
    """
    numbers: dict[Hashable, int] = {}
    first, second = (
        np.array([numbers.setdefault(item, len(numbers)) for item in items], dtype=np.int64) for items in (one, other)
    )
    rows, columns = len(first), len(second)
    found = np.full(rows, NO_PARTNER, dtype=np.int64)
    if rows * columns > _LARGEST:
        return found
    lengths = np.zeros((rows + 1, columns + 1), dtype=np.int32)  # [i, j] of what is left from i and j on
    for i in range(rows - 1, -1, -1):
        best = np.maximum(lengths[i + 1, :-1], lengths[i + 1, 1:] + (second == first[i]))
        lengths[i, :-1] = np.maximum.accumulate(best[::-1])[::-1]
    i = j = 0
    while i < rows and j < columns:
        if first[i] == second[j]:
            found[i] = j
            i, j = i + 1, j + 1
        elif lengths[i, j + 1] >= lengths[i + 1, j]:
            j += 1
        else:
            i += 1
    return found
