"""Rewards that depend on a group of samples or on the objective: adaptive variants, a penalty for length.

What this module does not do: change fine or static rewards, or compare with baselines. A shaped feedback still adds up:
what it lists in `contributions` is what its rewards are.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine import Verdict
from feedback import Contribution, Feedback, RewardSettings, summed
from training.config.objective import ObjectiveSection
from training.records import Rollout

Pairs = list[tuple[Rollout, Feedback]]

_EASINESS = 2.0
_BANDWIDTH = 0.1
"""Pass rates this close count as the same difficulty."""


def shaped(pairs: Pairs, objective: ObjectiveSection, settings: RewardSettings, longest: int) -> Pairs:
    """The pairs with their program-level rewards as the objective wants them.

    Args:
        pairs: A step's rollouts with their feedback; those of the same problem are a group.
        objective: `adaptive_reward` and `overlong`.
        settings: What the adaptive reward is made of.
        longest: The longest completion there can be, in tokens.
    """
    if objective.adaptive_reward == "pass_ratio" and not objective.overlong:
        return pairs
    groups: dict[str, Pairs] = defaultdict(list)
    for rollout, feedback in pairs:
        groups[rollout.problem_id].append((rollout, feedback))
    weights = {name: weights_of_tests(_passes(group)) for name, group in groups.items()}
    found = []
    for rollout, feedback in pairs:
        contributions = list(feedback.contributions)
        if objective.adaptive_reward != "pass_ratio":
            if objective.adaptive_reward == "binary":
                share, rule = float(feedback.report.execution.verdict is Verdict.PASSED), "all tests or none"
            else:
                share = float(_passed(feedback, len(weights[rollout.problem_id])) @ weights[rollout.problem_id])
                rule = f"{share:.2f} of the tests' weight passed, rare passes weigh more"
            amount = _rounded(settings.adaptive_base + settings.adaptive_range * share)
            contributions = [
                (place, replace(item, amount=amount, rule=rule) if item.component == "adaptive" else item)
                for place, item in contributions
            ]
        tokens = len(rollout.token_ids)
        if penalty := overlong_penalty(tokens, objective.overlong, longest):
            rule = f"{tokens} tokens of {longest}: too long"
            contributions.append(((0, tokens), Contribution("coarse", _rounded(penalty), rule)))
        rewards = summed(tuple(contributions), tokens)
        found.append((rollout, replace(feedback, contributions=tuple(contributions), rewards=rewards)))
    return found


def weights_of_tests(passes: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much each test of a problem counts, [tests], adding up to 1, from who passed what, [samples, tests].

    A test that most samples pass says little, and tests of one difficulty share their weight, so that many easy tests
    do not add up to more than a hard one: `w_j ~ exp(-2 p_j) / density(p_j)`, with `p_j` the group's pass rate on test
    j and the density a Gaussian kernel of width 0.1 over the tests. The form is VeRPO's (reference/rltf.md section 3);
    the constants are ours.
    """
    rates = passes.mean(axis=0)
    density = np.exp(-0.5 * ((rates[:, None] - rates[None, :]) / _BANDWIDTH) ** 2).sum(axis=1)
    weights = np.exp(-_EASINESS * rates) / density
    normalised: NDArray[np.float64] = weights / weights.sum()
    return normalised


def overlong_penalty(tokens: int, margin: int, longest: int) -> float:
    """0 up to `longest - margin` tokens, then falling to -1 at `longest` (DAPO, eq. 13); 0 without a margin."""
    return -max(0, tokens - (longest - margin)) / margin if margin else 0.0


def _passes(group: Pairs) -> NDArray[np.float64]:
    tests = max(1, *(len(feedback.report.execution.tests) for _, feedback in group), 1)
    return np.stack([_passed(feedback, tests) for _, feedback in group])


def _passed(feedback: Feedback, tests: int) -> NDArray[np.float64]:
    """[tests] 1 where passed; a program that never ran passed none."""
    passed = np.zeros(tests)
    for index, test in enumerate(feedback.report.execution.tests):
        passed[index] = test.verdict is Verdict.PASSED
    return passed


def _rounded(amount: float) -> float:
    return float(np.float32(amount))
