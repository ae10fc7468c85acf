"""Remember what passing programs wrote: what they write too is less suspect where a failing program has it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

from training.algorithms.words import read

_KEPT = 1000
"""Passing programs that are remembered, the newest."""


class Acquittals:
    """Counts the passing programs that have a word behind the same two words of a line."""

    def __init__(self) -> None:
        self._programs: deque[bytes] = deque()
        self._counts: Counter[tuple[bytes, ...]] = Counter()

    def add(self, programs: Iterable[bytes]) -> None:
        """Remember passing programs."""
        for program in programs:
            if len(self._programs) == _KEPT:
                self._counts -= Counter(_contexts(self._programs.popleft()))
            self._programs.append(program)
            self._counts.update(_contexts(program))

    def certainty(self, context: tuple[bytes, ...]) -> float:
        """Say how certain it is that a suspected word is at fault: 1 / (1 + passing programs that have it)."""
        return 1 / (1 + self._counts[context])

    @property
    def programs(self) -> list[bytes]:
        """What `add` needs to make this again."""
        return list(self._programs)


def _contexts(program: bytes) -> set[tuple[bytes, ...]]:
    return {context for line in read(program) for context in line.contexts()}
