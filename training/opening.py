"""The parts of a loop, opened in order: whatever can be wrong with the input is refused before a run is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from engine import Problem
from feedback import Scorer
from training.algorithms import Parts
from training.buffer import Buffer
from training.config import TrainConfig
from training.errors import ConfigError, DataError, RunError, ServerError
from training.evaluation.fingerprints import fingerprint_of_model, fingerprint_of_problems
from training.files import why_unwritable
from training.judging.scoring import open_scorer
from training.learners import open_learner
from training.models.lengths import fitting, has_room, limited, positions
from training.models.performance import Performance
from training.models.policy import Policy, load_policy
from training.problems import with_python_references
from training.ranks import Ranks
from training.records import Experience
from training.repairs import Repairs
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
from training.samplers import Sampler, check_window, open_sampler
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
    """Load the policy and start the workers, and only then write into the run directory. Say where the run stands.

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
    progress.given = ranks.together(lambda: _given_again(config, path, progress, problems, held_out))
    experiences = load_buffer(newest) if newest else []
    if config.training.rollouts == "offline" and progress.samples:
        experiences = _offline_experiences(path, progress.offline)
    loaded = ranks.together(lambda: load_policy(config.model, newest))
    policy = ranks.together(lambda: limited(loaded, config.sampler.max_new_tokens))
    if policy.tokenizer.chat_template and policy.section.prompt_format == ModelSection().prompt_format:
        tell(f"the tokenizer of {config.model.name} has a chat template; model.prompt_format 'chat' would use it")
    fitted = partial(fitting, policy, tell=tell, rows=config.sampler.rows)
    drawn, evaluated = config.sampler.samples_per_problem, (config.evaluation.samples_per_problem, 1)  # 1 is greedy
    fit = ranks.together(lambda: fitted(problems, data=f"data.train {config.data.train}", samples=(drawn,)))
    fit = ranks.together(lambda: with_python_references(config, fit, tell))
    taught = ranks.together(lambda: _taught(config, policy, fit, tell))
    judged = ranks.together(lambda: fitted(held_out, data=f"data.held_out {config.data.held_out}", samples=evaluated))
    learner = ranks.together(lambda: open_learner(config.optimizer, policy, config.training.steps, ranks))
    sampler = ranks.together(lambda: _open_sampler(config, policy, path, [*fit, *judged], progress.step, tell, ranks))
    scorer = ranks.together(lambda: open_scorer(config, policy, tell, ranks.count))
    for line in ranks.first(lambda: _claim(config, path, beginning, restart=restart)):
        tell(line)
    recorder, end_tracking = ranks.together(lambda: _open_recorder(config, path, beginning, ranks))
    repairs = Repairs(config, policy, scorer.engine.judge, fit, ranks)
    rollouts = Rollouts(config, policy, sampler, scorer, repairs.hidden, ranks, go_on)
    parts = Parts(
        policy=policy,
        problems=rollouts.problems,
        prompt=rollouts.prompt,
        taught=taught,
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
        repairs=repairs,
        buffer=Buffer(config, experiences),
        learner=learner,
        ranks=ranks,
        steps=config.training.steps,
        online=config.samples_online,
        go_on=go_on,
    )
    performance = Performance(policy, config.run.peak_tflops, ranks.count) if ranks.leads else None
    return Opened(policy, trainer, scorer, recorder, performance, end_tracking, judged), progress


def _open_sampler(
    config: TrainConfig,
    policy: Policy,
    path: Path,
    problems: Sequence[Problem],
    step: int,
    tell: Callable[[str], None],
    ranks: Ranks,
) -> Sampler:
    """Open the sampler and give it the first weights, while the run can still be refused."""
    sampler = open_sampler(config.sampler, policy, path / "served", tell, ranks.count)
    try:
        check_window(sampler, policy, problems, config.sampler.max_new_tokens)
        sampler.follow(step)
    except ServerError as error:
        sampler.close()
        raise ConfigError(f"sampler.servers: {error}") from None
    except BaseException:
        sampler.close()
        raise
    return sampler


def offline_store(path: Path) -> Path:
    """Name the file of the samples that an offline run draws once."""
    return path / "offline.msgpack"


def _offline_experiences(path: Path, digest: str) -> list[Experience]:
    store = offline_store(path)
    try:
        if digest_of(store) != digest:
            raise ValueError("are not those that it was learning from")
        return load_experiences(store)
    except (OSError, ValueError) as error:
        raise DataError(f"{store}: the samples of this offline run: {error}") from None


def _given_again(
    config: TrainConfig, path: Path, progress: Progress, problems: Sequence[Problem], held_out: Sequence[Problem]
) -> dict[str, str]:
    """Take fingerprints of what the run learns from, which under the same name must be those of the run so far.

    Problems count, and the base model where an adapter or a KL term needs it as it was.
    """
    found = {}
    data, kept = config.data, config.model.lora_rank or config.objective.keeps_reference
    for key, spec, limit, given in (
        ("train", data.train, data.limit, problems),
        ("held_out", data.held_out, data.held_out_limit, held_out),
    ):
        name = f"data.{key} {spec}" + (f" (the first {limit})" if limit else "")
        found[name] = fingerprint_of_problems(given, references=True)
    if kept and (model := fingerprint_of_model(Path(config.model.name))):
        found[f"model.name {config.model.name}"] = model
    for name, fingerprint in found.items():
        if fingerprint != (before := progress.given.get(name, fingerprint)):
            raise RunError(
                f"{path}: {name} is not what it was at step {progress.step} ({before} then, {fingerprint} now);"
                " put it back, give data another name, or begin anew with --restart, which keeps what is there"
            )
    return found


def _open_recorder(
    config: TrainConfig, path: Path, beginning: Beginning, ranks: Ranks
) -> tuple[Recorder, Callable[[], None]]:
    """Open what writes the run, and what ends its tracking. Processes but the first write nothing."""
    steps = config.training.steps
    if not ranks.leads:
        return Recorder(path, steps=steps, store=NoStore()), lambda: None
    track, end_tracking = open_tracking(config, path, step_of(beginning.checkpoint) if beginning.checkpoint else 0)
    return Recorder(path, steps=steps, store=RunStore(path, track, beginning.identity)), end_tracking


def _claim(config: TrainConfig, path: Path, beginning: Beginning, *, restart: bool) -> list[str]:
    """Make the run directory this run's, from here on. Returns what to tell the user."""
    path.mkdir(parents=True, exist_ok=True)
    for name in () if restart else ("summary.json", "report.html"):  # which are written when all the work is done
        if reason := why_unwritable(path / name):
            raise RunError(reason)
    lines = set_damaged_aside(beginning)
    if restart and (earlier := move_earlier(path)):
        lines.append(f"beginning anew at step 0; what was recorded is in {earlier}")
    write_settings(path, config, beginning.identity)
    return lines


def _taught(
    config: TrainConfig, policy: Policy, problems: list[Problem], tell: Callable[[str], None]
) -> dict[str, tuple[str, ...]]:
    """Write the references of each problem as completions. Tells how many the format or the model cannot take.

    Raises:
        DataError: none is left, and the algorithm learns from nothing else.
    """
    written = {problem.id: policy.format.taught(problem) for problem in problems}
    taught = {
        problem.id: tuple(text for text in written[problem.id] if has_room(policy, problem, text))
        for problem in problems
    }
    references = sum(len(problem.references) for problem in problems)
    fit = sum(map(len, taught.values()))
    lost = f"of {references} reference solutions are not taught:"
    if missing := references - sum(map(len, written.values())):
        format = policy.section.prompt_format
        tell(f"{missing} {lost} as completions in model.prompt_format {format!r} they would be read as other programs")
    if long := references - missing - fit:
        tell(f"{long} {lost} with their prompts they are longer than the model's {positions(policy.model)} positions")
    if not (fit or config.algorithm.samples):
        raise DataError(
            f"data.train {config.data.train!r}: none of its {references} reference solutions can be taught, and"
            f" {config.objective.algorithm!r} learns from nothing else"
        )
    return taught
