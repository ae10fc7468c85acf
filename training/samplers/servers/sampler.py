"""The `Sampler` on servers sends one request per sample, ids in and ids out, and yields results as they finish.

Each sample has a seed of its own, a function of run, step, problem and sample. Engines round differently in different
batches, so a sample drawn again is nearly always, but not certainly, the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait

import numpy as np

from training.errors import ServerError
from training.models.families import network
from training.models.policy import Policy
from training.records import Rollout, SampleRequest
from training.samplers.base import Sampler, too_small
from training.samplers.servers.agreement import TOLERANCES, differences, questions
from training.samplers.servers.answers import rollout_of, versions_of
from training.samplers.servers.border import Answer, Ask
from training.samplers.servers.pool import ServerPool

_LOOK_UP = 0.2
"""Seconds after which a waiting caller gets an empty batch, because it may have been asked to stop."""
_PROMPT = "def f(x):\n"

_Answer = Future[tuple[str, Answer]]


class ServerSampler(Sampler):
    """A sampler on servers, which it closes in the end.

    A rollout's policy version is that of the server's weights, whatever version the caller is at.

    Args:
        servers: The servers, with weights not yet pushed.
        policy: The policy to sample from, and the strings that end a completion.
        max_new_tokens: Maximum number of tokens drawn for a completion.
        tolerance: Mean difference of a server's log-probabilities from the learner's that ends the run; 0 takes that
            of the policy's type.
    """

    def __init__(self, servers: ServerPool, policy: Policy, max_new_tokens: int, tolerance: float = 0.0) -> None:
        self._servers, self._policy = servers, policy
        self._longest = max_new_tokens
        self._vocabulary = int(network(policy.model).config.vocab_size)
        self._stop_ids, self._stop = tuple(policy.eos_ids), tuple(policy.format.completion.stop)
        self._prompt = policy.tokenizer(_PROMPT, add_special_tokens=False)["input_ids"]
        self._tolerance = tolerance or TOLERANCES[policy.section.dtype]
        self._begun: dict[tuple[SampleRequest, int], _Answer] = {}
        self._crossed, self._away = 0, 0.0
        self.longest = servers.longest

    def follow(self, version: int, go_on: Callable[[], None] = lambda: None) -> None:
        """Give the policy's present weights to the servers, and see that they sample from them.

        Raises:
            ServerError: a server refuses them or samples from others, or none is left.
        """
        self._servers.push(version, go_on)
        self.version = version
        asks = questions(self._prompt, version)
        answers = self._servers.ask_each(asks, go_on)
        for server, some in answers.items():
            for ask, answer in zip(asks, some, strict=True):
                if (found := self._versions(server, ask.max_tokens, answer)) != {version}:
                    raise ServerError(f"{server}: samples from version {min(found)} after {version} was pushed to it")
        away = differences(self._policy, asks, answers)
        self._away = max(distance.mean for distance in away.values())
        for server, distance in away.items():
            if not distance.mean <= self._tolerance:
                raise ServerError(
                    f"{self._servers.api.engine} server {server} does not sample from the learner's weights: after"
                    f" version {version} was pushed, the log-probabilities of {distance.tokens} tokens differ from the"
                    f" learner's by {distance.mean:.2g} on average and {distance.most:.2g} at most; allowed are"
                    f" {self._tolerance:g} on average (sampler.tolerance). Known causes: {self._servers.api.suspects}"
                )

    def ahead(self, requests: Sequence[SampleRequest]) -> None:
        """Send the requests now that `sample` will be given later."""
        for request in requests:
            for sample in _samples(request):
                self._begun[request, sample] = self._servers.generate(self._ask(request, sample))

    def sample(self, requests: Sequence[SampleRequest]) -> Iterator[list[Rollout]]:
        """Yield rollouts as they finish, and an empty batch now and then while none does.

        Raises:
            ServerError: an answer is malformed, or no server is left.
        """
        waiting: dict[_Answer, tuple[SampleRequest, int]] = {}
        for request in requests:
            for sample in _samples(request):
                begun = self._begun.pop((request, sample), None)
                answer = begun or self._servers.generate(self._ask(request, sample))
                waiting[answer] = request, sample
        try:
            while waiting:
                done, _ = wait(waiting, timeout=_LOOK_UP, return_when=FIRST_COMPLETED)
                yield [self._rollout(answer, *waiting.pop(answer)) for answer in done]
        finally:
            for answer in waiting:
                answer.cancel()

    def metrics(self, step: int, rollouts: Sequence[Rollout]) -> dict[str, float]:
        """Measure the mean lag of a step's rollouts, the servers' distance from the learner, and events.

        The events since the last call are samples whose server's weights changed on the way (`sampler/crossed`),
        retries, and servers left.
        """
        lag = float(np.mean([step - rollout.policy_version for rollout in rollouts] or [0]))
        crossed, self._crossed = self._crossed, 0
        own = {"sampler/lag": lag, "sampler/crossed": float(crossed), "sampler/disagreement": self._away}
        return own | self._servers.counts()

    def close(self) -> None:
        """Cancel the requests in flight."""
        self._servers.close()

    def _ask(self, request: SampleRequest, sample: int) -> Ask:
        (seed,) = np.random.SeedSequence([*request.seed, sample]).generate_state(1, np.uint64)
        read = (*request.prompt_ids, *request.begun)
        if self.longest is not None and len(read) + self._longest > self.longest:
            raise ServerError(too_small(self.longest, f"problem {request.problem_id!r}", len(read), self._longest))
        return Ask(read, self._longest, int(seed >> np.uint64(1)), request.drawing, self._stop_ids, self._stop)

    def _versions(self, server: str, longest: int, answer: Answer) -> set[int]:
        return versions_of(answer, longest, server=server, label=self._servers.label, vocabulary=self._vocabulary)

    def _rollout(self, answer: _Answer, request: SampleRequest, sample: int) -> Rollout:
        server, found = answer.result()
        versions = self._versions(server, self._longest, found)
        self._crossed += len(versions) > 1
        return rollout_of(found, request, sample, min(versions))


def _samples(request: SampleRequest) -> range:
    return range(request.first, request.first + request.samples)
