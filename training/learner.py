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
from training.models.forward import reads_prompts_once, response_logprobs
from training.objective.loss import PLAIN, LossTerms, telemetry, token_losses
from training.optimizer import make_optimizer
from training.policy import Policy
from training.records import WeightedSequence


class LocalLearner:
    """The embedded `Learner`."""

    def __init__(self, policy: Policy, section: OptimizerSection, steps: int) -> None:
        self._policy = policy
        self._section = section
        self.optimizer = make_optimizer(policy.trained, section)
        half = policy.section.dtype == "float16"  # whose gradients would underflow
        self._scaler = torch.amp.GradScaler(policy.device.type, enabled=half)

        def share_of_peak(step: int) -> float:
            if step < section.warmup_steps:
                return (step + 1) / (section.warmup_steps + 1)
            left = max(0.0, 1 - (step - section.warmup_steps) / max(1, steps - section.warmup_steps))
            return section.final_fraction + (1 - section.final_fraction) * left

        self._watched: dict[str, list[torch.Tensor]] = {}
        self._tokens = [0, 0, 0]
        self._schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, share_of_peak)

    def accumulate(self, sequences: Sequence[WeightedSequence], divisor: float, terms: LossTerms = PLAIN) -> float:
        """Add the gradient of `sum(scale * token_losses) / divisor`; returns that loss.

        Sequences without a gradient (all weights zero, no KL or entropy term) are left out of the forward pass.
        """
        batches = self._micro_batches(with_gradient(sequences, terms))
        return sum((self._learn(batch, divisor, terms) for batch in batches), 0.0)

    def _micro_batches(self, sequences: Sequence[WeightedSequence]) -> list[list[WeightedSequence]]:
        shared = reads_prompts_once(self._policy)
        return list(micro_batches(sequences, self._section.micro_batch_tokens, shared=shared))

    def _learn(self, batch: list[WeightedSequence], divisor: float, terms: LossTerms) -> float:
        """Add the gradient of one micro batch; returns its part of the loss."""
        counted = batch_tokens(batch, shared=reads_prompts_once(self._policy))
        self._tokens = [sum(pair) for pair in zip(self._tokens, counted, strict=True)]
        logprobs, entropies = self._logprobs(batch, entropy=bool(terms.entropy))
        scales = _right_padded([torch.full((len(each.token_ids),), each.scale) for each in batch], logprobs)
        given = {
            "old_logprobs": _optional([each.old_logprobs for each in batch], logprobs),
            "reference_logprobs": _optional([each.reference_logprobs for each in batch], logprobs),
            "entropies": entropies,
        }
        weights = _right_padded([torch.from_numpy(each.weights) for each in batch], logprobs)
        loss = (scales * token_losses(logprobs, weights, terms, **given)).sum() / divisor
        torch.autograd.backward(self._scaler.scale(loss))
        for name, values in telemetry(logprobs, scales > 0, terms, **given).items():
            self._watched.setdefault(name, []).append(values)
        return loss.item()

    def _logprobs(
        self, batch: Sequence[WeightedSequence], *, entropy: bool
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        prompts, responses = [each.prompt_ids for each in batch], [each.token_ids for each in batch]
        return response_logprobs(self._policy, prompts, responses, entropy=entropy)

    def update(self) -> dict[str, float]:
        """One AdamW step with the accumulated gradient, clipped to its largest norm.

        Its metrics are the norm, the learning rate, and means over the accumulated tokens (`objective.telemetry`).
        In float16 the loss is scaled up; where that overflows, the step is left out, counted, and the scale halved.

        Raises:
            FloatingPointError: the gradient is not finite; the weights are left as they were.
        """
        self._scaler.unscale_(self.optimizer)
        norm = self._clipped_norm()
        too_large = not np.isfinite(norm) and self._scaler.is_enabled() and self._scaler.get_scale() > 1
        if not np.isfinite(norm) and not too_large:
            self.optimizer.zero_grad(set_to_none=True)
            raise FloatingPointError(f"gradient norm is {norm}")
        metrics = {"gradient_norm": norm, "learning_rate": float(self._schedule.get_last_lr()[0])}
        metrics |= self._telemetry()
        self._watched.clear()
        read, written, computed = self._tokens
        self._tokens = [0, 0, 0]
        metrics |= {"learned/prompt_tokens": read, "learned/response_tokens": written}
        metrics["padding_share"] = 1 - (read + written) / max(1, computed)
        if self._scaler.is_enabled():
            metrics |= {"loss_scale": self._scaler.get_scale(), "optimizer/skipped": float(too_large)}
        if norm or not self._scaler.is_enabled():
            self._scaler.step(self.optimizer)  # leaves the weights alone where float16 overflowed
            self._scaler.update()
        if not too_large:
            self._schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        return metrics

    def _clipped_norm(self) -> float:
        return float(torch.nn.utils.clip_grad_norm_(self._policy.trained, self._section.gradient_clip))

    def _telemetry(self) -> dict[str, float]:
        """Means over the accumulated tokens."""
        return {name: float(torch.cat(values).mean()) for name, values in self._watched.items()}

    def state(self) -> dict[str, Any]:
        """Optimizer, schedule and loss scale, for a checkpoint."""
        return {
            "optimizer": self.optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "scaler": self._scaler.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from `state()`."""
        self.optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        self._scaler.load_state_dict(state["scaler"])


def sequence_logprobs(policy: Policy, sequences: Sequence[WeightedSequence]) -> torch.Tensor:
    """Log-probability of every token of every sequence, float32 [N, longest T].

    Padding is 0. Each prompt is read once, and only response tokens go through the head (`training.models.forward`).
    """
    prompts = [sequence.prompt_ids for sequence in sequences]
    return response_logprobs(policy, prompts, [sequence.token_ids for sequence in sequences])[0]


def with_gradient(sequences: Sequence[WeightedSequence], terms: LossTerms) -> list[WeightedSequence]:
    """Those that a loss of these terms has a gradient on."""
    return [each for each in sequences if len(each.token_ids) and (terms.need_every_token or np.any(each.weights))]


def micro_batches(
    sequences: Sequence[WeightedSequence], tokens: int, *, shared: bool = True
) -> Iterator[list[WeightedSequence]]:
    """Sequences of similar length together, those of one prompt side by side (it is read once).

    At most `tokens` padded tokens in each batch: its different prompts and its responses (at least one sequence). Where
    prompts are not `shared` every sequence counts its own.
    """
    groups: dict[object, list[WeightedSequence]] = {}
    for sequence in sequences:
        groups.setdefault(sequence.prompt_ids if shared else id(sequence), []).append(sequence)

    def longest(group: list[WeightedSequence]) -> int:
        return max(len(sequence.prompt_ids) + len(sequence.token_ids) for sequence in group)

    batch: list[WeightedSequence] = []
    prompts = prompt = response = 0  # how many, and the longest of each
    for group in sorted(groups.values(), key=longest):
        for index, sequence in enumerate(sorted(group, key=lambda each: len(each.token_ids))):
            prompts += index == 0 or not batch
            prompt, response = max(prompt, len(sequence.prompt_ids)), max(response, len(sequence.token_ids))
            if batch and prompts * prompt + (len(batch) + 1) * response > tokens:
                yield batch
                batch, prompts = [], 1
                prompt, response = len(sequence.prompt_ids), len(sequence.token_ids)
            batch.append(sequence)
    if batch:
        yield batch


def batch_tokens(sequences: Sequence[WeightedSequence], *, shared: bool) -> tuple[int, int, int]:
    """Tokens of a batch's prompts and of its responses, and how many are computed for them, padding included."""
    prompts = [sequence.prompt_ids for sequence in sequences]
    prompts = list(dict.fromkeys(prompts)) if shared else prompts
    read, written = sum(map(len, prompts)), sum(len(sequence.token_ids) for sequence in sequences)
    if len(prompts) == len(sequences):  # read and written in one go
        longest = max(len(sequence.prompt_ids) + len(sequence.token_ids) for sequence in sequences)
        return read, written, longest * len(sequences)
    response = max(len(sequence.token_ids) for sequence in sequences)
    return read, written, max(map(len, prompts)) * len(prompts) + response * len(sequences)


def _right_padded(rows: list[torch.Tensor], like: torch.Tensor) -> torch.Tensor:
    """[N, T] of rows of different lengths, zeros after them, on the device of `like`."""
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).to(like.device)


def _optional(rows: list[NDArray[np.float32] | None], like: torch.Tensor) -> torch.Tensor | None:
    """The same for what all sequences have, or none."""
    given = [torch.from_numpy(row) for row in rows if row is not None]
    if given and len(given) < len(rows):
        raise ValueError("old_logprobs and reference_logprobs: all sequences of a batch have them, or none")
    return _right_padded(given, like) if given else None
