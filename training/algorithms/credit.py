"""Credit: the advantage of a program lies on the tokens that may have earned it, and is taken off the others.

Nothing is added to an outcome's advantage A = R - b, with b the mean of the problem's other samples. It is moved:

    a passing sample    w_t = passing * A * (choices where t is a choice that does not matter, else 1 + contrast * d_t)
    a failing sample    w_t = failing * A - focus * S * p_t * c_t

S is what a pass earns above the group's mean, p_t the probability that the policy gave to the token, c_t the certainty
that it is at fault, and d_t the certainty that it decided the pass. They come from the group's other programs
(`peers`). What a failing program does not share with the nearest passing one is suspect, and what a passing program
does not share with the nearest failing one may have decided. Another name in a passing one does not matter.
A suspect that passing programs of earlier groups wrote too, behind the same words, is less certain, and so is what may
have decided where failing programs wrote it too (`memory`). Without a passing peer, c is the strength of the blame of a
crash or syntax error, and the memory counts as well.

`passing` alone is RAFT with a baseline (Dong et al. 2023), `failing` alone is negative-sample reinforcement
(arXiv 2506.01347), and equal weights on both are the plain policy gradient with this baseline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from pydantic import model_validator

from engine import Source, Span, Verdict
from feedback import token_range
from training.algorithms.base import Parts
from training.algorithms.baselines import outcome
from training.algorithms.memory import Memory
from training.algorithms.peers import Places, nearest
from training.algorithms.policy_gradient import PolicyGradient
from training.algorithms.words import Line, read
from training.records import Baseline, Experience, Group, Moves, Row, Sample
from training.sections import Baselines, Clip, Fraction, Weight

_SURE = (Source.RUNTIME, Source.SYNTAX)
"""Where a blame must come from: what the linters and the spectrum say alone is too often wrong."""


class Credit(PolicyGradient):
    """Passing samples teach, each in three steps through the clipped ratio. What of failing ones does is chosen."""

    reuse: ClassVar[int] = 3

    class Section(PolicyGradient.Section):
        """How much of an advantage lies where."""

        adaptive: Weight = 1.0
        baseline: Baselines = "leave_one_out"
        clip_low: Clip = 0.2
        clip_high: Weight = 0.28
        passing: Weight = 1.0
        """Weight of a passing sample's advantage."""
        failing: Weight = 0.0
        """Weight of a failing sample's advantage, on all of its tokens alike."""
        focus: Weight = 0.0
        """Weight of what is taken off the tokens of a failing sample that are at fault, as far as is known."""
        contrast: Weight = 0.0
        """Weight of what a passing sample's tokens get on top that decided, as far as is known."""
        choices: Fraction = 1.0
        """Share of a passing sample's advantage that names keep for which another passing sample has others."""

        @model_validator(mode="after")
        def _learns_something(self) -> Any:  # noqa: ANN401
            if not any((self.passing, self.failing, self.focus)):
                raise ValueError("passing: without passing, failing and focus there is nothing to learn")
            return self

    def __init__(self, section: Section, parts: Parts) -> None:
        super().__init__(section, parts)
        self.right, self.wrong = Memory(), Memory()
        """What passing and failing programs of earlier groups wrote."""

    def credit(self, group: Group) -> list[Experience]:
        """Move the advantages. The group's programs are remembered from then on."""
        experiences = super().credit(group)
        for sample in group.samples:
            (self.right if passed(sample) else self.wrong).add([program_of(sample)])
        return experiences

    def state(self) -> dict[str, Any]:
        return super().state() | {"passing": self.right.programs, "failing": self.wrong.programs}

    def load(self, state: Mapping[str, Any]) -> None:
        super().load(state)
        self.right.add(state.get("passing", ()))  # none in older checkpoints
        self.wrong.add(state.get("failing", ()))

    def weights(self, sample: Sample, baseline: Baseline, group: Group) -> tuple[Row, Moves]:
        """Move a sample's advantage to the tokens that may have earned it, by what the group's others say."""
        plain, moves = super().weights(sample, baseline, group)
        others = [peer for peer in group.samples if peer.rollout is not sample.rollout]
        passing, failing = [peer for peer in others if passed(peer)], [peer for peer in others if not passed(peer)]
        if passed(sample):
            weights = self.section.passing * plain
            if self.section.contrast and failing:
                decisive = apart(sample, failing, self.wrong)
                why = "decisive with a certainty of {:.2f}: the nearest failing program has something else"
                moves = _moves(decisive, why.format)
                weights = weights * (1 + self.section.contrast * decisive)
            if self.section.choices < 1 and passing:
                choices = self.choices(sample, passing)
                moves += _moves(choices, lambda _: "another passing program has another name here")
                weights = np.where(choices, self.section.choices * self.section.passing * plain, weights)
        else:
            weights = self.section.failing * plain
            if self.section.focus:
                gain = self._worth_of_a_pass() - float(np.mean([self._worth(one) for one in group.samples]))
                probabilities = np.exp(np.array(sample.rollout.logprobs, dtype=np.float32))
                certainty = self.certainty(sample, passing)
                why = "the nearest passing program has something else" if passing else "the error is blamed on it"
                moves = _moves(certainty, lambda value: f"at fault with a certainty of {value:.2f}: {why}")
                weights = weights - self.section.focus * gain * probabilities * certainty
        return weights.astype(np.float32), moves

    def _worth(self, sample: Sample) -> float:
        """Give the reward of a program as a whole, R."""
        earned = outcome(sample.feedback)
        return float(self.section.coarse * earned.coarse + self.section.adaptive * earned.adaptive)

    def _worth_of_a_pass(self) -> float:
        rewards = self.parts.rewards
        adaptive = rewards.adaptive_base + rewards.adaptive_range
        return float(self.section.coarse * rewards.coarse_passed + self.section.adaptive * adaptive)

    def choices(self, sample: Sample, passing: Sequence[Sample]) -> Places:
        """Mark the tokens of a passing sample for which the nearest other passing one has another name, [T].

        Other differences are left alone. Where passing programs part, failing ones often part too, and a token that
        decides between right and wrong would lose its credit (docs/credit.md).
        """
        lines = read(program_of(sample))
        found = nearest(lines, [read(program_of(peer)) for peer in passing])
        return on_tokens(sample, lines, found.renamed.astype(np.float32), np.zeros_like(found.branch)) > 0

    def certainty(self, sample: Sample, passing: Sequence[Sample]) -> Row:
        """Say how certain it is that each token of a failing sample is at fault, float32 [T]."""
        return fault(sample, passing, self.right)


def fault(sample: Sample, passing: Sequence[Sample], right: Memory) -> Row:
    """Say how certain it is that each token of a failing sample is at fault, by passing ones or its error, [T]."""
    if passing:
        return apart(sample, passing, right)
    lines = read(program_of(sample))
    doubts = _rarities(lines, right)
    acquitted = on_tokens(sample, lines, doubts, np.zeros(len(doubts), dtype=np.bool_))
    return _blamed(sample) * np.where(acquitted > 0, acquitted, np.float32(1))  # 1 where a token has no word


def apart(sample: Sample, others: Sequence[Sample], known: Memory) -> Row:
    """Say where a sample parts from the nearest of others, less where programs of that kind are known to agree, [T]."""
    lines = read(program_of(sample))
    found = nearest(lines, [read(program_of(other)) for other in others])
    return on_tokens(sample, lines, np.where(found.apart | found.branch, _rarities(lines, known), 0), found.branch)


def _rarities(lines: Sequence[Line], known: Memory) -> Row:
    """Give the rarity of each word behind the words before it, float32 [W]."""
    return np.array([known.rarity(context) for line in lines for context in line.contexts()], dtype=np.float32)


def passed(sample: Sample) -> bool:
    """Say whether a sample's program passes all tests."""
    return sample.feedback.report.execution.verdict is Verdict.PASSED


def _blamed(sample: Sample) -> Row:
    """Give each token the strength of the blame of an error that lies on it, float32 [T]."""
    strengths = np.zeros(len(sample.rollout.token_ids), dtype=np.float32)
    for blame in sample.feedback.blames:
        if blame.span is not None and blame.diagnostic.source in _SURE:
            first, last = token_range(blame.span, sample.feedback.offsets)
            strengths[first:last] = np.maximum(strengths[first:last], blame.strength)
    return strengths


def _moves(values: Row | Places, why: Callable[[float], str]) -> Moves:
    """Give the ranges of tokens that share a value other than 0, each with the reason."""
    borders = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    return tuple((first, last, why(values[first])) for first, last in pairwise(borders) if values[first:last].any())


def program_of(sample: Sample) -> bytes:
    """Give the bytes that were judged."""
    return sample.feedback.report.program


def on_tokens(sample: Sample, lines: Iterable[Line], values: Row, branch: Places) -> Row:
    """Give each token the largest value of the words that it wrote a part of, float32 [T].

    Before a word of `branch` something is missing. What was written in its place is the first token after the word
    before: a line end where a colon or a line is missing.
    """
    offsets = sample.feedback.offsets
    found = np.zeros(len(offsets), dtype=np.float32)
    places = [place for line in lines for place in line.places]
    before = 0
    for (start, end), value, missing in zip(places, values, branch, strict=True):
        if value:
            first, last = token_range(Span(before if missing else start, end, 1, 0, 1, 0), offsets)
            last = min(last, first + 1) if missing else last
            found[first:last] = np.maximum(found[first:last], value)
        before = end
    return found
