"""Credit: the advantage of a program lies on the tokens that may have earned it, and is taken off the others.

Nothing is added to an outcome's advantage A = R - b, with b the mean of the problem's other samples. It is moved:

    a passing sample    w_t = passing * A * (choices where t is a choice that does not matter, else 1)
    a failing sample    w_t = failing * A - focus * S * p_t * c_t

S is what a pass earns above the group's mean, p_t the probability that the policy gave to the token, and c_t the
certainty that it is at fault. Both c and the choices come from the group's other programs (`peers`): what a failing
program does not share with the nearest passing one is suspect, and another name in a passing one does not matter.
A suspect that passing programs of earlier groups wrote too, behind the same words, is less certain (`acquittals`).
Without a passing peer, c is the strength of the blame of a crash or syntax error, and acquittals count as well.

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
from training.algorithms.acquittals import Acquittals
from training.algorithms.base import Parts
from training.algorithms.baselines import outcome
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
        choices: Fraction = 1.0
        """Share of a passing sample's advantage that names keep for which another passing sample has others."""

        @model_validator(mode="after")
        def _learns_something(self) -> Any:  # noqa: ANN401
            if not any((self.passing, self.failing, self.focus)):
                raise ValueError("passing: without passing, failing and focus there is nothing to learn")
            return self

    def __init__(self, section: Section, parts: Parts) -> None:
        super().__init__(section, parts)
        self.acquittals = Acquittals()

    def credit(self, group: Group) -> list[Experience]:
        """Move the advantages. What passes is remembered from then on."""
        experiences = super().credit(group)
        self.acquittals.add(program_of(sample) for sample in group.samples if passed(sample))
        return experiences

    def state(self) -> dict[str, Any]:
        return super().state() | {"passing": self.acquittals.programs}

    def load(self, state: Mapping[str, Any]) -> None:
        super().load(state)
        self.acquittals.add(state.get("passing", ()))  # none in older checkpoints

    def weights(self, sample: Sample, baseline: Baseline, group: Group) -> tuple[Row, Moves]:
        """Move a sample's advantage to the tokens that may have earned it, by what the group's passing ones say."""
        plain, moves = super().weights(sample, baseline, group)
        others = [peer for peer in group.samples if passed(peer) and peer.rollout is not sample.rollout]
        if passed(sample):
            weights = self.section.passing * plain
            if self.section.choices < 1 and others:
                choices = self.choices(sample, others)
                moves = _moves(choices, lambda _: "another passing program has another name here")
                weights = np.where(choices, self.section.choices * weights, weights)
        else:
            weights = self.section.failing * plain
            if self.section.focus:
                gain = self._worth_of_a_pass() - float(np.mean([self._worth(one) for one in group.samples]))
                probabilities = np.exp(np.array(sample.rollout.logprobs, dtype=np.float32))
                certainty = self.certainty(sample, others)
                why = "the nearest passing program has something else" if others else "the error is blamed on it"
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
        if found is None:
            return np.zeros(len(sample.rollout.token_ids), dtype=np.bool_)
        return on_tokens(sample, lines, found.renamed.astype(np.float32), np.zeros_like(found.branch)) > 0

    def certainty(self, sample: Sample, passing: Sequence[Sample]) -> Row:
        """Say how certain it is that each token of a failing sample is at fault, float32 [T]."""
        return fault(sample, passing, self.acquittals)


def fault(sample: Sample, passing: Sequence[Sample], acquittals: Acquittals) -> Row:
    """Say how certain it is that each token of a failing sample is at fault, by passing ones or its error, [T]."""
    lines = read(program_of(sample))
    found = nearest(lines, [read(program_of(peer)) for peer in passing])
    contexts = [context for line in lines for context in line.contexts()]
    doubts = np.array([acquittals.certainty(context) for context in contexts], dtype=np.float32)
    if found is not None:
        values = np.where(found.apart | found.branch, doubts, np.float32(0))
        return on_tokens(sample, lines, values, found.branch)
    acquitted = on_tokens(sample, lines, doubts, np.zeros(len(doubts), dtype=np.bool_))
    return _blamed(sample) * np.where(acquitted > 0, acquitted, np.float32(1))  # 1 where a token has no word


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
