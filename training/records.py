"""The records of the training room, in the order in which a step makes them: requests, rollouts, groups, experiences,
weighted sequences.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from feedback import Feedback, FinishReason

Row = NDArray[np.float32]
"""[T] one number for each token of a completion."""
Moves = tuple[tuple[int, int, str], ...]
"""Ranges of tokens whose advantage an algorithm moved: the first, one past the last, and why."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """How tokens are drawn from the policy's distribution."""

    temperature: float = 1.0
    """0 takes the likeliest token."""
    top_p: float = 1.0
    """1 does not truncate."""
    top_k: int = 0
    """0 does not truncate."""

    @property
    def greedy(self) -> bool:
        return self.temperature == 0


GREEDY = Drawing(temperature=0.0)


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """Ask a sampler for `samples` completions of one prompt."""

    problem_id: str
    prompt_ids: tuple[int, ...]
    samples: int
    seed: tuple[int, ...]
    """With the sample's index it seeds that sample alone: f(run seed, step, problem), never of rank or time."""
    first: int = 0
    """Index of the first of them: the others of the problem are drawn elsewhere, or were before."""
    begun: tuple[int, ...] = ()
    """Tokens that the completions begin with. The sampler goes on from there."""
    drawing: Drawing = Drawing()
    turn: int = 0
    """0 for a first try, 1 for a repair of it, and so on."""
    cut: bool = False
    """Whether the prompt lost a part of the problem's text, which was longer than `model.max_prompt_tokens`."""
    barred: tuple[int, ...] = ()
    """Tokens that are not drawn right behind `begun`."""
    drawn: tuple[float, ...] = ()
    """Log-probabilities of `begun`, where the policy drew it: the rollout is then as if drawn in one piece."""

    @property
    def given(self) -> int:
        """How many tokens of `begun` the policy did not draw."""
        return 0 if self.drawn else len(self.begun)


@dataclass(frozen=True, slots=True)
class Rollout:
    """One sampled completion, exactly as sampled: ids are never decoded and encoded again."""

    problem_id: str
    sample: int
    """Index among the samples of this problem in this step."""
    prompt_ids: tuple[int, ...]
    token_ids: tuple[int, ...]
    """[T] the whole completion: tokens that were given, then sampled ones, the end of sequence included if sampled."""
    logprobs: tuple[float, ...]
    """[T] log-probability of each under the policy that sampled, at temperature 1 and not truncated, however it was
    drawn: what a later policy's is compared with. 0 for tokens that were given."""
    finish_reason: FinishReason
    policy_version: int
    """Optimizer steps the sampling policy had seen."""
    turn: int = 0
    """0 for a first try, 1 for a repair of it, and so on."""
    greedy: bool = False
    """Whether it is the policy's likeliest completion and not a sample."""
    begun: int = 0
    """How many leading tokens were given. They are part of the program and carry no gradient."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A rollout and what its program earned."""

    rollout: Rollout
    feedback: Feedback


@dataclass(frozen=True, slots=True)
class Group:
    """A problem and its judged samples of one step, in the order of drawing."""

    problem_id: str
    samples: tuple[Sample, ...]
    """Without greedy ones."""
    greedy: Sample | None = None
    """The likeliest completion, where the algorithm asked for it."""
    lost: int = 0
    """Samples left out because we failed to judge them, or the greedy one they are compared with."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a rollout's coarse and adaptive rewards are compared with (`R(W_base)` in eq. 8 and 10)."""

    coarse: float
    adaptive: float
    scale: float = 1.0
    """What the difference is divided by: the standard deviation of a group's outcomes, or 1."""


NO_BASELINE = Baseline(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Experience:
    """A sample to learn from: what the buffer holds."""

    rollout: Rollout
    feedback: Feedback
    baseline: Baseline
    weights: Row
    """[T] the advantage that each token carries."""
    moves: Moves = ()
    """Where the algorithm moved the advantage."""


@dataclass(frozen=True, slots=True)
class WeightedSequence:
    """Tokens to learn from and how much: all that a learner is told, whichever algorithm made the weights."""

    prompt_ids: tuple[int, ...]
    token_ids: tuple[int, ...]
    weights: Row
    """[T] what each token's log-probability is multiplied by."""
    scale: float = 1.0
    """What the whole of the sequence's loss is multiplied by, such as 1 / T."""
    old_logprobs: Row | None = None
    """[T] under the policy that sampled. With a clip, the ratio to them stands in place of the log-probability."""
    reference_logprobs: Row | None = None
    """[T] under the frozen reference policy, where the loss has a KL term."""
    begun: int = 0
    """How many leading tokens have no loss at all: they were given."""


@dataclass(frozen=True, slots=True)
class PassRate:
    """Result of one evaluation."""

    pass_at_1: float
    """Mean over problems of passes / samples."""
    problems: int
    samples_per_problem: int
    classes: dict[str, float]
    """Share of samples by outcome class (see `outcome_class`)."""
    infra: int
    """Samples whose judging failed on our side. They are left out of the rates."""
