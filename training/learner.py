"""Learning in one process: weighted token losses, AdamW, gradient clipping, a linear schedule.

What this module does not do: know rewards, baselines or algorithms. Supervised and reinforcement terms reach it in the
same form, as weights on tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from training.config import OptimizerSection
from training.objective.loss import PLAIN, LossTerms, token_losses
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

    def accumulate(self, sequences: Sequence[WeightedSequence], divisor: float, terms: LossTerms = PLAIN) -> float:
        """Add the gradient of `sum(scale * token_losses) / divisor`; returns that loss.

        Sequences without a gradient (all weights zero, no KL or entropy term) are left out of the forward pass.
        """
        useful = [
            each for each in sequences if len(each.token_ids) and (terms.need_every_token or np.any(each.weights))
        ]
        total = 0.0
        for batch in micro_batches(useful, self._section.micro_batch_tokens):
            logprobs = sequence_logprobs(self._policy, batch)
            scales = _right_padded([torch.full((len(each.token_ids),), each.scale) for each in batch], logprobs)
            logprobs = logprobs.masked_fill(scales == 0, 0.0)  # padding is arbitrary there
            loss = token_losses(
                logprobs,
                _right_padded([torch.from_numpy(each.weights) for each in batch], logprobs),
                terms,
                old_logprobs=_optional([each.old_logprobs for each in batch], logprobs),
                reference_logprobs=_optional([each.reference_logprobs for each in batch], logprobs),
            )
            loss = (scales * loss).sum() / divisor
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


def micro_batches(sequences: Sequence[WeightedSequence], tokens: int) -> Iterator[list[WeightedSequence]]:
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


def _right_padded(rows: list[torch.Tensor], like: torch.Tensor) -> torch.Tensor:
    """[N, T] of rows of different lengths, zeros after them, on the device of `like`."""
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).to(like.device)


def _optional(rows: list[NDArray[np.float32] | None], like: torch.Tensor) -> torch.Tensor | None:
    """The same for what all sequences have, or none."""
    given = [torch.from_numpy(row) for row in rows if row is not None]
    if given and len(given) < len(rows):
        raise ValueError("old_logprobs and reference_logprobs: all sequences of a batch have them, or none")
    return _right_padded(given, like) if given else None
