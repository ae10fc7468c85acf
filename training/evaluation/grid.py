"""Train grids of runs that differ in named ways, and keep their outcomes.

A grid is a TOML file: a configuration, seeds, and *arms*, each a name with the keys it sets:

    config = "minicode_long.toml"       # beside this file; left out: the embedded default
    seeds = [0, 1, 2]
    references = ["coarse"]             # arms the others are compared with, seed by seed; left out: the first one

    [common.training]                   # set in every arm
    steps = 40

    [axes]                              # every arm with every combination of these, if there are any
    "training.rollouts" = ["online", "offline"]

    [arms.coarse.objective]
    fine = 0.0
    adaptive = 0.0

Every run is an ordinary run directory and a process of its own. Its outcome is one line of `outcomes.jsonl`. Tables and
plots are made from that file alone (`training.evaluation.grid_tables`), so a grid resumes where only it was kept.
"""

from __future__ import annotations

import hashlib
import itertools
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from training.config import TrainConfig, read_toml
from training.errors import ConfigError
from training.run import Run, launch, move_earlier

_KEPT = "outcomes.jsonl"
_ALLOWED = ("config", "seeds", "references", "common", "axes", "arms")


@dataclass(frozen=True, slots=True)
class Arm:
    """A named set of configuration keys."""

    name: str
    overrides: dict[str, Any]
    """Values by `section.key`, which override the grid's configuration."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The runs to make."""

    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    references: tuple[str, ...]
    """Names of the arms that the others are compared with, at least one."""
    config: Path | None
    """Configuration file under every arm, or None for the embedded default."""

    def run_config(self, arm: Arm, seed: int) -> TrainConfig:
        """Return the configuration of one run.

        Raises:
            ConfigError: an arm sets a key that does not exist or a value that is not allowed.
        """
        try:
            return TrainConfig.load(self.config, {**arm.overrides, "run.seed": seed})
        except ConfigError as error:
            raise ConfigError(f"arm {arm.name!r}: {error}") from None


@dataclass(frozen=True, slots=True)
class Point:
    """An evaluation on held-out problems."""

    step: int
    samples: int
    """Number of programs judged for training until then."""
    sampled: float
    """pass@1 at temperature 1."""
    greedy: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one run, which is a line of `outcomes.jsonl`."""

    arm: str
    seed: int
    config: dict[str, Any]
    """The whole configuration by `section.key`. An outcome counts as long as all of these values still hold."""
    curve: tuple[Point, ...]
    """Evaluations in order, beginning with the one before the first step."""
    classes: dict[str, float]
    """Share of sampled held-out programs by outcome class, at the end."""
    seconds: float


def load_grid(path: Path, overrides: dict[str, object] | None = None) -> Grid:
    """Read a grid file. `overrides` (`section.key` -> value) apply to every arm.

    Raises:
        ConfigError: it cannot be read or is malformed. The message says what is wrong.
    """
    data = read_toml(path)
    _check_shape(path, data)
    seeds = data.get("seeds", [0])
    common = dict(_flat(data.get("common", {})))
    axes = dict(_flat(data.get("axes", {})))
    for key, values in axes.items():
        if not isinstance(values, list) or not values:
            raise ConfigError(f"{path}: axes: {key}: must be a list of values, not {values!r}")
    arms = []
    for name, table in data.get("arms", {}).items():
        if not isinstance(table, dict):
            raise ConfigError(f"{path}: arms.{name}: must be a table, not {table!r}")
        for combination in itertools.product(*axes.values()):
            full_name = ", ".join([name, *map(str, combination)])
            chosen = dict(zip(axes, combination, strict=True))
            arms.append(Arm(full_name, {**common, **dict(_flat(table)), **chosen, **(overrides or {})}))
    if not arms:
        raise ConfigError(f"{path}: arms: at least one is needed")
    names = [arm.name for arm in arms]
    references = data.get("references", names[:1])
    if not (isinstance(references, list) and references and all(reference in names for reference in references)):
        raise ConfigError(f"{path}: references: must be a list of {', '.join(names)}, not {references!r}")
    config = data.get("config")
    grid = Grid(tuple(arms), tuple(seeds), tuple(references), None if config is None else path.parent / config)
    for arm in grid.arms:
        grid.run_config(arm, seeds[0])
    return grid


def _check_shape(path: Path, data: dict[str, Any]) -> None:
    """Refuse a grid with wrong top-level keys."""
    if unknown := sorted(set(data) - set(_ALLOWED)):
        raise ConfigError(f"{path}: {unknown[0]}: no such key; allowed: {', '.join(_ALLOWED)}")
    for name in ("common", "axes", "arms"):
        if not isinstance(data.get(name, {}), dict):
            raise ConfigError(f"{path}: {name}: must be a table, as in [{name}], not {data[name]!r}")
    if not isinstance(data.get("config", ""), str):
        raise ConfigError(f"{path}: config: must be a file's name, not {data['config']!r}")
    seeds = data.get("seeds", [0])
    if not (isinstance(seeds, list) and seeds and all(type(seed) is int and seed >= 0 for seed in seeds)):
        raise ConfigError(f"{path}: seeds: must be a list of whole numbers from 0, not {seeds!r}")
    if len(set(seeds)) < len(seeds):
        raise ConfigError(f"{path}: seeds: each may stand there once, not {seeds!r}")


def settings(config: TrainConfig) -> dict[str, Any]:
    """Return all settings by `section.key` that can change a run's outcome. Its folder and threads do not."""
    excluded = {"run": {"name", "folder", "threads"}, "buffer": {"capacity", "batch_size"}}
    given = dict(_flat(config.model_dump(mode="json", exclude=excluded)))
    if config.algorithm.samples:  # 0 stands for what follows from the sampler
        given |= {"buffer.capacity": config.kept, "buffer.batch_size": config.learned_per_step}
    return given


def holds(config: TrainConfig, made_with: dict[str, Any]) -> bool:
    """Say whether a configuration agrees with `made_with`. Keys that were added or removed since do not count."""
    now = settings(config)
    return all(now.get(key, value) == value for key, value in made_with.items())


def read_outcomes(folder: Path) -> list[Outcome]:
    """Read the lines of `outcomes.jsonl`, oldest first. A last line that a crash cut short does not count."""
    try:
        lines = (folder / _KEPT).read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    return [msgspec.json.decode(line, type=Outcome) for line in lines if line.endswith(b"\n")]


def valid_outcomes(grid: Grid, outcomes: list[Outcome]) -> dict[tuple[str, int], Outcome]:
    """Return by (arm, seed) the newest outcome of each run that has the run's present configuration."""
    wanted = {(arm.name, seed): grid.run_config(arm, seed) for arm in grid.arms for seed in grid.seeds}
    found = {(outcome.arm, outcome.seed): outcome for outcome in outcomes}
    return {key: outcome for key, outcome in found.items() if key in wanted and holds(wanted[key], outcome.config)}


def run_grid(
    grid: Grid,
    folder: Path,
    parallel: int,
    done: Callable[[Arm, int, Outcome | str], None],
    *,
    keep_runs: bool = False,
) -> None:
    """Train every run of the grid that has no valid outcome in `folder` yet, seed by seed.

    Args:
        grid: The grid.
        folder: Holds `outcomes.jsonl`, and the run directories while they train (and afterwards, if `keep_runs`).
        parallel: Number of runs at a time.
        done: Receives the outcome of every run that ended, or its error. The directory of a failed run stays.
        keep_runs: Do not delete the run directories of finished runs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = valid_outcomes(grid, read_outcomes(folder))
    waiting = iter(
        [(arm, seed) for seed in grid.seeds for arm in grid.arms if (arm.name, seed) not in known]  # arms stay level
    )
    running: dict[Future[Outcome], tuple[Arm, int]] = {}
    with ThreadPoolExecutor(parallel) as threads:

        def start(count: int) -> None:
            for arm, seed in itertools.islice(waiting, count):
                running[threads.submit(_train_one, grid, arm, seed, folder)] = (arm, seed)

        try:
            start(parallel)
            while running:
                finished = wait(running, return_when=FIRST_COMPLETED).done
                for future in finished:
                    arm, seed = running.pop(future)
                    try:
                        outcome = future.result()
                    except RunFailed as error:
                        done(arm, seed, str(error))
                        continue
                    with (folder / _KEPT).open("ab") as file:
                        file.write(msgspec.json.encode(outcome) + b"\n")
                    if not keep_runs:
                        shutil.rmtree(_run_path(folder, arm, seed), ignore_errors=True)
                    done(arm, seed, outcome)
                start(len(finished))
        except BaseException:
            for arm, seed in running.values():  # each writes a checkpoint and ends: the grid goes on from there
                Run(_run_path(folder, arm, seed)).send("stop")
            raise


class RunFailed(RuntimeError):  # noqa: N818 - an outcome, told to the caller
    """A run of the grid ended without a result."""


def outcome_of(run: Run, arm: str, seed: int) -> Outcome:
    """Read the outcome of a finished run from its files.

    Raises:
        RunFailed: the run has not finished.
    """
    summary = run.summary
    evaluations = [event["data"] for event in run.events() if event["kind"] == "evaluation"]
    if summary is None or not evaluations:
        raise RunFailed(f"{run.path}: not finished")
    rows = run.rows("SELECT step, value FROM metrics WHERE name = 'samples/judged'")
    judged = {row["step"]: int(row["value"]) for row in rows}
    curve = tuple(
        Point(evaluation["step"], judged.get(evaluation["step"], 0), evaluation["pass@1"], evaluation["greedy"])
        for evaluation in evaluations
    )
    last = evaluations[-1]
    rates = ("step", "pass@1", "greedy", "samples_per_problem")
    classes = {name: share for name, share in last.items() if name not in rates}
    return Outcome(arm, seed, settings(run.config), curve, classes, float(summary["seconds"]))


def _train_one(grid: Grid, arm: Arm, seed: int, folder: Path) -> Outcome:
    path = _run_path(folder, arm, seed)
    base = grid.run_config(arm, seed)
    config = base.model_copy(
        update={"run": base.run.model_copy(update={"name": path.name, "folder": str(path.parent)})}
    )
    if (path / "config.toml").exists() and settings(Run(path).config) != settings(config):
        move_earlier(path)  # begun with another configuration
    if Run(path).summary is None:
        run = launch(config, resume=True)
        if status := run.wait():
            lines = (path / "trainer.log").read_text(errors="replace").split("\n")
            reason = next((line for line in reversed(lines) if line.strip()), "no message")
            raise RunFailed(f"exit status {status}: {reason.strip()} ({path / 'trainer.log'})")
    return outcome_of(Run(path), arm.name, seed)


def _run_path(folder: Path, arm: Arm, seed: int) -> Path:
    plain = "".join(letter if letter.isalnum() else "-" for letter in arm.name.lower()).strip("-")
    return folder / "runs" / f"{plain}-{hashlib.sha256(arm.name.encode()).hexdigest()[:4]}-seed-{seed}"


def _flat(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
