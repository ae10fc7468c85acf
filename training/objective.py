"""The RLTF objective as plain functions: experiences to token weights, token weights to a loss.

What this module does not do: run a model or know which algorithm made the weights. Algorithms differ only in the
weights they put on tokens (docs/architecture.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from training.config import ObjectiveSection
from training.records import Experience


def token_weights(experience: Experience, objective: ObjectiveSection) -> NDArray[np.float32]:
    """What each token's log-probability is multiplied by in the policy-gradient loss, float32 [T].

    Coarse and adaptive rewards are taken relative to the baseline over 0..T (eq. 8, 10); fine rewards lie on their
    span with alpha already in them and no baseline (eq. 9); static rewards are treated like fine ones.
    """
    rewards, baseline = experience.feedback.rewards, experience.baseline
    weights: NDArray[np.float32] = (
        objective.coarse * (rewards["coarse"] - np.float32(baseline.coarse))
        + objective.adaptive * (rewards["adaptive"] - np.float32(baseline.adaptive))
        + objective.fine * rewards["fine"]
        + objective.static * rewards["static"]
    ).astype(np.float32)
    return weights


def normaliser(lengths: Sequence[int], objective: ObjectiveSection) -> float:
    """What the summed token terms of a batch are divided by: its samples (eq. 2) or its tokens (released code)."""
    return float(len(lengths) if objective.normalisation == "sequence_sum" else sum(lengths))


def policy_gradient_loss(logprobs: torch.Tensor, weights: torch.Tensor, divisor: float) -> torch.Tensor:
    """`-sum(weights * logprobs) / divisor` (eq. 2): REINFORCE without ratio, clip or KL.

    Args:
        logprobs: float32 [N, T]; padded positions must have weight 0.
        weights: float32 [N, T], constants.
        divisor: see `normaliser`.
    """
    return -(weights * logprobs).sum() / divisor
