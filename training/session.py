"""Everything a running loop works with, and how it is opened, saved, restored and recorded.

What this module does not do: train.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine import Problem
from feedback import Scorer
from training.baselines import HistoricalBest
from training.buffer import Buffer
from training.checkpoint import (
    Progress,
    digest_of,
    load_buffer,
    load_experiences,
    load_learner,
    load_progress,
    save_checkpoint,
    step_of,
)
from training.config import TrainConfig
from training.control import Control, Stopping
from training.critic.network import CriticLearner
from training.critic.step import open_critic
from training.data import DataError
from training.display import Display
from training.learner import LocalLearner
from training.learning import new_learner
from training.models.prompts import encode_prompt, is_cut
from training.objective import token_weights
from training.performance import Performance
from training.policy import Policy, load_policy
from training.protocols import Sampler
from training.ranks import ALONE, Ranks
from training.records import Experience
from training.reference import Reference
from training.resume import Beginning, new_beginning, set_damaged_aside
from training.run import move_earlier, write_settings
from training.samples import sample_row
from training.sampling import open_servers, plain_sampler, training_sampler
from training.scoring import open_scorer
from training.store import NoStore, RunStore
from training.tracking import open_tracking
from training.turns import public_and_hidden
from training.vllm.servers import VllmServers


@dataclass
class Session:
    """The parts of a running loop and where it stands."""

    config: TrainConfig
    path: Path
    policy: Policy
    learner: LocalLearner
    sampler: Sampler
    scorer: Scorer
    problems: dict[str, Problem]
    held_out: list[Problem]
    taught: dict[str, tuple[str, ...]]
    """The references of each problem as completions."""
    store: RunStore | NoStore
    ranks: Ranks
    control: Control
    display: Display
    should_stop: Callable[[], bool]
    identity: str
    best: HistoricalBest
    buffer: Buffer
    servers: VllmServers | None = None
    """Where the samplers ask vLLM servers."""
    greedy: Sampler | None = None
    """Where the baseline is the greedy one."""
    reference: Reference | None = None
    """Where the loss has a KL term."""
    critic: CriticLearner | None = None
    """Where the objective has one: in the run's first process."""
    kl_coefficient: float = 0.0
    """ppocoder's, as its adaptive controller has it."""
    public: dict[str, Problem] = field(default_factory=dict)
    """The problems judged by their public tests alone, where there are repair turns; `problems` has the hidden ones."""
    step: int = 0
    samples: int = 0
    earlier_seconds: float = 0.0
    before: dict[str, float] = field(default_factory=dict)
    evaluated: int = 0
    """The newest step evaluated on the way."""
    started: float = field(default_factory=time.monotonic)
    prompts: dict[str, tuple[int, ...]] = field(default_factory=dict)
    performance: Performance | None = None
    recording_seconds: float = 0.0
    """What writing and showing the newest step took; in the next one's `time/other`."""
    end_tracking: Callable[[], None] = lambda: None
    cut_prompts: set[str] = field(default_factory=set)
    """Problems whose text is longer than `model.max_prompt_tokens` lets the policy read."""

    @property
    def offline_store(self) -> Path | None:
        """Where samples drawn once are kept; None where the run learns online."""
        return self.path / "offline.msgpack" if self.config.training.rollouts == "offline" else None

    @property
    def seconds(self) -> float:
        """Wall time of all sessions of this run."""
        return self.earlier_seconds + time.monotonic() - self.started

    def go_on(self) -> None:
        """Asked in the middle of a step.

        Raises:
            Stopping: training was asked to stop.
        """
        if self.should_stop():
            raise Stopping

    def prompt(self, problem: Problem) -> tuple[int, ...]:
        """Token ids of what the policy reads, encoded once."""
        if problem.id not in self.prompts:
            self.prompts[problem.id] = encode_prompt(self.policy, problem)
            if is_cut(self.policy, problem):
                self.cut_prompts.add(problem.id)
        return self.prompts[problem.id]

    def record(
        self,
        metrics: dict[str, float],
        experiences: list[Experience],
        weights: Sequence[NDArray[np.float32] | None] = (),
    ) -> None:
        """Write and show a step's metrics and samples; `weights` are those on their tokens, where they are known."""
        if not self.ranks.leads:
            return
        begin = time.monotonic()
        kept = self.config.training.samples_kept_per_step or len(experiences)
        rows = [
            sample_row(
                each,
                self.problems[each.rollout.problem_id],
                self.step,
                token_weights(each, self.config.objective) if own is None else own,
                self._shown_prompt(each),
            )
            for each, own in list(zip_longest(experiences, weights))[:kept]
        ]
        self.store.write(self.step, metrics, rows)
        self.display.step(self.step, metrics, rows)
        self.recording_seconds = time.monotonic() - begin

    def _shown_prompt(self, experience: Experience) -> str:
        """What the policy was asked: the problem, or in a repair turn the text that it read."""
        rollout = experience.rollout
        if rollout.sample < self.config.sampler.samples_per_problem:
            return self.problems[rollout.problem_id].prompt
        return str(self.policy.tokenizer.decode(rollout.prompt_ids, clean_up_tokenization_spaces=False))

    def publish(self) -> None:
        """Give the policy's present weights to the servers that sample, where there are any.

        Raises:
            ServerError: a server refuses them, or none is left.
            Stopping: training was asked to stop.
        """
        if self.servers is not None:
            self.servers.push(self.step, self.go_on)

    def announce(self, state: str, identifier: int | None = None) -> None:
        """Write a state event; `identifier` is the command it answers."""
        data = {"state": state, "step": self.step, "steps": self.config.training.steps, "id": identifier}
        self.store.write(self.step, events=[("state", data)])

    def save(self) -> Path:
        """Write a checkpoint of the present step; all of the run's processes have a part in it."""
        progress = Progress(
            self.step,
            self.samples,
            self.seconds,
            self.best.best,
            self.before,
            self.kl_coefficient,
            self.evaluated,
            self.identity,
            self.store.newest,
            self._offline_digest(),
        )
        state = self.learner.state()
        path = self.ranks.first(
            lambda: save_checkpoint(
                self.path / "checkpoints",
                self.policy,
                state,
                progress,
                [] if self.offline_store else list(self.buffer),
                self.config.training.keep_checkpoints,
                self.critic,
            )
        )
        self.store.write(self.step, events=[("checkpoint", {"step": self.step, "path": path.name})])
        return path

    def _offline_digest(self) -> str:
        there = self.offline_store if self.samples and self.ranks.leads else None
        return digest_of(there) if there else ""

    def restore(self, checkpoint: Path) -> None:
        """Go on where a checkpoint stands (the policy is loaded from it already)."""
        progress, experiences = load_progress(checkpoint), load_buffer(checkpoint)
        load_learner(checkpoint, self.learner)
        if self.critic is not None:
            self.critic.load(checkpoint)
        self.step, self.samples = progress.step, progress.samples
        self.earlier_seconds, self.before = progress.seconds, progress.before
        self.kl_coefficient, self.evaluated = progress.kl_coefficient, progress.evaluated
        self.best = HistoricalBest(progress.best)
        if self.offline_store and self.samples:
            try:
                if digest_of(self.offline_store) != progress.offline:
                    raise ValueError("are not those that it was learning from")
                experiences = load_experiences(self.offline_store)
            except (OSError, ValueError) as error:
                raise DataError(f"{self.offline_store}: the samples of this offline run: {error}") from None
        self.buffer = Buffer(self.config, experiences)
        self.store.forget_after(progress.step)  # those steps are done again
        self.display.message(f"going on after step {progress.step} from {checkpoint}")

    def close(self) -> None:
        """End the workers and close the database."""
        if self.servers is not None:
            self.servers.close()
        self.scorer.close()
        self.store.close()
        self.end_tracking()


def open_session(
    config: TrainConfig,
    path: Path,
    problems: list[Problem],
    held_out: list[Problem],
    *,
    display: Display,
    should_stop: Callable[[], bool],
    control: Control,
    beginning: Beginning | None = None,
    restart: bool = False,
    ranks: Ranks = ALONE,
) -> Session:
    """Load the policy, start the workers, and only then write into the run directory.

    Args:
        config: The run's configuration.
        path: The run directory.
        problems: The ones to train on.
        held_out: The ones to evaluate on.
        display: Shows progress.
        should_stop: Asked between batches.
        control: Commands from outside.
        beginning: Where the run begins; None for a new one.
        restart: Move what is recorded in the directory out of the way first.
        ranks: The processes that train together.
    """
    beginning = beginning or ranks.first(new_beginning)
    newest = beginning.checkpoint
    policy = ranks.together(lambda: load_policy(config.model, newest))
    ranks.together(lambda: encode_prompt(policy, problems[0]))  # a malformed format leaves no run of this name behind
    learner = ranks.together(lambda: new_learner(config, policy, ranks))
    servers = open_servers(config, policy, path, display.message)
    scorer = ranks.together(lambda: open_scorer(config, policy, display.message, ranks.count))
    for line in ranks.first(lambda: _claim(config, path, beginning, restart=restart)):
        display.message(line)
    store, end_tracking = ranks.together(lambda: _open_store(config, path, beginning, ranks))
    public, hidden = public_and_hidden(problems, config.sampler.turns, config.sampler.public_tests)
    session = Session(
        config=config,
        path=path,
        policy=policy,
        learner=learner,
        servers=servers,
        sampler=training_sampler(config, policy, servers),
        scorer=scorer,
        problems=hidden,
        public=public,
        held_out=held_out,
        taught=_taught(policy, problems, display),
        store=store,
        ranks=ranks,
        performance=Performance(policy, config.run.peak_tflops, ranks.count) if ranks.leads else None,
        end_tracking=end_tracking,
        control=control,
        display=display,
        should_stop=should_stop,
        identity=beginning.identity,
        best=HistoricalBest(),
        buffer=Buffer(config),
        greedy=(plain_sampler(config, policy, servers, greedy=True) if config.objective.baseline == "greedy" else None),
        reference=_reference(config, policy),
        critic=open_critic(config, policy) if ranks.leads else None,
        kl_coefficient=config.objective.kl,
    )
    if newest:
        session.restore(newest)
    else:
        store.forget_after(-1)
    return session


def _taught(policy: Policy, problems: list[Problem], display: Display) -> dict[str, tuple[str, ...]]:
    """The references of each problem as completions; tells how many the format cannot express."""
    taught = {problem.id: policy.format.taught(problem) for problem in problems}
    references = sum(len(problem.references) for problem in problems)
    if missing := references - sum(map(len, taught.values())):
        display.message(
            f"{missing} of {references} reference solutions are not taught: as completions in model.prompt_format "
            f"{policy.section.prompt_format!r} they would be read as other programs"
        )
    return taught


def _claim(config: TrainConfig, path: Path, beginning: Beginning, *, restart: bool) -> list[str]:
    """Make the run directory this run's, from here on; returns what to tell the user."""
    path.mkdir(parents=True, exist_ok=True)
    lines = set_damaged_aside(beginning)
    if restart and (earlier := move_earlier(path)):
        lines.append(f"beginning anew at step 0; what was recorded is in {earlier}")
    write_settings(path, config, beginning.identity)
    return lines


def _open_store(
    config: TrainConfig, path: Path, beginning: Beginning, ranks: Ranks
) -> tuple[RunStore | NoStore, Callable[[], None]]:
    """Where this process writes what the run does, and what ends its tracking."""
    if not ranks.leads:
        return NoStore(), lambda: None
    track, end_tracking = open_tracking(config, path, step_of(beginning.checkpoint) if beginning.checkpoint else 0)
    return RunStore(path, track, beginning.identity), end_tracking


def _reference(config: TrainConfig, policy: Policy) -> Reference | None:
    """What a KL term compares with: the policy without its adapter, or the initial weights loaded once more."""
    if not config.objective.kl:
        return None
    initial = policy if config.model.lora_rank else load_policy(config.model)
    return Reference(initial, config.optimizer.micro_batch_tokens)
