"""What algorithms with a critic share: where it lives, its part of a checkpoint, and its warm-up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from training.algorithms.base import Parts
from training.records import Experience
from training.seeds import CRITIC_WARM_UP, stream

if TYPE_CHECKING:
    from training.algorithms.critic import CriticLearner


def open_critic(parts: Parts, outputs: int) -> CriticLearner | None:
    """Open a critic of so many outputs. None in all of the run's processes but the first."""
    from training.algorithms.critic import Critic, CriticLearner

    if not parts.ranks.leads:
        return None
    critic = Critic(parts.policy, outputs)
    return CriticLearner(critic, parts.critic.learning_rate, parts.micro_batch_tokens, parts.gradient_clip)


def critic_state(critic: CriticLearner | None) -> dict[str, Any]:
    """Give a critic's part of an algorithm's state."""
    return {"critic": critic.state()} if critic is not None else {}


def load_critic_state(critic: CriticLearner | None, state: Mapping[str, Any]) -> None:
    """Go on from an algorithm's state, in the process that has the critic."""
    if critic is not None:
        critic.load(state["critic"])


def warm_up_batches(parts: Parts, experiences: Sequence[Experience]) -> list[tuple[int, list[Experience]]]:
    """Draw the batches of a critic's warm-up, each with its number.

    From all samples: a buffer may keep the last few problems' alone, which the critic would learn by heart.
    """
    if not experiences or not parts.critic.warmup_steps:
        return []
    parts.tell(f"warming up the critic on {len(experiences)} samples of the initial policy")
    size = min(parts.batch_size, len(experiences))
    batches = []
    for step in range(parts.critic.warmup_steps):
        chosen = stream(CRITIC_WARM_UP, parts.seed, step).choice(len(experiences), size, replace=False)
        batches.append((step, [experiences[index] for index in chosen]))
    return batches
