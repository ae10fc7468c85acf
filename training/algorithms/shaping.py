"""Rewards that depend on a group of samples or on the section's keys: adaptive variants, a penalty for length.

A shaped feedback still adds up: what it lists in `contributions` is what its rewards are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine import Verdict
from feedback import Contribution, Feedback, RewardSettings, summed
from training.records import Sample

_EASINESS = 2.0
_BANDWIDTH = 0.1
"""Pass rates this close count as the same difficulty."""


class Shape(Protocol):
    """The keys that are read here."""

    @property
    def adaptive_reward(self) -> str: ...

    @property
    def overlong(self) -> int: ...


def shaped(group: Sequence[Sample], section: Shape, settings: RewardSettings, longest: int) -> list[Sample]:
    """Give the samples their program-level rewards as the section wants them.

    Args:
        group: All samples of a problem in a step.
        section: `adaptive_reward` and `overlong`.
        settings: What the adaptive reward is made of.
        longest: The longest completion there can be, in tokens.
    """
    if not group or (section.adaptive_reward == "pass_ratio" and not section.overlong):
        return list(group)
    weights = weights_of_tests(_passes(group))
    found = []
    for sample in group:
        feedback = sample.feedback
        contributions = list(feedback.contributions)
        if section.adaptive_reward != "pass_ratio":
            if section.adaptive_reward == "binary":
                share, rule = float(feedback.report.execution.verdict is Verdict.PASSED), "all tests or none"
            else:
                share = float(_passed(feedback, len(weights)) @ weights)
                rule = f"{share:.2f} of the tests' weight passed, rare passes weigh more"
            amount = _rounded(settings.adaptive_base + settings.adaptive_range * share)
            contributions = [
                (place, replace(item, amount=amount, rule=rule) if item.component == "adaptive" else item)
                for place, item in contributions
            ]
        tokens = len(sample.rollout.token_ids)
        if penalty := overlong_penalty(tokens, section.overlong, longest):
            rule = f"{tokens} tokens of {longest}: too long"
            contributions.append(((0, tokens), Contribution("coarse", _rounded(penalty), rule)))
        rewards = summed(tuple(contributions), tokens)
        changed = replace(feedback, contributions=tuple(contributions), rewards=rewards)
        found.append(replace(sample, feedback=changed))
    return found


def weights_of_tests(passes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weigh each test of a problem, [tests] adding up to 1, by who passed what, [samples, tests].

    A test that most samples pass says little, and tests of one difficulty share their weight, so that many easy tests
    do not add up to more than a hard one: `w_j ~ exp(-2 p_j) / density(p_j)`, with `p_j` the group's pass rate on test
    j and the density a Gaussian kernel of width 0.1 over the tests. The form is VeRPO's
    (arXiv 2601.03525); the constants are ours.
    """
    rates = passes.mean(axis=0)
    density = np.exp(-0.5 * ((rates[:, None] - rates[None, :]) / _BANDWIDTH) ** 2).sum(axis=1)
    weights = np.exp(-_EASINESS * rates) / density
    normalised: NDArray[np.float64] = weights / weights.sum()
    return normalised


def overlong_penalty(tokens: int, margin: int, longest: int) -> float:
    """Take nothing up to `longest - margin` tokens, then more and more, 1 at `longest` (DAPO, eq. 13)."""
    return -max(0, tokens - (longest - margin)) / margin if margin else 0.0


def _passes(group: Sequence[Sample]) -> NDArray[np.float64]:
    tests = max(1, *(len(sample.feedback.report.execution.tests) for sample in group), 1)
    return np.stack([_passed(sample.feedback, tests) for sample in group])


def _passed(feedback: Feedback, tests: int) -> NDArray[np.float64]:
    """Mark each test that passed with 1, [tests]. A program that never ran passed none."""
    passed = np.zeros(tests)
    for index, test in enumerate(feedback.report.execution.tests):
        passed[index] = test.verdict is Verdict.PASSED
    return passed


def _rounded(amount: float) -> float:
    return float(np.float32(amount))
