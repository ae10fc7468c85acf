"""GSPO (Zheng et al. 2025, "Group Sequence Policy Optimization"): the ratio is that of whole sequences.

    s_i = (pi(y_i) / pi_old(y_i)) ^ (1 / T_i)        J = 1/G sum_i min(s_i A_i, clip(s_i, 1 - low, 1 + high) A_i)

A token's ratio has the value s_i and the token's own gradient (the paper's GSPO-token), so advantages may differ within
a sequence; where they do not, value and gradient are those of the formula above.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from training.algorithms.grpo import Grpo
from training.algorithms.loss import Loss
from training.sections import Clip, Weight

if TYPE_CHECKING:
    import torch


class Gspo(Grpo):
    """GRPO's advantages, with the ratio of sequences."""

    class Section(Grpo.Section):
        """A sequence's ratio moves far less than a token's, so the clip is narrow (their section 5.1)."""

        clip_low: Clip = 3e-4
        clip_high: Weight = 4e-4

    def loss(self) -> Loss:
        """Clip the ratio of sequences."""
        plain = super().loss()
        return SequenceLoss(plain.clip, plain.kl, plain.entropy)


@dataclass(frozen=True, slots=True)
class SequenceLoss(Loss):
    """The clipped surrogate around one ratio per sequence."""

    def ratio(self, logprobs: torch.Tensor, old_logprobs: torch.Tensor, real: torch.Tensor | None) -> torch.Tensor:
        """Compute the geometric mean of the token ratios, [N, T] with equal values in a row."""
        mask = logprobs.new_ones(logprobs.shape) if real is None else real
        means = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp(min=1)
        return (means.detach() + logprobs - logprobs.detach()).exp()
