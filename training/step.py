"""One step of the loop: sample, get feedback, learn.

What this module does not do: evaluate, record or checkpoint (`training.loop`), or draw anything from global random
state: problems and seeds are functions of the run's seed and the step.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from engine import Verdict
from feedback import Feedback
from training.baselines import NO_BASELINE, group_baselines
from training.checkpoint import save_experiences
from training.models.prompts import encode_reference
from training.objective import Batch, sequence_scales, token_weights, weighted_batch
from training.records import Baseline, Experience, Rollout, SampleRequest, WeightedSequence
from training.sampler import request_seed
from training.samples import step_metrics
from training.session import Session


class DivergenceError(RuntimeError):
    """The gradient is not finite: training cannot go on."""


INITIAL_STEP = 2**31 - 2
"""Stands for the step in the seeds of the samples that fill the buffer before the first one."""


def take_step(session: Session) -> tuple[dict[str, float], list[Experience]]:
    """One optimizer step; returns its metrics and the new experiences."""
    config, clock = session.config, _Clock()
    rollouts, pending = [], []
    requests = [] if config.objective.algorithm == "sft" else requests_of(session)
    for batch in session.sampler.sample(requests, policy_version=session.step):
        for rollout in batch:
            rollouts.append(rollout)
            pending.append(session.pool.submit(rollout, session.problems[rollout.problem_id]))
    clock.lap("time/sample")
    supervised_loss = _supervised(session)
    clock.lap("time/learn")
    feedbacks = [future.result() for future in pending]
    clock.lap("time/feedback_wait")
    experiences, infra = experiences_of(session, rollouts, feedbacks)
    session.buffer.add(experiences)
    learned = session.buffer.newest(config.buffer.batch_size)
    weighted = reinforced(session, learned)
    loss = session.learner.accumulate(weighted.sequences, weighted.divisor, weighted.terms)
    metrics = {"loss/reinforced": loss, "loss/supervised": supervised_loss, **_update(session, learned)}
    clock.lap("time/learn")
    metrics |= clock.laps | (step_metrics(experiences, infra) if rollouts else {})
    metrics["time/step"] = clock.total
    metrics["samples_per_second"] = len(rollouts) / clock.total
    metrics["feedback_wait_share"] = clock.laps["time/feedback_wait"] / clock.total
    return metrics, experiences


def _update(session: Session, learned: list[Experience]) -> dict[str, float]:
    try:
        return session.learner.update()
    except FloatingPointError as error:
        batch = session.path / f"bad-batch-{session.step + 1}.msgpack"
        save_experiences(batch, learned)
        raise DivergenceError(
            f"step {session.step + 1}: {error}; nothing was learned from it and its batch is kept in {batch}; "
            "lower optimizer.learning_rate and go on with --resume"
        ) from error


def fill_buffer(session: Session) -> None:
    """Samples of the initial policy, before the first step (RLTF section 3.1); they also set the first baselines."""
    config = session.config
    problems = list(session.problems)[: max(1, config.buffer.initial // config.sampler.samples_per_problem)]
    session.display.message(f"filling the buffer with samples of the initial policy for {len(problems)} problems")
    requests = [_request(session, identifier, INITIAL_STEP) for identifier in problems]
    for batch in session.sampler.sample(requests, policy_version=0):
        pending = [session.pool.submit(rollout, session.problems[rollout.problem_id]) for rollout in batch]
        experiences, _ = experiences_of(session, batch, [future.result() for future in pending])
        session.samples += len(experiences)
        session.buffer.add(experiences)


def reinforced(session: Session, learned: list[Experience]) -> Batch:
    """The reinforcement term of a batch: weights on its tokens, and the loss they stand in.

    An algorithm that needs more than rewards and baselines for its weights (a critic, say) gets a case of its own here.
    """
    config = session.config
    weights = [token_weights(each, config.objective) for each in learned]
    batch = weighted_batch(learned, weights, config.objective, config.sampler.max_new_tokens)
    if session.reference is None:
        return batch
    found = session.reference.logprobs(batch.sequences)
    pairs = zip(batch.sequences, found, strict=True)
    return replace(batch, sequences=[replace(sequence, reference_logprobs=row) for sequence, row in pairs])


def _supervised(session: Session) -> float:
    """The supervised term (eq. 7): reference solutions of training problems, every token with the same weight."""
    config = session.config
    if not (config.objective.supervised and config.training.supervised_batch):
        return 0.0
    generator = np.random.default_rng([config.run.seed, session.step, 1])
    taught = [problem for problem in session.problems.values() if problem.references]
    if not taught:
        return 0.0
    sequences = []
    for index in generator.choice(len(taught), config.training.supervised_batch):
        problem = taught[index]
        reference = problem.references[generator.integers(len(problem.references))]
        ids = encode_reference(session.policy, reference)
        weights = np.full(len(ids), config.objective.supervised, dtype=np.float32)
        sequences.append(WeightedSequence(session.prompt(problem), ids, weights))
    lengths = [len(each.token_ids) for each in sequences]
    scales, divisor = sequence_scales(lengths, config.objective, config.sampler.max_new_tokens)
    scaled = [replace(each, scale=scale) for each, scale in zip(sequences, scales, strict=True)]
    return session.learner.accumulate(scaled, divisor)


def experiences_of(
    session: Session, rollouts: list[Rollout], feedbacks: list[Feedback]
) -> tuple[list[Experience], int]:
    """Pair rollouts with feedback and baseline; those that could not be judged even again are left out and counted."""
    for index, feedback in enumerate(feedbacks):
        if feedback.report.execution.verdict is Verdict.INFRA:
            again = session.pool.submit(rollouts[index], session.problems[rollouts[index].problem_id])
            feedbacks[index] = again.result()
    judged = [
        (rollout, feedback)
        for rollout, feedback in zip(rollouts, feedbacks, strict=True)
        if feedback.report.execution.verdict is not Verdict.INFRA
    ]
    kept_rollouts = [rollout for rollout, _ in judged]
    kept_feedbacks = [feedback for _, feedback in judged]
    best = session.best.baselines(kept_rollouts, kept_feedbacks)  # kept up to date whichever baseline is used
    baselines: list[Baseline]
    match session.config.objective.baseline:
        case "historical_best":
            baselines = best
        case "none":
            baselines = [NO_BASELINE] * len(judged)
        case _:
            baselines = group_baselines(kept_rollouts, kept_feedbacks, session.config.objective)
    experiences = [
        Experience(rollout, feedback, baseline) for (rollout, feedback), baseline in zip(judged, baselines, strict=True)
    ]
    return experiences, len(rollouts) - len(judged)


def requests_of(session: Session) -> list[SampleRequest]:
    """The next problems: a new permutation of all of them each time round, a function of seed and step alone."""
    config = session.config
    identifiers = list(session.problems)
    chosen = []
    for position in range(
        session.step * config.sampler.problems_per_step, (session.step + 1) * config.sampler.problems_per_step
    ):
        epoch, index = divmod(position, len(identifiers))
        order = np.random.default_rng([config.run.seed, epoch, 2]).permutation(len(identifiers))
        chosen.append(identifiers[order[index]])
    return [_request(session, identifier, session.step) for identifier in dict.fromkeys(chosen)]


def _request(session: Session, identifier: str, step: int) -> SampleRequest:
    config, problem = session.config, session.problems[identifier]
    seed = request_seed(config.run.seed, step, identifier)
    return SampleRequest(identifier, session.prompt(problem), config.sampler.samples_per_problem, seed)


class _Clock:
    """Adds up the wall time of a step's phases."""

    def __init__(self) -> None:
        self._begin = self._last = time.perf_counter()
        self.laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = self.laps.get(name, 0.0) + now - self._last
        self._last = now

    @property
    def total(self) -> float:
        return time.perf_counter() - self._begin
