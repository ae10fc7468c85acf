"""Run a policy so that each prompt is read once, and everything sampled or learned continues from it.

A decoder-only model's prompt becomes a key-value cache. An encoder-decoder's prompt becomes the encoder's states and
the cache of its cross-attention. Both are kept once for all samples of a problem, in sampling and in learning, where
gradients flow through the cache. A group of G samples therefore costs P + G * T tokens and not G * (P + T).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.checkpoint import checkpoint
from transformers import DynamicCache, EncoderDecoderCache

from training.models.cache import write_in_place
from training.models.families import (
    checkpointed_layers,
    is_encoder_decoder,
    network,
    run_body,
    run_encoder,
    run_head,
    start_id,
)

if TYPE_CHECKING:
    from training.models.policy import Policy

CHUNK = 1 << 25
"""Number of logits made at once (128 MiB of float32), which is rows of the chunk times the vocabulary."""


class Prefix:
    """Prompts that were read, with the tokens written after each of them so far.

    Args:
        policy: The model.
        prompts: Token ids of each prompt.
    """

    def __init__(self, policy: Policy, prompts: Sequence[Sequence[int]]) -> None:
        self._model = policy.model
        self._encoded: torch.Tensor | None = None
        self._cache: Any
        if is_encoder_decoder(policy.model):
            ids, self._mask = padded(policy, prompts, left=False)
            self._encoded = run_encoder(self._model, ids, self._mask)
            self._cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
            self._next = torch.zeros(len(prompts), dtype=torch.long, device=ids.device)
            start = torch.full((len(prompts), 1), start_id(self._model), device=ids.device)
            states = self.extend(start)
        else:
            ids, self._mask = padded(policy, prompts, left=True)
            positions = (self._mask.cumsum(1) - 1).clamp(min=0)
            states, self._cache = run_body(
                self._model, ids, attention_mask=self._mask, use_cache=True, **self._positions(positions)
            )
            self._next = positions[:, -1] + 1
        self.last: torch.Tensor = states[:, -1]
        """The state from which the first token of each response is drawn, [B, H]."""

    def write_in_place(self) -> None:
        """Write further tokens in place, without copying the cache to grow it. Nothing here may need a gradient."""
        write_in_place(self._cache if self._encoded is None else self._cache.self_attention_cache)

    def select(self, rows: torch.Tensor) -> None:
        """Keep these rows, [B'], in this order. A row may come several times."""
        self._cache.batch_select_indices(rows)
        self._mask, self._next, self.last = self._mask[rows], self._next[rows], self.last[rows]
        if self._encoded is not None:
            self._encoded = self._encoded[rows]

    def extend(self, tokens: torch.Tensor, real: torch.Tensor | None = None) -> torch.Tensor:
        """Write tokens after each row, [B, n]. Returns their final states [B, n, H].

        `real` [B, n] is 0 where a row is padded on its right. Nothing may be written after padding.
        """
        if self._encoded is not None:
            states, self._cache = run_body(
                self._model,
                tokens,
                cache=self._cache,
                use_cache=True,
                encoder_hidden_states=self._encoded,
                encoder_attention_mask=self._mask,
            )
            return states
        added = self._mask.new_ones(tokens.shape) if real is None else real.to(self._mask.dtype)
        self._mask = torch.cat([self._mask, added], dim=1)
        positions = self._next[:, None] + torch.arange(tokens.shape[1], device=tokens.device)
        self._next = self._next + tokens.shape[1]
        states, self._cache = run_body(
            self._model,
            tokens,
            attention_mask=self._mask,
            cache=self._cache,
            use_cache=True,
            **self._positions(positions),
        )
        return states

    def _positions(self, positions: torch.Tensor) -> dict[str, torch.Tensor]:
        takes = _takes_positions(type(network(self._model).get_decoder()).forward)
        return {"position_ids": positions} if takes else {}  # ALiBi models have none


def response_logprobs(
    policy: Policy, prompts: Sequence[Sequence[int]], responses: Sequence[Sequence[int]], *, entropy: bool = False
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Compute each response token's log-probability, float32 [N, longest T], and the entropy of its distribution.

    Padding is 0. Only states of response tokens go through the head, a chunk at a time.
    """
    ids, mask = padded(policy, responses, left=False)
    real = mask.bool()
    with policy.computing():
        states = _response_states(policy, prompts, ids, real)
        logprobs, entropies = token_logprobs(policy, states, ids[real], entropy=entropy)
    empty = torch.zeros(ids.shape, device=ids.device)
    spread = empty.masked_scatter(real, logprobs)
    return spread, empty.masked_scatter(real, entropies) if entropies is not None else None


def reads_prompts_once(policy: Policy) -> bool:
    """Say whether learning shares prompts between responses. A cache and checkpointed layers exclude each other."""
    return not policy.section.gradient_checkpointing or is_encoder_decoder(policy.model)


def token_logprobs(
    policy: Policy, states: torch.Tensor, ids: torch.Tensor, *, entropy: bool = False
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Compute log-probabilities of `ids` [M] given the states [M, H] they are drawn from, float32 [M], and entropies.

    A large [M, vocabulary] never exists as a whole. A chunk's logits are made, reduced and dropped, and made again in
    the backward pass.
    """

    def reduced(some: torch.Tensor, chosen: torch.Tensor) -> tuple[torch.Tensor, ...]:
        logits = run_head(policy.model, some)
        total = logits.logsumexp(dim=1)
        logprobs = logits.gather(1, chosen[:, None]).squeeze(1) - total
        if not entropy:
            return (logprobs,)
        return logprobs, total - (torch.softmax(logits, dim=1) * logits).sum(dim=1)

    vocabulary = network(policy.model).get_output_embeddings().weight.shape[0]
    rows = max(1, CHUNK // vocabulary)
    if len(ids) <= rows:
        found = [reduced(states, ids)]
    else:
        found = [
            checkpoint(reduced, some, chosen, use_reentrant=False)
            for some, chosen in zip(torch.split(states, rows), torch.split(ids, rows), strict=True)
        ]
    columns = [torch.cat(column) for column in zip(*found, strict=True)]
    return columns[0], columns[1] if entropy else None


def padded(policy: Policy, rows: Sequence[Sequence[int]], *, left: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad token ids. Returns ids and mask, int64 [N, longest] each. Masks come from lengths, so pad may equal eos."""
    width = max(len(row) for row in rows)
    ids = torch.full((len(rows), width), policy.pad_id)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for index, row in enumerate(rows):
        place = slice(width - len(row), width) if left else slice(0, len(row))
        ids[index, place] = torch.tensor(row, dtype=torch.long)
        mask[index, place] = 1
    return ids.to(policy.device), mask.to(policy.device)


def _response_states(
    policy: Policy, prompts: Sequence[Sequence[int]], ids: torch.Tensor, real: torch.Tensor
) -> torch.Tensor:
    """Compute the states that the tokens of all responses are drawn from, row after row, [M, H]."""
    index: dict[tuple[int, ...], int] = {}
    rows = [index.setdefault(tuple(prompt), len(index)) for prompt in prompts]
    encoder_decoder = is_encoder_decoder(policy.model)
    whole = _whole_encoder_decoder if encoder_decoder else _whole_decoder
    if policy.section.gradient_checkpointing and torch.is_grad_enabled():
        with checkpointed_layers(policy.model):  # which keep no cache
            return whole(policy, list(index), rows, ids, real)
    if len(index) == len(rows) and not encoder_decoder:
        return whole(policy, list(index), rows, ids, real)
    prefix = Prefix(policy, list(index))
    prefix.select(torch.tensor(rows, device=ids.device))
    states = prefix.last[:, None]
    if ids.shape[1] > 1:
        states = torch.cat([states, prefix.extend(ids[:, :-1], real[:, :-1])], dim=1)
    return states[real]


def _whole_decoder(
    policy: Policy, prompts: list[tuple[int, ...]], rows: list[int], ids: torch.Tensor, real: torch.Tensor
) -> torch.Tensor:
    """Run prompt and response as one text. Causal attention never sees padding on the right."""
    lengths = real.sum(1).tolist()
    texts = [(*prompts[row], *ids[i, : lengths[i]].tolist()) for i, row in enumerate(rows)]
    whole, _ = padded(policy, texts, left=False)
    states, _ = run_body(policy.model, whole, use_cache=False)
    drawn_from = torch.zeros(whole.shape, dtype=torch.bool)
    for i, row in enumerate(rows):
        drawn_from[i, len(prompts[row]) - 1 : len(texts[i]) - 1] = True
    return states[drawn_from.to(whole.device)]


def _whole_encoder_decoder(
    policy: Policy, prompts: list[tuple[int, ...]], rows: list[int], ids: torch.Tensor, real: torch.Tensor
) -> torch.Tensor:
    """Encode each prompt once and decode each response in one pass, without a cache."""
    prompt_ids, mask = padded(policy, prompts, left=False)
    where = torch.tensor(rows, device=ids.device)
    encoded = run_encoder(policy.model, prompt_ids, mask)[where]
    start = torch.full((len(rows), 1), start_id(policy.model), device=ids.device)
    states, _ = run_body(
        policy.model,
        torch.cat([start, ids[:, :-1]], dim=1),
        use_cache=False,
        encoder_hidden_states=encoded,
        encoder_attention_mask=mask[where],
    )
    return states[real]


@lru_cache
def _takes_positions(forward: Callable[..., object]) -> bool:
    return "position_ids" in inspect.signature(forward).parameters
