"""What algorithms have in common that learn from rewards: how they are shaped, and the terms of the loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import model_validator

from training.algorithms.base import Parts
from training.algorithms.loss import Loss
from training.algorithms.shaping import shaped
from training.algorithms.supervised import Supervised
from training.records import Group, Sample
from training.sections import Clip, Count, SamplerSection, TrainingSection, Weight


class Rewarded(Supervised):
    """Learns from rewards, beside the references of the supervised term."""

    class Section(Supervised.Section):
        """L = supervised + coarse + fine + adaptive (+ static), eq. 6. Each is a weight on its loss."""

        coarse: Weight = 1.0
        """Weight of the outcome reward (eq. 8)."""
        fine: Weight = 0.0
        """Weight of the reward on blamed tokens (eq. 9)."""
        adaptive: Weight = 0.0
        """Weight of the share of tests passed (eq. 10)."""
        static: Weight = 0.0
        """Weight of what the linters blame in failing programs (not in the paper)."""
        adaptive_reward: Literal["pass_ratio", "binary", "difficulty"] = "pass_ratio"
        """What the adaptive reward rises with: tests passed; all tests or none; tests, weighed by how few of the
        problem's samples pass them."""
        overlong: Count = 0
        """A completion within so many tokens of sampler.max_new_tokens loses up to 1 of coarse reward (DAPO)."""
        clip_low: Clip = 0.0
        """With clip_high: weight by the ratio of new to sampling policy, at least 1 - clip_low. 0: no ratio."""
        clip_high: Weight = 0.0
        """The ratio's upper bound is 1 + clip_high. 0: no ratio (plain REINFORCE)."""
        kl: Weight = 0.0
        """Weight of the KL divergence from the initial policy, which takes a second copy of the weights. 0: none."""
        entropy: Weight = 0.0
        """Weight of the entropy of the policy's next-token distribution, which is rewarded. 0: none."""

        @model_validator(mode="after")
        def _fits_together(self) -> Any:  # noqa: ANN401
            if not any((self.coarse, self.fine, self.adaptive, self.static)):
                raise ValueError("algorithm: without coarse, fine, adaptive and static nothing is left but 'sft'")
            if bool(self.clip_low) != bool(self.clip_high):
                raise ValueError("clip_low: and clip_high go together: both 0 (no ratio) or both above")
            if self.adaptive_reward != "pass_ratio" and not self.adaptive:
                raise ValueError(f"adaptive_reward: {self.adaptive_reward!r} has no effect with adaptive 0")
            if self.overlong and not self.coarse:
                raise ValueError(f"overlong: {self.overlong} has no effect with coarse 0")
            return self

        def misfits(self, sampler: SamplerSection, training: TrainingSection) -> Iterator[str]:
            yield from super().misfits(sampler, training)
            if sampler.ahead and training.rollouts == "online" and not self.has_ratio:
                yield "sampler.ahead: an older policy's samples need the ratio: objective.clip_low, clip_high above 0"
            if self.overlong >= (most := sampler.max_new_tokens):
                yield f"objective.overlong: {self.overlong} must be below sampler.max_new_tokens {most}"

        def needs_lines(self, rewards: bool) -> bool:
            return rewards and self.fine > 0

        @property
        def keeps_reference(self) -> bool:
            return self.kl > 0

        @property
        def has_ratio(self) -> bool:
            return self.clip_high > 0

    def __init__(self, section: Section, parts: Parts) -> None:
        super().__init__(section, parts)
        self.reference = None
        if section.keeps_reference:
            from training.models.reference import open_reference

            self.reference = open_reference(parts.policy, parts.micro_batch_tokens)

    def shaped(self, group: Group, *, overlong: bool = True) -> tuple[list[Sample], Sample | None]:
        """Give the group's samples and its greedy one with their program-level rewards as the section wants them.

        Without `overlong` a completion's length earns nothing. A group's baseline, deviation and signal are made of
        these rewards, because lengths are no part of an outcome.
        """
        samples = [*group.samples, *([group.greedy] if group.greedy else [])]
        section = self.section if overlong else self.section.model_copy(update={"overlong": 0})
        samples = shaped(samples, section, self.parts.rewards, self.parts.longest)
        return (samples[:-1], samples[-1]) if group.greedy else (samples, None)

    def loss(self) -> Loss:
        """Clip the ratio, with KL and entropy terms."""
        clip = (self.section.clip_low, self.section.clip_high) if self.section.has_ratio else None
        return Loss(clip, self.section.kl, self.section.entropy)
