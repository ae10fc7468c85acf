"""Sampling with transformers on the learner's own weights.

What this module does not do: text. Ids in, ids and their log-probabilities out; nothing is decoded, so nothing has to
be encoded again (reference defect 16). Stop strings are looked for in the bytes of the sampled ids.

Each prompt is read once and its cache repeated for its samples; finished rows leave the batch; a token is drawn by
inverting the cumulative distribution at a number that depends on the sample alone, so a sample does not depend on
which others it shares a batch with (up to floating-point noise in the logits).
"""

from __future__ import annotations

import zlib
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
from training.models.families import run_head
from training.models.forward import Prefix
from training.policy import Policy
from training.records import Rollout, SampleRequest

_COMPACT_AT = 0.25
"""Share of finished rows at which they leave the batch (measured: reference/tiny-training.md section 3)."""
_WIDE_VOCABULARY = 16384
"""From here on the cumulative sum needs float64 to reach 1."""


def request_seed(seed: int, step: int, problem_id: str) -> tuple[int, ...]:
    """The seed of one problem's samples in one step."""
    return (seed, step, zlib.crc32(problem_id.encode()))


class TransformersSampler:
    """The embedded `Sampler`: a hand-written decoding loop over a Hugging Face model.

    Args:
        policy: Model and tokenizer, and the strings that end a completion.
        max_new_tokens: Longest completion.
        batch_size: Rows generated together.
        temperature: Ignored when `greedy`.
        top_p: 1 does not truncate.
        top_k: 0 does not truncate.
        greedy: Take the likeliest token; `SampleRequest.samples` beyond the first are copies.
    """

    def __init__(
        self,
        policy: Policy,
        max_new_tokens: int,
        batch_size: int = 64,
        temperature: float = 1.0,
        top_p: float = 1.0,
        top_k: int = 0,
        *,
        greedy: bool = False,
    ) -> None:
        self._policy = policy
        self._max_new_tokens = max_new_tokens
        self._batch_size = batch_size
        self._greedy = greedy
        self._stop = [stop.encode() for stop in policy.format.completion.stop]
        self._warpers = LogitsProcessorList()
        if not greedy and temperature != 1.0:
            self._warpers.append(TemperatureLogitsWarper(temperature))
        if not greedy and top_k:
            self._warpers.append(TopKLogitsWarper(top_k))
        if not greedy and top_p < 1.0:
            self._warpers.append(TopPLogitsWarper(top_p))

    def sample(self, requests: Sequence[SampleRequest], policy_version: int) -> Iterator[list[Rollout]]:
        """Yield the rollouts of all requests, a batch of prompts of similar length at a time.

        Completions that are begun share a batch with equally long ones.
        """
        waiting = sorted(requests, key=lambda request: (len(request.begun), len(request.prompt_ids)))
        while waiting:
            batch = [waiting.pop(0)]
            while (
                waiting
                and len(waiting[0].begun) == len(batch[0].begun)
                and sum(request.samples for request in batch) + waiting[0].samples <= self._batch_size
            ):
                batch.append(waiting.pop(0))
            yield self._generate(batch, policy_version)

    @torch.inference_mode()
    def _generate(self, requests: list[SampleRequest], policy_version: int) -> list[Rollout]:
        with self._policy.computing():
            return self._decode(requests, policy_version)

    def _decode(self, requests: list[SampleRequest], policy_version: int) -> list[Rollout]:
        policy, device = self._policy, self._policy.device
        prefix = Prefix(policy, [request.prompt_ids for request in requests])
        if requests[0].begun:  # equally long in a batch
            prefix.last = prefix.extend(torch.tensor([request.begun for request in requests], device=device))[:, -1]
        repeats = torch.tensor([request.samples for request in requests], device=device)
        prefix.select(torch.repeat_interleave(torch.arange(len(requests), device=device), repeats))
        prefix.write_in_place()
        states = prefix.last
        rows, budget = len(states), self._max_new_tokens
        numbers = self._uniforms(requests).to(device)
        tokens = torch.full((rows, budget), policy.pad_id, device=device)
        logprobs = torch.zeros((rows, budget), device=device)
        lengths = torch.full((rows,), budget, device=device)
        stopped = torch.zeros(rows, dtype=torch.bool, device=device)
        eos = torch.tensor(policy.eos_ids, device=device)
        alive = torch.arange(rows, device=device)  # which rollout each row of the batch belongs to
        for step in range(budget):
            token, logprob = self._draw(run_head(policy.model, states), numbers[alive, step], tokens)
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
        return self._rollouts(requests, tokens, logprobs, lengths, stopped, policy_version)

    def _at_stop_string(self, tokens: torch.Tensor) -> torch.Tensor:
        """Which rows [B, t] have a stop string that their last token completed."""
        longest = max(len(stop) for stop in self._stop)  # a piece has a byte at least, unless it is special
        ends = [b"".join(self._policy.bytes_of(row)) for row in tokens[:, -longest - 1 :].tolist()]
        return torch.tensor([any(stop in end for stop in self._stop) for end in ends], device=tokens.device)

    def _draw(
        self, logits: torch.Tensor, numbers: torch.Tensor, ids: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """One token per row, [B], and its log-probability under the policy as it is, [B]."""
        plain = logits.float()
        logits = self._warpers(ids, plain)
        probabilities = torch.softmax(logits, dim=-1)
        if self._greedy:
            token = logits.argmax(dim=-1)
        else:
            wide = probabilities.shape[-1] > _WIDE_VOCABULARY
            cumulative = probabilities.cumsum(-1, dtype=torch.float64 if wide else torch.float32)
            target = numbers.to(cumulative.dtype)[:, None] * cumulative[:, -1:]
            token = torch.searchsorted(cumulative, target, right=True).squeeze(1).clamp(max=logits.shape[-1] - 1)
        if not self._warpers:
            return token, probabilities.gather(1, token[:, None]).squeeze(1).log()
        return token, plain.gather(1, token[:, None]).squeeze(1) - plain.logsumexp(dim=1)

    def _uniforms(self, requests: list[SampleRequest]) -> torch.Tensor:
        """[rows, max_new_tokens] numbers in [0, 1), each row a function of its own seed only."""
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
        policy_version: int,
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
                        token_ids=tuple(ids[row][: ends[row]]),
                        logprobs=tuple(scores[row][: ends[row]]),
                        finish_reason=FinishReason.STOP if stops[row] else FinishReason.LENGTH,
                        policy_version=policy_version,
                    )
                )
        return rollouts
