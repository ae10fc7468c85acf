"""The loss of each token, as tensor functions: policy gradient, clipped surrogate, KL to a reference, entropy.

What this module does not do: run a model or know rewards; weights are constants here.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class LossTerms:
    """What stands in a token's loss beside its weighted log-probability."""

    clip: tuple[float, float] | None = None
    """(low, high): where old log-probabilities are known, the ratio to them is clipped to 1 - low .. 1 + high."""
    kl: float = 0.0
    """Weight of the KL divergence from the reference policy; needs reference log-probabilities."""
    entropy: float = 0.0
    """Weight of the entropy of the policy's next-token distribution, which is rewarded."""

    @property
    def need_every_token(self) -> bool:
        """Whether tokens of weight 0 have a gradient too."""
        return bool(self.kl or self.entropy)


PLAIN = LossTerms()


def token_losses(
    logprobs: torch.Tensor,
    weights: torch.Tensor,
    terms: LossTerms = PLAIN,
    *,
    old_logprobs: torch.Tensor | None = None,
    reference_logprobs: torch.Tensor | None = None,
    entropies: torch.Tensor | None = None,
) -> torch.Tensor:
    """`-surrogate + kl * KL - entropy * H` of each token, in the shape of `logprobs`.

    Args:
        logprobs: [N, T] under the policy that learns.
        weights: [N, T] constants.
        terms: What is added up, and how much of it.
        old_logprobs: [N, T] under the policy that sampled; None, or no clip configured: plain REINFORCE (eq. 2).
        reference_logprobs: [N, T] under the reference; needed where `terms.kl` is not 0.
        entropies: [N, T]; needed where `terms.entropy` is not 0.

    Raises:
        ValueError: a term has a weight and its input is missing.
    """
    if terms.clip is not None and old_logprobs is not None:
        loss = -clipped_surrogate(logprobs, old_logprobs, weights, *terms.clip)
    else:
        loss = -weights * logprobs
    if terms.kl:
        if reference_logprobs is None:
            raise ValueError("a KL term needs reference_logprobs")
        loss = loss + terms.kl * kl_estimate(logprobs, reference_logprobs)
    if terms.entropy:
        if entropies is None:
            raise ValueError("an entropy term needs entropies")
        loss = loss - terms.entropy * entropies
    return loss


def clipped_surrogate(
    logprobs: torch.Tensor, old_logprobs: torch.Tensor, weights: torch.Tensor, low: float, high: float
) -> torch.Tensor:
    """`min(r w, clip(r, 1 - low, 1 + high) w)` with `r = exp(logprobs - old_logprobs)`.

    PPO (Schulman et al. 2017, eq. 7) with a bound of its own on each side (DAPO, eq. 10, "clip-higher").
    """
    ratio = torch.exp(logprobs - old_logprobs)
    return torch.minimum(ratio * weights, ratio.clamp(1 - low, 1 + high) * weights)


def kl_estimate(logprobs: torch.Tensor, reference_logprobs: torch.Tensor) -> torch.Tensor:
    """`q/p - log(q/p) - 1` for tokens drawn from p: unbiased for KL(p || q), never negative (GRPO, eq. 4; "k3").

    The gradient goes through the estimate.
    """
    difference = reference_logprobs - logprobs
    return torch.exp(difference) - difference - 1


def telemetry(
    logprobs: torch.Tensor,
    real: torch.Tensor,
    terms: LossTerms,
    *,
    old_logprobs: torch.Tensor | None = None,
    reference_logprobs: torch.Tensor | None = None,
    entropies: torch.Tensor | None = None,
) -> dict[str, torch.Tensor]:
    """What to watch of each real token, [tokens] each: distance from sampler and reference, clipping, entropy."""
    found = {}
    if old_logprobs is not None:
        found["policy/kl_from_sampler"] = kl_estimate(logprobs, old_logprobs)
    if old_logprobs is not None and terms.clip is not None:
        ratio = torch.exp(logprobs - old_logprobs)
        found["policy/clipped_share"] = ((ratio < 1 - terms.clip[0]) | (ratio > 1 + terms.clip[1])).float()
    if reference_logprobs is not None:
        found["policy/kl_from_reference"] = kl_estimate(logprobs, reference_logprobs)
    if entropies is not None:
        found["policy/entropy"] = entropies
    return {name: values.detach()[real] for name, values in found.items()}
