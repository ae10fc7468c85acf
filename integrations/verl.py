"""verl: a reward manager that fills `token_level_scores`, and an estimator that makes advantages of them.

    reward.reward_manager.source=importlib reward.reward_manager.name=TokenRewardManager
    reward.reward_manager.module.path=pkg://integrations.verl
    algorithm.adv_estimator=token_grpo

The scores of a response are the token rewards of its tokens, and on its last token the reward of the program. verl's
streaming trainer carries one number per response; `TokenRewardAgentLoop` carries all of them (docs/trainers.md).

Written for verl 0.9.
"""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from verl import DataProto
from verl.experimental.agent_loop.agent_loop import AgentLoopOutput
from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop
from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase
from verl.trainer.ppo.core_algos import compute_grpo_outcome_advantage, register_adv_est

from engine import Engine, Verdict
from feedback import CompletionFormat, Feedback, FinishReason, Scorer
from integrations.items import problem_of


def token_scores(feedback: Feedback) -> NDArray[np.float32]:
    """Lay a response's rewards on its tokens, [T]: each token's own, and on the last one the program's instead."""
    scores = feedback.token_rewards
    scores[-1:] = feedback.outcome("coarse") + feedback.outcome("adaptive")
    return scores


class TokenRewardManager(RewardManagerBase):  # type: ignore[misc]
    """Scores responses on a scorer of its own. `reward_model.ground_truth` of a row is its problem.

    `reward.reward_kwargs` may set `workers` (of each kind, 2), `extract` (`fence`) and `stop` (none).
    """

    def __init__(self, config: Any, tokenizer: Any, compute_score: Any = None, **_: Any) -> None:  # noqa: ANN401
        super().__init__(config, tokenizer, compute_score)
        options = {"workers": 2, "extract": "fence", "stop": (), **(config.reward.get("reward_kwargs") or {})}
        self._scorer = Scorer(
            tokenizer,
            Engine(options["workers"], options["workers"], trace_lines=True),
            completions=CompletionFormat(options["extract"], tuple(options["stop"])),
        )

    async def run_single(self, data: DataProto) -> dict[str, Any]:
        """Score one response.

        Raises:
            RuntimeError: its program could not be judged. verl then leaves its whole group out of the step.
        """
        item = data[-1]
        responses = item.batch["responses"]
        length = int(item.batch["attention_mask"][-responses.shape[-1] :].sum())
        ids = responses[:length].tolist()
        problem = problem_of(item.non_tensor_batch["reward_model"]["ground_truth"])
        reason = FinishReason.STOP if ids[-1:] == [self.tokenizer.eos_token_id] else FinishReason.LENGTH
        submitted = await asyncio.to_thread(self._scorer.submit, ids, problem, reason)  # submitting may block
        feedback = await asyncio.wrap_future(submitted)
        if feedback.masked:
            raise RuntimeError(f"{problem.id}: not judged: {feedback.report.execution.infra_reason}")
        execution = feedback.report.execution
        facts = {"acc": float(execution.verdict is Verdict.PASSED), "pass_ratio": execution.pass_ratio}
        return {"reward_score": token_scores(feedback).tolist(), "reward_extra_info": facts}

    @classmethod
    def assemble_rm_scores(cls, data: DataProto, scores: list[list[float]]) -> torch.Tensor:
        """Put the scores of a batch side by side, float32 [B, T]."""
        assembled = torch.zeros_like(data.batch["responses"], dtype=torch.float32)
        for row, values in zip(assembled, scores, strict=True):
            row[: len(values)] = torch.tensor(values)
        return assembled


class TokenRewardOutput(AgentLoopOutput):  # type: ignore[misc]
    """An agent loop's output whose `reward_score` is a list with one number for each response token."""

    reward_score: Any = None

    def as_dict(self) -> dict[str, Any]:
        """Give the fields that the trainer reads, with `rm_scores` as they are."""
        scores, self.reward_score = self.reward_score, None  # what verl would put on the last token
        fields: dict[str, Any] = super().as_dict()
        self.reward_score = scores
        if scores is not None:
            fields["rm_scores"] = torch.tensor(scores, dtype=torch.float32)
        return fields


class TokenRewardAgentLoop(SingleTurnAgentLoop):  # type: ignore[misc]
    """verl's single-turn loop with a `TokenRewardOutput`."""

    async def run(self, sampling_params: dict[str, Any], **kwargs: Any) -> TokenRewardOutput:  # noqa: ANN401
        """Sample one response."""
        output = await super().run(sampling_params, **kwargs)
        return TokenRewardOutput(**{name: getattr(output, name) for name in output.model_fields_set})


@register_adv_est("token_grpo")  # type: ignore[untyped-decorator]
def token_grpo_advantage(
    token_level_rewards: torch.Tensor,
    response_mask: torch.Tensor,
    index: NDArray[np.object_],
    config: Any = None,  # noqa: ANN401
    **_: Any,  # noqa: ANN401
) -> tuple[torch.Tensor, torch.Tensor]:
    """Make advantages of token scores: the program's relative to its group, as GRPO, and each token's own as it is.

    Args:
        token_level_rewards: [B, T] scores of the reward manager; leave `algorithm.use_kl_in_reward` off.
        response_mask: [B, T] 1 for tokens of the response.
        index: [B] the prompt that each response answers.
        config: verl's algorithm section.
        _: What other estimators are given.
    """
    last = response_mask.sum(dim=-1, keepdim=True).long().sub(1).clamp(min=0)
    programs = torch.zeros_like(token_level_rewards).scatter(1, last, token_level_rewards.gather(1, last))
    scaled = config is None or config.get("norm_adv_by_std_in_grpo", True)
    advantages, _returns = compute_grpo_outcome_advantage(
        programs, response_mask, index, norm_adv_by_std_in_grpo=scaled
    )
    advantages = (advantages + token_level_rewards - programs) * response_mask
    return advantages, advantages
