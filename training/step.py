"""One step of the loop: sample, get feedback, learn.

What this module does not do: evaluate, record or checkpoint (`training.loop`), or say how experiences come about
(`training.experiences`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from training.baselines import HistoricalBest
from training.checkpoint import save_experiences
from training.critic.network import CriticLearner
from training.critic.step import critic_weights, needs_critic, ppocoder_batch, warm_up
from training.experiences import (
    Judged,
    Pending,
    ask_ahead,
    filling_requests,
    further_requests,
    judge,
    sample,
    step_requests,
    with_signal,
)
from training.models.prompts import encode_completion
from training.objective import Batch, sequence_scales, token_weights, weighted_batch
from training.performance import Tokens, sampled_tokens
from training.records import Experience, WeightedSequence
from training.samples import step_metrics
from training.session import Session
from training.turns import turn_metrics
from training.vllm.sampler import VllmSampler


class DivergenceError(RuntimeError):
    """The gradient is not finite: training cannot go on."""


Weights = list[NDArray[np.float32]]

_PORTIONS = 8
"""Parts of a step that are learned from one after the other, each as soon as it is judged."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did."""

    metrics: dict[str, float]
    experiences: list[Experience]
    """The new ones; none where nothing is sampled (sft, offline)."""
    programs: int
    """Programs judged."""
    weights: list[NDArray[np.float32] | None]
    """What was put on the tokens of each of the new ones; None where it was not learned from."""


def take_step(session: Session) -> Step:
    """One optimizer step."""
    config, clock = session.config, _Clock()
    pending = sample(session, step_requests(session)) if config.samples_online else []
    ask_ahead(session)
    clock.lap("time/sample")
    supervised_loss = _supervised(session)
    clock.lap("time/learn")
    if _learns_all_its_own(session, pending):
        judged, learned, made, metrics = _learned_as_judged(session, pending, clock)
        signal = with_signal(session, judged.experiences)
        session.buffer.add(judged.experiences)
    else:
        judged = _judged(session, pending)
        signal = with_signal(session, judged.experiences)
        clock.lap("time/feedback_wait")
        session.buffer.add(signal if config.objective.resampling else judged.experiences)
        learned = session.buffer.batch(session.step, len(judged.experiences) if config.sampler.turns > 1 else 0)
        made, metrics = _learned(session, learned)
        clock.lap("time/learn")
    metrics["loss/supervised"] = supervised_loss
    metrics |= clock.laps
    metrics["time/other"] = clock.total - sum(clock.laps.values()) + session.recording_seconds
    metrics["time/step"] = clock.total + session.recording_seconds
    if session.performance is not None:
        learned_tokens = Tokens(int(metrics["learned/prompt_tokens"]), int(metrics["learned/response_tokens"]))
        sampled = sampled_tokens([each.rollout for each in judged.experiences])
        metrics |= session.performance.metrics(sampled, learned_tokens, metrics["time/step"], clock.laps["time/sample"])
    if config.samples_online:
        metrics |= step_metrics(judged.experiences, judged.infra)
        cut = sum(each.rollout.problem_id in session.cut_prompts for each in judged.experiences)
        metrics["prompts_cut"] = cut / max(1, len(judged.experiences))
        metrics |= turn_metrics(judged.experiences, config.sampler.samples_per_problem, config.sampler.turns)
        if isinstance(session.sampler, VllmSampler):
            metrics |= session.sampler.metrics(session.step, [each.rollout for each in judged.experiences])
        metrics["groups/without_signal"] = 1 - len(signal) / max(1, len(judged.experiences))
        metrics["samples_per_second"] = judged.programs / metrics["time/step"]
        metrics["feedback_wait_share"] = clock.laps["time/feedback_wait"] / metrics["time/step"]
    weights = {id(each): own for each, own in zip(learned, made, strict=True)}
    return Step(metrics, judged.experiences, judged.programs, [weights.get(id(each)) for each in judged.experiences])


def _judged(session: Session, pending: Pending) -> Judged:
    """The step's experiences; with `objective.resampling`, of further problems too, for those without signal."""
    judged, asked = judge(session, pending), {rollout.problem_id for rollout, _ in pending}
    wanted = len(asked)
    for attempt in range(session.config.objective.resampling):
        found = {each.rollout.problem_id for each in with_signal(session, judged.experiences)}
        requests = further_requests(session, asked, wanted - len(found), attempt)
        if not requests:
            break
        more = judge(session, sample(session, requests))
        judged = Judged(
            judged.experiences + more.experiences, judged.infra + more.infra, judged.programs + more.programs
        )
        asked |= {request.problem_id for request in requests}
    return judged


def _learns_all_its_own(session: Session, pending: Pending) -> bool:
    """Whether this step learns from all of its own samples, whatever they turn out to be: it can then begin at once."""
    config = session.config
    own = config.sampler.problems_per_step * config.sampler.samples_per_problem
    alone = not needs_critic(config.objective) and session.greedy is None and config.sampler.turns == 1
    room = min(config.buffer.capacity, config.buffer.batch_size) >= own == len(pending)
    return alone and room and not config.objective.resampling


def _learned_as_judged(
    session: Session, pending: Pending, clock: _Clock
) -> tuple[Judged, list[Experience], Weights, dict[str, float]]:
    """Learn from older samples, then from the new ones problem by problem, while the last are judged; then update.

    Portions are in the order of sampling, never of judging, so that a resumed run adds up the same numbers. What the
    sum is divided by counts samples that we failed to judge: they add nothing to it.
    """
    config, longest = session.config, session.config.sampler.max_new_tokens
    older = session.buffer.newest(min(config.buffer.capacity, config.buffer.batch_size) - len(pending))
    lengths = [len(each.rollout.token_ids) for each in older] + [len(rollout.token_ids) for rollout, _ in pending]
    _, divisor = sequence_scales(lengths, config.objective, longest)
    learned: list[Experience] = []
    made: Weights = []
    loss = 0.0

    def learn(experiences: list[Experience]) -> float:
        session.ranks.gather(session.go_on)
        if not experiences:
            return 0.0
        batch = reinforced(session, experiences)
        learned.extend(experiences)
        made.extend(each.weights for each in batch.sequences)
        return session.learner.accumulate(batch.sequences, divisor, batch.terms)

    loss += learn(older)
    clock.lap("time/learn")
    judged = Judged([], 0, 0)
    for portion in _portions(pending):
        found = judge(session, portion)
        clock.lap("time/feedback_wait")
        judged = Judged(
            judged.experiences + found.experiences, judged.infra + found.infra, judged.programs + found.programs
        )
        loss += learn(found.experiences)
        clock.lap("time/learn")
    try:
        metrics = {"loss/reinforced": loss, **session.learner.update()}
    except FloatingPointError as error:
        raise _diverged(session, learned, error) from error
    clock.lap("time/learn")
    return judged, learned, made, metrics


def _portions(pending: Pending) -> list[Pending]:
    """Rollouts of the same problems together, in the order of sampling, in about `_PORTIONS` parts."""
    problems: dict[str, Pending] = {}
    for rollout, feedback in pending:
        problems.setdefault(rollout.problem_id, []).append((rollout, feedback))
    groups = list(problems.values())
    size = -(-len(groups) // _PORTIONS)
    return [list(chain(*groups[start : start + size])) for start in range(0, len(groups), size)]


def _learned(session: Session, learned: list[Experience]) -> tuple[Weights, dict[str, float]]:
    """Take the optimizer step; the weights it was taken with, and metrics."""
    try:
        weighted = reinforced(session, learned)
        loss = session.learner.accumulate(weighted.sequences, weighted.divisor, weighted.terms)
        metrics = {"loss/reinforced": loss, **weighted.metrics, **session.learner.update()}
        return [each.weights for each in weighted.sequences], metrics
    except FloatingPointError as error:
        raise _diverged(session, learned, error) from error


def _diverged(session: Session, learned: list[Experience], error: FloatingPointError) -> DivergenceError:
    """Keep the batch, and say what to do."""
    batch = session.path / f"bad-batch-{session.step + 1}.msgpack"
    session.ranks.first(lambda: save_experiences(batch, learned))
    rate = "optimizer.learning_rate" + (" or critic.learning_rate" if needs_critic(session.config.objective) else "")
    return DivergenceError(
        f"step {session.step + 1}: {error}; nothing was learned from it and its batch is kept in {batch}; "
        f"lower {rate} and go on with --resume"
    )


def fill_buffer(session: Session, go_on: Callable[[], None]) -> Judged:
    """Samples of the initial policy, before the first step (RLTF section 3.1); they also set the first baselines.

    Offline they are all there is to learn from: they are kept in the run directory. `go_on` is asked between portions
    and may raise.
    """
    portions = filling_requests(session)
    session.display.message(
        f"filling the buffer with samples of the initial policy for {sum(map(len, portions))} problems"
    )
    session.best = HistoricalBest()  # a filling that was broken off begins anew
    experiences: list[Experience] = []
    infra = programs = 0
    ahead = sample(session, portions[0])
    for portion in [*portions[1:], []]:
        go_on()
        pending, ahead = ahead, sample(session, portion)  # one portion is judged while the next is sampled
        judged = judge(session, pending)
        experiences += judged.experiences
        infra, programs = infra + judged.infra, programs + judged.programs
    session.buffer.add(experiences)
    session.ranks.first(lambda: warm_up(session, experiences))
    if (store := session.offline_store) is not None:
        session.ranks.first(lambda: save_experiences(store, experiences))
    return Judged(experiences, infra, programs)


def reinforced(session: Session, learned: list[Experience]) -> Batch:
    """The reinforcement term of a batch: weights on its tokens, and the loss they stand in.

    An algorithm that needs more than rewards and baselines for its weights gets a case of its own here; a critic learns
    from the batch on the way, in the run's first process.
    """
    config = session.config
    if config.objective.algorithm == "ppocoder":
        return session.ranks.first(lambda: ppocoder_batch(session, _critic(session), learned))
    weights = [token_weights(each, config.objective) for each in learned]
    metrics: dict[str, float] = {}
    if needs_critic(config.objective):
        weights, metrics = session.ranks.first(lambda: critic_weights(session, _critic(session), learned, weights))
    batch = weighted_batch(learned, weights, config.objective, config.sampler.max_new_tokens)
    batch = replace(batch, metrics=metrics)
    if session.reference is None:
        return batch
    found = session.ranks.spread(session.reference.logprobs, batch.sequences)
    pairs = zip(batch.sequences, found, strict=True)
    return replace(batch, sequences=[replace(sequence, reference_logprobs=row) for sequence, row in pairs])


def _critic(session: Session) -> CriticLearner:
    """The critic, which is in the run's first process."""
    assert session.critic is not None
    return session.critic


def _supervised(session: Session) -> float:
    """The supervised term (eq. 7): reference solutions of training problems, every token with the same weight."""
    config = session.config
    if not (config.objective.supervised and config.training.supervised_batch):
        return 0.0
    generator = np.random.default_rng([config.run.seed, session.step, 1])
    taught = [problem for problem in session.problems.values() if session.taught[problem.id]]
    if not taught:
        return 0.0
    sequences = []
    for index in generator.choice(len(taught), config.training.supervised_batch):
        problem = taught[index]
        texts = session.taught[problem.id]
        ids = encode_completion(session.policy, texts[generator.integers(len(texts))])
        weights = np.full(len(ids), config.objective.supervised, dtype=np.float32)
        sequences.append(WeightedSequence(session.prompt(problem), ids, weights))
    lengths = [len(each.token_ids) for each in sequences]
    scales, divisor = sequence_scales(lengths, config.objective, config.sampler.max_new_tokens)
    scaled = [replace(each, scale=scale) for each, scale in zip(sequences, scales, strict=True)]
    return session.learner.accumulate(scaled, divisor)


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
