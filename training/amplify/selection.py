"""Which new tests to keep: few and small ones that catch what the old tests let pass.

What this module does not do: run anything.
"""

from __future__ import annotations

from collections.abc import Sequence


def covering(catches: Sequence[frozenset[int]], sizes: Sequence[int], most: int) -> list[int]:
    """Greedy set cover: indices of tests, each the one that catches most that is not caught yet; the smaller of two.

    Args:
        catches: for each test, the programs that it catches.
        sizes: for each test, how large it is.
        most: tests to keep at most.
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
    """The tests without those that later ones made needless."""
    for index in list(chosen):
        others = frozenset[int]().union(*(catches[other] for other in chosen if other != index))
        if catches[index] <= others:
            chosen.remove(index)
    return chosen
