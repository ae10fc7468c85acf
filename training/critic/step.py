"""What a critic does in a run: it is warmed up on the initial samples, weighs each batch, then learns from it.

Weights come first and learning second, so that the critic has not seen the outcome it is asked about. What this module
does not do: know the network (`training.critic`), or the arithmetic of rewards (`training.objective.ppocoder`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from engine.extras import needs
from training.config import ConfigError, TrainConfig
from training.config.objective import ObjectiveSection
from training.critic.network import OUTCOMES, PASSED, Critic, CriticLearner, Text, Written, outcome_of
from training.models.prompts import encode_completion
from training.objective import Batch, weighted_batch
from training.objective.ppocoder import (
    DECAY,
    DISCOUNT,
    VALUE_CLIP,
    Row,
    generalised_advantages,
    next_kl_coefficient,
    terminal_reward,
    token_rewards,
    whitened,
)
from training.policy import Policy
from training.records import Experience, WeightedSequence

if TYPE_CHECKING:
    from training.session import Session


def needs_critic(objective: ObjectiveSection) -> bool:
    """Whether an objective has a critic."""
    return objective.algorithm == "ppocoder" or bool(objective.critic_factor)


def open_critic(config: TrainConfig, policy: Policy) -> CriticLearner | None:
    """Build the critic that the configured objective needs: of outcomes, of values, or none.

    Raises:
        ConfigError: PPOCoder's similarity is not installed.
    """
    objective = config.objective
    if not needs_critic(objective):
        return None
    if objective.algorithm == "ppocoder" and find_spec("tree_sitter_python") is None:
        raise ConfigError(f"objective.algorithm 'ppocoder': {needs('tree-sitter-python', 'similarity')}")
    critic = Critic(policy, 1 if objective.algorithm == "ppocoder" else len(OUTCOMES))
    return CriticLearner(
        critic,
        config.critic.learning_rate,
        config.optimizer.micro_batch_tokens,
        config.optimizer.gradient_clip,
    )


def warm_up(session: Session, known: Sequence[Experience]) -> None:
    """Let the critic learn from samples of the initial policy, before the policy's first step.

    From all of them: a buffer may keep the last few problems' alone, which the critic would learn by heart.
    """
    config, critic = session.config, session.critic
    if critic is None or not known or not config.critic.warmup_steps:
        return
    session.display.message(f"warming up the critic on {len(known)} samples of the initial policy")
    values = config.objective.algorithm == "ppocoder"
    rewards = _token_rewards(session, known)[0] if values else []
    size = min(config.buffer.batch_size, len(known))
    for step in range(config.critic.warmup_steps):
        chosen = np.random.default_rng([config.run.seed, step, 5]).choice(len(known), size, replace=False)
        batch = [known[index] for index in chosen]
        if values:
            _fit_values(critic, batch, [rewards[index] for index in chosen])
        else:
            _fit_outcomes(session, critic, batch, step)


def critic_weights(
    session: Session, critic: CriticLearner, learned: Sequence[Experience], weights: Sequence[Row]
) -> tuple[list[Row], dict[str, float]]:
    """Each weight times `q(w_t)`, the critic's probability at that token of what really came out (CodeRL eq. 8, 9).

    With the coarse reward alone and the greedy baseline this is CodeRL; with all rewards RLTF's released code.
    """
    outcomes = [outcome_of(each.feedback.report.execution) for each in learned]
    factors = critic.critic.token_outcomes([each.rollout for each in learned], outcomes, critic.micro_batch_tokens)
    metrics = _fit_outcomes(session, critic, learned, session.step)
    if factors:
        metrics["critic/factor"] = float(np.concatenate(factors).mean())
    return [own * factor for own, factor in zip(weights, factors, strict=True)], metrics


def ppocoder_batch(session: Session, critic: CriticLearner, learned: Sequence[Experience]) -> Batch:
    """PPOCoder's weights: whitened advantages of the rewards with their KL penalty, under the present values."""
    config = session.config
    if not learned:
        return weighted_batch(learned, [], config.objective, config.sampler.max_new_tokens)
    rewards, divergence = _token_rewards(session, learned)
    advantages, metrics = _fit_values(critic, learned, rewards)
    metrics |= {
        "ppocoder/kl": divergence,
        "ppocoder/kl_coefficient": session.kl_coefficient,
        "ppocoder/reward": float(np.mean([row.sum() for row in rewards])),
    }
    if config.objective.kl_target:
        session.kl_coefficient = next_kl_coefficient(
            session.kl_coefficient, divergence, config.objective.kl_target, len(learned)
        )
    batch = weighted_batch(learned, whitened(advantages), config.objective, config.sampler.max_new_tokens)
    return replace(batch, terms=replace(batch.terms, kl=0.0), metrics=metrics)  # its KL is in the rewards


def _token_rewards(session: Session, learned: Sequence[Experience]) -> tuple[list[Row], float]:
    """Reward of each token of each experience, and the mean KL estimate of a sample, nats."""
    objective = session.config.objective
    compared = [
        session.scorer.engine.compare(
            each.feedback.report.program, session.problems[each.rollout.problem_id].references
        )
        for each in learned
    ]
    sampled = [np.array(each.rollout.logprobs, dtype=np.float32) for each in learned]
    if session.reference is None:
        initial = sampled
    else:
        initial = session.reference.logprobs(
            [
                WeightedSequence(each.rollout.prompt_ids, each.rollout.token_ids, row)
                for each, row in zip(learned, sampled, strict=True)
            ]
        )
    rows = []
    for each, logprobs, reference, similarity in zip(learned, sampled, initial, compared, strict=True):
        given = each.feedback.rewards
        outcome = objective.coarse * float(given["coarse"][-1]) + objective.adaptive * float(given["adaptive"][-1])
        terminal = terminal_reward(outcome, each.feedback.report.execution, similarity.result())
        row = token_rewards(terminal, logprobs, reference, session.kl_coefficient)
        rows.append(row + objective.fine * given["fine"] + objective.static * given["static"])
    divergences = [float((one - two).sum()) for one, two in zip(sampled, initial, strict=True)]
    return rows, float(np.mean(divergences))


def _fit_values(
    critic: CriticLearner, learned: Sequence[Experience], rewards: Sequence[Row]
) -> tuple[list[Row], dict[str, float]]:
    """Advantages under the critic's present values; the critic then takes a step towards the returns."""
    rollouts = [each.rollout for each in learned]
    values = critic.critic.token_values(rollouts, critic.micro_batch_tokens)
    pairs = list(zip(rewards, values, strict=True))
    advantages = [generalised_advantages(reward, value, DISCOUNT, DECAY) for reward, value in pairs]
    returns = [advantage + value for advantage, value in zip(advantages, values, strict=True)]
    return advantages, critic.fit_values(rollouts, returns, values, VALUE_CLIP)


def _fit_outcomes(
    session: Session, critic: CriticLearner, learned: Sequence[Experience], step: int
) -> dict[str, float]:
    """One step on samples with their outcomes, and a reference of each of their problems as passed."""
    if not learned:
        return {}
    references = _references(session, dict.fromkeys(each.rollout.problem_id for each in learned), step)
    texts: list[Text] = [*(each.rollout for each in learned), *references]
    outcomes = [outcome_of(each.feedback.report.execution) for each in learned] + [PASSED] * len(references)
    return critic.fit_outcomes(texts, outcomes)


def _references(session: Session, identifiers: Sequence[str] | dict[str, None], step: int) -> list[Written]:
    generator = np.random.default_rng([session.config.run.seed, step, 6])
    problems = [session.problems[identifier] for identifier in identifiers]
    return [
        Written(
            session.prompt(problem),
            encode_completion(session.policy, texts[generator.integers(len(texts))]),
        )
        for problem in problems
        if (texts := session.taught[problem.id])
    ]
