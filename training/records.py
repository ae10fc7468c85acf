"""The records of the training room: rollouts, and what the buffer holds.

What this module does not do: sample, judge or learn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from feedback import Feedback, FinishReason


@dataclass(frozen=True, slots=True)
class Rollout:
    """One sampled completion, exactly as sampled: ids are never decoded and encoded again."""

    problem_id: str
    sample: int
    """Index among the samples of this problem in this step."""
    prompt_ids: tuple[int, ...]
    token_ids: tuple[int, ...]
    """[T] sampled ids, the end-of-sequence token included when it was sampled."""
    logprobs: tuple[float, ...]
    """[T] log-probability of each under the policy that sampled, at temperature 1 and not truncated, however it was
    drawn: what a later policy's is compared with."""
    finish_reason: FinishReason
    policy_version: int
    """Optimizer steps the sampling policy had seen."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a rollout's coarse and adaptive rewards are compared with (`R(W_base)` in eq. 8 and 10)."""

    coarse: float
    adaptive: float
    scale: float = 1.0
    """What the difference is divided by: the standard deviation of a group's outcomes, or 1."""


@dataclass(frozen=True, slots=True)
class Experience:
    """A rollout with its feedback and baseline."""

    rollout: Rollout
    feedback: Feedback
    baseline: Baseline


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
    """Tokens of the completion that are given; the rollouts hold what is drawn after them."""


@dataclass(frozen=True, slots=True)
class WeightedSequence:
    """Tokens to learn from and how much: all that a learner is told, whichever algorithm made the weights."""

    prompt_ids: tuple[int, ...]
    token_ids: tuple[int, ...]
    weights: NDArray[np.float32]
    """[T] what each token's log-probability is multiplied by."""
    scale: float = 1.0
    """What the whole of the sequence's loss is multiplied by, such as 1 / T."""
    old_logprobs: NDArray[np.float32] | None = None
    """[T] under the policy that sampled; with a clip, the ratio to them stands in place of the log-probability."""
    reference_logprobs: NDArray[np.float32] | None = None
    """[T] under the frozen reference policy; where the loss has a KL term."""
