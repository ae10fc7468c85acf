"""What an embedded sampler may gain on a GPU, behind the border of `training.samplers`: nothing here is a default.

Each is a `Sampler` that `sampler.backend = "benchmarks.gpu.samplers:StaticSampler"` trains with. Whichever a GPU shows
to be faster moves into `training/samplers`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch
from transformers import GenerationConfig, StaticCache

from feedback import FinishReason
from training.models.families import network, run_body, run_head
from training.models.forward import Prefix
from training.models.policy import Policy
from training.records import Rollout, SampleRequest
from training.samplers.base import drawing_order
from training.samplers.transformers import TransformersSampler, _warpers
from training.sections import SamplerSection

_ROUND = 64
"""Tokens to which the cache's length is rounded up: a new length is a new CUDA graph."""
_LOOK_EVERY = 8
"""Tokens between two looks at whether all rows have ended. A look waits for the GPU."""


class HalfSampler(TransformersSampler):
    """The embedded sampler on weights that have the type of the computation, so that no step casts them.

    `follow` copies them from the learner's. They cost half of its weights in memory.
    """

    def __init__(self, section: SamplerSection, policy: Policy) -> None:
        own = replace(policy, model=copy.deepcopy(policy.model).to(getattr(torch, policy.section.dtype)))
        super().__init__(own, section.max_new_tokens, section.batch_size)
        self._learned = policy

    @torch.no_grad()
    def follow(self, version: int, go_on: Callable[[], None] = lambda: None) -> None:
        """Copy the learner's present weights."""
        for own, learned in zip(self._policy.model.parameters(), self._learned.model.parameters(), strict=True):
            own.copy_(learned)
        super().follow(version, go_on)


class StaticSampler(HalfSampler):
    """A cache of one size for a batch of one size, and one graph for every token: `torch.compile` with CUDA graphs.

    Finished rows stay until all have ended, and a batch that is not full is filled up with copies of its first row.
    Samples are those of the embedded sampler, up to floating-point noise in the logits. Decoder-only models that are
    made of plain attention; completions must not be begun and nothing but their end ends them.
    """

    def __init__(self, section: SamplerSection, policy: Policy) -> None:
        super().__init__(section, policy)
        compiled = policy.device.type == "cuda"
        self._one = torch.compile(self._logits, mode="reduce-overhead", fullgraph=True) if compiled else self._logits
        self._held: tuple[tuple[int, int], Any] | None = None

    def _logits(self, token: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor, cache: Any) -> torch.Tensor:  # noqa: ANN401
        """Write one token a row, [B, 1], and return the logits of the next, [B, vocabulary]."""
        given = {"attention_mask": mask, "position_ids": positions, "use_cache": True}
        states, _ = run_body(self._policy.model, token, cache=cache, **given)
        return run_head(self._policy.model, states[:, -1])

    def _generate(self, requests: list[SampleRequest]) -> list[Rollout]:
        with torch.inference_mode(), nullcontext():  # weights have the right type: nothing is cast
            return self._decode(requests)

    def _decode(self, requests: list[SampleRequest]) -> list[Rollout]:
        policy, device, budget = self._policy, self._policy.device, self._max_new_tokens
        prefix = Prefix(policy, [request.prompt_ids for request in requests])
        rows = torch.repeat_interleave(
            torch.arange(len(requests), device=device),
            torch.tensor([request.samples for request in requests], device=device),
        )
        count, padding = len(rows), max(0, self._batch_size - len(rows))
        rows = torch.cat([rows, rows.new_zeros(padding)])
        cache, mask = self._filled(prefix, rows)
        states, positions = prefix.last[rows], prefix._next[rows][:, None]
        numbers = self._uniforms(requests)
        numbers = torch.cat([numbers, numbers[:1].expand(padding, -1)]).to(device)
        drawing, warpers = requests[0].drawing, _warpers(requests[0].drawing)
        tokens = torch.full((len(rows), budget), policy.pad_id, device=device)
        logprobs = torch.zeros((len(rows), budget), device=device)
        lengths = torch.full((len(rows),), budget, device=device)
        stopped = torch.zeros(len(rows), dtype=torch.bool, device=device)
        eos = torch.tensor(policy.eos_ids, device=device)
        logits = run_head(policy.model, states)
        for step in range(budget):
            token, logprob = self._draw(logits, numbers[:, step], warpers, greedy=drawing.greedy)
            tokens[:, step], logprobs[:, step] = token, logprob
            ended = torch.isin(token, eos) & ~stopped
            lengths.masked_fill_(ended, step + 1)
            stopped |= ended
            if step + 1 == budget or (step % _LOOK_EVERY == _LOOK_EVERY - 1 and bool(stopped[:count].all())):
                break
            logits = self._one(token[:, None], positions, mask, cache).clone()  # the graph writes over its output
            positions = positions + 1
        return self._rollouts(requests, *(each[:count] for each in (tokens, logprobs, lengths, stopped)))

    def _filled(self, prefix: Prefix, rows: torch.Tensor) -> tuple[Any, torch.Tensor]:
        """Return the static cache with the prompts in it, and which of its places rows may look at, [B, length]."""
        read = prefix._mask.shape[1]
        length = -(-(read + self._max_new_tokens) // _ROUND) * _ROUND
        size = (len(rows), length)
        layers = prefix._cache.layers
        if self._held is None or self._held[0] != size:
            cache = StaticCache(config=network(self._policy.model).config, max_cache_len=length)
            for static, layer in zip(cache.layers, layers, strict=True):
                static.lazy_initialization(layer.keys[rows], layer.values[rows])
            self._held = (size, cache)
        cache = self._held[1]
        for static, layer in zip(cache.layers, layers, strict=True):
            static.keys[:, :, :read].copy_(layer.keys[rows])
            static.values[:, :, :read].copy_(layer.values[rows])
            static.cumulative_length.fill_(read)
        mask = torch.ones(size, dtype=torch.long, device=rows.device)
        mask[:, :read] = prefix._mask[rows]
        return cache, mask


class ContinuousSampler(HalfSampler):
    """transformers' own continuous batching: a finished row makes room for the next request at once.

    It draws with a generator of its own, so a sample is no function of the run's seed. Temperature 1 and whole
    distributions only, and completions that are not begun.
    """

    def sample(self, requests: Sequence[SampleRequest]) -> Iterator[list[Rollout]]:
        """Yield all rollouts at once, the log-probabilities with them."""
        from transformers.generation.configuration_utils import ContinuousBatchingConfig  # not in older ones

        policy = self._policy
        asked = [
            (request, request.first + each) for request in drawing_order(requests) for each in range(request.samples)
        ]
        generation = GenerationConfig(
            max_new_tokens=self._max_new_tokens,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            eos_token_id=list(policy.eos_ids),
            pad_token_id=policy.pad_id,
        )
        small = {} if policy.device.type == "cuda" else {"num_blocks": 64, "page_size": 32, "max_batch_tokens": 256}
        with torch.inference_mode():
            found = policy.model.generate_batch(
                [list(request.prompt_ids) for request, _ in asked],
                generation_config=generation,
                continuous_batching_config=ContinuousBatchingConfig(
                    return_logprobs=True, max_requests_per_batch=self._batch_size, **small
                ),
                warmup=policy.device.type == "cuda",
            )
        if len(found) < len(asked):
            raise RuntimeError(f"continuous batching answered {len(found)} of {len(asked)} requests")
        yield [
            Rollout(
                problem_id=request.problem_id,
                sample=sample,
                prompt_ids=request.prompt_ids,
                token_ids=tuple(each.generated_tokens),
                logprobs=tuple(each.logprobs),
                finish_reason=FinishReason.STOP if each.generated_tokens[-1] in policy.eos_ids else FinishReason.LENGTH,
                policy_version=self.version,
                turn=request.turn,
            )
            for (request, sample), each in zip(asked, found.values(), strict=True)
        ]
