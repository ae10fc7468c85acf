"""Which problems a step takes; their samples drawn, judged behind, and given back as groups; further rounds of it.

Problems and seeds are functions of the run's seed and the step, so nothing here depends on time or on rank.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from itertools import chain
from typing import Any

from engine import Problem, Verdict
from feedback import Feedback, Scorer
from training.config import TrainConfig
from training.models.policy import Policy
from training.models.prompts import encode_prompt, is_cut, program_of
from training.models.repair import complaint, encode_repair, split_tests
from training.ranks import Ranks
from training.records import Drawing, Group, Rollout, Sample, SampleRequest
from training.samplers.base import Sampler, drawing_order
from training.seeds import FILLING, PROBLEMS, in_turn, request_seed

Drawn = list[tuple[Rollout, Future[Feedback] | None]]
"""Rollouts whose feedback is on its way: here, or in another of the run's processes."""


class Rollouts:
    """Draws the samples of a run's steps.

    Args:
        config: The run.
        policy: What is sampled, and what encodes prompts.
        sampler: Over it.
        scorer: Judges what comes.
        problems: Those to train on. With repair turns, rewards are given on their hidden tests alone.
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
        split = {problem.id: (problem, problem) for problem in problems}
        if section.turns > 1:
            split = {name: split_tests(problem, section.public_tests) for name, (problem, _) in split.items()}
        self._public = {name: public for name, (public, _) in split.items()}
        self.problems = {name: hidden for name, (_, hidden) in split.items()}
        self._prompts: dict[str, tuple[int, ...]] = {}
        self._seeds: dict[str, tuple[int, ...]] = {}
        """Of each problem's newest request."""
        self.portions = 8
        """Parts of a step that are judged and learned from one after the other."""
        self.cut_prompts: set[str] = set()
        """Problems whose text is longer than `model.max_prompt_tokens` lets the policy read."""
        self.programs = 0
        """Programs given to the judge so far, those of all processes and greedy ones included."""

    def prompt(self, problem: Problem) -> tuple[int, ...]:
        """Encode what the policy reads for a problem, once."""
        if problem.id not in self._prompts:
            self._prompts[problem.id] = encode_prompt(self._policy, problem)
            if is_cut(self._policy, problem):
                self.cut_prompts.add(problem.id)
        return self._prompts[problem.id]

    def request(self, identifier: str, step: int) -> SampleRequest:
        """Make the usual request for a problem in a step."""
        seed = request_seed(self._config.run.seed, step, identifier)
        samples = self._config.sampler.samples_per_problem
        return SampleRequest(identifier, self.prompt(self.problems[identifier]), samples, seed, drawing=self._drawing)

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
        self._seeds.update((request.problem_id, request.seed) for request in requests)
        mine = set(self._ranks.share(list(dict.fromkeys(request.problem_id for request in requests))))
        drawn: Drawn = []

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
        everywhere: Drawn = [
            (rollout, drawn[position][1] if index == self._ranks.index else None)
            for index, rollouts in enumerate(self._ranks.gather(sample))
            for position, rollout in enumerate(rollouts)
        ]
        self.programs += len(everywhere)
        return sorted(everywhere, key=lambda pair: (place[_key(pair[0])], pair[0].sample))

    def ahead(self, requests: Sequence[SampleRequest]) -> None:
        """Let servers begin with the next step's samples, where `sampler.ahead` says so."""
        if self._config.sampler.ahead:
            self.sampler.ahead(requests)

    def portions_of(self, drawn: Drawn) -> Iterator[list[Group]]:
        """Yield groups as they are judged, in the order of drawing and never of judging, in about `portions` parts."""
        problems: dict[str, Drawn] = {}
        for pair in drawn:
            problems.setdefault(pair[0].problem_id, []).append(pair)
        parts = list(problems.values())
        size = max(1, -(-len(parts) // self.portions))
        for start in range(0, len(parts), size):
            yield self._judged(list(chain(*parts[start : start + size])))

    def rounds(
        self, drawn: Drawn, further: Callable[[list[list[Group]]], list[SampleRequest]] = lambda _: []
    ) -> list[Group]:
        """Give all groups after further rounds: repair turns, and whatever `further` asks for.

        Args:
            drawn: By `draw`.
            further: Given the groups that each round brought.
        """
        rounds = [self._judged(drawn)]
        while requests := [*self._repairs(rounds[-1]), *further(rounds)]:
            rounds.append(self._judged(self.draw(requests)))
        return _merged(rounds)

    def _judged(self, drawn: Drawn) -> list[Group]:
        """Wait for the feedback; samples that could not be judged even again are left out and counted."""

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

    def _repairs(self, groups: Sequence[Group]) -> list[SampleRequest]:
        """Ask for one more try of every sample whose program fails its public tests, if turns are left.

        After RLEF (Gehring et al. 2024), but that every turn is an experience of its own, rewarded on the hidden tests.
        """
        tries = [
            sample.rollout
            for group in groups
            for sample in group.samples
            if sample.rollout.turn + 1 < self._config.sampler.turns
        ]
        answers = self._ranks.spread(self._repaired, tries) if tries else []
        self.cut_prompts.update(request.problem_id for request, cut in answers if request is not None and cut)
        return [request for request, _ in answers if request is not None]

    def _repaired(self, tries: Sequence[Rollout]) -> list[tuple[SampleRequest | None, bool]]:
        """Say for each try how it is asked again, and whether its prompt was cut; None where it passes."""
        judging = []
        for rollout in tries:
            public = self._public[rollout.problem_id]
            program = program_of(self._policy, rollout.token_ids, public)
            judging.append((program, self.scorer.engine.judge.submit(program, public)))
        answers: list[tuple[SampleRequest | None, bool]] = []
        for rollout, (program, future) in zip(tries, judging, strict=True):
            public, execution = self._public[rollout.problem_id], future.result()
            if execution.verdict in (Verdict.PASSED, Verdict.INFRA):
                answers.append((None, False))
                continue
            prompt, cut = encode_repair(self._policy, public, program, complaint(execution, public))
            first = rollout.sample + self._config.sampler.samples_per_problem
            seed, turn = self._seeds[rollout.problem_id], rollout.turn + 1
            request = SampleRequest(rollout.problem_id, prompt, 1, seed, first, drawing=self._drawing, turn=turn)
            answers.append((request, cut))
        return answers

    def _in_turn(self, start: int, count: int) -> list[str]:
        identifiers = list(self.problems)
        indices = in_turn(self._config.run.seed, PROBLEMS, start, count, len(identifiers))
        return [identifiers[index] for index in indices]


def sampled(drawn: Drawn) -> list[Rollout]:
    """Leave out greedy ones."""
    return [rollout for rollout, _ in drawn if not rollout.greedy]


def _key(rollout: Rollout) -> tuple[Any, ...]:
    return (rollout.problem_id, rollout.greedy, rollout.sample)


def _group(identifier: str, pairs: Sequence[tuple[Rollout, Feedback | None]]) -> Group:
    """Put a problem's samples together; without the greedy one that they are compared with, all are lost."""
    judged = [Sample(rollout, feedback) for rollout, feedback in pairs if feedback is not None]
    count = sum(not rollout.greedy for rollout, _ in pairs)
    if any(rollout.greedy and feedback is None for rollout, feedback in pairs):
        return Group(identifier, (), None, count)
    samples = tuple(sample for sample in judged if not sample.rollout.greedy)
    greedy = next((sample for sample in judged if sample.rollout.greedy), None)
    return Group(identifier, samples, greedy, count - len(samples))


def _merged(rounds: Sequence[Sequence[Group]]) -> list[Group]:
    """Put the samples of a problem that came in different rounds into one group."""
    groups: dict[str, Group] = {}
    for group in chain(*rounds):
        earlier = groups.get(group.problem_id)
        if earlier is not None:
            samples, lost = (*earlier.samples, *group.samples), earlier.lost + group.lost
            group = Group(group.problem_id, samples, earlier.greedy, lost)  # noqa: PLW2901
        groups[group.problem_id] = group
    return list(groups.values())
