"""Sample with transformers on the learner's own weights.

Ids go in, ids and their log-probabilities come out. Nothing is decoded, so nothing has to be encoded again. Stop
strings are searched in the bytes of the sampled ids.

Each prompt is read once and its cache is repeated for its samples. Finished rows leave the batch. A token is drawn by
inverting the cumulative distribution at a number that depends on the sample alone. A sample therefore does not depend
on the others in its batch, up to floating-point noise in the logits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from transformers import (
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from feedback import FinishReason
from training.models.families import is_encoder_decoder, run_head
from training.models.forward import Prefix
from training.models.lengths import apart
from training.models.policy import Policy
from training.records import Drawing, Rollout, SampleRequest
from training.samplers.base import Sampler, drawing_order

_COMPACT_AT = 0.25
"""Share of finished rows at which finished rows leave the batch."""
_WIDE_VOCABULARY = 16384
"""Vocabulary size from which the cumulative sum needs float64 to reach 1."""


class TransformersSampler(Sampler):
    """The embedded `Sampler`, a decoding loop over a Hugging Face model.

    Args:
        policy: Model and tokenizer, and the strings that end a completion.
        max_new_tokens: Maximum number of tokens drawn for a completion.
        batch_size: Number of rows generated together.
    """

    def __init__(self, policy: Policy, max_new_tokens: int, batch_size: int = 64) -> None:
        self._policy = policy
        self._max_new_tokens = max_new_tokens
        self._batch_size = batch_size
        self._begun_is_read = not is_encoder_decoder(policy.model)
        """Whether the given beginning of a completion is read like the prompt. An encoder reads prompts alone."""
        self._stop = [stop.encode() for stop in policy.format.completion.stop]

    def sample(self, requests: Sequence[SampleRequest]) -> Iterator[list[Rollout]]:
        """Yield the rollouts of all requests, a batch of prompts of similar length at a time.

        Where an encoder reads, completions that are begun share a batch with equally begun ones.
        """
        waiting = drawing_order(requests)
        while waiting:
            batch = [waiting.pop(0)]
            while (
                waiting
                and waiting[0].drawing == batch[0].drawing
                and (self._begun_is_read or len(waiting[0].begun) == len(batch[0].begun))
                and sum(request.samples for request in batch) + waiting[0].samples <= self._batch_size
                and not apart(len(batch[0].prompt_ids), len(waiting[0].prompt_ids))
            ):
                batch.append(waiting.pop(0))
            yield self._generate(batch)

    @torch.inference_mode()
    def _generate(self, requests: list[SampleRequest]) -> list[Rollout]:
        with self._policy.computing():
            return self._decode(requests)

    def _decode(self, requests: list[SampleRequest]) -> list[Rollout]:
        policy, device = self._policy, self._policy.device
        if self._begun_is_read:
            prefix = Prefix(policy, [(*request.prompt_ids, *request.begun) for request in requests])
        else:
            prefix = Prefix(policy, [request.prompt_ids for request in requests])
        if requests[0].begun and not self._begun_is_read:  # equally long in a batch
            prefix.last = prefix.extend(torch.tensor([request.begun for request in requests], device=device))[:, -1]
        repeats = torch.tensor([request.samples for request in requests], device=device)
        prefix.select(torch.repeat_interleave(torch.arange(len(requests), device=device), repeats))
        prefix.write_in_place()
        states = prefix.last
        rows, budget, drawing = len(states), self._max_new_tokens, requests[0].drawing
        warpers = _warpers(drawing)
        numbers = self._uniforms(requests).to(device)
        tokens = torch.full((rows, budget), policy.pad_id, device=device)
        logprobs = torch.zeros((rows, budget), device=device)
        lengths = torch.full((rows,), budget, device=device)
        stopped = torch.zeros(rows, dtype=torch.bool, device=device)
        eos = torch.tensor(policy.eos_ids, device=device)
        alive = torch.arange(rows, device=device)  # which rollout each row of the batch belongs to
        for step in range(budget):
            token, logprob = self._draw(
                run_head(policy.model, states),
                numbers[alive, step],
                warpers,
                greedy=drawing.greedy,
                barred=() if step else _bars(requests),
            )
            tokens[alive, step], logprobs[alive, step] = token, logprob
            ended = torch.isin(token, eos)
            if self._stop:
                ended |= self._at_stop_string(tokens[alive, : step + 1])
            ended &= ~stopped[alive]
            lengths[alive[ended]] = step + 1
            stopped[alive[ended]] = True
            done = stopped[alive]
            if step + 1 == budget or bool(done.all()):
                break
            if float(done.float().mean()) >= _COMPACT_AT:
                keep = torch.nonzero(~done).squeeze(1)
                prefix.select(keep)
                alive, token = alive[keep], token[keep]
            states = prefix.extend(token[:, None])[:, -1]
        return self._rollouts(requests, tokens, logprobs, lengths, stopped)

    def _at_stop_string(self, tokens: torch.Tensor) -> torch.Tensor:
        """Say which rows [B, t] have a stop string that their last token completed."""
        longest = max(len(stop) for stop in self._stop)  # a piece has a byte at least, unless it is special
        ends = [b"".join(self._policy.bytes_of(row)) for row in tokens[:, -longest - 1 :].tolist()]
        return torch.tensor([any(stop in end for stop in self._stop) for end in ends], device=tokens.device)

    def _draw(
        self,
        logits: torch.Tensor,
        numbers: torch.Tensor,
        warpers: LogitsProcessorList,
        *,
        greedy: bool,
        barred: Sequence[tuple[int, int]] = (),
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw one token per row, [B], none of those barred. Also returns its log-probability under the unmodified
        policy, [B].
        """
        plain = logits.float()
        logits = plain
        if barred:
            places = torch.tensor(barred, device=plain.device).unbind(dim=1)
            logits = plain.index_put(places, plain.new_tensor(-torch.inf))
        logits = warpers(None, logits)
        probabilities = torch.softmax(logits, dim=-1)
        if greedy:
            token = logits.argmax(dim=-1)
        else:
            wide = probabilities.shape[-1] > _WIDE_VOCABULARY
            cumulative = probabilities.cumsum(-1, dtype=torch.float64 if wide else torch.float32)
            target = numbers.to(cumulative.dtype)[:, None] * cumulative[:, -1:]
            token = torch.searchsorted(cumulative, target, right=True).squeeze(1).clamp(max=logits.shape[-1] - 1)
        if not warpers and not barred:
            return token, probabilities.gather(1, token[:, None]).squeeze(1).log()
        return token, plain.gather(1, token[:, None]).squeeze(1) - plain.logsumexp(dim=1)

    def _uniforms(self, requests: list[SampleRequest]) -> torch.Tensor:
        """Draw numbers in [0, 1), [rows, max_new_tokens]. Each row is a function of its own seed only."""
        drawn = [
            np.random.default_rng([*request.seed, sample]).random(self._max_new_tokens, dtype=np.float32)
            for request in requests
            for sample in range(request.first, request.first + request.samples)
        ]
        return torch.from_numpy(np.stack(drawn))

    def _rollouts(
        self,
        requests: list[SampleRequest],
        tokens: torch.Tensor,
        logprobs: torch.Tensor,
        lengths: torch.Tensor,
        stopped: torch.Tensor,
    ) -> list[Rollout]:
        ids, scores, ends, stops = tokens.tolist(), logprobs.tolist(), lengths.tolist(), stopped.tolist()
        rollouts: list[Rollout] = []
        for request in requests:
            for sample in range(request.samples):
                row = len(rollouts)
                rollouts.append(
                    Rollout(
                        problem_id=request.problem_id,
                        sample=request.first + sample,
                        prompt_ids=request.prompt_ids,
                        token_ids=(*request.begun, *ids[row][: ends[row]]),
                        logprobs=(*[0.0] * request.given, *request.drawn, *scores[row][: ends[row]]),
                        finish_reason=FinishReason.STOP if stops[row] else FinishReason.LENGTH,
                        policy_version=self.version,
                        turn=request.turn,
                        greedy=request.drawing.greedy,
                        begun=request.given,
                    )
                )
        return rollouts


def _bars(requests: Sequence[SampleRequest]) -> list[tuple[int, int]]:
    """Return the rows, and in each the tokens that are not to be drawn first. Mostly there are none."""
    rows = [request for request in requests for _ in range(request.samples)]
    return [(row, token) for row, request in enumerate(rows) for token in request.barred]


def _warpers(drawing: Drawing) -> LogitsProcessorList:
    """Return what modifies the distribution before drawing. Greedy drawing needs none."""
    warpers = LogitsProcessorList()
    if drawing.greedy:
        return warpers
    if drawing.temperature != 1.0:
        warpers.append(TemperatureLogitsWarper(drawing.temperature))
    if drawing.top_k:
        warpers.append(TopKLogitsWarper(drawing.top_k))
    if drawing.top_p < 1.0:
        warpers.append(TopPLogitsWarper(drawing.top_p))
    return warpers
