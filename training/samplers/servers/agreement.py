"""Compare servers with the learner: whatever goes wrong on the way of the weights shows in the log-probabilities.

Weights that were not taken, were taken in part, or are of another precision than asked for sample other tokens than the
learner believes, and nothing fails. vLLM on CPUs keeps its old output head where embeddings are tied, for example.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from training.models.batching import sequence_logprobs
from training.models.policy import Policy
from training.records import Drawing, WeightedSequence
from training.samplers.servers.border import Answer, Ask

TOLERANCES = {"float32": 1e-3, "float16": 0.02, "bfloat16": 0.1}
"""Mean absolute difference of log-probabilities, nats a token, that rounding explains, by `model.dtype`.

Right servers were 1e-6 (float32) and up to 0.03 (bfloat16) away, one with a stale head 0.002 after the first step and
0.05 later (docs/scaling.md)."""
_DRAWING = Drawing(temperature=2.0)
"""Unlikely tokens tell more. It also shows a server that does not give log-probabilities at temperature 1."""
_TOKENS = 16
_ASKS = 4


@dataclass(frozen=True, slots=True)
class Difference:
    """How far a server's log-probabilities are from the learner's."""

    mean: float
    """Mean absolute difference, nats a token."""
    most: float
    tokens: int


def questions(prompt: Sequence[int], version: int) -> list[Ask]:
    """Make requests for a few tokens, others for each version of the weights."""
    seeds = np.random.SeedSequence([version]).generate_state(_ASKS, np.uint64) >> np.uint64(1)
    return [Ask(tuple(prompt), _TOKENS, int(seed), _DRAWING, (), ()) for seed in seeds]


@torch.inference_mode()
def differences(policy: Policy, asks: Sequence[Ask], answers: Mapping[str, Sequence[Answer]]) -> dict[str, Difference]:
    """Compare each server's answers with the policy as it is now, by address."""
    pairs = [(server, ask, answer) for server, some in answers.items() for ask, answer in zip(asks, some, strict=True)]
    sequences = [
        WeightedSequence(ask.token_ids, tuple(answer.token_ids), np.ones(len(answer.token_ids), np.float32))
        for _, ask, answer in pairs
    ]
    away: dict[str, list[float]] = {}
    for (server, _, answer), row in zip(pairs, sequence_logprobs(policy, sequences).tolist(), strict=True):
        found = zip(row, answer.logprobs, strict=False)  # rows are padded
        away.setdefault(server, []).extend(abs(ours - theirs) for ours, theirs in found)
    return {server: Difference(float(np.mean(some)), max(some), len(some)) for server, some in away.items()}
