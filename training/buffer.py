"""The buffer of experiences: online first in, first out (RLTF section 3.1); offline a fixed store.

What this module does not do: judge what an experience is worth. Online it grows to its capacity and then lets the
oldest go (the released code's buffer never grew: reference defect 19).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from training.config import TrainConfig
from training.records import Experience


class Buffer:
    """Experiences to learn from.

    Args:
        config: Whether the run is offline, how many are kept and learned from; the order in which an offline store is
            gone through is a function of its seed.
        experiences: What it holds to begin with.
    """

    def __init__(self, config: TrainConfig, experiences: Iterable[Experience] = ()) -> None:
        self._config = config
        self._offline = config.training.rollouts == "offline"
        self._experiences = deque(experiences, maxlen=None if self._offline else config.buffer.capacity)

    def __len__(self) -> int:
        return len(self._experiences)

    def __iter__(self) -> Iterator[Experience]:
        return iter(self._experiences)

    def add(self, experiences: Iterable[Experience]) -> None:
        """Append; the oldest fall out when the buffer is full."""
        self._experiences.extend(experiences)

    def newest(self, count: int) -> list[Experience]:
        """The newest `count`, oldest of them first; all where there are fewer."""
        return list(self._experiences)[max(0, len(self) - count) :]

    def batch(self, step: int, at_least: int = 0) -> list[Experience]:
        """What to learn from in a step: the newest, oldest of them first; offline, a store's part in turn.

        `at_least` so many, where that is more than `buffer.batch_size`: repair turns make a step's number uncertain.
        """
        count = min(max(self._config.buffer.batch_size, at_least), len(self))
        if not self._offline:
            return self.newest(count)
        chosen = in_turn(self._config.run.seed, 4, step * count, count, len(self))
        return [self._experiences[index] for index in chosen]


def in_turn(seed: int, stream: int, start: int, count: int, total: int) -> list[int]:
    """Indices `start` to `start + count` of an endless sequence of permutations of `total` things.

    `stream` keeps sequences of one seed apart.
    """
    found: list[int] = []
    for epoch in range(start // total, -(-(start + count) // total)) if count else ():
        order = np.random.default_rng([seed, epoch, stream]).permutation(total)
        found += order[max(0, start - epoch * total) : start + count - epoch * total].tolist()
    return found
