"""The buffer of experiences: online first in, first out (RLTF section 3.1). Offline a fixed store.

Online it grows to its capacity and then lets the oldest go.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from training.config import TrainConfig
from training.records import Experience
from training.seeds import OFFLINE, in_turn


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
        self._experiences = deque(experiences, maxlen=None if self._offline else config.kept)

    def __len__(self) -> int:
        return len(self._experiences)

    def __iter__(self) -> Iterator[Experience]:
        return iter(self._experiences)

    def add(self, experiences: Iterable[Experience]) -> None:
        """Append. The oldest fall out when the buffer is full."""
        self._experiences.extend(experiences)

    def older(self, step: int, new: int) -> list[Experience]:
        """Choose what a step learns from beside its `new` experiences, which are not added yet.

        The newest, oldest of them first, so many that all together are `buffer.batch_size`. Samples that were left out
        or could not be judged are not made up for with older ones. Offline a part of the store in turn.
        """
        if self._offline:
            count = min(self._config.learned_per_step, len(self))
            chosen = in_turn(self._config.run.seed, OFFLINE, step * count, count, len(self))
            return [self._experiences[index] for index in chosen]
        count = min(self._config.learned_per_step, self._config.kept) - max(new, self._config.samples_per_step)
        return list(self._experiences)[max(0, len(self) - max(0, count)) :]
