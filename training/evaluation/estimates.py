"""Estimate pass@k, n@k, intervals and paired significance from samples. Numbers go in, numbers come out.

scipy's `bootstrap` and `permutation_test` give the same for nine times the CPU, and every `rltf eval` would need scipy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
"""Bootstrap resamples of the problems."""
PERMUTATIONS = 10_000
_CELLS = 1 << 20
"""Numbers drawn at once."""
LEVEL = 0.95


def pass_at_k(samples: int, passes: int, k: int) -> float:
    """Estimate the chance that at least one of k samples passes, without bias (Chen et al. 2021, eq. 1).

    Raises:
        ValueError: there are fewer samples than k, where the estimator is not defined.
    """
    if samples < k:
        raise ValueError(f"pass@{k} needs at least {k} samples of each problem, not {samples}")
    return 1.0 - math.comb(samples - passes, k) / math.comb(samples, k)


def n_at_k(filtered: Sequence[bool], passed: Sequence[bool], n: int, k: int) -> float:
    """Estimate n@k without bias: of k drawn samples n are submitted, and one of those passes (Li et al. 2022).

    The submissions are drawn at random among those that pass the public tests. If there are fewer than n, others
    follow. The estimate is averaged over every choice of k samples.

    Args:
        filtered: Whether each sample passes the public tests, [samples].
        passed: Whether each sample passes all tests, [samples].
        n: Number of submissions.
        k: Number of drawn samples.

    Raises:
        ValueError: there are fewer samples than k, or n is greater than k.
    """
    samples = len(passed)
    if samples < k or n > k:
        raise ValueError(f"{n}@{k} needs n <= k <= samples, which are {samples}")
    kept = sum(filtered)
    kept_wrong = sum(keep and not good for keep, good in zip(filtered, passed, strict=True))
    others_wrong = sum(not keep and not good for keep, good in zip(filtered, passed, strict=True))
    others = samples - kept
    fails = 0.0
    for drawn in range(max(0, k - others), min(kept, k) + 1):  # of the k, this many pass the public tests
        chance = math.comb(kept, drawn) * math.comb(others, k - drawn) / math.comb(samples, k)
        first = min(n, drawn)
        rest = min(n - first, k - drawn)
        fails += chance * _all_wrong(kept, kept_wrong, first) * _all_wrong(others, others_wrong, rest)
    return 1.0 - fails


def _all_wrong(count: int, wrong: int, drawn: int) -> float:
    return math.comb(wrong, drawn) / math.comb(count, drawn)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over problems with its confidence interval."""

    value: float
    low: float
    high: float
    problems: int


def mean_over_problems(values: Sequence[float], seed: int = 0) -> Estimate:
    """Compute the mean and its percentile interval from resampling the problems.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no problem has enough samples")
    array = np.asarray(values)
    low, high = _interval(_resampled_means(array, seed))
    return Estimate(float(array.mean()), low, high, len(array))


def _resampled_means(values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Compute means of as many values drawn with replacement, [RESAMPLES]."""
    generator = np.random.default_rng([seed, len(values)])
    size, rounds = len(values), _rounds(RESAMPLES, len(values))
    return np.concatenate([values[generator.integers(0, size, (count, size))].mean(axis=1) for count in rounds])


def _rounds(total: int, width: int) -> list[int]:
    """Divide `total` so that an array of that many rows stays small."""
    rows = max(1, min(total, _CELLS // width))
    return [rows] * (total // rows) + ([total % rows] if total % rows else [])


def _interval(means: NDArray[np.float64]) -> tuple[float, float]:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of two results on the problems that both have."""

    value: float
    """Mean of second - first."""
    low: float
    high: float
    p_value: float
    """Two-sided share of sign flips of the per-problem differences whose mean is at least as far from 0."""
    problems: int


def paired_difference(first: Sequence[float], second: Sequence[float], seed: int = 0) -> Difference:
    """Compute a paired bootstrap interval and a sign-flip permutation test.

    `first` and `second` are by problem, in the same order.

    Raises:
        ValueError: there are no problems.
    """
    if not first:
        raise ValueError("the results have no problem in common")
    differences = np.asarray(second, dtype=float) - np.asarray(first, dtype=float)
    low, high = _interval(_resampled_means(differences, seed))
    observed = differences.mean()
    generator = np.random.default_rng([seed, len(differences), 1])
    telling = differences[differences != 0]  # the others stay 0 whatever their sign
    extreme = 0
    for count in _rounds(PERMUTATIONS, max(1, len(telling))):
        signs = generator.integers(0, 2, (count, len(telling)), dtype=np.int8) * 2 - 1
        extreme += int((np.abs(signs @ telling) >= abs(telling.sum()) - 1e-9).sum())
    p_value = (extreme + 1) / (PERMUTATIONS + 1)  # the observed signs are one of them
    return Difference(float(observed), low, high, float(p_value), len(differences))
