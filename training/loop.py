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
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import torch
from filelock import FileLock, Timeout

from training.baselines import HistoricalBest
from training.config import TrainConfig
from training.control import Control
from training.display import Display
from training.evaluation.rates import PassRate, judged_samples, pass_rate
from training.files import write_text
from training.policy import set_threads
from training.protocols import Sampler
from training.run import RunError
from training.samples import step_metrics
from training.sampling import plain_sampler
from training.session import Session, Stopping, load_data, open_session
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
    display: Display | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    stop_with_parent: bool = False,
) -> Summary:
    """Train in this process until the configured number of steps is done.

    Args:
        config: The run's configuration.
        path: The run directory.
        resume: Go on from the newest checkpoint (from the start when there is none yet).
        display: Shows progress; None shows nothing.
        should_stop: Asked between batches; True makes the run write a checkpoint and stop.
        stop_with_parent: Stop, with a checkpoint, when the launching process is gone.

    Raises:
        Interrupted: stopped before the end; a checkpoint is written.
        RunError: another trainer owns the run directory.
        ServerError: no vLLM server is left, or one answers what cannot be used; a checkpoint is written.
        DataError, PolicyError, ConfigError: bad input.
    """
    set_threads(config.run.threads)
    torch.manual_seed(config.run.seed)
    shown = display or Display(quiet=True)
    problems, held_out = load_data(config, shown.message)  # before the folder is made: bad data leaves none behind
    path.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path / "lock", timeout=0):
            write_text(path / "config.toml", config.to_toml())
            control = Control(path, stop_with_parent=stop_with_parent)
            session = open_session(
                config, path, problems, held_out, display=shown, should_stop=should_stop, resume=resume, control=control
            )
            try:
                with shown:
                    return _loop(session)
            except ServerError as error:
                raise ServerError(f"{error}; go on with --resume from {_stop(session, None)}") from None
            finally:
                session.close()
    except Timeout:
        raise RunError(f"{path}: another trainer is working on this run") from None


def _loop(session: Session) -> Summary:
    config = session.config
    session.display.begin(config, session.path, session.step, session.pool.engine.judge.isolation)
    session.announce("running")
    _undone_if_stopped(session, session.publish)
    if not session.before:
        session.before = _evaluate(session, config.evaluation.samples_per_problem)
        session.save()
    if session.step == 0 and config.initial_samples:
        filled = _undone_if_stopped(session, lambda: fill_buffer(session, lambda: _obey(session)))
        session.samples = filled.programs
        if config.training.rollouts == "offline":  # there are no others to show
            session.record(step_metrics(filled.experiences, filled.infra), filled.experiences)
    while session.step < config.training.steps:
        _obey(session)
        done = _undone_if_stopped(session, lambda: take_step(session))
        session.step += 1
        session.samples += done.programs
        session.record({**done.metrics, "samples/judged": session.samples}, done.experiences, done.weights)
        _undone_if_stopped(session, session.publish)
        last = session.step == config.training.steps
        if not last and config.evaluation.every and session.step % config.evaluation.every == 0:
            _evaluate(session, config.evaluation.samples_between)
        if last or session.step % config.training.checkpoint_every == 0:
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
    write_text(session.path / "summary.json", msgspec.json.format(msgspec.json.encode(summary)).decode() + "\n")
    session.announce("finished")
    return summary


def _evaluate(session: Session, samples: int) -> dict[str, float]:
    """Held-out pass rate, sampled at temperature 1 and greedy; recorded and shown."""

    def go_on() -> None:
        if session.should_stop():
            raise Interrupted(session.save())

    def rate(sampler: Sampler, count: int) -> PassRate:
        judged = judged_samples(
            session.policy,
            sampler,
            session.pool.engine.judge,
            session.held_out,
            count,
            seed=session.config.run.seed,
            go_on=go_on,
        )
        return pass_rate(list(judged))

    parts = session.config, session.policy, session.servers
    sampled = rate(plain_sampler(*parts), samples)
    greedy = rate(plain_sampler(*parts, greedy=True), 1)
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
    except ServerError:
        session.best = best
        raise


def _obey(session: Session) -> None:
    """Carry out commands from outside; returns when training should go on."""
    paused = False
    while True:
        command = session.control.poll()
        if session.should_stop() or (command and command[0] == "stop"):
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
