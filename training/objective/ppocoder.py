"""PPOCoder (Shojaee et al. 2023): one reward at a program's end, a KL penalty on each token, advantages by GAE.

What this module does not do: run a model, compare programs with references (`engine.Analyser.compare`), or clip the
surrogate (`training.objective.loss`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine import ErrorKind, Execution, Similarity

Row = NDArray[np.float32]

DISCOUNT = 1.0
"""gamma."""
DECAY = 0.95
"""lambda."""
VALUE_CLIP = 0.2
"""How far a value may move in one step, for the loss to fall."""
_HORIZON = 10_000
"""Samples over which the KL coefficient reacts (Ziegler et al. 2019, as in TRL and PPOCoder's release)."""


def terminal_reward(coarse: float, execution: Execution, similarity: Similarity) -> float:
    """What a finished program earns at its last token: unit tests + compiler + syntax match + data-flow match.

    Args:
        coarse: The unit-test reward of its outcome (RLTF eq. 3; CodeRL's and, for APPS, PPOCoder's are the same).
        execution: Says whether it compiles: +1, or -1 for a syntax error.
        similarity: With the reference most like it, 0..1 each.
    """
    compiles = execution.error is None or execution.error.kind is not ErrorKind.SYNTAX
    return coarse + (1.0 if compiles else -1.0) + similarity.syntax + similarity.dataflow


def token_rewards(terminal: float, logprobs: Row, reference_logprobs: Row, kl_coefficient: float) -> Row:
    """`-beta * (log pi - log pi_ref)` on each token, and the terminal reward on the last, float32 [T].

    `logprobs` are the sampling policy's; the last token is the end of sequence, or where the length ran out.
    """
    rewards = -kl_coefficient * (logprobs - reference_logprobs)
    rewards[-1] += terminal
    return rewards.astype(np.float32)


def generalised_advantages(rewards: Row, values: Row, gamma: float, decay: float) -> Row:
    """GAE (Schulman et al. 2016, eq. 16), float32 [T]: `A_t = delta_t + gamma * lambda * A_{t+1}` with
    `delta_t = r_t + gamma * V_{t+1} - V_t`, and nothing after the last token.

    Args:
        rewards: [T] of each token.
        values: [T] of the state before each token.
        gamma: Discount.
        decay: lambda.
    """
    advantages = np.zeros(len(rewards))
    later_advantage = later_value = 0.0
    for t in reversed(range(len(rewards))):
        delta = rewards[t] + gamma * later_value - values[t]
        later_advantage = delta + gamma * decay * later_advantage
        later_value = float(values[t])
        advantages[t] = later_advantage
    return advantages.astype(np.float32)


def whitened(rows: Sequence[Row]) -> list[Row]:
    """All tokens of a batch with mean 0 and standard deviation 1; only the mean is taken off where all are equal."""
    everything = np.concatenate(rows).astype(np.float64)
    mean, spread = everything.mean(), everything.std()
    return [((row - mean) / (spread if spread > 1e-8 else 1.0)).astype(np.float32) for row in rows]


def next_kl_coefficient(coefficient: float, observed: float, target: float, samples: int) -> float:
    """The adaptive controller (Ziegler et al. 2019, section 2.2): `beta * (1 + clip(KL / target - 1, +-0.2) * n / N)`.

    Args:
        coefficient: beta.
        observed: Mean over samples of the summed KL estimate, nats.
        target: What it should be.
        samples: How many were observed.
    """
    error = float(np.clip(observed / target - 1, -0.2, 0.2))
    return coefficient * (1 + error * samples / _HORIZON)
