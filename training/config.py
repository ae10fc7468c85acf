"""The one typed configuration of a training run: TOML file plus `--section.key value`, validated.

The sections are in `training.sections`, but for `objective`: each algorithm has its own, whose defaults are the
method's published numbers.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import tomli_w
from pydantic import BeforeValidator, SerializeAsAny, ValidationError, model_validator

from training.algorithms import ALGORITHMS, DEFAULT, Algorithm, algorithm_class
from training.errors import ConfigError
from training.sections import (
    SERVED,
    BufferSection,
    CriticSection,
    DataSection,
    EngineSection,
    EvaluationSection,
    FeedbackSection,
    ModelSection,
    OptimizerSection,
    RunSection,
    SamplerSection,
    Section,
    TrainingSection,
)

__all__ = [
    "ConfigError",
    "CriticSection",
    "ModelSection",
    "OptimizerSection",
    "SamplerSection",
    "TrainConfig",
    "keys",
    "read_toml",
    "unknown_key",
]


def _objective(given: object) -> object:
    """Validate the section of whichever algorithm it names."""
    if not isinstance(given, dict):
        return given
    name = str(given.get("algorithm", DEFAULT))
    section = algorithm_class(name).Section
    for key in given:
        if key not in section.model_fields and f"objective.{key}" in {known.name for known in keys()}:
            allowed = ", ".join(section.model_fields)
            raise ValueError(f"{key}: algorithm {name!r} has no such key; allowed: {allowed}")
    return section.model_validate(given)


_Objective = Annotated[SerializeAsAny[Algorithm.Section], BeforeValidator(_objective)]


class TrainConfig(Section):
    """A training run."""

    run: RunSection = RunSection()
    model: ModelSection = ModelSection()
    data: DataSection = DataSection()
    sampler: SamplerSection = SamplerSection()
    engine: EngineSection = EngineSection()
    feedback: FeedbackSection = FeedbackSection()
    objective: _Objective = algorithm_class(DEFAULT).Section()
    critic: CriticSection = CriticSection()
    buffer: BufferSection = BufferSection()
    optimizer: OptimizerSection = OptimizerSection()
    training: TrainingSection = TrainingSection()
    evaluation: EvaluationSection = EvaluationSection()

    @property
    def algorithm(self) -> type[Algorithm]:
        """What is learned."""
        return algorithm_class(self.objective.algorithm)

    @property
    def samples_online(self) -> bool:
        """Whether steps sample and judge programs."""
        return self.algorithm.samples and self.training.rollouts == "online"

    @property
    def initial_samples(self) -> int:
        """Samples of the initial policy to begin with."""
        if not self.algorithm.samples:
            return 0
        sampler = self.sampler
        offline = self.training.rollouts == "offline"
        per_run = self.training.steps * sampler.problems_per_step * sampler.samples_per_problem
        return self.buffer.initial or (per_run if offline else 0)

    @property
    def samples_per_step(self) -> int:
        """Samples that a step draws, repair turns and greedy ones left aside."""
        return self.sampler.problems_per_step * self.sampler.samples_per_problem

    @property
    def learned_per_step(self) -> int:
        """Experiences that a step learns from: its own and older ones, which only a ratio makes fit to learn from."""
        reuse = self.algorithm.reuse if self.objective.has_ratio else 1
        return self.buffer.batch_size or reuse * self.samples_per_step

    @property
    def kept(self) -> int:
        """Experiences in the buffer."""
        return self.buffer.capacity or max(self.learned_per_step, self.samples_per_step * self.sampler.turns)

    @model_validator(mode="before")
    @classmethod
    def _lay_over_algorithm(cls, given: object) -> object:
        """Lay what is given over what the algorithm wants of other sections."""
        objective = given.get("objective", {}) if isinstance(given, dict) else None
        if not isinstance(given, dict) or not isinstance(objective, dict):
            return given
        try:
            algorithm = algorithm_class(str(objective.get("algorithm", DEFAULT)))
        except ConfigError:
            return given  # which the section says better
        filled = dict(given)
        for wanted in (algorithm.defaults, algorithm.needs):
            for section, values in wanted.items():
                if isinstance(table := filled.get(section, {}), dict):
                    filled[section] = {**values, **table}
        return filled

    @model_validator(mode="after")
    def _fits_together(self) -> TrainConfig:
        for message in _misfits(self):
            raise ValueError(message)
        return self

    @classmethod
    def load(cls, path: str | Path | None = None, overrides: Mapping[str, object] | None = None) -> TrainConfig:
        """Read a TOML file (or take the defaults) and lay `section.key` -> value overrides over it.

        Raises:
            ConfigError: the file cannot be read, a key is unknown or a value is not allowed.
        """
        where = "" if path is None else f" (in {path} or the command line)"
        return cls.of(read_toml(Path(path)) if path is not None else {}, overrides, where)

    @classmethod
    def of(cls, data: dict[str, Any], overrides: Mapping[str, object] | None = None, where: str = "") -> TrainConfig:
        """Validate tables of keys, with overrides laid over them. `where` is named in errors: the file they are from.

        Raises:
            ConfigError: a key is unknown or a value is not allowed.
        """
        for dotted, value in (overrides or {}).items():
            section, _, key = dotted.partition(".")
            table = data.setdefault(section, {})
            if not isinstance(table, dict):
                raise ConfigError(f"{section}: must be a table, not {table!r}")
            table[key] = value
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise ConfigError("; ".join(_explain(problem) for problem in error.errors()) + where) from None

    def to_toml(self) -> str:
        """Write every key with its value, as TOML."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))


def _misfits(config: TrainConfig) -> Iterator[str]:
    """Say what is wrong with keys of different sections together."""
    sampler, name = config.sampler, config.objective.algorithm
    for section, values in config.algorithm.needs.items():
        for key, wanted in values.items():
            if (found := getattr(getattr(config, section), key)) != wanted:
                yield f"{section}.{key}: objective.algorithm {name!r} needs {wanted!r}, not {found!r}"
    yield from config.objective.misfits(sampler, config.training)
    most = config.samples_per_step * sampler.turns
    if config.samples_online and config.kept < most:
        yield (
            f"buffer.capacity: {config.buffer.capacity} must be at least {most} (problems_per_step *"
            " samples_per_problem * turns), or a step's first samples fall out before they are learned from"
        )
    if (sampler.backend in SERVED) != bool(sampler.servers):
        found = f"backend {sampler.backend!r} with {len(sampler.servers)}"
        served = " and ".join(map(repr, SERVED))
        yield f"sampler.servers: backends {served} need one or more and no other has any, not {found}"
    if sampler.ahead and sampler.backend == "transformers":
        yield f"sampler.ahead: only servers sample while the learner learns, not backend {sampler.backend!r}"


@dataclass(frozen=True, slots=True)
class Key:
    """One `section.key` of the configuration, for help texts and the command line."""

    name: str
    type: str
    """As JSON Schema says it (`integer`), or the allowed values."""
    default: object
    description: str


@cache
def keys() -> tuple[Key, ...]:
    """List every `section.key`, in order. `objective` has those of all algorithms."""
    schema = TrainConfig.model_json_schema()
    tables = {name: schema["$defs"][value["$ref"].rpartition("/")[2]] for name, value in schema["properties"].items()}
    sections = {name: dict(table["properties"]) for name, table in tables.items()}
    for algorithm in ALGORITHMS:  # the first to have a key gives its default
        section = algorithm_class(algorithm).Section
        for name, value in section.model_json_schema()["properties"].items():
            sections["objective"].setdefault(name, {**value, "description": _description(section, name)})
    sections["objective"]["algorithm"]["enum"] = [*ALGORITHMS, "package.module:Name"]
    return tuple(
        Key(
            f"{section}.{name}",
            " | ".join(value["enum"]) if "enum" in value else value.get("type", "value"),
            value.get("default"),
            value.get("description", ""),
        )
        for section, table in sections.items()
        for name, value in table.items()
    )


def _description(section: type[Section], name: str) -> str:
    """Find the help text of a key, which stands in the class that brought it in. Others change its default alone."""
    ancestors = (cls for cls in section.__mro__ if issubclass(cls, Section) and name in cls.model_fields)
    return next((text for cls in ancestors if (text := cls.model_fields[name].description)), "")


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file. ConfigError says why it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None


def unknown_key(name: str) -> str:
    """Word the message about a key that does not exist: the likeliest one meant, or all that are allowed there."""
    known = [key.name for key in keys()]
    close = difflib.get_close_matches(name, known, n=1)
    section = name.partition(".")[0]
    allowed = [key for key in known if key.startswith(f"{section}.")]
    allowed = allowed or sorted({key.partition(".")[0] for key in known})
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{name}: no such key; {hint}allowed: {', '.join(allowed)}"


def _explain(problem: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return unknown_key(name)
    if problem["type"] == "value_error":  # a section's own check, whose message starts with the key
        return f"{name}.{problem['ctx']['error']}".removeprefix(".")
    if problem["type"] in ("model_type", "dataclass_type"):
        return f"{name}: must be a table, as in [{name}], not {problem['input']!r}"
    if problem["type"] == "string_pattern_mismatch":
        whole = ".".join(str(part) for part in problem["loc"] if isinstance(part, str))
        meaning = next((key.description for key in keys() if key.name == whole), "not of this form")
        return f"{name}: {problem['input']!r} is not allowed; {meaning.replace(chr(10), ' ')}"
    return f"{name}: {problem['msg'][0].lower()}{problem['msg'][1:]}, not {problem['input']!r}"
