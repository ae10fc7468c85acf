"""What the outcome of a program is compared with: the best so far, the likeliest, the problem's others, or nothing."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import model_validator

from feedback import Feedback
from training.algorithms.rewarded import Rewarded
from training.records import GREEDY, NO_BASELINE, Baseline, Sample, SampleRequest
from training.sections import Baselines, SamplerSection, TrainingSection

_NO_SPREAD = 1e-6
"""Rewards are float32: a smaller deviation is rounding."""
_GROUP = ("group_mean", "leave_one_out")
"""Baselines made of the problem's other samples in the step."""


class BaselineKeys(Rewarded.Section):
    """Which baseline it is."""

    baseline: Baselines = "none"
    """What coarse and adaptive rewards are compared with: the policy's best program so far (the paper), its
    likeliest one (one more sample per problem), or the problem's other samples in the step."""
    group_std: bool = False
    """Divide by the deviation of the group's rewards (GRPO). Needs baseline group_mean or leave_one_out."""

    @model_validator(mode="after")
    def _has_a_group(self) -> Any:  # noqa: ANN401
        if self.group_std and self.baseline not in _GROUP:
            raise ValueError(f"group_std: true needs baseline group_mean or leave_one_out, not {self.baseline!r}")
        return self

    def misfits(self, sampler: SamplerSection, training: TrainingSection) -> Iterator[str]:
        yield from super().misfits(sampler, training)
        if self.baseline in _GROUP and sampler.samples_per_problem < 2:
            yield f"objective.baseline: {self.baseline!r} needs sampler.samples_per_problem of 2 or more"


class Comparison:
    """Gives baselines as a section says, and remembers the best programs, which a resumed run may turn to."""

    def __init__(self, section: BaselineKeys) -> None:
        self._section = section
        self.best: dict[str, Baseline] = {}
        """Outcome of the best program that the policy has written for each problem (RLTF section 3.2.3, `W_base`)."""

    def ask(self, requests: Sequence[SampleRequest]) -> list[SampleRequest]:
        """Ask for one greedy sample of each problem too, where that is the baseline."""
        if self._section.baseline != "greedy":
            return list(requests)
        return [*requests, *(replace(request, samples=1, first=0, drawing=GREEDY) for request in requests)]

    def baselines(self, problem_id: str, outcomes: Sequence[Baseline], greedy: Sample | None) -> list[Baseline]:
        """Give the baseline of each of a problem's samples, in the order of their `outcomes`."""
        match self._section.baseline:
            case "historical_best":
                return [self.best.get(problem_id, NO_BASELINE)] * len(outcomes)
            case "greedy" if greedy is not None:
                return [outcome(greedy.feedback)] * len(outcomes)
            case "leave_one_out" | "group_mean":
                return group_baselines(outcomes, self._section)
            case _:
                return [NO_BASELINE] * len(outcomes)

    def remember(self, problem_id: str, outcomes: Sequence[Baseline]) -> None:
        """Keep the best outcome of a problem, the first of equally good ones."""
        for new in outcomes:
            old = self.best.get(problem_id)
            if old is None or new.coarse + new.adaptive > old.coarse + old.adaptive:
                self.best[problem_id] = new

    def state(self) -> dict[str, Any]:
        """Give the best outcomes so far."""
        return {"best": {name: (baseline.coarse, baseline.adaptive) for name, baseline in self.best.items()}}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`."""
        self.best = {name: Baseline(*rewards) for name, rewards in state["best"].items()}


def outcome(feedback: Feedback) -> Baseline:
    """Read the program-level rewards of one sample: the same for all of its tokens, 0 for an empty completion."""
    coarse, adaptive = feedback.rewards["coarse"], feedback.rewards["adaptive"]
    return Baseline(float(coarse[0]), float(adaptive[0])) if len(coarse) else NO_BASELINE


def group_baselines(outcomes: Sequence[Baseline], section: BaselineKeys) -> list[Baseline]:
    """Take the mean outcome of a problem's samples, with or without the sample itself, for each of them.

    With `group_std` the scale is the standard deviation (over the whole group, divided by n) of what the section makes
    of the outcomes; a group without spread has scale 1: its differences are 0 anyway. A problem with a single sample
    has nothing to leave out: its baseline is 0.
    """
    out = 1 if section.baseline == "leave_one_out" else 0
    others = len(outcomes) - out
    if others < 1:
        return [NO_BASELINE] * len(outcomes)
    spread = statistics.pstdev(section.coarse * one.coarse + section.adaptive * one.adaptive for one in outcomes)
    scale = spread if section.group_std and spread > _NO_SPREAD else 1.0
    coarse, adaptive = sum(one.coarse for one in outcomes), sum(one.adaptive for one in outcomes)
    return [
        Baseline((coarse - out * own.coarse) / others, (adaptive - out * own.adaptive) / others, scale)
        for own in outcomes
    ]
