"""How a step's experiences come about: which problems are asked, sampling, judging, rewards and baselines.

What this module does not do: learn (`training.step`), or draw anything from global random state: problems and seeds
are functions of the run's seed and the step.
"""

from __future__ import annotations

from collections import ChainMap, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

import numpy as np

from feedback import Feedback
from training.baselines import NO_BASELINE, group_baselines, outcome
from training.buffer import in_turn
from training.objective import shaped, token_weights
from training.records import Baseline, Experience, Rollout, SampleRequest
from training.sampler import request_seed
from training.session import Session
from training.turns import repair_requests
from training.vllm.sampler import VllmSampler

FILLING = 2**31 - 2
"""Stands for the step in the seeds of the samples that fill the buffer; further rounds of it count down."""
_GREEDY = -1
"""Stands for the sample's index of a problem's likeliest completion."""

Pending = list[tuple[Rollout, Future[Feedback] | None]]
"""Rollouts whose feedback is on its way: here, or in another of the run's processes."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of rollouts."""

    experiences: list[Experience]
    infra: int
    """Samples left out because we failed to judge them (or the greedy one they are compared with)."""
    programs: int
    """Programs judged, greedy ones included."""


def sample(session: Session, requests: Sequence[SampleRequest]) -> Pending:
    """Sample, and hand each rollout to the scorer at once: it is judged while the next batch is sampled.

    With `sampler.turns` above 1, programs that fail their public tests come again, with a prompt of their own. Each of
    a run's processes samples its share of the problems; all are told what was drawn, in the order one alone draws it.

    Raises:
        Stopping: training was asked to stop.
    """
    mine = set(session.ranks.share(list(dict.fromkeys(request.problem_id for request in requests))))
    pending: Pending = []

    def drawn() -> tuple[list[Rollout], set[str]]:
        pending.extend(_submitted(session, [request for request in requests if request.problem_id in mine]))
        return [rollout for rollout, _ in pending], session.cut_prompts

    told = session.ranks.gather(drawn)
    if len(told) == 1:
        return pending
    session.cut_prompts.update(*(cut for _, cut in told))
    everywhere: Pending = [
        (rollout, pending[place][1] if index == session.ranks.index else None)
        for index, (rollouts, _) in enumerate(told)
        for place, rollout in enumerate(rollouts)
    ]
    return _in_order_of_drawing(session, everywhere, requests)


def _submitted(session: Session, requests: Sequence[SampleRequest]) -> Pending:
    """What this process draws, handed to its scorer."""
    pending: Pending = []

    def submit(rollout: Rollout) -> None:
        problem = session.problems[rollout.problem_id]
        pending.append((rollout, session.scorer.submit(rollout.token_ids, problem, rollout.finish_reason)))

    asked, seeds = requests, {request.problem_id: request.seed for request in requests}
    places = {identifier: place for place, identifier in enumerate(seeds)}
    for turn in range(1, session.config.sampler.turns + 1):
        before = len(pending)
        for batch in session.sampler.sample(asked, policy_version=session.step):
            session.go_on()
            for rollout in batch:
                submit(rollout)
        if isinstance(session.sampler, VllmSampler):  # who answers first is chance, and sums depend on the order
            pending[before:] = sorted(pending[before:], key=lambda each: (places[each[0].problem_id], each[0].sample))
        if turn < session.config.sampler.turns:
            asked = repair_requests(session, [rollout for rollout, _ in pending[before:]], seeds, turn)
    if session.greedy is not None:
        once = [replace(request, samples=1) for request in requests]
        for batch in session.greedy.sample(once, policy_version=session.step):
            for rollout in batch:
                submit(replace(rollout, sample=_GREEDY))
    return pending


def _in_order_of_drawing(session: Session, pending: Pending, requests: Sequence[SampleRequest]) -> Pending:
    """Turn by turn, shorter prompts first, then as the turn before: what is drawn does not depend on who draws it."""
    place = {request.problem_id: index for index, request in reversed(list(enumerate(requests)))}
    lengths = {(rollout.problem_id, rollout.sample): len(rollout.prompt_ids) for rollout, _ in pending}
    size = session.config.sampler.samples_per_problem

    def key(rollout: Rollout) -> tuple[int, ...]:
        if rollout.sample == _GREEDY:
            return (session.config.sampler.turns, len(rollout.prompt_ids), place[rollout.problem_id])
        chain = [lengths[rollout.problem_id, sample] for sample in range(rollout.sample, -1, -size)]
        return (rollout.sample // size, *chain, place[rollout.problem_id])

    return sorted(pending, key=lambda each: key(each[0]))


def judge(session: Session, pending: Pending) -> Judged:
    """Pair rollouts with feedback and baseline; those that could not be judged are left out and counted."""
    config = session.config

    def own() -> dict[int, Feedback | None]:
        return {
            place: None if (feedback := future.result()).masked else feedback
            for place, (_, future) in enumerate(pending)
            if future is not None
        }

    known = ChainMap(*session.ranks.gather(own))
    found = [(rollout, known[place]) for place, (rollout, _) in enumerate(pending)]
    rewarded = shaped(
        [(rollout, feedback) for rollout, feedback in found if feedback is not None],
        config.objective,
        config.feedback,
        config.sampler.max_new_tokens,
    )
    greedy = {rollout.problem_id: outcome(feedback) for rollout, feedback in rewarded if rollout.sample == _GREEDY}
    judged = [
        (rollout, feedback)
        for rollout, feedback in rewarded
        if rollout.sample != _GREEDY and (session.greedy is None or rollout.problem_id in greedy)
    ]
    experiences = [
        Experience(rollout, feedback, baseline)
        for (rollout, feedback), baseline in zip(judged, _baselines(session, judged, greedy), strict=True)
    ]
    samples = sum(rollout.sample != _GREEDY for rollout, _ in pending)
    return Judged(experiences, samples - len(experiences), len(pending))


def _baselines(session: Session, judged: list[tuple[Rollout, Feedback]], greedy: dict[str, Baseline]) -> list[Baseline]:
    rollouts, feedbacks = [rollout for rollout, _ in judged], [feedback for _, feedback in judged]
    best = session.best.baselines(rollouts, feedbacks)  # kept up to date whichever baseline is used
    match session.config.objective.baseline:
        case "historical_best":
            return best
        case "greedy":
            return [greedy[rollout.problem_id] for rollout in rollouts]
        case "none":
            return [NO_BASELINE] * len(judged)
        case "leave_one_out" | "group_mean":
            return group_baselines(rollouts, feedbacks, session.config.objective)


def with_signal(session: Session, experiences: Iterable[Experience]) -> list[Experience]:
    """Those of problems that have any token to learn from: groups alike in all have none (DAPO leaves them out)."""
    groups: dict[str, list[Experience]] = defaultdict(list)
    for each in experiences:
        groups[each.rollout.problem_id].append(each)
    objective = session.config.objective
    return [
        each
        for group in groups.values()
        if any(np.any(token_weights(own, objective)) for own in group)
        for each in group
    ]


def step_requests(session: Session, ahead: int = 0) -> list[SampleRequest]:
    """The next problems: a new permutation of all of them each time round, a function of seed and step alone."""
    count, step = session.config.sampler.problems_per_step, session.step + ahead
    chosen = _in_turn(session, step * count, count)
    return [_request(session, identifier, step) for identifier in dict.fromkeys(chosen)]


def ask_ahead(session: Session) -> None:
    """Let the servers begin with the next step's samples, where they may and there is one."""
    sampler, config = session.sampler, session.config
    if (
        config.samples_online
        and config.sampler.ahead
        and isinstance(sampler, VllmSampler)
        and session.step + 1 < config.training.steps
    ):
        sampler.begin(step_requests(session, ahead=1))


def further_requests(session: Session, asked: set[str], count: int, attempt: int) -> list[SampleRequest]:
    """Problems in place of those without signal: others than the step's, a function of seed, step and attempt."""
    others = [identifier for identifier in session.problems if identifier not in asked]
    generator = np.random.default_rng([session.config.run.seed, session.step, attempt, 3])
    chosen = generator.permutation(len(others))[:count]
    return [_request(session, others[index], session.step) for index in chosen]


def filling_requests(session: Session) -> list[list[SampleRequest]]:
    """What to sample before the first step, in portions of a step's size: all problems in turn, and round again."""
    config, size = session.config, session.config.sampler.problems_per_step
    needed = max(1, config.initial_samples // config.sampler.samples_per_problem)
    total = len(session.problems)
    chosen = [(FILLING - index // total, name) for index, name in enumerate(_in_turn(session, 0, needed))]
    return [
        [_request(session, name, step) for step, name in chosen[start : start + size]]
        for start in range(0, needed, size)
    ]


def _in_turn(session: Session, start: int, count: int) -> list[str]:
    identifiers = list(session.problems)
    return [identifiers[index] for index in in_turn(session.config.run.seed, 2, start, count, len(identifiers))]


def _request(session: Session, identifier: str, step: int) -> SampleRequest:
    config, problem = session.config, session.problems[identifier]
    seed = request_seed(config.run.seed, step, identifier)
    return SampleRequest(identifier, session.prompt(problem), config.sampler.samples_per_problem, seed)
