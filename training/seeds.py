"""Every random stream of a run, by name. Each is a function of the run's seed and of what it is for, never of rank or
time, so that a resumed run draws what the first one would have drawn.
"""

from __future__ import annotations

import zlib

import numpy as np

EVALUATION = 2**31 - 1
"""Stands for the step in evaluation seeds: every evaluation of a run draws with the same numbers."""
FILLING = 2**31 - 2
"""Stands for the step in the seeds of the samples that fill the buffer. Further rounds of it count down."""

REFERENCES, PROBLEMS, RESAMPLING, OFFLINE, CRITIC_WARM_UP, CRITIC_REFERENCES = range(1, 7)
"""Streams: references to learn, order of problems, problems sampled in place of others, order of an offline store,
batches of a critic's warm-up, references that a critic is shown."""


def stream(name: int, seed: int, *place: int) -> np.random.Generator:
    """Start the random numbers of a stream at a place, such as a step."""
    return np.random.default_rng([seed, *place, name])


def request_seed(seed: int, step: int, problem_id: str) -> tuple[int, ...]:
    """Make the seed of one problem's samples in one step."""
    return (seed, step, zlib.crc32(problem_id.encode()))


def in_turn(seed: int, name: int, start: int, count: int, total: int) -> list[int]:
    """Give indices `start` to `start + count` of an endless sequence of permutations of `total` things."""
    indices: list[int] = []
    for epoch in range(start // total, -(-(start + count) // total)) if count else ():
        order = stream(name, seed, epoch).permutation(total)
        indices += order[max(0, start - epoch * total) : start + count - epoch * total].tolist()
    return indices
