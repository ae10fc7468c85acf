"""The policy gradient with a baseline, which most methods share. By itself it is none: each says what it turns on.

A problem's samples get rewards relative to a baseline, and weights on their tokens:

    w_t = [coarse * (c - b_c) + adaptive * (a - b_a)] / std * run_t + fine * f_t + static * s_t
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from feedback import Feedback
from training.algorithms.base import Batch, Parts
from training.algorithms.baselines import BaselineKeys, Comparison, outcome
from training.algorithms.resampling import ResamplingKeys, replacements
from training.algorithms.rewarded import Rewarded
from training.records import Baseline, Experience, Group, Moves, Row, Sample, SampleRequest


class PolicyGradient(Rewarded):
    """Compares the rewards of a program with a baseline, and lays the difference on its tokens."""

    class Section(ResamplingKeys, BaselineKeys):
        """Keys of the rewards, the baseline and resampling, and which tokens a program's reward lies on."""

        mask_unexecuted: bool = False
        """No coarse and adaptive reward on tokens of lines that no test ran (StepCoder; not in the paper)."""

        def needs_lines(self, rewards: bool) -> bool:
            return super().needs_lines(rewards) or self.mask_unexecuted

    def __init__(self, section: Section, parts: Parts) -> None:
        super().__init__(section, parts)
        self.comparison = Comparison(section)

    @property
    def whole_step(self) -> bool:
        """Problems that leave nothing to learn are known once all are judged."""
        return bool(self.section.resampling)

    def ask(self, requests: Sequence[SampleRequest]) -> list[SampleRequest]:
        """Ask for what the baseline needs too."""
        return self.comparison.ask(requests)

    def further(self, rounds: Sequence[Sequence[Group]], step: int) -> list[SampleRequest]:
        """Ask for other problems in place of those that leave nothing to learn, where the section says so."""
        return replacements(rounds, step, self.section.resampling, self.parts, self.has_signal)

    def credit(self, group: Group) -> list[Experience]:
        """Compare with the baseline. The group's best program is known from then on."""
        experiences = self.experiences(group)
        kept = not self.section.resampling or self.has_signal(group)
        judged, _ = self.shaped(group, overlong=False)
        self.comparison.remember(group.problem_id, [outcome(sample.feedback) for sample in judged])
        return experiences if kept else []

    def has_signal(self, group: Group) -> bool:
        """Say whether a group's outcomes leave anything to learn, whatever its lengths are. DAPO leaves others out."""
        return any(np.any(experience.weights) for experience in self.experiences(group, overlong=False))

    def experiences(self, group: Group, *, overlong: bool = True) -> list[Experience]:
        """Weigh each sample of a group. Without `overlong` by its outcome alone."""
        judged, greedy = self.shaped(group, overlong=False)
        samples = self.shaped(group)[0] if overlong else judged
        outcomes = [outcome(sample.feedback) for sample in judged]
        baselines = self.comparison.baselines(group.problem_id, outcomes, greedy)
        return [
            Experience(sample.rollout, sample.feedback, baseline, *self.weights(sample, baseline, group))
            for sample, baseline in zip(samples, baselines, strict=True)
        ]

    def weights(self, sample: Sample, baseline: Baseline, group: Group) -> tuple[Row, Moves]:  # noqa: ARG002
        """Lay a sample's advantage on its tokens, float32 [T]. The group's other samples may have a say in it.

        Also says which tokens' advantage was moved, and why.
        """
        return token_weights(sample.feedback, baseline, self.section), ()

    def batch(self, experiences: Sequence[Experience], step: int) -> Batch:
        """Normalise the weights. With a KL term, score the tokens under the initial policy too."""
        batch = super().batch(experiences, step)
        if self.reference is None:
            return batch
        rows = self.parts.ranks.spread(self.reference.logprobs, batch.sequences)
        pairs = zip(batch.sequences, rows, strict=True)
        return replace(batch, sequences=[replace(sequence, reference_logprobs=row) for sequence, row in pairs])

    def state(self) -> dict[str, Any]:
        """Give the best outcomes so far."""
        return self.comparison.state()

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`."""
        self.comparison.load(state)


def token_weights(feedback: Feedback, baseline: Baseline, section: PolicyGradient.Section) -> Row:
    """Compute what each token's log-probability is multiplied by (its advantage), float32 [T].

    Coarse and adaptive rewards say something of the whole program: they are taken relative to the baseline over 0..T
    (eq. 8, 10), divided by the group's standard deviation where the baseline has one (GRPO).
    Fine rewards lie on their span with alpha already in them, with no baseline (eq. 9) and not divided: a group that
    fails alike has no spread, and its blamed tokens are all there is to learn from it. Static rewards are treated like
    fine ones. So GRPO with token rewards is `(R - mean R) / std R + fine_t + static_t`.

    With `mask_unexecuted` program rewards skip tokens that no test ran: they cannot have changed the outcome
    (StepCoder, FGO). Nothing is skipped where executed lines are not known: after a pass, say.
    """
    rewards = feedback.rewards
    program = section.coarse * (rewards["coarse"] - np.float32(baseline.coarse)) + section.adaptive * (
        rewards["adaptive"] - np.float32(baseline.adaptive)
    )
    if section.mask_unexecuted and feedback.executed is not None:
        program = program * feedback.executed
    weights: Row = (
        program / np.float32(baseline.scale) + section.fine * rewards["fine"] + section.static * rewards["static"]
    ).astype(np.float32)
    return weights
