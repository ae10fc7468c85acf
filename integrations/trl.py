"""TRL: reward functions from a scorer, and a GRPO trainer whose advantages are per token.

    rewards = ScorerRewards(Scorer(tokenizer), end_ids={tokenizer.eos_token_id})
    GRPOTrainer(model, reward_funcs=rewards.functions, ...)   # one reward for each completion
    TokenRewardTrainer(model, rewards, ...)                   # and one for each token

Written for TRL 1.16; its advantages may have shape [B, T] since 0.26.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch
from trl import GRPOTrainer

from engine import Problem, Verdict
from feedback import Feedback, FinishReason, Scorer
from integrations.items import problem_of

RewardFunction = Callable[..., list[float | None]]
_PROGRAM = ("coarse", "adaptive")
"""Rewards that all tokens of a completion share."""


class ScorerRewards:
    """Reward functions for `GRPOTrainer(reward_funcs=...)`.

    A batch is scored once, whichever function is called first. A completion that we failed to judge has the reward
    None: TRL gives it no advantage and leaves it out of its group's mean.

    Args:
        scorer: Scores the token ids exactly as TRL sampled them.
        end_ids: Token ids that end a completion. One that ends in another token was cut off by the length limit.
        column: The data set's column that holds the problem (`integrations.items.problem_of`).
        components: The program's rewards, a function for each; `reward_weights` of TRL's configuration weighs them.

    Raises:
        ValueError: a component is no reward of a program as a whole.
    """

    def __init__(
        self,
        scorer: Scorer,
        end_ids: Collection[int],
        *,
        column: str = "problem",
        components: Sequence[str] = _PROGRAM,
    ) -> None:
        if unknown := [name for name in components if name not in _PROGRAM]:
            raise ValueError(f"components: {', '.join(map(repr, unknown))}; allowed: {', '.join(_PROGRAM)}")
        self.functions: list[RewardFunction] = [self._function(name) for name in components]
        self.problems: list[Problem] = []
        """What the newest batch answers."""
        self.feedback: list[Feedback] = []
        """What it earned, in the same order."""
        self._scorer, self._end_ids, self._column = scorer, frozenset(end_ids), column
        self._scored: object = None

    def _function(self, component: str) -> RewardFunction:
        def reward(completion_ids: Sequence[Sequence[int]], **columns: Any) -> list[float | None]:  # noqa: ANN401
            return [None if each.masked else each.outcome(component) for each in self._score(completion_ids, columns)]

        reward.__name__ = component  # what TRL's metrics are named after
        return reward

    def _score(self, completion_ids: Sequence[Sequence[int]], columns: Mapping[str, Any]) -> list[Feedback]:
        if completion_ids is self._scored:
            return self.feedback
        if self._column not in columns:
            raise ValueError(f"column: no {self._column!r} in the data set's; reward functions get {sorted(columns)}")
        self.problems = [problem_of(data) for data in columns[self._column]]
        reasons = [
            FinishReason.STOP if ids and ids[-1] in self._end_ids else FinishReason.LENGTH for ids in completion_ids
        ]
        self.feedback = self._scorer.score(completion_ids, self.problems, reasons)
        self._scored = completion_ids
        if log := columns.get("log_metric"):
            verdicts = [feedback.report.execution.verdict for feedback in self.feedback]
            log("pass_rate", verdicts.count(Verdict.PASSED) / max(1, len(verdicts)))
            log("not_judged", verdicts.count(Verdict.INFRA) / max(1, len(verdicts)))
        return self.feedback


class TokenRewardTrainer(GRPOTrainer):  # type: ignore[misc]
    """GRPO where each token's advantage is its completion's, and its own fine and static rewards beside it.

    Program rewards are compared within their group as GRPO does. Token rewards have no baseline (RLTF eq. 9). A
    completion that we failed to judge is masked out of the loss, with its terms for KL and entropy.

    Args:
        model: As in `GRPOTrainer`.
        rewards: The reward functions, which also know the token rewards.
        reward_funcs: Other reward functions, which come after those of `rewards`.
        options: Everything else that `GRPOTrainer` takes, by name.

    Raises:
        ValueError: `importance_sampling_level` is `sequence`, where a token's advantage moves all tokens alike.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401
        rewards: ScorerRewards,
        *,
        reward_funcs: Sequence[RewardFunction] = (),
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(model, [*rewards.functions, *reward_funcs], **options)
        if self.importance_sampling_level != "token":
            found = self.importance_sampling_level
            raise ValueError(f"importance_sampling_level is {found!r}; allowed with token rewards: 'token'")
        self._rewards = rewards

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = super()._generate_and_score_completions(inputs)
        tokens = torch.zeros(batch["completion_ids"].shape, device=batch["advantages"].device)
        for row, feedback in zip(tokens, self._rewards.feedback, strict=True):
            row[: len(feedback.offsets)] = torch.from_numpy(feedback.token_rewards)
        batch["advantages"] = batch["advantages"].unsqueeze(1) + tokens
        batch["completion_mask"][[feedback.masked for feedback in self._rewards.feedback]] = 0
        return batch
