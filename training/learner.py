"""Learning in one process: weighted log-likelihood, AdamW, gradient clipping, a linear schedule.

What this module does not do: know rewards, baselines or algorithms. Supervised and reinforcement terms reach it in the
same form, as weights on tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from training.config import OptimizerSection
from training.objective import policy_gradient_loss
from training.policy import Policy
from training.records import WeightedSequence


class LocalLearner:
    """The embedded `Learner`."""

    def __init__(self, policy: Policy, section: OptimizerSection, steps: int) -> None:
        self._policy = policy
        self._section = section
        self.optimizer = torch.optim.AdamW(
            policy.model.parameters(),
            lr=section.learning_rate,
            betas=(section.beta1, section.beta2),
            weight_decay=section.weight_decay,
        )

        def share_of_peak(step: int) -> float:
            if step < section.warmup_steps:
                return (step + 1) / (section.warmup_steps + 1)
            left = max(0.0, 1 - (step - section.warmup_steps) / max(1, steps - section.warmup_steps))
            return section.final_fraction + (1 - section.final_fraction) * left

        self._schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, share_of_peak)

    def accumulate(self, sequences: Sequence[WeightedSequence], divisor: float) -> float:
        """Add the gradient of `-sum(weights * logprobs) / divisor`; returns that loss.

        Sequences whose weights are all zero have no gradient and are left out of the forward pass.
        """
        useful = [sequence for sequence in sequences if np.any(sequence.weights)]
        total = 0.0
        for batch in _micro_batches(useful, self._section.micro_batch_tokens):
            weights = _right_padded([torch.from_numpy(sequence.weights) for sequence in batch], 0.0)
            logprobs = sequence_logprobs(self._policy, batch)
            loss = policy_gradient_loss(logprobs, weights.to(logprobs.device), divisor)
            torch.autograd.backward(loss)
            total += loss.item()
        return total

    def update(self) -> dict[str, float]:
        """One AdamW step with the accumulated gradient, clipped to its largest norm.

        Raises:
            FloatingPointError: the gradient is not finite; the weights are left as they were.
        """
        parameters = self._policy.model.parameters()
        norm = float(torch.nn.utils.clip_grad_norm_(parameters, self._section.gradient_clip))
        if not np.isfinite(norm):
            self.optimizer.zero_grad(set_to_none=True)
            raise FloatingPointError(f"gradient norm is {norm}")
        metrics = {"gradient_norm": norm, "learning_rate": float(self._schedule.get_last_lr()[0])}
        self.optimizer.step()
        self._schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        return metrics

    def state(self) -> dict[str, Any]:
        """Optimizer and schedule, for a checkpoint."""
        return {"optimizer": self.optimizer.state_dict(), "schedule": self._schedule.state_dict()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from `state()`."""
        self.optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])


def sequence_logprobs(policy: Policy, sequences: Sequence[WeightedSequence]) -> torch.Tensor:
    """Log-probability of every token of every sequence, float32 [N, longest T]; padding is arbitrary.

    Prompts are padded on the left and responses on the right, so that responses start in one column and only their
    positions go through the language-model head.
    """
    width = max(len(sequence.prompt_ids) for sequence in sequences)
    length = max(len(sequence.token_ids) for sequence in sequences)
    ids = torch.full((len(sequences), width + length), policy.pad_id)
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        start, end = width - len(sequence.prompt_ids), width + len(sequence.token_ids)
        ids[row, start:end] = torch.tensor((*sequence.prompt_ids, *sequence.token_ids))
        mask[row, start:end] = 1
    ids, mask = ids.to(policy.device), mask.to(policy.device)
    output = policy.model(
        ids,
        attention_mask=mask,
        position_ids=(mask.cumsum(1) - 1).clamp(min=0),
        use_cache=False,
        logits_to_keep=torch.arange(width - 1, width + length - 1, device=ids.device),
    )
    logits = output.logits.float()
    chosen = logits.gather(2, ids[:, width:, None]).squeeze(2)
    logprobs: torch.Tensor = chosen - logits.logsumexp(dim=2)
    return logprobs


def _micro_batches(sequences: Sequence[WeightedSequence], tokens: int) -> Iterator[list[WeightedSequence]]:
    """Sequences of similar length together, at most `tokens` padded tokens in each batch (at least one sequence)."""

    def size(sequence: WeightedSequence) -> int:
        return len(sequence.prompt_ids) + len(sequence.token_ids)

    batch: list[WeightedSequence] = []
    for sequence in sorted(sequences, key=size):
        if batch and size(sequence) * (len(batch) + 1) > tokens:
            yield batch
            batch = []
        batch.append(sequence)
    if batch:
        yield batch


def _right_padded(rows: list[torch.Tensor], value: float) -> torch.Tensor:
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value)
