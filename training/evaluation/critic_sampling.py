"""Critic sampling (CodeRL, Le et al. 2022, section 3.4) refines or repairs programs before they are judged.

    N programs, run on the public tests
      some pass   -> refine: each is cut where the critic rates its prefix best, and its end is sampled again
      none passes -> repair: the critic's M best go back to the policy with what is wrong, then passing ones are refined
    N programs, judged on all tests

There is one round, as published. It differs in two ways. One critic with four outcomes ranks and cuts, where CodeRL
trains a second, binary one. The policy itself repairs, where CodeRL trains a second model. Hidden tests are used in the
last step only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from engine import Execution, Judge, Problem, Verdict
from feedback import FinishReason
from training.algorithms.critic import OUTCOMES, PASSED, Critic
from training.errors import PolicyError
from training.evaluation.rates import Judged, evaluation_request
from training.models.policy import Policy
from training.models.prompts import program_of
from training.models.repair import complaint, encode_repair, split_tests
from training.records import Drawing, Rollout, SampleRequest
from training.samplers.base import Sampler
from training.seeds import EVALUATION, request_seed

_REPAIR, _REFINE = 1, 2
"""The stages after the first. Each draws with random numbers of its own."""
_FAILED = OUTCOMES.index("failed")


@dataclass(frozen=True, slots=True)
class CriticSampling:
    """The settings of critic sampling."""

    candidates: int = 1
    """M, the number of failed programs of a problem that are repaired where none passes its public tests."""
    public: int = 1
    """Number of first tests that count as public where a problem's text shows none."""
    micro_batch_tokens: int = 4096
    """Maximum number of padded tokens in one forward pass of the critic."""


def critic_sampled(
    policy: Policy,
    critic: Critic,
    sampler: Sampler,
    judge: Judge,
    problems: Sequence[Problem],
    samples: int,
    drawing: Drawing = Drawing(),  # noqa: B008
    *,
    seed: int,
    settings: CriticSampling | None = None,
) -> Iterator[Judged]:
    """Draw N programs for every problem by critic sampling, judged on all tests. Replaces `judged_samples`.

    A run's checkpoints hold its critic (`objective.algorithm` coderl):

        policy = load_policy(ModelSection(name="runs/x/checkpoints/step-60"))
        critic = load_critic(Path("runs/x/checkpoints/step-60"), policy)
        judged = critic_sampled(policy, critic, sampler, judge, problems, 10, seed=0, ...)

    It costs up to three times the samples (drawn, repaired, refined), of which the last N are judged on all tests.

    Args:
        policy: Samples and repairs, in its own prompt format.
        critic: With four outcomes.
        sampler: Over `policy`.
        judge: Runs programs on public tests, then on all.
        problems: Any number.
        samples: N, for each problem.
        drawing: With a temperature: greedy ends would all be the same.
        seed: Everything random is a function of it.
        settings: M and more.

    Raises:
        PolicyError: the critic gives values and not outcomes.
    """
    if critic.outputs != len(OUTCOMES):
        raise PolicyError("critic sampling needs a critic of outcomes (objective.algorithm coderl), not of values")
    work = _Work(policy, critic, sampler, judge, samples, seed, settings or CriticSampling(), drawing)
    public = {problem.id: split_tests(problem, work.settings.public)[0] for problem in problems}
    first = [evaluation_request(policy, problem, samples, drawing, seed) for problem in problems]
    drawn = work.tried(first, public)
    repairs = [
        request
        for identifier, tries in drawn.items()
        if not any(sample.passed for sample in tries)
        for request in work.repairs(tries, public[identifier])
    ]
    final = drawn | work.tried(repairs, public)
    kept = {
        identifier: [(attempt.rollout, attempt.program) for attempt in tries] for identifier, tries in final.items()
    }
    kept |= work.refined(final, public)
    pending = [
        (rollout, program, judge.submit(program, problem))
        for problem in problems
        for rollout, program in sorted(kept[problem.id], key=lambda pair: pair[0].sample)
    ]
    for rollout, program, execution in pending:
        yield Judged(rollout.problem_id, rollout, program, execution.result())


def cut(outcomes: NDArray[np.float32]) -> int:
    """Count the tokens of a program to keep: up to where it is likeliest to pass, less where it was doubtful before.

    A prefix is doubtful if it is more likely to fail than to pass, after one that was not. The first tokens of any
    program say nothing yet. As published (any doubtful token), the rule left nothing of 96 passing programs out of 96.

    Args:
        outcomes: Probabilities of each prefix, [T, outcomes] (`Critic.prefix_outcomes`).
    """
    best = int(outcomes[:, PASSED].argmax())
    confident = outcomes[: best + 1, PASSED] >= outcomes[: best + 1, _FAILED]
    turned = np.flatnonzero(~confident[1:] & confident[:-1]) + 1
    return int(turned[0]) if len(turned) else best + 1


@dataclass(frozen=True, slots=True)
class _Try:
    """A program with its result on the public tests."""

    rollout: Rollout
    program: bytes
    execution: Execution

    @property
    def passed(self) -> bool:
        return self.execution.verdict is Verdict.PASSED


@dataclass(frozen=True, slots=True)
class _Work:
    """The parts that every stage needs."""

    policy: Policy
    critic: Critic
    sampler: Sampler
    judge: Judge
    samples: int
    seed: int
    settings: CriticSampling
    drawing: Drawing

    def tried(self, requests: Sequence[SampleRequest], public: dict[str, Problem]) -> dict[str, list[_Try]]:
        """Sample, and run each batch on the public tests while the next one is sampled. Returns tries by problem."""
        pending = []
        for rollout in chain.from_iterable(self.sampler.sample(requests)):
            problem = public[rollout.problem_id]
            program = program_of(self.policy, rollout.token_ids, problem)
            pending.append((rollout, program, self.judge.submit(program, problem)))
        found: dict[str, list[_Try]] = defaultdict(list)
        for rollout, program, execution in pending:
            found[rollout.problem_id].append(_Try(rollout, program, execution.result()))
        return found

    def repairs(self, tries: list[_Try], public: Problem) -> list[SampleRequest]:
        """Request repairs of a problem without a passing program, from the M that the critic rates most likely to pass.

        Programs that we failed to judge are left out, because there is nothing to say about them.
        """
        known = [attempt for attempt in tries if attempt.execution.verdict is not Verdict.INFRA]
        if not known:
            return []
        rows = self.critic.prefix_outcomes([sample.rollout for sample in known], self.settings.micro_batch_tokens)
        ranked = sorted(range(len(known)), key=lambda index: -float(rows[index][-1, PASSED]))
        prompts = [
            encode_repair(self.policy, public, known[index].program, complaint(known[index].execution, public))[0]
            for index in ranked[: self.settings.candidates]
        ]
        return self._shared(public.id, _REPAIR, [(prompt, ()) for prompt in prompts])

    def refined(
        self, tries: dict[str, list[_Try]], public: dict[str, Problem]
    ) -> dict[str, list[tuple[Rollout, bytes]]]:
        """Request new ends for the programs that pass their public tests, N for each problem that has some."""
        seeds = [sample.rollout for group in tries.values() for sample in group if sample.passed]
        rows = self.critic.prefix_outcomes(seeds, self.settings.micro_batch_tokens) if seeds else []
        cuts: dict[str, list[tuple[Rollout, int]]] = defaultdict(list)
        for rollout, row in zip(seeds, rows, strict=True):
            ended = rollout.finish_reason is FinishReason.STOP  # nothing is written after an end of sequence
            cuts[rollout.problem_id].append((rollout, min(cut(row), len(rollout.token_ids) - ended)))
        requests = [
            request
            for name, group in cuts.items()
            for request in self._shared(
                name, _REFINE, [(rollout.prompt_ids, rollout.token_ids[:keep]) for rollout, keep in group]
            )
        ]
        refined: dict[str, list[tuple[Rollout, bytes]]] = defaultdict(list)
        for rollout in chain.from_iterable(self.sampler.sample(requests)):
            program = program_of(self.policy, rollout.token_ids, public[rollout.problem_id])
            refined[rollout.problem_id].append((rollout, program))
        return refined

    def _shared(
        self, problem_id: str, stage: int, begun: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]
    ) -> list[SampleRequest]:
        """Divide N samples of a problem evenly among pairs of prompt and beginning. The last may get none."""
        requests, first = [], 0
        numbers = (*request_seed(self.seed, EVALUATION, problem_id), stage)
        for index, (prompt, beginning) in enumerate(begun[: self.samples]):
            share = self.samples // len(begun) + (index < self.samples % len(begun))
            requests.append(SampleRequest(problem_id, prompt, share, numbers, first, beginning, self.drawing))
            first += share
        return requests
