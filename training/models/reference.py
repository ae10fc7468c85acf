"""The reference policy of a KL term has the frozen weights that the run started from (`model.name`)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
import torch
from numpy.typing import NDArray

from training.models.adapters import without_adapter
from training.models.batching import micro_batches, sequence_logprobs
from training.models.policy import Policy, load_policy
from training.records import WeightedSequence


class Reference:
    """A frozen policy that scores sequences as at the start of the run.

    Args:
        policy: The initial policy with weights of its own, or one with an adapter, which is switched off here.
        micro_batch_tokens: Padded tokens in one forward pass.
    """

    def __init__(self, policy: Policy, micro_batch_tokens: int) -> None:
        if without_adapter(policy.model) is None:
            policy.model.requires_grad_(False)
        self._policy = policy
        self._tokens = micro_batch_tokens

    @torch.inference_mode()
    def logprobs(self, sequences: Sequence[WeightedSequence]) -> list[NDArray[np.float32]]:
        """Score each token of each sequence, float32 [T] each, in the order given."""
        found: dict[int, NDArray[np.float32]] = {}
        with without_adapter(self._policy.model) or nullcontext():
            for batch in micro_batches(sequences, self._tokens):
                for sequence, row in zip(batch, sequence_logprobs(self._policy, batch).cpu().numpy(), strict=True):
                    found[id(sequence)] = row[: len(sequence.token_ids)].copy()
        return [found[id(sequence)] for sequence in sequences]


def open_reference(policy: Policy, micro_batch_tokens: int) -> Reference:
    """Open the reference of a KL term: the policy without its adapter, or its initial weights once more."""
    initial = policy if policy.section.lora_rank else load_policy(policy.section)
    return Reference(initial, micro_batch_tokens)
