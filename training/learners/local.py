"""Learn in one process from weighted token losses, with AdamW, gradient clipping and a linear schedule.

Supervised and reinforcement terms arrive in the same form, as weights on tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from training.algorithms.loss import PLAIN, Loss
from training.learners.base import Learner
from training.learners.optimizer import make_optimizer
from training.models.batching import batch_tokens, micro_batches, with_gradient
from training.models.forward import reads_prompts_once, response_logprobs
from training.models.policy import Policy
from training.records import WeightedSequence
from training.sections import OptimizerSection


class LocalLearner(Learner):
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

    def accumulate(self, sequences: Sequence[WeightedSequence], divisor: float, loss: Loss = PLAIN) -> float:
        """Add the gradient of `sum(scale * loss of tokens) / divisor`. Returns that loss.

        Sequences without a gradient (all weights zero, no KL or entropy term) are left out of the forward pass.
        """
        batches = self._micro_batches(with_gradient(sequences, loss.needs_every_token))
        return sum((self._learn(batch, divisor, loss) for batch in batches), 0.0)

    def _micro_batches(self, sequences: Sequence[WeightedSequence]) -> list[list[WeightedSequence]]:
        shared = reads_prompts_once(self._policy)
        return list(micro_batches(sequences, self._section.micro_batch_tokens, shared=shared))

    def _learn(self, batch: list[WeightedSequence], divisor: float, loss: Loss) -> float:
        """Add the gradient of one micro-batch. Returns its part of the loss."""
        counted = batch_tokens(batch, shared=reads_prompts_once(self._policy))
        self._tokens = [sum(pair) for pair in zip(self._tokens, counted, strict=True)]
        logprobs, entropies = self._logprobs(batch, entropy=bool(loss.entropy))
        scales = _right_padded([_scales(sequence) for sequence in batch], logprobs)
        real = scales > 0
        known = {
            "old_logprobs": _optional([sequence.old_logprobs for sequence in batch], logprobs),
            "reference_logprobs": _optional([sequence.reference_logprobs for sequence in batch], logprobs),
            "entropies": entropies,
        }
        weights = _right_padded([torch.from_numpy(sequence.weights) for sequence in batch], logprobs)
        total = (scales * loss.of_tokens(logprobs, weights, real=real, **known)).sum() / divisor
        torch.autograd.backward(self._scaler.scale(total))
        for name, values in loss.telemetry(logprobs, real, **known).items():
            self._watched.setdefault(name, []).append(values)
        return total.item()

    def _logprobs(
        self, batch: Sequence[WeightedSequence], *, entropy: bool
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        prompts, responses = [sequence.prompt_ids for sequence in batch], [sequence.token_ids for sequence in batch]
        return response_logprobs(self._policy, prompts, responses, entropy=entropy)

    def update(self) -> dict[str, float]:
        """Take one AdamW step with the accumulated gradient, clipped to its maximum norm.

        The metrics are the norm, the learning rate, and means over the accumulated tokens (`Loss.telemetry`). In
        float16 the loss is scaled up. Where that overflows, the step is skipped and counted, and the scale is halved.

        Raises:
            FloatingPointError: the gradient is not finite. The weights are left as they were.
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
        """Compute means over the accumulated tokens."""
        return {name: float(torch.cat(values).mean()) for name, values in self._watched.items()}

    def state(self) -> dict[str, Any]:
        """Return the state of optimizer, schedule and loss scale, for a checkpoint."""
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


def _scales(sequence: WeightedSequence) -> torch.Tensor:
    """Return the factor on each token's loss, [T]. It is 0 on tokens that were given and not drawn."""
    scales = torch.full((len(sequence.token_ids),), sequence.scale)
    scales[: sequence.begun] = 0
    return scales


def _right_padded(rows: list[torch.Tensor], like: torch.Tensor) -> torch.Tensor:
    """Pad rows of different lengths with zeros on the right, [N, T], on the device of `like`."""
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).to(like.device)


def _optional(rows: list[NDArray[np.float32] | None], like: torch.Tensor) -> torch.Tensor | None:
    """Pad rows that either all sequences have or none."""
    given = [torch.from_numpy(row) for row in rows if row is not None]
    if given and len(given) < len(rows):
        raise ValueError("old_logprobs and reference_logprobs: all sequences of a batch have them, or none")
    return _right_padded(given, like) if given else None
