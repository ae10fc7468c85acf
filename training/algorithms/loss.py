"""The loss of each token, as functions of tensors: policy gradient, clipped surrogate, KL to a reference, entropy.

Weights are constants here. The file calls methods of tensors alone, so that reading a configuration loads no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Loss:
    """`-surrogate + kl * KL - entropy * H` of each token. Another surrogate is a subclass."""

    clip: tuple[float, float] | None = None
    """(low, high): where old log-probabilities are known, the ratio to them is clipped to 1 - low .. 1 + high."""
    kl: float = 0.0
    """Weight of the KL divergence from the reference policy. Needs reference log-probabilities."""
    entropy: float = 0.0
    """Weight of the entropy of the policy's next-token distribution, which is rewarded."""

    @property
    def needs_every_token(self) -> bool:
        """Whether tokens of weight 0 have a gradient too."""
        return bool(self.kl or self.entropy)

    def of_tokens(
        self,
        logprobs: torch.Tensor,
        weights: torch.Tensor,
        *,
        real: torch.Tensor | None = None,
        old_logprobs: torch.Tensor | None = None,
        reference_logprobs: torch.Tensor | None = None,
        entropies: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Compute the loss of each token, in the shape of `logprobs`.

        Args:
            logprobs: [N, T] under the policy that learns.
            weights: [N, T] constants.
            real: [N, T] False on padding and on tokens that were given; None: all are real.
            old_logprobs: [N, T] under the policy that sampled; None, or no clip: plain REINFORCE (RLTF eq. 2).
            reference_logprobs: [N, T] under the reference; needed where `kl` is not 0.
            entropies: [N, T]; needed where `entropy` is not 0.

        Raises:
            ValueError: a term has a weight and its input is missing.
        """
        if self.clip is not None and old_logprobs is not None:
            loss = -clipped(self.ratio(logprobs, old_logprobs, real), weights, *self.clip)
        else:
            loss = -weights * logprobs
        if self.kl:
            if reference_logprobs is None:
                raise ValueError("a KL term needs reference_logprobs")
            loss = loss + self.kl * kl_estimate(logprobs, reference_logprobs)
        if self.entropy:
            if entropies is None:
                raise ValueError("an entropy term needs entropies")
            loss = loss - self.entropy * entropies
        return loss

    def ratio(
        self,
        logprobs: torch.Tensor,
        old_logprobs: torch.Tensor,
        real: torch.Tensor | None,  # noqa: ARG002
    ) -> torch.Tensor:
        """Compute the ratio of new to sampling policy, [N, T]: here of each token alone."""
        return (logprobs - old_logprobs).exp()

    def telemetry(
        self,
        logprobs: torch.Tensor,
        real: torch.Tensor,
        *,
        old_logprobs: torch.Tensor | None = None,
        reference_logprobs: torch.Tensor | None = None,
        entropies: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        """Measure each real token, [tokens] each: distance from sampler and reference, clipping, entropy."""
        measured = {}
        if old_logprobs is not None:
            measured["policy/kl_from_sampler"] = kl_estimate(logprobs, old_logprobs)
        if old_logprobs is not None and self.clip is not None:
            ratio, (low, high) = self.ratio(logprobs, old_logprobs, real), self.clip
            measured["policy/clipped_share"] = ((ratio < 1 - low) | (ratio > 1 + high)).float()
        if reference_logprobs is not None:
            measured["policy/kl_from_reference"] = kl_estimate(logprobs, reference_logprobs)
        if entropies is not None:
            measured["policy/entropy"] = entropies
        return {name: values.detach()[real] for name, values in measured.items()}


PLAIN = Loss()


def clipped(ratio: torch.Tensor, weights: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """Compute `min(r w, clip(r, 1 - low, 1 + high) w)`.

    PPO (Schulman et al. 2017, eq. 7) with a bound of its own on each side (DAPO, eq. 10, "clip-higher").
    """
    return (ratio * weights).minimum(ratio.clamp(1 - low, 1 + high) * weights)


def kl_estimate(logprobs: torch.Tensor, reference_logprobs: torch.Tensor) -> torch.Tensor:
    """Estimate KL(p || q) of tokens drawn from p: `q/p - log(q/p) - 1` (GRPO, eq. 4; "k3").

    The estimate is unbiased and never negative, and the gradient goes through it.
    """
    difference = reference_logprobs - logprobs
    return difference.exp() - difference - 1
