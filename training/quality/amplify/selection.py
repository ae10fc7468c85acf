"""Choose the new tests to keep: few and small ones that catch what the old tests let pass."""

from __future__ import annotations

from collections.abc import Sequence


def covering(catches: Sequence[frozenset[int]], sizes: Sequence[int], most: int) -> list[int]:
    """Choose indices of tests by greedy set cover. Each next test catches most of the rest.

    Args:
        catches: The programs that each test catches.
        sizes: The size of each test. Of two equals the smaller is taken.
        most: Maximum number of tests to keep.
    """
    chosen: list[int] = []
    caught: set[int] = set()
    while len(chosen) < most:
        best = max(range(len(catches)), key=lambda i: (len(catches[i] - caught), -sizes[i], -i), default=None)
        if best is None or not catches[best] - caught:
            break
        chosen.append(best)
        caught |= catches[best]
    return _without_spare(chosen, catches)


def _without_spare(chosen: list[int], catches: Sequence[frozenset[int]]) -> list[int]:
    """Drop tests that later ones made redundant."""
    for index in list(chosen):
        others = frozenset[int]().union(*(catches[other] for other in chosen if other != index))
        if catches[index] <= others:
            chosen.remove(index)
    return chosen
