"""PPOCoder (Shojaee et al. 2023): one reward at a program's end, a KL penalty on each token, advantages by GAE.

The critic gives values; it learns after it was asked, in the run's first process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np

from engine import ErrorKind, Execution, Similarity
from engine.extras import needs
from training.algorithms.base import Batch, Parts
from training.algorithms.critic_parts import critic_state, load_critic_state, open_critic, warm_up_batches
from training.algorithms.rewarded import Rewarded
from training.errors import ConfigError
from training.records import Experience, Group, Row, WeightedSequence
from training.sections import Clip, Normalisation, Weight

DISCOUNT = 1.0
"""gamma."""
DECAY = 0.95
"""lambda."""
VALUE_CLIP = 0.2
"""How far a value may move in one step, for the loss to fall."""
_HORIZON = 10_000
"""Samples over which the KL coefficient reacts (Ziegler et al. 2019, as in TRL and PPOCoder's release)."""


class PpoCoder(Rewarded):
    """PPO with the reward of unit tests, compiler, and likeness to a reference."""

    defaults: ClassVar = {"buffer": {"initial": 1024}}
    whole_step = True

    class Section(Rewarded.Section):
        """Unit tests alone by default. Fine and static rewards come on top of the penalty on tokens."""

        normalisation: Normalisation = "token_mean"
        clip_low: Clip = 0.2
        clip_high: Weight = 0.2
        kl: Weight = 0.1
        """Weight of the KL divergence from the initial policy, in the rewards and not in the loss, to begin with."""
        kl_target: Weight = 1.0
        """KL of a sample, in nats, that the weight is adapted to keep. 0 leaves the weight as it is."""

    def __init__(self, section: Section, parts: Parts) -> None:
        if find_spec("tree_sitter_python") is None:
            raise ConfigError(f"objective.algorithm 'ppocoder': {needs('tree-sitter-python', 'similarity')}")
        super().__init__(section, parts)
        self.critic = open_critic(parts, 1)
        self.kl_coefficient = section.kl
        """As the adaptive controller has it."""

    def credit(self, group: Group) -> list[Experience]:
        """Keep the rewards. Advantages need the critic's values, which the batch looks up."""
        return super().credit(replace(group, samples=tuple(self.shaped(group)[0])))

    def batch(self, experiences: Sequence[Experience], step: int) -> Batch:
        """Weigh by whitened advantages of the rewards with their KL penalty, under the present values."""
        if not experiences:
            return super().batch(experiences, step)
        rows, metrics = self.parts.ranks.first(lambda: self._advantages(experiences))
        batch = super().batch(
            [replace(experience, weights=row) for experience, row in zip(experiences, rows, strict=True)], step
        )
        return replace(batch, loss=replace(batch.loss, kl=0.0), metrics=metrics)  # its KL is in the rewards

    def warm_up(self, experiences: Sequence[Experience]) -> None:
        """Let the critic learn from samples of the initial policy."""
        self.parts.ranks.first(lambda: self._warm_up(experiences))

    def state(self) -> dict[str, Any]:
        """Give the critic, and the KL coefficient as it is now."""
        return {"kl_coefficient": self.kl_coefficient, **critic_state(self.critic)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`."""
        self.kl_coefficient = state["kl_coefficient"]
        load_critic_state(self.critic, state)

    def _advantages(self, experiences: Sequence[Experience]) -> tuple[list[Row], dict[str, float]]:
        rewards, divergence = self._token_rewards(experiences)
        advantages, metrics = self._fit(experiences, rewards)
        metrics |= {
            "ppocoder/kl": divergence,
            "ppocoder/kl_coefficient": self.kl_coefficient,
            "ppocoder/reward": float(np.mean([row.sum() for row in rewards])),
        }
        if target := self.section.kl_target:
            self.kl_coefficient = next_kl_coefficient(self.kl_coefficient, divergence, target, len(experiences))
        return whitened(advantages), metrics

    def _warm_up(self, experiences: Sequence[Experience]) -> None:
        rewards = self._token_rewards(experiences)[0] if experiences else []
        by_rollout = {id(experience): row for experience, row in zip(experiences, rewards, strict=True)}
        for _, batch in warm_up_batches(self.parts, experiences):
            self._fit(batch, [by_rollout[id(sequence)] for sequence in batch])

    def _token_rewards(self, experiences: Sequence[Experience]) -> tuple[list[Row], float]:
        """Compute the reward of each token of each experience, and the mean KL estimate of a sample, nats."""
        section = self.section
        compared = [
            self.parts.compare(
                experience.feedback.report.program, self.parts.problems[experience.rollout.problem_id].references
            )
            for experience in experiences
        ]
        sampled = [np.array(experience.rollout.logprobs, dtype=np.float32) for experience in experiences]
        initial = sampled
        if self.reference is not None:
            initial = self.reference.logprobs(
                [
                    WeightedSequence(experience.rollout.prompt_ids, experience.rollout.token_ids, row)
                    for experience, row in zip(experiences, sampled, strict=True)
                ]
            )
        rows = []
        for experience, logprobs, reference, similarity in zip(experiences, sampled, initial, compared, strict=True):
            rewards = experience.feedback.rewards
            coarse = section.coarse * float(rewards["coarse"][-1]) + section.adaptive * float(rewards["adaptive"][-1])
            terminal = terminal_reward(coarse, experience.feedback.report.execution, similarity.result())
            row = token_rewards(terminal, logprobs, reference, self.kl_coefficient)
            rows.append(row + section.fine * rewards["fine"] + section.static * rewards["static"])
        divergences = [float((one - two).sum()) for one, two in zip(sampled, initial, strict=True)]
        return rows, float(np.mean(divergences))

    def _fit(self, experiences: Sequence[Experience], rewards: Sequence[Row]) -> tuple[list[Row], dict[str, float]]:
        """Compute advantages under the critic's present values. It then takes a step towards the returns."""
        assert self.critic is not None
        rollouts = [experience.rollout for experience in experiences]
        values = self.critic.critic.token_values(rollouts, self.critic.micro_batch_tokens)
        pairs = list(zip(rewards, values, strict=True))
        advantages = [generalised_advantages(reward, value, DISCOUNT, DECAY) for reward, value in pairs]
        returns = [advantage + value for advantage, value in zip(advantages, values, strict=True)]
        return advantages, self.critic.fit_values(rollouts, returns, values, VALUE_CLIP)


def terminal_reward(coarse: float, execution: Execution, similarity: Similarity) -> float:
    """Add up what a finished program earns at its last token: unit tests, compiler, syntax match, data-flow match.

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
    """Scale all tokens of a batch to mean 0 and deviation 1. Only the mean is taken off where all are equal."""
    everything = np.concatenate(rows).astype(np.float64)
    mean, spread = everything.mean(), everything.std()
    return [((row - mean) / (spread if spread > 1e-8 else 1.0)).astype(np.float32) for row in rows]


def next_kl_coefficient(coefficient: float, observed: float, target: float, samples: int) -> float:
    """Adapt the coefficient (Ziegler et al. 2019, section 2.2): `beta * (1 + clip(KL / target - 1, +-0.2) * n / N)`.

    Args:
        coefficient: beta.
        observed: Mean over samples of the summed KL estimate, nats.
        target: What it should be.
        samples: How many were observed.
    """
    error = float(np.clip(observed / target - 1, -0.2, 0.2))
    return coefficient * (1 + error * samples / _HORIZON)
