"""Other problems in place of those that leave nothing to learn (DAPO, Yu et al. 2025: dynamic sampling)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from training.algorithms.base import Algorithm, Parts
from training.records import Group, SampleRequest
from training.sections import Count, SamplerSection, TrainingSection
from training.seeds import RESAMPLING, stream


class ResamplingKeys(Algorithm.Section):
    """How often."""

    resampling: Count = 0
    """Leave out problems whose samples leave nothing to learn, and sample others in their place, at most so many
    times a step (DAPO's dynamic sampling); 0: keep all."""

    def misfits(self, sampler: SamplerSection, training: TrainingSection) -> Iterator[str]:
        yield from super().misfits(sampler, training)
        if self.resampling and training.rollouts == "offline":
            yield "objective.resampling: training.rollouts 'offline' samples nothing in the steps, so it must be 0"


def replacements(
    rounds: Sequence[Sequence[Group]], step: int, most: int, parts: Parts, has_signal: Callable[[Group], bool]
) -> list[SampleRequest]:
    """Ask for as many new problems as the last round brought without a signal. Nothing after `most` rounds more."""
    if len(rounds) > most:
        return []
    asked = {group.problem_id for groups in rounds for group in groups}
    others = [identifier for identifier in parts.problems if identifier not in asked]
    missing = sum(not has_signal(group) for group in rounds[-1])
    order = stream(RESAMPLING, parts.seed, step, len(rounds) - 1).permutation(len(others))
    return [parts.request(others[index], step) for index in order[:missing]]
