"""The online RLTF loop (RLTF section 3.1): sample, get feedback, buffer, learn; evaluate, record, checkpoint.

    Sampler --rollouts--> FeedbackPool --feedback--> Buffer --experiences--> Learner
       ^                                                                        |
       +------------------------- weights (one copy) ---------------------------+

What this module does not do: sample, judge, reward or learn; it says in which order. Feedback on one batch runs while
the next is sampled, while the supervised term is learned, and while the step's first problems are learned from.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import torch
from filelock import FileLock, Timeout

from training.baselines import HistoricalBest
from training.cluster import ClusterError
from training.config import TrainConfig
from training.control import Control, Stopping
from training.display import Display
from training.evaluation.rates import Judged, PassRate, judged_samples, pass_rate
from training.files import write_text
from training.policy import set_threads
from training.problems import load_data
from training.protocols import Sampler
from training.ranks import ALONE, Ranks
from training.resume import find_beginning
from training.run import RunError
from training.samples import step_metrics
from training.sampling import plain_sampler
from training.session import Session, open_session
from training.step import fill_buffer, take_step
from training.vllm.answers import ServerError

T = TypeVar("T")


class Interrupted(Exception):  # noqa: N818
    """Training was asked to stop; its checkpoint is in `checkpoint`."""

    def __init__(self, checkpoint: Path) -> None:
        super().__init__(str(checkpoint))
        self.checkpoint = checkpoint


@dataclass(frozen=True, slots=True)
class Summary:
    """What `summary.json` holds."""

    held_out: dict[str, Any]
    """`before` and `after` (`pass@1` at temperature 1, `greedy`), `problems`, `samples_per_problem`."""
    steps: int
    seconds: float
    """Wall time of all sessions of the run."""
    samples: int
    """Programs judged for training, those that filled the buffer and greedy ones included."""
    seed: int


def train(
    config: TrainConfig,
    path: Path,
    *,
    resume: bool = False,
    restart: bool = False,
    display: Display | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    stop_with_parent: bool = False,
    ranks: Ranks = ALONE,
) -> Summary:
    """Train in this process, and in all of `ranks`, until the configured number of steps is done.

    Args:
        config: The run's configuration.
        path: The run directory.
        resume: Go on from the newest checkpoint (from the start where nothing is recorded yet).
        restart: Begin anew; what the run directory holds is moved into a folder of its own there.
        display: Shows progress; None shows nothing.
        should_stop: Asked between batches; True makes the run write a checkpoint and stop.
        stop_with_parent: Stop, with a checkpoint, when the launching process is gone.
        ranks: The processes that train together, each of which calls this; the first owns the run directory.

    Raises:
        Interrupted: stopped before the end; a checkpoint is written.
        RunError: another trainer owns the run directory, or it is damaged; nothing in it was changed.
        ServerError: no vLLM server is left, or one answers what cannot be used; a checkpoint is written.
        ClusterError: no feedback worker is left on the Ray cluster; a checkpoint is written.
        DataError, PolicyError, ConfigError: bad input.
        ElsewhereError, LostError: another process failed, or is gone.
    """
    set_threads(config.run.threads, ranks.per_machine)
    torch.manual_seed(config.run.seed)
    shown = display or Display(quiet=True)
    problems, held_out = ranks.together(lambda: load_data(config, shown.message))  # bad data leaves no folder behind
    lock = FileLock(path / "lock", timeout=0)
    try:
        ranks.first(lambda: _lock(path, lock))
        beginning = ranks.first(lambda: find_beginning(path)) if resume else None
        if beginning and not beginning.checkpoint:
            shown.message(f"{path}: no checkpoint was written yet; beginning at step 0")
        session = open_session(
            config,
            path,
            problems,
            held_out,
            display=shown,
            should_stop=should_stop,
            control=Control(path, stop_with_parent=stop_with_parent),
            beginning=beginning,
            restart=restart,
            ranks=ranks,
        )
        try:
            with shown:
                return _loop(session)
        except (ServerError, ClusterError) as error:
            if ranks.count > 1:  # the others have gone, and a checkpoint takes all
                raise
            raise type(error)(f"{error}; go on with --resume from {_stop(session, None)}") from None
        finally:
            session.close()
    finally:
        _unlock(path, lock)


def _lock(path: Path, lock: FileLock) -> None:
    path.mkdir(parents=True, exist_ok=True)
    try:
        lock.acquire()
    except Timeout:
        raise RunError(f"{path}: another trainer is working on this run") from None


def _unlock(path: Path, lock: FileLock) -> None:
    """Release the lock; of a run that did not come to begin nothing is left behind."""
    if lock.is_locked and path.is_dir() and [each.name for each in path.iterdir()] == ["lock"]:
        (path / "lock").unlink()
        path.rmdir()
    lock.release()


def _loop(session: Session) -> Summary:
    config = session.config
    session.display.begin(config, session.path, session.step, session.scorer.engine.isolation)
    session.announce("running")
    _undone_if_stopped(session, session.publish)
    if not session.before:
        session.before = _evaluate(session, config.evaluation.samples_per_problem)
        session.save()
    if not session.samples and config.initial_samples:
        filled = _undone_if_stopped(session, lambda: fill_buffer(session, lambda: _obey(session)))
        session.samples = filled.programs
        if config.training.rollouts == "offline":  # there are no others to show
            session.record(step_metrics(filled.experiences, filled.infra), filled.experiences)
    _evaluate_on_the_way(session)  # where the run was stopped in the middle of it
    while session.step < config.training.steps:
        _obey(session)
        done = _undone_if_stopped(session, lambda: take_step(session))
        session.step += 1
        session.samples += done.programs
        counts = {"samples/judged": session.samples, "feedback/retries": session.scorer.engine.retries}
        session.record({**done.metrics, **counts}, done.experiences, done.weights)
        _undone_if_stopped(session, session.publish)
        _evaluate_on_the_way(session)
        if session.step == config.training.steps or session.step % config.training.checkpoint_every == 0:
            session.save()
    after = _evaluate(session, config.evaluation.samples_per_problem)
    summary = Summary(
        held_out={
            "before": session.before,
            "after": after,
            "problems": len(session.held_out),
            "samples_per_problem": config.evaluation.samples_per_problem,
        },
        steps=session.step,
        seconds=round(session.seconds, 1),
        samples=session.samples,
        seed=config.run.seed,
    )
    text = msgspec.json.format(msgspec.json.encode(summary)).decode() + "\n"
    session.ranks.first(lambda: write_text(session.path / "summary.json", text))
    session.announce("finished")
    return summary


def _evaluate_on_the_way(session: Session) -> None:
    """Evaluate, if it is due after the present step and not done yet; the last step's is the run's result."""
    settings, steps = session.config.evaluation, session.config.training.steps
    due = settings.every > 0 and session.step % settings.every == 0
    if due and session.evaluated < session.step < steps:
        _evaluate(session, settings.samples_between)
        session.evaluated = session.step


def _evaluate(session: Session, samples: int) -> dict[str, float]:
    """Held-out pass rate, sampled at temperature 1 and greedy; recorded and shown."""

    def judged(sampler: Sampler, count: int) -> list[Judged]:
        problems = session.ranks.share(session.held_out)
        judge, seed = session.scorer.engine.judge, session.config.run.seed
        return list(judged_samples(session.policy, sampler, judge, problems, count, seed=seed, go_on=session.go_on))

    def rate(sampler: Sampler, count: int) -> PassRate:
        found = chain(*session.ranks.gather(lambda: judged(sampler, count)))
        return pass_rate(sorted(found, key=lambda each: (len(each.rollout.prompt_ids), place[each.problem_id])))

    parts = session.config, session.policy, session.servers
    place = {problem.id: index for index, problem in enumerate(session.held_out)}
    try:
        sampled = rate(plain_sampler(*parts), samples)
        greedy = rate(plain_sampler(*parts, greedy=True), 1)
    except Stopping:
        raise Interrupted(session.save()) from None
    rates = {"pass@1": sampled.pass_at_1, "greedy": greedy.pass_at_1}
    session.store.write(
        session.step,
        metrics={f"held_out/{name}": value for name, value in rates.items()},
        events=[("evaluation", {"step": session.step, **rates, "samples_per_problem": samples, **sampled.classes})],
    )
    session.display.evaluation(session.step, sampled, greedy)
    return rates


def _undone_if_stopped(session: Session, work: Callable[[], T]) -> T:
    """What `work` gives; if training is asked to stop meanwhile, a checkpoint of what was before it is written."""
    best = HistoricalBest(session.best.best)
    try:
        return work()
    except Stopping:
        session.best = best
        raise Interrupted(_stop(session, None)) from None
    except (ServerError, ClusterError):
        session.best = best
        raise


def _obey(session: Session) -> None:
    """Carry out commands from outside; returns when training should go on."""
    paused = False
    while True:
        asked = session.ranks.gather(lambda: (session.control.poll(), session.should_stop()))
        command = asked[0][0]  # the others look at the same file, but not at the same time
        if any(stop for _, stop in asked) or (command and command[0] == "stop"):
            raise Interrupted(_stop(session, command[1] if command else None))
        if command:
            paused = command[0] == "pause"
            session.announce("paused" if paused else "running", command[1])
        if not paused:
            return
        time.sleep(0.05)


def _stop(session: Session, identifier: int | None) -> Path:
    path = session.save()
    session.announce("stopped", identifier)
    return path
