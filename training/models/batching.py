"""Put sequences into batches that fit into memory, and compute their log-probabilities under a policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from training.models.forward import response_logprobs
from training.models.policy import Policy
from training.records import WeightedSequence


def sequence_logprobs(policy: Policy, sequences: Sequence[WeightedSequence]) -> torch.Tensor:
    """Compute the log-probability of every token of every sequence, float32 [N, longest T].

    Padding is 0. Each prompt is read once, and only response tokens go through the head (`training.models.forward`).
    """
    prompts = [sequence.prompt_ids for sequence in sequences]
    return response_logprobs(policy, prompts, [sequence.token_ids for sequence in sequences])[0]


def with_gradient(sequences: Sequence[WeightedSequence], every_token: bool) -> list[WeightedSequence]:
    """Leave out sequences that no gradient comes from.

    Args:
        sequences: Any.
        every_token: Whether the loss has a gradient on tokens of weight 0 too.
    """
    return [
        sequence
        for sequence in sequences
        if len(sequence.token_ids) > sequence.begun and (every_token or np.any(sequence.weights))
    ]


def micro_batches(
    sequences: Sequence[WeightedSequence], tokens: int, *, shared: bool = True
) -> Iterator[list[WeightedSequence]]:
    """Put sequences of similar length together. Those of one prompt stay side by side, because it is read once.

    Each batch has at most `tokens` padded tokens of prompts and responses, or one sequence. Where prompts are not
    `shared`, every sequence counts its own prompt.
    """
    groups: dict[object, list[WeightedSequence]] = {}
    for sequence in sequences:
        groups.setdefault(sequence.prompt_ids if shared else id(sequence), []).append(sequence)

    def longest(group: list[WeightedSequence]) -> int:
        return max(len(sequence.prompt_ids) + len(sequence.token_ids) for sequence in group)

    batch: list[WeightedSequence] = []
    prompts = prompt = response = 0  # how many, and the longest of each
    for group in sorted(groups.values(), key=longest):
        for index, sequence in enumerate(sorted(group, key=lambda member: len(member.token_ids))):
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
    """Count the tokens of a batch's prompts, of its responses, and of the whole computation with its padding."""
    prompts = [sequence.prompt_ids for sequence in sequences]
    prompts = list(dict.fromkeys(prompts)) if shared else prompts
    read, written = sum(map(len, prompts)), sum(len(sequence.token_ids) for sequence in sequences)
    if len(prompts) == len(sequences):  # read and written in one go
        longest = max(len(sequence.prompt_ids) + len(sequence.token_ids) for sequence in sequences)
        return read, written, longest * len(sequences)
    response = max(len(sequence.token_ids) for sequence in sequences)
    return read, written, max(map(len, prompts)) * len(prompts) + response * len(sequences)
