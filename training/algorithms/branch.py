"""Branch: where the first samples of a problem all fail, the others go on from before what is suspected in them.

The suspected token itself is barred there, so that the policy has to take its next best choice. Where it takes the
wrong one nine times in ten, a branch at the right place passes many times as often as a new sample. A problem is judged
as often as without. Problems with a passing sample get ordinary ones.

The group is compared as a whole, and a branch is learned from as if drawn in one piece. The bar is not corrected for: a
branch that passes is a program to learn from, and one that fails teaches no more than other failing samples do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count, islice

import numpy as np

from training.algorithms.credit import Credit, on_tokens, passed, program_of
from training.algorithms.words import read
from training.records import Group, Row, Sample, SampleRequest
from training.sections import Positive, SamplerSection, TrainingSection

_CHOICE = 0.05
"""Probability of all other tokens from which a token was a choice."""


class Branch(Credit):
    """`credit`, with branches."""

    class Section(Credit.Section):
        """How many."""

        branches: Positive = 4
        """Samples of each problem that are drawn last, and go on from the others where none of those passes."""

        def misfits(self, sampler: SamplerSection, training: TrainingSection) -> Iterator[str]:
            yield from super().misfits(sampler, training)
            if self.branches >= (most := sampler.samples_per_problem - 1):
                yield f"objective.branches: {self.branches} must be below sampler.samples_per_problem - 1, {most}"
            if training.rollouts == "offline":
                yield "objective.branches: training.rollouts 'offline' samples nothing in the steps"
            if sampler.backend != "transformers":
                yield f"sampler.backend: {sampler.backend!r} bars no token, and 'branch' needs that; use 'transformers'"

    @property
    def whole_step(self) -> bool:
        """Where to branch is known once the first are judged."""
        return True

    def ask(self, requests: Sequence[SampleRequest]) -> list[SampleRequest]:
        """Ask for the first samples."""
        return [replace(request, samples=request.samples - self.section.branches) for request in requests]

    def further(self, rounds: Sequence[Sequence[Group]], step: int) -> list[SampleRequest]:
        """Ask for the rest of each problem's samples, once."""
        return [request for group in rounds[0] for request in self._rest(group, step)] if len(rounds) == 1 else []

    def _rest(self, group: Group, step: int) -> list[SampleRequest]:
        usual = self.parts.request(group.problem_id, step)
        first = usual.samples - self.section.branches
        if not group.samples or any(map(passed, group.samples)):
            return [replace(usual, samples=self.section.branches, first=first)]
        return [
            replace(
                usual, samples=1, first=first + index, begun=ids[:place], drawn=scores[:place], barred=(ids[place],)
            )
            for index, (ids, scores, place) in enumerate(islice(self._turns(group), self.section.branches))
        ]

    def _turns(self, group: Group) -> Iterator[tuple[tuple[int, ...], tuple[float, ...], int]]:
        """Give what to go on with and from which place: by turns of the samples, the most suspicious places first."""
        orders = [np.argsort(-self.suspicion(sample), kind="stable") for sample in group.samples]
        for rank in count():
            for sample, order in zip(group.samples, orders, strict=True):
                yield sample.rollout.token_ids, sample.rollout.logprobs, int(order[min(rank, len(order) - 1)])

    def suspicion(self, sample: Sample) -> Row:
        """Say how much each token of a failing sample looks like a choice that no passing program made, [T].

        A token counts by 1 / (1 + remembered passing programs with a line that begins as its line does up to it), and
        less where the policy gave it more than 95%: it was hardly a choice, and there is little else to draw.
        """
        lines = read(program_of(sample))
        doubts = [self.right.rarity(beginning) for line in lines for beginning in line.beginnings()]
        new = on_tokens(sample, lines, np.array(doubts, dtype=np.float32), np.zeros(len(doubts), dtype=np.bool_))
        open_to_others = (1 - np.exp(np.array(sample.rollout.logprobs, dtype=np.float32))) / _CHOICE
        return new * np.minimum(1, open_to_others)
