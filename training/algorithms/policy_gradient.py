"""Policy gradients with a baseline: RLTF, as here, as in the paper and as released; GRPO, Dr. GRPO and DAPO.

They differ by numbers alone. A problem's samples get rewards relative to a baseline, and weights on their tokens:

    w_t = [coarse * (c - b_c) + adaptive * (a - b_a)] / std * run_t + fine * f_t + static * s_t
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import model_validator

from feedback import Feedback
from training.algorithms.base import Batch, Parts
from training.algorithms.loss import Loss
from training.algorithms.shaping import shaped
from training.algorithms.supervised import Supervised
from training.records import (
    GREEDY,
    NO_BASELINE,
    Baseline,
    Experience,
    Group,
    Row,
    Sample,
    SampleRequest,
)
from training.sections import Baselines, Clip, Count, Normalisation, SamplerSection, TrainingSection, Weight
from training.seeds import RESAMPLING, stream

_NO_SPREAD = 1e-6
"""Rewards are float32: a smaller deviation is rounding."""
_GROUP = ("group_mean", "leave_one_out")
"""Baselines made of the problem's other samples in the step."""


class Rewarded(Supervised):
    """What algorithms have in common that learn from rewards: their shaping, and the terms of the loss."""

    samples: ClassVar[bool] = True

    class Section(Supervised.Section):
        """L = supervised + coarse + fine + adaptive (+ static), eq. 6; each a weight on its loss."""

        coarse: Weight = 1.0
        """Weight of the outcome reward (eq. 8)."""
        fine: Weight = 1.0
        """Weight of the reward on blamed tokens (eq. 9)."""
        adaptive: Weight = 1.0
        """Weight of the share of tests passed (eq. 10)."""
        static: Weight = 1.0
        """Weight of what the linters blame in failing programs (not in the paper)."""
        adaptive_reward: Literal["pass_ratio", "binary", "difficulty"] = "pass_ratio"
        """What the adaptive reward rises with: tests passed; all tests or none; tests, weighed by how few of the
        problem's samples pass them."""
        overlong: Count = 0
        """A completion within so many tokens of sampler.max_new_tokens loses up to 1 of coarse reward (DAPO)."""
        clip_low: Clip = 0.2
        """With clip_high: weight by the ratio of new to sampling policy, at least 1 - clip_low; 0: no ratio."""
        clip_high: Weight = 0.28
        """The ratio's upper bound is 1 + clip_high; 0: no ratio (plain REINFORCE)."""
        kl: Weight = 0.0
        """Weight of the KL divergence from the initial policy, which takes a second copy of the weights; 0: none."""
        entropy: Weight = 0.0
        """Weight of the entropy of the policy's next-token distribution, which is rewarded; 0: none."""

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
            if sampler.ahead and training.rollouts == "online" and not self.clip_high:
                yield "sampler.ahead: an older policy's samples need the ratio: objective.clip_low, clip_high above 0"
            if self.overlong >= (most := sampler.max_new_tokens):
                yield f"objective.overlong: {self.overlong} must be below sampler.max_new_tokens {most}"

        def needs_lines(self, rewards: bool) -> bool:
            return rewards and self.fine > 0

        @property
        def keeps_reference(self) -> bool:
            return self.kl > 0

    def __init__(self, section: Section, parts: Parts) -> None:
        super().__init__(section, parts)
        self.reference = None
        if section.keeps_reference:
            from training.models.reference import open_reference

            self.reference = open_reference(parts.policy, parts.micro_batch_tokens)

    def shaped(self, group: Group, *, overlong: bool = True) -> tuple[list[Sample], Sample | None]:
        """Give the group's samples and its greedy one with their program-level rewards as the section wants them.

        Without `overlong` they are what the outcomes alone earn: a group's baseline, deviation and signal are theirs.
        """
        samples = [*group.samples, *([group.greedy] if group.greedy else [])]
        section = self.section if overlong else self.section.model_copy(update={"overlong": 0})
        samples = shaped(samples, section, self.parts.rewards, self.parts.longest)
        return (samples[:-1], samples[-1]) if group.greedy else (samples, None)

    def loss(self) -> Loss:
        """Clip the ratio, with KL and entropy terms."""
        clip = (self.section.clip_low, self.section.clip_high) if self.section.clip_high else None
        return Loss(clip, self.section.kl, self.section.entropy)


class PolicyGradient(Rewarded):
    """RLTF with this project's rewards and mask, each sample learned from three times through the clipped ratio."""

    reuse: ClassVar[int] = 3

    class Section(Rewarded.Section):
        """What the program-level rewards are compared with, and who is left out."""

        mask_unexecuted: bool = True
        """No coarse and adaptive reward on tokens of lines that no test ran (StepCoder; not in the paper)."""
        baseline: Baselines = "historical_best"
        """What coarse and adaptive rewards are compared with: the policy's best program so far (the paper), its
        likeliest one (one more sample per problem), or the problem's other samples in the step."""
        group_std: bool = False
        """Divide by the deviation of the group's rewards (GRPO); needs baseline group_mean or leave_one_out."""
        resampling: Count = 0
        """Leave out problems whose samples leave nothing to learn, and sample others in their place, at most so many
        times a step (DAPO's dynamic sampling); 0: keep all."""

        @model_validator(mode="after")
        def _has_a_group(self) -> Any:  # noqa: ANN401
            if self.group_std and self.baseline not in _GROUP:
                raise ValueError(f"group_std: true needs baseline group_mean or leave_one_out, not {self.baseline!r}")
            return self

        def misfits(self, sampler: SamplerSection, training: TrainingSection) -> Iterator[str]:
            yield from super().misfits(sampler, training)
            if self.baseline in _GROUP and sampler.samples_per_problem < 2:
                yield f"objective.baseline: {self.baseline!r} needs sampler.samples_per_problem of 2 or more"
            if self.resampling and training.rollouts == "offline":
                yield "objective.resampling: training.rollouts 'offline' samples nothing in the steps, so it must be 0"

        def needs_lines(self, rewards: bool) -> bool:
            return super().needs_lines(rewards) or self.mask_unexecuted

    def __init__(self, section: Section, parts: Parts) -> None:
        super().__init__(section, parts)
        self.best: dict[str, Baseline] = {}
        """Outcome of the best program that the policy has written for each problem (RLTF section 3.2.3, `W_base`)."""

    @property
    def whole_step(self) -> bool:
        """Problems that leave nothing to learn are known once all are judged."""
        return bool(self.section.resampling)

    def ask(self, requests: Sequence[SampleRequest]) -> list[SampleRequest]:
        """Ask for one greedy sample of each problem too, where that is the baseline."""
        if self.section.baseline != "greedy":
            return list(requests)
        return [*requests, *(replace(request, samples=1, first=0, drawing=GREEDY) for request in requests)]

    def further(self, rounds: Sequence[Sequence[Group]], step: int) -> list[SampleRequest]:
        """Ask for other problems in place of those that leave nothing to learn (DAPO's dynamic sampling)."""
        if len(rounds) > self.section.resampling:
            return []
        asked = {group.problem_id for groups in rounds for group in groups}
        others = [identifier for identifier in self.parts.problems if identifier not in asked]
        missing = sum(not self.has_signal(group) for group in rounds[-1])
        order = stream(RESAMPLING, self.parts.seed, step, len(rounds) - 1).permutation(len(others))
        return [self.parts.request(others[index], step) for index in order[:missing]]

    def credit(self, group: Group) -> list[Experience]:
        """Compare with the baseline; the group's best program is known from then on."""
        experiences = self._experiences(group)
        kept = not self.section.resampling or self.has_signal(group)
        for sample in self.shaped(group, overlong=False)[0]:
            new, old = outcome(sample.feedback), self.best.get(group.problem_id)
            if old is None or new.coarse + new.adaptive > old.coarse + old.adaptive:
                self.best[group.problem_id] = new
        return experiences if kept else []

    def has_signal(self, group: Group) -> bool:
        """Say whether the outcomes of a group leave anything to learn, whatever its lengths are."""
        return has_signal(self._experiences(group, overlong=False))

    def _experiences(self, group: Group, *, overlong: bool = True) -> list[Experience]:
        judged, greedy = self.shaped(group, overlong=False)
        samples = self.shaped(group)[0] if overlong else judged
        outcomes = [outcome(sample.feedback) for sample in judged]
        match self.section.baseline:
            case "historical_best":
                baselines = [self.best.get(group.problem_id, NO_BASELINE)] * len(samples)
            case "greedy" if greedy is not None:
                baselines = [outcome(greedy.feedback)] * len(samples)
            case "leave_one_out" | "group_mean":
                baselines = group_baselines(outcomes, self.section)
            case _:
                baselines = [NO_BASELINE] * len(samples)
        return [
            Experience(
                sample.rollout, sample.feedback, baseline, token_weights(sample.feedback, baseline, self.section)
            )
            for sample, baseline in zip(samples, baselines, strict=True)
        ]

    def batch(self, experiences: Sequence[Experience], step: int) -> Batch:
        """Normalise the weights; with a KL term, score the tokens under the initial policy too."""
        batch = super().batch(experiences, step)
        if self.reference is None:
            return batch
        rows = self.parts.ranks.spread(self.reference.logprobs, batch.sequences)
        pairs = zip(batch.sequences, rows, strict=True)
        return replace(batch, sequences=[replace(sequence, reference_logprobs=row) for sequence, row in pairs])

    def state(self) -> dict[str, Any]:
        """Give the best outcomes so far."""
        return {"best": {name: (baseline.coarse, baseline.adaptive) for name, baseline in self.best.items()}}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`."""
        self.best = {name: Baseline(*rewards) for name, rewards in state["best"].items()}


class RltfPaper(PolicyGradient):
    """RLTF, equations 2 to 10 exactly (Liu et al. 2023)."""

    reuse: ClassVar[int] = 1
    defaults: ClassVar = {"buffer": {"initial": 1024}}
    needs: ClassVar = {"feedback": {"mode": "paper"}}

    class Section(PolicyGradient.Section):
        """Three rewards, no ratio."""

        static: Weight = 0.0
        mask_unexecuted: bool = False
        clip_low: Clip = 0.0
        clip_high: Weight = 0.0


class RltfRelease(PolicyGradient):
    """What RLTF's published code computes: adaptive in place of coarse, no alpha, a greedy baseline."""

    reuse: ClassVar[int] = 1
    needs: ClassVar = {"feedback": {"mode": "release"}}

    class Section(RltfPaper.Section):
        """The same, normalised over tokens."""

        baseline: Baselines = "greedy"
        normalisation: Normalisation = "token_mean"

        @model_validator(mode="after")
        def _one_reward(self) -> Any:  # noqa: ANN401
            if self.adaptive != self.coarse:
                raise ValueError("adaptive: 'rltf_release' has it in place of coarse, so the two weights must be equal")
            return self


class Grpo(PolicyGradient):
    """GRPO (DeepSeekMath, eq. 3): rewards standardised within the group."""

    reuse: ClassVar[int] = 1

    class Section(PolicyGradient.Section):
        """Program-level rewards alone; `fine` and `static` above 0 add rewards on tokens."""

        supervised: Weight = 0.0
        fine: Weight = 0.0
        static: Weight = 0.0
        mask_unexecuted: bool = False
        baseline: Baselines = "group_mean"
        group_std: bool = True
        normalisation: Normalisation = "sequence_mean"
        clip_high: Weight = 0.2


class DrGrpo(Grpo):
    """Dr. GRPO (Liu et al. 2025): no division by deviation or length."""

    class Section(Grpo.Section):
        """GRPO without its biases."""

        group_std: bool = False
        normalisation: Normalisation = "constant"


class Dapo(Grpo):
    """DAPO (Yu et al. 2025): a higher upper clip, mean over tokens, dynamic sampling."""

    class Section(Grpo.Section):
        """GRPO with these; `overlong` is theirs too."""

        normalisation: Normalisation = "token_mean"
        clip_high: Weight = 0.28
        resampling: Count = 2


def outcome(feedback: Feedback) -> Baseline:
    """Read the program-level rewards of one sample: the same for all of its tokens, 0 for an empty completion."""
    coarse, adaptive = feedback.rewards["coarse"], feedback.rewards["adaptive"]
    return Baseline(float(coarse[0]), float(adaptive[0])) if len(coarse) else NO_BASELINE


def group_baselines(outcomes: Sequence[Baseline], section: PolicyGradient.Section) -> list[Baseline]:
    """Take the mean outcome of a problem's samples, with or without the sample itself, for each of them.

    With `group_std` the scale is the standard deviation (over the whole group, divided by n) of what the section makes
    of the outcomes; a group without spread has scale 1: its differences are 0 anyway. A problem with a single sample
    has nothing to leave out: its baseline is 0.
    """
    out = 1 if section.baseline == "leave_one_out" else 0
    others = len(outcomes) - out
    if others < 1:
        return [NO_BASELINE] * len(outcomes)
    spread = statistics.pstdev(section.coarse * each.coarse + section.adaptive * each.adaptive for each in outcomes)
    scale = spread if section.group_std and spread > _NO_SPREAD else 1.0
    coarse, adaptive = sum(each.coarse for each in outcomes), sum(each.adaptive for each in outcomes)
    return [
        Baseline((coarse - out * own.coarse) / others, (adaptive - out * own.adaptive) / others, scale)
        for own in outcomes
    ]


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


def has_signal(experiences: Sequence[Experience]) -> bool:
    """Say whether there is any token to learn from: groups alike in all have none (DAPO leaves them out)."""
    return any(np.any(experience.weights) for experience in experiences)
