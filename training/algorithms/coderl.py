"""CodeRL (Le et al. 2022): each token's advantage times a critic's probability of what really came out (eq. 8, 9).

With the coarse reward alone and the greedy baseline this is CodeRL; with all rewards it is RLTF's released code.
Weights come first and learning second, so that the critic has not seen the outcome it is asked about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from training.algorithms.base import Batch, Parts
from training.algorithms.critic_parts import critic_state, load_critic_state, open_critic, warm_up_batches
from training.algorithms.policy_gradient import PolicyGradient
from training.records import Experience
from training.sections import Baselines, Weight
from training.seeds import CRITIC_REFERENCES, stream

if TYPE_CHECKING:
    from training.algorithms.critic import Written


class CodeRl(PolicyGradient):
    """A policy gradient whose weights a critic of outcomes scales. It learns along, in the run's first process."""

    defaults: ClassVar = {"buffer": {"initial": 1024}}
    whole_step = True

    class Section(PolicyGradient.Section):
        """The outcome's reward, compared with the greedy program's, and references."""

        supervised: Weight = 1.0
        baseline: Baselines = "greedy"

    def __init__(self, section: Section, parts: Parts) -> None:
        from training.algorithms.critic import OUTCOMES

        super().__init__(section, parts)
        self.critic = open_critic(parts, len(OUTCOMES))

    def batch(self, experiences: Sequence[Experience], step: int) -> Batch:
        """Scale the weights, then let the critic learn what came out."""
        scaled, metrics = self.parts.ranks.first(lambda: self._scaled(experiences, step))
        weighted = [replace(experience, weights=row) for experience, row in zip(experiences, scaled, strict=True)]
        return replace(super().batch(weighted, step), metrics=metrics)

    def warm_up(self, experiences: Sequence[Experience]) -> None:
        """Let the critic learn from samples of the initial policy."""
        self.parts.ranks.first(
            lambda: [self._fit(batch, step) for step, batch in warm_up_batches(self.parts, experiences)]
        )

    def state(self) -> dict[str, Any]:
        """Give the critic too."""
        return {**super().state(), **critic_state(self.critic)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`."""
        super().load(state)
        load_critic_state(self.critic, state)

    def _scaled(self, experiences: Sequence[Experience], step: int) -> tuple[list[Any], dict[str, float]]:
        from training.algorithms.critic import outcome_of

        assert self.critic is not None
        outcomes = [outcome_of(experience.feedback.report.execution) for experience in experiences]
        rollouts = [experience.rollout for experience in experiences]
        factors = self.critic.critic.token_outcomes(rollouts, outcomes, self.critic.micro_batch_tokens)
        metrics = self._fit(experiences, step)
        if factors:
            metrics["critic/factor"] = float(np.concatenate(factors).mean())
        pairs = zip(experiences, factors, strict=True)
        return [experience.weights * factor for experience, factor in pairs], metrics

    def _fit(self, experiences: Sequence[Experience], step: int) -> dict[str, float]:
        """Take one step on samples with their outcomes, and a reference of each of their problems as passed."""
        from training.algorithms.critic import PASSED, Text, outcome_of

        if not experiences:
            return {}
        assert self.critic is not None
        references = self._references(dict.fromkeys(experience.rollout.problem_id for experience in experiences), step)
        texts: list[Text] = [*(experience.rollout for experience in experiences), *references]
        outcomes = [outcome_of(experience.feedback.report.execution) for experience in experiences]
        return self.critic.fit_outcomes(texts, outcomes + [PASSED] * len(references))

    def _references(self, identifiers: dict[str, None], step: int) -> list[Written]:
        from training.algorithms.critic import Written
        from training.models.prompts import encode_completion

        generator = stream(CRITIC_REFERENCES, self.parts.seed, step)
        problems = [self.parts.problems[identifier] for identifier in identifiers]
        return [
            Written(
                self.parts.prompt(problem),
                encode_completion(self.parts.policy, references[generator.integers(len(references))]),
            )
            for problem in problems
            if (references := self.parts.taught[problem.id])
        ]
