"""Branch: a part of a problem's samples goes on from just before the fault of a failing one.

They are compared with each other, so what is learned is what to write there: the value of the prefix is their baseline,
and the prefix carries no gradient (after SRPO, arXiv 2605.25507, which lets the model find the step). A problem is
judged as often as without. Where no failing sample has a known fault, the rest are ordinary samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from training.algorithms.credit import Credit, passed
from training.records import Experience, Group, SampleRequest
from training.sections import Positive, SamplerSection, TrainingSection


class Branch(Credit):
    """`credit`, with branches."""

    class Section(Credit.Section):
        """How many."""

        branches: Positive = 4
        """Samples of each problem that go on from before the fault of another one. The others are drawn first."""

        def misfits(self, sampler: SamplerSection, training: TrainingSection) -> Iterator[str]:
            yield from super().misfits(sampler, training)
            if self.branches >= (most := sampler.samples_per_problem - 1):
                yield f"objective.branches: {self.branches} must be below sampler.samples_per_problem - 1, {most}"
            if training.rollouts == "offline":
                yield "objective.branches: training.rollouts 'offline' samples nothing in the steps"

    @property
    def whole_step(self) -> bool:
        """Where to branch is known once all are judged."""
        return True

    def ask(self, requests: Sequence[SampleRequest]) -> list[SampleRequest]:
        """Ask for the samples that begin at the beginning."""
        return [replace(request, samples=request.samples - self.section.branches) for request in requests]

    def further(self, rounds: Sequence[Sequence[Group]], step: int) -> list[SampleRequest]:
        """Ask for the branches, once."""
        return [self._branches(group, step) for group in rounds[0]] if len(rounds) == 1 else []

    def _branches(self, group: Group, step: int) -> SampleRequest:
        usual = self.parts.request(group.problem_id, step)
        first = usual.samples - self.section.branches
        return replace(usual, samples=self.section.branches, first=first, begun=self._prefix(group))

    def _prefix(self, group: Group) -> tuple[int, ...]:
        """Give what the first failing sample with a known fault wrote before it. Nothing where there is none."""
        passing = [sample for sample in group.samples if passed(sample)]
        for sample in group.samples:
            if not passed(sample) and (certainty := self.certainty(sample, passing)).any():
                return sample.rollout.token_ids[: int(np.argmax(certainty >= certainty.max() / 2))]
        return ()

    def experiences(self, group: Group, *, overlong: bool = True) -> list[Experience]:
        """Compare branches with branches, and the others with each other."""
        parts = [
            tuple(sample for sample in group.samples if bool(sample.rollout.begun) is branched)
            for branched in (False, True)
        ]
        return [
            experience
            for samples in parts
            if samples
            for experience in super(Branch, self).experiences(replace(group, samples=samples), overlong=overlong)
        ]
