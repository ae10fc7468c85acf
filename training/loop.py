"""The online RLTF loop (RLTF section 3.1): sample, get feedback, learn; evaluate, record, checkpoint.

    Sampler --rollouts--> Scorer --feedback--> Algorithm --experiences--> Learner
       ^                                                                     |
       +----------------------- weights (one copy) --------------------------+

One step is `training.step.Trainer.take`; this file says what happens around it. `training.errors` says how a run ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import torch
from filelock import FileLock, Timeout

from engine import Problem
from training.config import TrainConfig
from training.errors import DivergenceError, Interrupted, LostError, RunError, Stopping
from training.evaluation.kept import kept_samples
from training.evaluation.rates import Judged, judged_samples, pass_rate
from training.files import write_text
from training.models.performance import Tokens, sampled_tokens
from training.models.policy import set_threads
from training.opening import Opened, offline_store, open_parts
from training.problems import load_data
from training.ranks import ALONE, Ranks
from training.records import GREEDY, Drawing, Experience, Group, PassRate, Row, Sample
from training.run import Run
from training.run.checkpoint import Progress, digest_of, save_checkpoint, save_experiences
from training.run.control import Control
from training.run.display import Display
from training.run.resume import Beginning, find_beginning, new_beginning
from training.run.samples import scored, step_metrics
from training.run.signs import Signs
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
        loop = Loop(config, path, held_out, control, shown, should_stop, ranks)
        loop.open(problems, beginning, restart=restart)
        try:
            with shown:
                return loop.run()
        except LostError as error:
            if ranks.count > 1:  # the others have gone, and a checkpoint takes all
                raise
            raise type(error)(f"{error}; go on with --resume from {loop.stop(None)}") from None
        finally:
            loop.parts.close()
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


@dataclass(slots=True)
class Loop:
    """A run on its way: where it stands, and what happens between its steps."""

    config: TrainConfig
    path: Path
    held_out: list[Problem]
    control: Control
    display: Display
    should_stop: Callable[[], bool]
    ranks: Ranks
    progress: Progress = field(default_factory=Progress)
    parts: Opened = field(init=False)
    started: float = field(default_factory=time.monotonic)
    signs: Signs = field(default_factory=Signs)
    recording_seconds: float = 0.0
    """What writing and showing the newest step took; in the next one's `time/other`."""

    def open(self, problems: list[Problem], beginning: Beginning, *, restart: bool) -> None:
        """Load the policy and start the workers, and only then write into the run directory."""
        self.parts, self.progress = open_parts(
            self.config,
            self.path,
            problems,
            self.display.message,
            self.go_on,
            self.ranks,
            beginning,
            held_out=self.held_out,
            restart=restart,
        )
        self.held_out = self.parts.held_out

    def run(self) -> Summary:
        """Take all steps that are left, and evaluate before, between and after them."""
        config, progress = self.config, self.progress
        self.display.begin(config, self.path, progress.step, self.parts.scorer.engine.isolation)
        self.parts.recorder.tell("running")
        self._undone_if_stopped(self._follow)
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
        after = self._evaluated_already() or self._evaluate(config.evaluation.samples_per_problem)
        summary = Summary(
            held_out={
                "before": progress.before,
                "after": after,
                "problems": len(self.held_out),
                "samples_per_problem": config.evaluation.samples_per_problem,
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

    def _evaluated_already(self) -> dict[str, float] | None:
        """Read the last step's evaluation where an earlier session made it, so that it is written once."""
        run, settings = Run(self.path), self.config.evaluation
        events = [event["data"] for event in run.events() if event["kind"] == "evaluation"] if self.ranks.leads else []
        found = [event for event in events if event["step"] == self.progress.step]
        wanted = [event for event in found if event["samples_per_problem"] == settings.samples_per_problem]
        rates = {name: wanted[-1][name] for name in ("pass@1", "greedy")} if wanted and self.progress.step else None
        return self.ranks.first(lambda: rates)

    @property
    def seconds(self) -> float:
        """Wall time of all sessions of this run."""
        return self.progress.seconds + time.monotonic() - self.started

    def go_on(self) -> None:
        """Raise `Stopping` where training was asked to stop; called in the middle of a step."""
        if self.should_stop():
            raise Stopping

    def stop(self, identifier: int | None) -> Path:
        """Write a checkpoint and say that the run is stopped; `identifier` is the command that asked for it."""
        path = self.save()
        self.parts.recorder.tell("stopped", identifier)
        return path

    def save(self) -> Path:
        """Write a checkpoint of the present step; all of the run's processes have a part in it."""
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
        trainer, step = self.parts.trainer, Step(self.progress.step)
        trainer.rollouts.programs = 0
        try:
            trainer.take(step)
        except FloatingPointError as error:
            raise self._diverged(step.learned, error) from error
        self.progress.step += 1
        self.progress.samples += trainer.rollouts.programs
        step.metrics["time/step"] = time.perf_counter() - begin + self.recording_seconds
        self._record(self._measured(step), step.groups, step.fresh, step.weights)

    def _measured(self, step: Step) -> dict[str, float]:
        """Add to a step's metrics what its samples and its seconds say."""
        metrics, rollouts = step.metrics, self.parts.trainer.rollouts
        seconds, wait = metrics["time/step"], metrics["time/feedback_wait"]
        metrics["time/other"] = seconds - metrics["time/sample"] - metrics["time/learn"] - wait
        drawn = [sample.rollout for group in step.groups for sample in group.samples]
        if self.parts.performance is not None:
            learned = Tokens(int(metrics["learned/prompt_tokens"]), int(metrics["learned/response_tokens"]))
            metrics |= self.parts.performance.metrics(sampled_tokens(drawn), learned, seconds, metrics["time/sample"])
        if self.config.samples_online:
            metrics |= step_metrics(step.groups, step.fresh, self.config.sampler.turns)
            metrics |= rollouts.sampler.metrics(step.number, drawn)
            cut = sum(rollout.problem_id in rollouts.cut_prompts for rollout in drawn)
            metrics["prompts_cut"] = cut / max(1, len(drawn))
            metrics["samples_per_second"] = rollouts.programs / seconds
            metrics["feedback_wait_share"] = wait / seconds
        counts = {"samples/judged": self.progress.samples, "feedback/retries": self.parts.scorer.engine.retries}
        return metrics | counts

    def _fill(self) -> None:
        """Sample the initial policy; offline these samples are all there is to learn from, and are kept."""
        trainer = self.parts.trainer
        trainer.rollouts.programs = 0
        self.display.message("filling the buffer with samples of the initial policy")
        groups = trainer.fill(self._obey)
        self.progress.samples = trainer.rollouts.programs
        if self.config.training.rollouts == "offline":
            experiences = list(trainer.buffer)
            self.ranks.first(lambda: save_experiences(offline_store(self.path), experiences))
            self._record(step_metrics(groups, experiences, self.config.sampler.turns), groups, experiences, {})

    def _record(
        self, metrics: dict[str, float], groups: list[Group], fresh: list[Experience], weights: dict[int, Row]
    ) -> None:
        """Write and show a step's metrics and samples."""
        if not self.ranks.leads:
            return
        begin = time.monotonic()
        problems = self.parts.trainer.rollouts.problems
        samples = [sample for group in groups for sample in group.samples]
        by_rollout = {id(experience.rollout): experience for experience in fresh}
        kept = [
            scored(
                sample,
                problems[sample.rollout.problem_id],
                by_rollout.get(id(sample.rollout)),
                weights.get(id(sample.rollout)),
                self._shown_prompt(sample),
            )
            for sample in samples[: self.config.training.samples_kept_per_step or len(samples)]
        ]
        rows = self.parts.recorder.write(self.progress.step, kept, metrics)
        self.display.step(self.progress.step, metrics, rows)
        for sign in self.signs.of(metrics):
            self.parts.recorder.event("sign", {"step": self.progress.step, "text": sign})
            self.display.message(f"step {self.progress.step}: {sign}")
        self.recording_seconds = time.monotonic() - begin

    def _shown_prompt(self, sample: Sample) -> str:
        """Give what the policy was asked: the problem, or in a repair turn the text that it read."""
        if not sample.rollout.turn:
            return self.parts.trainer.rollouts.problems[sample.rollout.problem_id].prompt
        text = self.parts.policy.tokenizer.decode(sample.rollout.prompt_ids, clean_up_tokenization_spaces=False)
        return str(text)

    def _follow(self) -> None:
        """Let the sampler take the policy's present weights."""
        self.parts.trainer.rollouts.sampler.follow(self.progress.step, self.go_on)

    def _evaluate_on_the_way(self) -> None:
        """Evaluate, if it is due after the present step and not done yet; the last step's is the run's result."""
        settings, progress = self.config.evaluation, self.progress
        due = settings.every > 0 and progress.step % settings.every == 0
        if due and progress.evaluated < progress.step < self.config.training.steps:
            self._evaluate(settings.samples_between)
            progress.evaluated = progress.step

    def _evaluate(self, samples: int) -> dict[str, float]:
        """Measure the held-out pass rate, sampled at temperature 1 and greedy; record and show it."""
        self.parts.recorder.tell("evaluating")
        try:
            (sampled, drawn), (greedy, best) = self._rate(samples, Drawing()), self._rate(1, GREEDY)
        except Stopping:
            raise Interrupted(self.stop(None)) from None
        rates = {"pass@1": sampled.pass_at_1, "greedy": greedy.pass_at_1}
        step = self.progress.step
        self.parts.recorder.event(
            "evaluation",
            {"step": step, **rates, "samples_per_problem": samples, **sampled.classes},
            {f"held_out/{name}": value for name, value in rates.items()},
        )
        kept = kept_samples(drawn, "sampled") + kept_samples(best, "greedy")
        self.parts.recorder.event("held_out", {"step": step, "samples": kept})
        self.parts.recorder.tell("running")
        self.display.evaluation(step, sampled, greedy)
        return rates

    def _rate(self, samples: int, drawing: Drawing) -> tuple[PassRate, list[Judged]]:
        def judged() -> list[Judged]:
            problems, sampler = self.ranks.share(self.held_out), self.parts.trainer.rollouts.sampler
            judge, seed = self.parts.scorer.engine.judge, self.config.run.seed
            return list(
                judged_samples(
                    self.parts.policy, sampler, judge, problems, samples, drawing, seed=seed, go_on=self.go_on
                )
            )

        place = {problem.id: index for index, problem in enumerate(self.held_out)}
        everywhere = chain(*self.ranks.gather(judged))
        ordered = sorted(everywhere, key=lambda each: (len(each.rollout.prompt_ids), place[each.problem_id]))
        return pass_rate(ordered), ordered

    def _undone_if_stopped(self, work: Callable[[], None]) -> None:
        """Do `work`; if training is asked to stop meanwhile, write a checkpoint of what was before it."""
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
        """Carry out commands from outside; returns when training should go on."""
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
