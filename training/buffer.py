"""The online buffer: first in, first out (RLTF section 3.1).

What this module does not do: judge what an experience is worth. It grows to its capacity and then lets the oldest go
(the released code's buffer never grew: reference defect 19).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from training.records import Experience


class Buffer:
    """The newest `capacity` experiences."""

    def __init__(self, capacity: int, experiences: Iterable[Experience] = ()) -> None:
        self._experiences = deque(experiences, maxlen=capacity)

    def __len__(self) -> int:
        return len(self._experiences)

    def add(self, experiences: Iterable[Experience]) -> None:
        """Append; the oldest fall out when the buffer is full."""
        self._experiences.extend(experiences)

    def newest(self, count: int) -> list[Experience]:
        """The newest `count` experiences, oldest of them first; all of them when there are fewer."""
        return list(self._experiences)[-count:]
