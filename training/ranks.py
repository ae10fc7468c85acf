"""The processes of one run: which of them this is, what they share out, and how they agree.

One process by default, which agrees with itself at no cost; several where a launcher (`accelerate launch`, `torchrun`)
started them (`training.learners`). All of them go through the same steps in the same order, so that every exchange
meets the others'. The first of them, rank 0, owns the run directory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")


class Ranks:
    """One process, and the base of many."""

    index = 0
    """Which of them this is."""
    count = 1
    per_machine = 1
    """How many share this machine's cores."""

    @property
    def leads(self) -> bool:
        """Whether this is the one that owns the run directory, reads commands and shows progress."""
        return self.index == 0

    def share(self, items: Sequence[T]) -> list[T]:
        """Give this process's part of `items`, which all of them have. Every item is in one part."""
        return list(items[self.index :: self.count])

    def gather(self, work: Callable[[], T]) -> list[T]:
        """Do `work` in each process. Returns all results, in the same order everywhere.

        Where it raises in one of them, it raises in all: `Stopping` and `FloatingPointError` as they are, whatever else
        as it is in the first process that failed and as `ElsewhereError` in the others.

        Raises:
            ElsewhereError: another process failed.
            LostError: another process is gone.
        """
        return [work()]

    def first(self, work: Callable[[], T]) -> T:
        """Do `work` in the first process alone. All return its result. Raises as `gather`."""
        return self.gather(work)[0]

    def together(self, work: Callable[[], T]) -> T:
        """Do `work` in each process. Returns the result here, once it is done everywhere. Raises as `gather`."""
        return self.gather(work)[self.index]

    def spread(self, work: Callable[[list[T]], list[U]], items: Sequence[T]) -> list[U]:
        """Share `items` out and do `work` on each part. All return the results in order. Raises as `gather`."""
        parts = self.gather(lambda: work(self.share(items)))
        return [parts[index % self.count][index // self.count] for index in range(len(items))]

    def close(self) -> None:
        """Part from the others. All of them do."""


ALONE = Ranks()
