"""Remember what judged programs wrote, to tell a usual word from one that decides."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable, Iterable

from training.algorithms.words import read

_KEPT = 1000
"""Programs that are remembered, the newest."""


class Memory:
    """Counts the programs that have a word behind the same two words of a line, and that begin a line alike."""

    def __init__(self) -> None:
        self._programs: deque[bytes] = deque()
        self._counts: Counter[Hashable] = Counter()

    def add(self, programs: Iterable[bytes]) -> None:
        """Remember programs."""
        for program in programs:
            if len(self._programs) == _KEPT:
                self._counts -= Counter(_written(self._programs.popleft()))
            self._programs.append(program)
            self._counts.update(_written(program))

    def rarity(self, written: Hashable) -> float:
        """Return 1 / (1 + programs that have it).

        Args:
            written: one of a line's `contexts` or of its `beginnings`.
        """
        return 1 / (1 + self._counts[written])

    @property
    def programs(self) -> list[bytes]:
        """What `add` needs to make this again."""
        return list(self._programs)


def _written(program: bytes) -> set[Hashable]:
    return {written for line in read(program) for written in (*line.contexts(), *line.beginnings())}
