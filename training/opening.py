"""The parts of a loop, opened in order: whatever can be wrong with the input is refused before a run is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine import Problem
from feedback import Scorer
from training.algorithms import Parts
from training.buffer import Buffer
from training.config import TrainConfig
from training.errors import DataError, RunError
from training.files import why_unwritable
from training.judging.scoring import open_scorer
from training.learners import open_learner
from training.models.lengths import fitting, limited
from training.models.performance import Performance
from training.models.policy import Policy, load_policy
from training.ranks import Ranks
from training.records import Experience
from training.rollouts import Rollouts
from training.run import move_earlier, write_settings
from training.run.checkpoint import (
    Progress,
    digest_of,
    load_algorithm,
    load_buffer,
    load_experiences,
    load_learner_state,
    load_progress,
    step_of,
)
from training.run.recorder import Recorder
from training.run.resume import Beginning, set_damaged_aside
from training.run.store import NoStore, RunStore
from training.run.tracking import open_tracking
from training.samplers import open_sampler
from training.sections import ModelSection
from training.step import Trainer


@dataclass(frozen=True, slots=True)
class Opened:
    """What a loop works with."""

    policy: Policy
    trainer: Trainer
    scorer: Scorer
    recorder: Recorder
    performance: Performance | None
    """In the run's first process."""
    end_tracking: Callable[[], None]
    held_out: list[Problem]
    """Those to evaluate on whose prompts fit."""

    def close(self) -> None:
        """End the workers and close the database."""
        self.trainer.rollouts.sampler.close()
        self.scorer.close()
        self.recorder.close(None)
        self.end_tracking()


def open_parts(
    config: TrainConfig,
    path: Path,
    problems: list[Problem],
    tell: Callable[[str], None],
    go_on: Callable[[], None],
    ranks: Ranks,
    beginning: Beginning,
    *,
    held_out: Sequence[Problem] = (),
    restart: bool = False,
) -> tuple[Opened, Progress]:
    """Load the policy and start the workers, and only then write into the run directory; say where the run stands.

    Args:
        config: The run.
        path: Its directory.
        problems: Those to train on.
        tell: Shows a line to the user.
        go_on: Asked in the middle of a step; may raise.
        ranks: The processes of the run.
        beginning: Where the run begins (`training.run.resume`).
        held_out: Those to evaluate on.
        restart: Move what is recorded in the directory out of the way first.
    """
    newest = beginning.checkpoint
    state = load_algorithm(newest) if newest else {}
    progress = load_progress(newest) if newest else Progress(run=beginning.identity)
    experiences = load_buffer(newest) if newest else []
    if config.training.rollouts == "offline" and progress.samples:
        experiences = _offline_experiences(path, progress.offline)
    loaded = ranks.together(lambda: load_policy(config.model, newest))
    policy = ranks.together(lambda: limited(loaded, config.sampler.max_new_tokens))
    if policy.tokenizer.chat_template and policy.section.prompt_format == ModelSection().prompt_format:
        tell(f"the tokenizer of {config.model.name} has a chat template; model.prompt_format 'chat' would use it")
    fit = ranks.together(lambda: fitting(policy, problems, f"data.train {config.data.train}", tell))
    judged = ranks.together(lambda: fitting(policy, held_out, f"data.held_out {config.data.held_out}", tell))
    learner = ranks.together(lambda: open_learner(config.optimizer, policy, config.training.steps, ranks))
    sampler = ranks.together(lambda: open_sampler(config.sampler, policy, path / "served", tell, ranks.count))
    scorer = ranks.together(lambda: open_scorer(config, policy, tell, ranks.count))
    for line in ranks.first(lambda: _claim(config, path, beginning, restart=restart)):
        tell(line)
    recorder, end_tracking = ranks.together(lambda: _open_recorder(config, path, beginning, ranks))
    rollouts = Rollouts(config, policy, sampler, scorer, fit, ranks, go_on)
    parts = Parts(
        policy=policy,
        problems=rollouts.problems,
        prompt=rollouts.prompt,
        taught=_taught(policy, fit, tell),
        request=rollouts.request,
        compare=scorer.engine.compare,
        ranks=ranks,
        seed=config.run.seed,
        longest=config.sampler.max_new_tokens,
        supervised_batch=config.training.supervised_batch,
        batch_size=config.learned_per_step,
        rewards=config.feedback,
        critic=config.critic,
        micro_batch_tokens=config.optimizer.micro_batch_tokens,
        gradient_clip=config.optimizer.gradient_clip,
        tell=tell,
    )
    algorithm = config.algorithm(config.objective, parts)
    if newest:
        learner.load_state(load_learner_state(newest))
        algorithm.load(state)
        tell(f"going on after step {progress.step} from {newest}")
    recorder.go_on_after(progress.step if newest else -1)
    trainer = Trainer(
        algorithm=algorithm,
        rollouts=rollouts,
        buffer=Buffer(config, experiences),
        learner=learner,
        ranks=ranks,
        steps=config.training.steps,
        online=config.samples_online,
        turns=config.sampler.turns,
        go_on=go_on,
    )
    performance = Performance(policy, config.run.peak_tflops, ranks.count) if ranks.leads else None
    return Opened(policy, trainer, scorer, recorder, performance, end_tracking, judged), progress


def offline_store(path: Path) -> Path:
    """Where samples that are drawn once are kept, in an offline run."""
    return path / "offline.msgpack"


def _offline_experiences(path: Path, digest: str) -> list[Experience]:
    store = offline_store(path)
    try:
        if digest_of(store) != digest:
            raise ValueError("are not those that it was learning from")
        return load_experiences(store)
    except (OSError, ValueError) as error:
        raise DataError(f"{store}: the samples of this offline run: {error}") from None


def _open_recorder(
    config: TrainConfig, path: Path, beginning: Beginning, ranks: Ranks
) -> tuple[Recorder, Callable[[], None]]:
    """Open what writes the run, and what ends its tracking; processes but the first write nothing."""
    steps = config.training.steps
    if not ranks.leads:
        return Recorder(path, steps=steps, store=NoStore()), lambda: None
    track, end_tracking = open_tracking(config, path, step_of(beginning.checkpoint) if beginning.checkpoint else 0)
    return Recorder(path, steps=steps, store=RunStore(path, track, beginning.identity)), end_tracking


def _claim(config: TrainConfig, path: Path, beginning: Beginning, *, restart: bool) -> list[str]:
    """Make the run directory this run's, from here on; returns what to tell the user."""
    path.mkdir(parents=True, exist_ok=True)
    for name in () if restart else ("summary.json", "report.html"):  # which are written when all the work is done
        if reason := why_unwritable(path / name):
            raise RunError(reason)
    lines = set_damaged_aside(beginning)
    if restart and (earlier := move_earlier(path)):
        lines.append(f"beginning anew at step 0; what was recorded is in {earlier}")
    write_settings(path, config, beginning.identity)
    return lines


def _taught(policy: Policy, problems: list[Problem], tell: Callable[[str], None]) -> dict[str, tuple[str, ...]]:
    """Write the references of each problem as completions; tells how many the format cannot express."""
    taught = {problem.id: policy.format.taught(problem) for problem in problems}
    references = sum(len(problem.references) for problem in problems)
    if missing := references - sum(map(len, taught.values())):
        tell(
            f"{missing} of {references} reference solutions are not taught: as completions in model.prompt_format "
            f"{policy.section.prompt_format!r} they would be read as other programs"
        )
    return taught
