"""The one typed configuration of a training run: TOML file plus `--section.key value`, validated.

What this module does not do: read problems or models, or hold anything that changes during a run. Every key's
docstring is what `rltf train --help` prints, so units and allowed values belong there.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ValidationError, model_validator

from training.config.objective import BUFFERS, REWARD_MODES, CriticSection, ObjectiveSection, Section
from training.config.sections import (
    BufferSection,
    DataSection,
    EngineSection,
    EvaluationSection,
    FeedbackSection,
    ModelSection,
    OptimizerSection,
    RunSection,
    SamplerSection,
    TrainingSection,
)


class ConfigError(ValueError):
    """A key or value of the configuration is not allowed; the message names it, its value and what is allowed."""


class TrainConfig(Section):
    """A training run."""

    run: RunSection = RunSection()
    model: ModelSection = ModelSection()
    data: DataSection = DataSection()
    sampler: SamplerSection = SamplerSection()
    engine: EngineSection = EngineSection()
    feedback: FeedbackSection = FeedbackSection()
    objective: ObjectiveSection = ObjectiveSection()
    critic: CriticSection = CriticSection()
    buffer: BufferSection = BufferSection()
    optimizer: OptimizerSection = OptimizerSection()
    training: TrainingSection = TrainingSection()
    evaluation: EvaluationSection = EvaluationSection()

    @property
    def samples_online(self) -> bool:
        """Whether steps sample and judge programs."""
        return self.objective.algorithm != "sft" and self.training.rollouts == "online"

    @property
    def initial_samples(self) -> int:
        """Samples of the initial policy to begin with."""
        if self.objective.algorithm == "sft":
            return 0
        sampler = self.sampler
        offline = self.training.rollouts == "offline"
        per_run = self.training.steps * sampler.problems_per_step * sampler.samples_per_problem
        return self.buffer.initial or (per_run if offline else 0)

    @model_validator(mode="before")
    @classmethod
    def _lay_over_preset(cls, given: object) -> object:
        if not isinstance(given, dict) or not isinstance(given.get("objective"), dict):
            return given
        algorithm = str(given["objective"].get("algorithm"))
        mode = {"mode": REWARD_MODES[algorithm]} if algorithm in REWARD_MODES else {}
        defaults: dict[str, dict[str, object]] = {"feedback": dict(mode), "buffer": BUFFERS.get(algorithm, {})}
        filled = {name: given.get(name, {}) for name in defaults}
        return given | {name: {**defaults[name], **own} for name, own in filled.items() if isinstance(own, dict)}

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
        data = read_toml(Path(path)) if path is not None else {}
        for dotted, value in (overrides or {}).items():
            section, _, key = dotted.partition(".")
            table = data.setdefault(section, {})
            if not isinstance(table, dict):
                raise ConfigError(f"{section}: must be a table, not {table!r}")
            table[key] = value
        where = "" if path is None else f" (in {path} or the command line)"
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise ConfigError("; ".join(_explain(problem) for problem in error.errors()) + where) from None

    def to_toml(self) -> str:
        """Every key with its value, as TOML."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))


def _misfits(config: TrainConfig) -> Iterator[str]:
    """What is wrong with keys of different sections together."""
    objective, sampler = config.objective, config.sampler
    mode = REWARD_MODES.get(objective.algorithm)
    if mode and config.feedback.mode != mode:
        yield f"feedback.mode: objective.algorithm {objective.algorithm!r} needs {mode!r}, not {config.feedback.mode!r}"
    if objective.baseline in ("group_mean", "leave_one_out") and sampler.samples_per_problem < 2:
        yield f"objective.baseline: {objective.baseline!r} needs sampler.samples_per_problem of 2 or more"
    most = sampler.problems_per_step * sampler.samples_per_problem * sampler.turns
    if config.samples_online and config.buffer.capacity < most:
        yield (
            f"buffer.capacity: {config.buffer.capacity} must be at least {most} (problems_per_step *"
            " samples_per_problem * turns), or a step's first samples fall out before they are learned from"
        )
    if (sampler.backend == "vllm") != bool(sampler.servers):
        found = f"backend {sampler.backend!r} with {len(sampler.servers)}"
        yield f"sampler.servers: backend 'vllm' needs one or more and no other has any, not {found}"
    if sampler.ahead and sampler.backend != "vllm":
        yield f"sampler.ahead: only backend 'vllm' samples while the learner learns, not {sampler.backend!r}"
    if sampler.ahead and config.samples_online and not objective.clip_high:
        yield "sampler.ahead: samples of an older policy need the ratio: objective.clip_low and clip_high above 0"
    if objective.overlong >= sampler.max_new_tokens:
        yield f"objective.overlong: {objective.overlong} must be below sampler.max_new_tokens {sampler.max_new_tokens}"
    if objective.algorithm == "sft" and not config.training.supervised_batch:
        yield "training.supervised_batch: objective.algorithm 'sft' has nothing else to learn from, so not 0"
    if config.training.rollouts == "offline":
        if objective.algorithm == "sft":
            yield "training.rollouts: 'offline' means nothing to objective.algorithm 'sft', which never samples"
        if objective.resampling:
            yield "objective.resampling: training.rollouts 'offline' samples nothing in the steps, so it must be 0"


@dataclass(frozen=True, slots=True)
class Key:
    """One `section.key` of the configuration, for help texts and the command line."""

    name: str
    type: str
    """As JSON Schema says it (`integer`), or the allowed values."""
    default: object
    description: str


def keys() -> list[Key]:
    """Every `section.key`, in order."""
    schema = TrainConfig.model_json_schema()
    found = []
    for section, reference in schema["properties"].items():
        table = schema["$defs"][reference["$ref"].rpartition("/")[2]]
        for name, value in table["properties"].items():
            kind = " | ".join(value["enum"]) if "enum" in value else value.get("type", "value")
            found.append(Key(f"{section}.{name}", kind, value.get("default"), value.get("description", "")))
    return found


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file's content; ConfigError says why it cannot be had."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None


def unknown_key(name: str) -> str:
    """What to say of a key that does not exist: the likeliest one meant, or all that are allowed there."""
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
    return f"{name}: {problem['msg'][0].lower()}{problem['msg'][1:]}, not {problem['input']!r}"
