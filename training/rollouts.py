"""Which problems a step takes; their samples drawn, judged behind, and given back as groups.

Problems and seeds are functions of the run's seed and the step, so nothing here depends on time or on rank.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import chain
from typing import Any

from engine import Problem
from feedback import Feedback, Scorer
from training.config import TrainConfig
from training.models.policy import Policy
from training.models.prompts import encode_prompt, is_cut
from training.ranks import Ranks
from training.records import Drawing, Group, Rollout, Sample, SampleRequest
from training.samplers.base import Sampler, drawing_order
from training.seeds import FILLING, PROBLEMS, in_turn, request_seed

Judged = tuple[Rollout, Future[Feedback] | None]
"""A rollout whose feedback is on its way: here, or in another of the run's processes."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was asked for, and what came of it, in the order of the requests."""

    requests: Sequence[SampleRequest]
    judged: list[Judged]

    @property
    def sampled(self) -> list[Rollout]:
        """The rollouts, without greedy ones."""
        return [rollout for rollout, _ in self.judged if not rollout.greedy]


class Rollouts:
    """Draws the samples of a run's steps.

    Args:
        config: The run.
        policy: What is sampled, and what encodes prompts.
        sampler: Over it.
        scorer: Judges what comes.
        problems: Those to train on, with the tests that rewards are given on.
        ranks: The processes of the run, each of which draws and judges its share of the problems.
        go_on: Asked in the middle of a step; raises `Stopping` where training was asked to stop.
    """

    def __init__(
        self,
        config: TrainConfig,
        policy: Policy,
        sampler: Sampler,
        scorer: Scorer,
        problems: Iterable[Problem],
        ranks: Ranks,
        go_on: Callable[[], None],
    ) -> None:
        self.sampler, self.scorer = sampler, scorer
        self._config, self._policy, self._ranks, self._go_on = config, policy, ranks, go_on
        section = config.sampler
        self._drawing = Drawing(section.temperature, section.top_p, section.top_k)
        self.problems = {problem.id: problem for problem in problems}
        self._prompts: dict[str, tuple[int, ...]] = {}
        self._cut: set[str] = set()
        """Problems whose prompt lost a part of their text."""
        self.portions = 8
        """Parts of a step that are judged and learned from one after the other."""

    def prompt(self, problem: Problem) -> tuple[int, ...]:
        """Encode what the policy reads for a problem, once."""
        if problem.id not in self._prompts:
            self._prompts[problem.id] = encode_prompt(self._policy, problem)
            if is_cut(self._policy, problem):
                self._cut.add(problem.id)
        return self._prompts[problem.id]

    def request(self, identifier: str, step: int) -> SampleRequest:
        """Make the usual request for a problem in a step."""
        seed = request_seed(self._config.run.seed, step, identifier)
        samples, prompt = self._config.sampler.samples_per_problem, self.prompt(self.problems[identifier])
        return SampleRequest(identifier, prompt, samples, seed, drawing=self._drawing, cut=identifier in self._cut)

    def requests(self, step: int) -> list[SampleRequest]:
        """Choose the problems of a step: a new permutation of all of them each time round."""
        count = self._config.sampler.problems_per_step
        return [self.request(identifier, step) for identifier in dict.fromkeys(self._in_turn(step * count, count))]

    def filling(self) -> list[list[SampleRequest]]:
        """Choose what is sampled before the first step, in portions of a step's size: all problems in turn."""
        config, size = self._config, self._config.sampler.problems_per_step
        needed = max(1, config.initial_samples // config.sampler.samples_per_problem)
        total = len(self.problems)
        requests = [self.request(name, FILLING - index // total) for index, name in enumerate(self._in_turn(0, needed))]
        return [requests[start : start + size] for start in range(0, needed, size)]

    def draw(self, requests: Sequence[SampleRequest]) -> Drawn:
        """Sample, and hand each rollout to the judge at once: it is judged while the next batch is sampled.

        Each of a run's processes samples its share of the problems. All are told what was drawn, in one order, whoever
        drew it and whichever came first: sums of floating-point numbers depend on it.

        Raises:
            Stopping: training was asked to stop.
            ServerError: no sampling server is left.
        """
        mine = set(self._ranks.share(list(dict.fromkeys(request.problem_id for request in requests))))
        drawn: list[Judged] = []

        def sample() -> list[Rollout]:
            for batch in self.sampler.sample([request for request in requests if request.problem_id in mine]):
                self._go_on()
                for rollout in batch:
                    problem = self.problems[rollout.problem_id]
                    drawn.append((rollout, self.scorer.submit(rollout.token_ids, problem, rollout.finish_reason)))
            return [rollout for rollout, _ in drawn]

        place = {
            (request.problem_id, request.drawing.greedy, sample): index
            for index, request in enumerate(drawing_order(requests))
            for sample in range(request.first, request.first + request.samples)
        }
        everywhere = [
            (rollout, drawn[position][1] if index == self._ranks.index else None)
            for index, rollouts in enumerate(self._ranks.gather(sample))
            for position, rollout in enumerate(rollouts)
        ]
        return Drawn(requests, sorted(everywhere, key=lambda pair: (place[_key(pair[0])], pair[0].sample)))

    def ahead(self, requests: Sequence[SampleRequest]) -> None:
        """Let servers begin with the next step's samples, where `sampler.ahead` says so."""
        if self._config.sampler.ahead:
            self.sampler.ahead(requests)

    def portions_of(self, drawn: Drawn) -> Iterator[list[Group]]:
        """Yield groups as they are judged, in the order of drawing and never of judging, in about `portions` parts."""
        problems: dict[str, list[Judged]] = {}
        for pair in drawn.judged:
            problems.setdefault(pair[0].problem_id, []).append(pair)
        parts = list(problems.values())
        size = max(1, -(-len(parts) // self.portions))
        for start in range(0, len(parts), size):
            yield self.groups(list(chain(*parts[start : start + size])))

    def groups(self, drawn: Sequence[Judged]) -> list[Group]:
        """Wait for the feedback. Samples that could not be judged even again are left out and counted."""

        def own() -> dict[int, Feedback | None]:
            return {
                place: None if (feedback := future.result()).masked else feedback
                for place, (_, future) in enumerate(drawn)
                if future is not None
            }

        feedbacks = ChainMap(*self._ranks.gather(own))
        parts: dict[str, list[tuple[Rollout, Feedback | None]]] = {}
        for place, (rollout, _) in enumerate(drawn):
            parts.setdefault(rollout.problem_id, []).append((rollout, feedbacks[place]))
        return [_group(identifier, pairs) for identifier, pairs in parts.items()]

    def _in_turn(self, start: int, count: int) -> list[str]:
        identifiers = list(self.problems)
        indices = in_turn(self._config.run.seed, PROBLEMS, start, count, len(identifiers))
        return [identifiers[index] for index in indices]


def _key(rollout: Rollout) -> tuple[Any, ...]:
    return (rollout.problem_id, rollout.greedy, rollout.sample)


def _group(identifier: str, pairs: Sequence[tuple[Rollout, Feedback | None]]) -> Group:
    """Put a problem's samples together. Without the greedy one that they are compared with, all are lost."""
    judged = [Sample(rollout, feedback) for rollout, feedback in pairs if feedback is not None]
    count = sum(not rollout.greedy for rollout, _ in pairs)
    if any(rollout.greedy and feedback is None for rollout, feedback in pairs):
        return Group(identifier, (), None, count)
    samples = tuple(sample for sample in judged if not sample.rollout.greedy)
    greedy = next((sample for sample in judged if sample.rollout.greedy), None)
    return Group(identifier, samples, greedy, count - len(samples))


def merged(rounds: Sequence[Sequence[Group]]) -> list[Group]:
    """Put the samples of a problem that came in different rounds into one group."""
    groups: dict[str, Group] = {}
    for group in chain(*rounds):
        earlier = groups.get(group.problem_id)
        if earlier is not None:
            samples, lost = (*earlier.samples, *group.samples), earlier.lost + group.lost
            group = Group(group.problem_id, samples, earlier.greedy, lost)  # noqa: PLW2901
        groups[group.problem_id] = group
    return list(groups.values())
