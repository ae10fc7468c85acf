"""Measure how well a step used the machine: tokens per second, share of the peak operations, memory.

Only matrix products count: two operations per weight and token forwards, twice that backwards (Kaplan et al. 2020), and
once more forwards with gradient checkpointing. Attention scores and the loss are left out, so the figure is a lower
bound.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers.pytorch_utils import Conv1D

from training.models.families import is_encoder_decoder, network
from training.models.policy import Policy
from training.records import Rollout

_PEAK_SIDE: dict[str, int] = {"cuda": 8192, "cpu": 1024}
_PEAK_TRIES = 3


@dataclass(frozen=True, slots=True)
class Tokens:
    """Numbers of tokens that a model processed, in prompts (each once where they are shared) and in responses."""

    read: int
    written: int


def sampled_tokens(rollouts: Sequence[Rollout]) -> Tokens:
    """Count the tokens that sampling these rollouts took, with each prompt once."""
    return Tokens(
        sum(map(len, {rollout.prompt_ids for rollout in rollouts})),
        sum(len(rollout.token_ids) for rollout in rollouts),
    )


class Performance:
    """Counts a policy's floating-point work against what its device can do.

    Args:
        policy: The model.
        peak_tflops: The device's peak in 10^12 operations per second. 0 measures it with one large product.
        devices: Number of devices that share the counted work.
    """

    def __init__(self, policy: Policy, peak_tflops: float = 0.0, devices: int = 1) -> None:
        self._policy = policy
        self.peak = devices * (peak_tflops * 1e12 or measured_peak(policy))
        inner = network(policy.model)
        writer: int = _matrices(inner.get_decoder())
        self._written: int = writer + inner.get_output_embeddings().weight.numel()
        self._read: int = _matrices(inner.get_encoder()) if is_encoder_decoder(policy.model) else writer

    def metrics(self, sampled: Tokens, learned: Tokens, seconds: float, sampling_seconds: float) -> dict[str, float]:
        """Compute a step's figures from the tokens that it sampled and learned and the seconds that it took."""
        passes = 4 if self._policy.section.gradient_checkpointing else 3
        operations = self.forward(sampled) + passes * self.forward(learned)
        return {
            "tokens_per_second": sampled.written / seconds,
            "tokens_per_second/sampling": sampled.written / max(1e-9, sampling_seconds),
            "flops_utilisation": operations / seconds / self.peak,
            "memory/peak_gib": peak_memory(self._policy.device) / 2**30,
        }

    def forward(self, tokens: Tokens) -> float:
        """Count the operations of one forward pass."""
        return 2.0 * (tokens.read * self._read + tokens.written * self._written)


def measured_peak(policy: Policy) -> float:
    """Measure operations per second of a large matrix product in the policy's type, the best of a few."""
    side = _PEAK_SIDE.get(policy.device.type, 1024)
    dtype = getattr(torch, policy.section.dtype)
    left = torch.ones((side, side), dtype=dtype, device=policy.device)
    best = float("inf")
    for _ in range(_PEAK_TRIES):
        begin = time.perf_counter()
        (left @ left)[0, 0].item()  # waits for the device
        best = min(best, time.perf_counter() - begin)
    operations = 2.0 * side * side * side
    return operations / best


def peak_memory(device: torch.device) -> float:
    """Return the peak memory so far in bytes: the device's allocations, or this process's memory on the CPU."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * 1024


def _matrices(module: Any) -> int:  # noqa: ANN401
    return sum(layer.weight.numel() for layer in module.modules() if isinstance(layer, (torch.nn.Linear, Conv1D)))
