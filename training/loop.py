"""The online RLTF loop (RLTF section 3.1): sample, get feedback, learn; evaluate, record, checkpoint.

    Sampler --rollouts--> Scorer --feedback--> Algorithm --experiences--> Learner
       ^                                                                     |
       +----------------------- weights (one copy) --------------------------+

One step is `training.step.Trainer.take`; this file says what happens around it. `training.errors` says how a run ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import torch
from filelock import FileLock, Timeout

from training.config import TrainConfig
from training.errors import DivergenceError, Interrupted, LostError, RunError, Stopping
from training.evaluation.held_out import HeldOut
from training.files import write_text
from training.models.policy import set_threads
from training.opening import Opened, offline_store, open_parts
from training.problems import load_data
from training.ranks import ALONE, Ranks
from training.records import Experience
from training.reporting import Reporter
from training.run.checkpoint import Progress, digest_of, save_checkpoint, save_experiences
from training.run.control import Control
from training.run.display import Display
from training.run.resume import find_beginning, new_beginning
from training.run.samples import step_metrics
from training.step import Step


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
        RefusedError, SandboxError: bad input, or the run directory is another trainer's or damaged; nothing is changed.
        LostError: servers, cluster or another process are gone; in one process a checkpoint is written.
        DivergenceError: the gradient is not finite.
        ElsewhereError: another process failed.
    """

    def go_on() -> None:
        if should_stop():
            raise Stopping

    set_threads(config.run.threads, ranks.per_machine)
    torch.manual_seed(config.run.seed)
    shown = display or Display(quiet=True)
    problems, held_out = ranks.together(lambda: load_data(config, shown.message))  # bad data leaves no folder behind
    lock = FileLock(path / "lock", timeout=0)
    try:
        ranks.first(lambda: _lock(path, lock))
        beginning = ranks.first(lambda: find_beginning(path) if resume else new_beginning())
        if resume and not beginning.checkpoint:
            shown.message(f"{path}: no checkpoint was written yet; beginning at step 0")
        control = Control(path, stop_with_parent=stop_with_parent)
        parts, progress = open_parts(
            config, path, problems, shown.message, go_on, ranks, beginning, held_out=held_out, restart=restart
        )
        try:
            loop = Loop(config, path, parts, progress, control, shown, should_stop, ranks)
            with shown:
                return loop.run()
        except LostError as error:
            if ranks.count > 1:  # the others have gone, and a checkpoint takes all
                raise
            raise type(error)(f"{error}; go on with --resume from {loop.stop(None)}") from None
        finally:
            parts.close()
    finally:
        _unlock(path, lock)


def _lock(path: Path, lock: FileLock) -> None:
    path.mkdir(parents=True, exist_ok=True)
    try:
        lock.acquire()
    except Timeout:
        raise RunError(f"{path}: another trainer is working on this run") from None


def _unlock(path: Path, lock: FileLock) -> None:
    """Release the lock. Of a run that did not come to begin nothing is left behind."""
    if lock.is_locked and path.is_dir() and [file.name for file in path.iterdir()] == ["lock"]:
        (path / "lock").unlink()
        path.rmdir()
    lock.release()


class Loop:
    """A run on its way: where it stands, and what happens between its steps."""

    def __init__(
        self,
        config: TrainConfig,
        path: Path,
        parts: Opened,
        progress: Progress,
        control: Control,
        display: Display,
        should_stop: Callable[[], bool],
        ranks: Ranks,
    ) -> None:
        self.config, self.path, self.parts, self.progress = config, path, parts, progress
        self.control, self.display, self.should_stop, self.ranks = control, display, should_stop, ranks
        self.started = time.monotonic()
        self.reporter = Reporter(config, parts, display, ranks.leads)
        self.held_out = HeldOut(
            parts.held_out,
            parts.policy,
            parts.trainer.rollouts.sampler,
            parts.scorer.engine.judge,
            config.run.seed,
            ranks,
            parts.recorder,
            display,
            parts.trainer.go_on,
        )

    def run(self) -> Summary:
        """Take all steps that are left, and evaluate before, between and after them."""
        config, progress = self.config, self.progress
        self.display.begin(config, self.path, progress.step, self.parts.scorer.engine.isolation)
        self.parts.recorder.tell("running")
        if not progress.before:
            progress.before = self._evaluate(config.evaluation.samples_per_problem)
            self.save()
        if not progress.samples and config.initial_samples:
            self._undone_if_stopped(self._fill)
        self._evaluate_on_the_way()  # where the run was stopped in the middle of it
        while progress.step < config.training.steps:
            self._obey()
            self._undone_if_stopped(self._step)
            self._undone_if_stopped(self._follow)
            self._evaluate_on_the_way()
            if progress.step == config.training.steps or progress.step % config.training.checkpoint_every == 0:
                self.save()
        samples = config.evaluation.samples_per_problem
        after = self.held_out.recorded(progress.step, samples) or self._evaluate(samples)
        summary = Summary(
            held_out={
                "before": progress.before,
                "after": after,
                "problems": len(self.parts.held_out),
                "samples_per_problem": samples,
            },
            steps=progress.step,
            seconds=round(self.seconds, 1),
            samples=progress.samples,
            seed=config.run.seed,
        )
        text = msgspec.json.format(msgspec.json.encode(summary)).decode() + "\n"
        self.ranks.first(lambda: write_text(self.path / "summary.json", text))
        self.parts.recorder.tell("finished")
        return summary

    @property
    def seconds(self) -> float:
        """Wall time of all sessions of this run."""
        return self.progress.seconds + time.monotonic() - self.started

    def stop(self, identifier: int | None) -> Path:
        """Write a checkpoint and say that the run is stopped. `identifier` is the command that asked for it."""
        path = self.save()
        self.parts.recorder.tell("stopped", identifier)
        return path

    def save(self) -> Path:
        """Write a checkpoint of the present step. All of the run's processes have a part in it."""
        trainer, progress = self.parts.trainer, self.progress
        state, offline = trainer.learner.state(), self.config.training.rollouts == "offline"
        path = self.ranks.first(
            lambda: save_checkpoint(
                self.path / "checkpoints",
                self.parts.policy,
                state,
                trainer.algorithm.state(),
                replace(
                    progress,
                    seconds=self.seconds,
                    recorded=self.parts.recorder.newest,
                    offline=digest_of(offline_store(self.path)) if offline and progress.samples else "",
                ),
                [] if offline else list(trainer.buffer),
                self.config.training.keep_checkpoints,
            )
        )
        self.parts.recorder.event("checkpoint", {"step": progress.step, "path": path.name})
        return path

    def _step(self) -> None:
        begin = time.perf_counter()
        step = Step(self.progress.step)
        try:
            self.parts.trainer.take(step)
        except FloatingPointError as error:
            raise self._diverged(step.learned, error) from error
        self.progress.step += 1
        self.progress.samples += step.programs
        self.reporter.report(step, time.perf_counter() - begin, self.progress.samples)

    def _fill(self) -> None:
        """Sample the initial policy. Offline these samples are all there is to learn from, and are kept."""
        trainer = self.parts.trainer
        self.display.message("filling the buffer with samples of the initial policy")
        filled = trainer.fill(self._obey)
        self.progress.samples = filled.programs
        if self.config.training.rollouts == "offline":
            experiences = list(trainer.buffer)
            self.ranks.first(lambda: save_experiences(offline_store(self.path), experiences))
            metrics = step_metrics(filled.groups, experiences, self.config.sampler.turns)
            self.reporter.write(self.progress.step, metrics, filled.groups, experiences, {})

    def _follow(self) -> None:
        """Let the sampler take the policy's present weights."""
        self.parts.trainer.rollouts.sampler.follow(self.progress.step, self.parts.trainer.go_on)

    def _evaluate_on_the_way(self) -> None:
        """Evaluate, if it is due after the present step and not done yet. The last step's is the run's result."""
        settings, progress = self.config.evaluation, self.progress
        due = settings.every > 0 and progress.step % settings.every == 0
        if due and progress.evaluated < progress.step < self.config.training.steps:
            self._evaluate(settings.samples_between)
            progress.evaluated = progress.step

    def _evaluate(self, samples: int) -> dict[str, float]:
        try:
            return self.held_out.evaluate(self.progress.step, samples)
        except Stopping:
            raise Interrupted(self.stop(None)) from None

    def _undone_if_stopped(self, work: Callable[[], None]) -> None:
        """Do `work`. If training is asked to stop meanwhile, write a checkpoint of what was before it."""
        algorithm = self.parts.trainer.algorithm
        before = algorithm.state()
        try:
            work()
        except (Stopping, LostError) as error:
            algorithm.load(before)
            if isinstance(error, LostError):
                raise
            raise Interrupted(self.stop(None)) from None

    def _obey(self) -> None:
        """Carry out commands from outside. Returns when training should go on."""
        paused = False
        while True:
            asked = self.ranks.gather(lambda: (self.control.poll(), self.should_stop()))
            command = asked[0][0]  # the others look at the same file, but not at the same time
            if any(stop for _, stop in asked) or (command and command[0] == "stop"):
                raise Interrupted(self.stop(command[1] if command else None))
            if command:
                paused = command[0] == "pause"
                self.parts.recorder.tell("paused" if paused else "running", command[1])
            if not paused:
                return
            time.sleep(0.05)

    def _diverged(self, learned: list[Experience], error: FloatingPointError) -> DivergenceError:
        """Keep the batch, and say what to do."""
        batch = self.path / f"bad-batch-{self.progress.step + 1}.msgpack"
        self.ranks.first(lambda: save_experiences(batch, learned))
        return DivergenceError(
            f"step {self.progress.step + 1}: {error}; nothing was learned from it and its batch is kept in {batch}; "
            "lower optimizer.learning_rate (or critic.learning_rate) and go on with --resume"
        )
