"""The `Sampler` on vLLM servers: one request per sample, ids in and ids out, results as they finish.

Each sample has a seed of its own, a function of run, step, problem and sample; vLLM's kernels round differently with
different batches, so a sample is nearly always and not certainly the same one when it is drawn again.

What this module does not do: talk HTTP (`training.vllm.servers`), or believe answers unchecked
(`training.vllm.answers`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

import numpy as np

from training.models.families import network
from training.policy import Policy
from training.records import Rollout, SampleRequest
from training.vllm.answers import Generated, rollout_of
from training.vllm.servers import VllmServers

_LOOK_UP = 0.2
"""Seconds after which a caller that waits gets an empty batch: it may have been asked to stop."""

_Answer = Future[tuple[str, Generated]]


class VllmSampler:
    """A `Sampler`; the arguments are those of `TransformersSampler`, but that servers stand in place of batches.

    A rollout's policy version is that of the weights which the server had, whatever version the caller is at.
    """

    def __init__(
        self,
        servers: VllmServers,
        policy: Policy,
        max_new_tokens: int,
        temperature: float = 1.0,
        top_p: float = 1.0,
        top_k: int = 0,
        *,
        greedy: bool = False,
    ) -> None:
        stops = policy.format.completion.stop
        self._servers = servers
        self._longest = max_new_tokens
        self._vocabulary = int(network(policy.model).config.vocab_size)
        self._sampling: dict[str, Any] = {
            "max_tokens": max_new_tokens,
            "temperature": 0.0 if greedy else temperature,
            "top_p": 1.0 if greedy else top_p,
            "top_k": 0 if greedy else top_k,
            "stop_token_ids": list(policy.eos_ids),
            "stop": list(stops),
            "detokenize": bool(stops),
            "logprobs": 0,  # the sampled token's alone; vLLM's are those at temperature 1, not truncated
        }
        self._begun: dict[tuple[SampleRequest, int], _Answer] = {}
        self._crossed = 0

    def begin(self, requests: Sequence[SampleRequest]) -> None:
        """Ask now for what `sample` will be asked later."""
        for request in requests:
            for sample in _samples(request):
                self._begun[request, sample] = self._ask(request, sample)

    def sample(self, requests: Sequence[SampleRequest], policy_version: int) -> Iterator[list[Rollout]]:  # noqa: ARG002
        """Yield rollouts as they finish, and an empty batch now and then while none does.

        Raises:
            ServerError: an answer is malformed, or no server is left.
        """
        waiting: dict[_Answer, tuple[SampleRequest, int]] = {}
        for request in requests:
            for sample in _samples(request):
                answer = self._begun.pop((request, sample), None) or self._ask(request, sample)
                waiting[answer] = request, sample
        try:
            while waiting:
                done, _ = wait(waiting, timeout=_LOOK_UP, return_when=FIRST_COMPLETED)
                yield [self._rollout(answer, *waiting.pop(answer)) for answer in done]
        finally:
            for answer in waiting:
                answer.cancel()

    def metrics(self, step: int, rollouts: Sequence[Rollout]) -> dict[str, float]:
        """How far behind a step its rollouts' weights were, on average, and what happened since this was last asked.

        Samples whose server's weights changed on the way (`sampler/crossed`), requests asked again, servers left.
        """
        lag = float(np.mean([step - rollout.policy_version for rollout in rollouts] or [0]))
        crossed, self._crossed = self._crossed, 0
        return {"sampler/lag": lag, "sampler/crossed": float(crossed), **self._servers.counts()}

    def _ask(self, request: SampleRequest, sample: int) -> _Answer:
        (seed,) = np.random.SeedSequence([*request.seed, sample]).generate_state(1, np.uint64)
        sampling = self._sampling | {"seed": int(seed >> np.uint64(1))}  # of 63 bits: vLLM's are signed
        return self._servers.generate((*request.prompt_ids, *request.begun), sampling)

    def _rollout(self, answer: _Answer, request: SampleRequest, sample: int) -> Rollout:
        server, found = answer.result()
        rollout, crossed = rollout_of(
            found,
            request,
            sample,
            server=server,
            label=self._servers.label,
            longest=self._longest,
            vocabulary=self._vocabulary,
        )
        self._crossed += crossed
        return rollout


def _samples(request: SampleRequest) -> range:
    return range(request.first, request.first + request.samples)
