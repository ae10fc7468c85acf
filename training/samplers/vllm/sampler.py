"""The `Sampler` on vLLM servers sends one request per sample, ids in and ids out, and yields results as they finish.

Each sample has a seed of its own, a function of run, step, problem and sample. vLLM's kernels round differently in
different batches, so a sample drawn again is nearly always, but not certainly, the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

import numpy as np

from training.models.families import network
from training.models.policy import Policy
from training.records import Rollout, SampleRequest
from training.samplers.base import Sampler
from training.samplers.vllm.answers import Generated, rollout_of
from training.samplers.vllm.servers import VllmServers

_LOOK_UP = 0.2
"""Seconds after which a waiting caller gets an empty batch, because it may have been asked to stop."""

_Answer = Future[tuple[str, Generated]]


class VllmSampler(Sampler):
    """A sampler on servers, which it closes in the end.

    A rollout's policy version is that of the server's weights, whatever version the caller is at.

    Args:
        servers: The servers, with weights not yet pushed.
        policy: The policy to sample from, and the strings that end a completion.
        max_new_tokens: Maximum number of tokens drawn for a completion.
    """

    def __init__(self, servers: VllmServers, policy: Policy, max_new_tokens: int) -> None:
        stops = policy.format.completion.stop
        self._servers = servers
        self._longest = max_new_tokens
        self._vocabulary = int(network(policy.model).config.vocab_size)
        self._sampling: dict[str, Any] = {
            "max_tokens": max_new_tokens,
            "stop_token_ids": list(policy.eos_ids),
            "stop": list(stops),
            "detokenize": bool(stops),
            "logprobs": 0,  # the sampled token's alone; vLLM's are those at temperature 1, not truncated
        }
        self._begun: dict[tuple[SampleRequest, int], _Answer] = {}
        self._crossed = 0

    def follow(self, version: int, go_on: Callable[[], None] = lambda: None) -> None:
        """Give the policy's present weights to the servers.

        Raises:
            ServerError: a server refuses them, or none is left.
        """
        self._servers.push(version, go_on)
        self.version = version

    def ahead(self, requests: Sequence[SampleRequest]) -> None:
        """Send the requests now that `sample` will be given later."""
        for request in requests:
            for sample in _samples(request):
                self._begun[request, sample] = self._ask(request, sample)

    def sample(self, requests: Sequence[SampleRequest]) -> Iterator[list[Rollout]]:
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
        """Measure the mean lag of a step's rollouts, and count events since the last call.

        The events are samples whose server's weights changed on the way (`sampler/crossed`), retries, and servers left.
        """
        lag = float(np.mean([step - rollout.policy_version for rollout in rollouts] or [0]))
        crossed, self._crossed = self._crossed, 0
        return {"sampler/lag": lag, "sampler/crossed": float(crossed), **self._servers.counts()}

    def close(self) -> None:
        """Cancel the requests in flight."""
        self._servers.close()

    def _ask(self, request: SampleRequest, sample: int) -> _Answer:
        (seed,) = np.random.SeedSequence([*request.seed, sample]).generate_state(1, np.uint64)
        sampling = self._sampling | {
            "seed": int(seed >> np.uint64(1)),  # of 63 bits: vLLM's are signed
            "temperature": request.drawing.temperature,
            "top_p": request.drawing.top_p,
            "top_k": request.drawing.top_k,
        }
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
