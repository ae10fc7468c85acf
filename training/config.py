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
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import Field, ValidationError, model_validator

from feedback import RewardSettings
from training.config_objective import (
    BUFFERS,
    REWARD_MODES,
    Count,
    CriticSection,
    Fraction,
    ObjectiveSection,
    Positive,
    Section,
)

Extract = Literal["whole", "fence"]


class ConfigError(ValueError):
    """A key or value of the configuration is not allowed; the message names it, its value and what is allowed."""


class RunSection(Section):
    """The run as a whole."""

    name: Annotated[str, Field(pattern=r"^(\w[\w.+-]*)?$")] = ""
    """Name of the run's folder: letters, digits, _ . + - and no path; empty takes the data set's name and the time."""
    folder: str = "runs"
    """Where runs are kept."""
    seed: Count = 0
    """Everything random is a function of it."""
    threads: Count = 0
    """Threads torch computes with; 0 leaves one core to the feedback workers (two contended cores collapse)."""
    track: Literal["none", "tensorboard", "wandb", "trackio"] = "none"
    """Where metrics go besides the run's own database; each by its own library, which must be installed."""
    peak_tflops: Annotated[float, Field(ge=0)] = 0.0
    """What the device can do, in 10^12 operations a second, for `flops_utilisation`; 0 measures one large product."""


class ModelSection(Section):
    """The policy."""

    name: str = "embedded:short"
    """Hugging Face hub name, local folder, or embedded:short | embedded:long (the shipped tiny models)."""
    prompt_format: str = "{prompt}\n"
    """What the policy reads: apps | mbpp | humaneval (as published), chat (the tokenizer's template), chat:TEMPLATE,
    or a TEMPLATE that may use {prompt}, {starter_code}, {tests} and {entry_point}."""
    max_prompt_tokens: Count = 0
    """Longer prompts lose the end of the problem's text (counted in the metrics); 0: never."""
    extract: Extract = "whole"
    """The program in a completion: all of it, or its last Markdown block of Python."""
    stop: tuple[str, ...] = ()
    """Strings that end a completion; the program is what comes before the first of them. A published format has its
    own where none are given."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Type that is computed in; trained weights and log-probabilities are always float32."""
    gradient_checkpointing: bool = False
    """Keep only the layers' inputs for the backward pass: less memory, a third more computation in learning."""
    lora_rank: Count = 0
    """Train LoRA adapters of this rank on all linear layers (peft); 0 trains all weights."""
    lora_alpha: Count = 0
    """LoRA's scale; 0 takes twice the rank."""
    device: str = "auto"
    """auto | cpu | cuda | cuda:N; auto takes a GPU where there is one."""


class DataSection(Section):
    """Problems."""

    train: str = "minicode:short:train"
    """Problems to train on, as in docs/data.md: minicode:TIER:SPLIT, mbpp:FILE:SPLIT, apps:FOLDER, hf:NAME, ..."""
    held_out: str = "minicode:short:held_out"
    """Problems to evaluate on, never trained on; same forms."""
    limit: Count = 0
    """Use only the first so many training problems; 0 uses all."""
    held_out_limit: Count = 0
    """Use only the first so many held-out problems; 0 uses all."""


class SamplerSection(Section):
    """Generation of rollouts."""

    problems_per_step: Positive = 16
    """Problems sampled in each step."""
    samples_per_problem: Positive = 8
    """Programs sampled for each of them."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Sampling temperature; 1.0 was the paper's best (Table 7)."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Nucleus; 1.0 does not truncate, which keeps sampler and learner distributions the same."""
    top_k: Count = 0
    """Keep only the k likeliest tokens; 0 keeps all."""
    max_new_tokens: Positive = 64
    """Longest completion, in tokens; longer ones end with finish reason `length`."""
    turns: Positive = 1
    """Most tries of a sample: a program that fails its public tests goes back with what is wrong, and rewards are given
    on the hidden tests alone (docs/critic.md); 1: no second try."""
    public_tests: Positive = 1
    """With turns above 1: tests that are public where a problem's text shows none, its first ones."""
    batch_size: Positive = 64
    """Sequences generated together; feedback on one batch runs while the next is sampled."""


class EngineSection(Section):
    """The judge and the linters."""

    judge_workers: Positive = 1
    """Sandbox worker processes."""
    analysis_workers: Positive = 1
    """Linter processes."""
    time_limit: Annotated[float, Field(gt=0)] = 4.0
    """CPU seconds for one test, unless the problem says otherwise."""
    memory_limit_mb: Annotated[int, Field(ge=64)] = 1024
    """Address space of one program, MiB."""
    require: Annotated[int, Field(ge=0, le=3)] = 1
    """Refuse to run below this isolation level (docs/sandbox.md)."""


class BufferSection(Section):
    """How many experiences are kept and learned from (paper section 3.1)."""

    capacity: Positive = 384
    """Experiences kept, first in, first out (offline: all); the paper: 6400."""
    initial: Count = 0
    """Samples of the initial policy put in before the first step, for first baselines or a critic's warm-up; the paper:
    6400. Offline, 0 is as many as an online run would sample."""
    batch_size: Positive = 384
    """Experiences learned from in each step, newest first. problems_per_step * samples_per_problem learns from each
    sample once, three times that number (the default) three times."""


class OptimizerSection(Section):
    """AdamW."""

    learning_rate: Annotated[float, Field(gt=0)] = 5e-4
    """Peak learning rate."""
    beta1: Fraction = 0.9
    """AdamW beta 1."""
    beta2: Fraction = 0.95
    """AdamW beta 2."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """AdamW weight decay."""
    warmup_steps: Count = 5
    """Steps of linear warm-up."""
    final_fraction: Fraction = 0.05
    """Learning rate at the last step, as a share of the peak; linear decay."""
    gradient_clip: Annotated[float, Field(gt=0)] = 1.0
    """Largest gradient norm."""
    eight_bit: bool = False
    """Adam's moments in a byte each (bitsandbytes, on NVIDIA GPUs): 2 bytes a trained weight in place of 8."""
    micro_batch_tokens: Positive = 4096
    """Padded tokens in one forward and backward pass; bounds memory, does not change the result."""


class TrainingSection(Section):
    """The loop."""

    steps: Positive = 60
    """Optimizer steps."""
    rollouts: Literal["online", "offline"] = "online"
    """online: every step samples. offline: buffer.initial samples of the initial policy are all there is to learn from,
    gone through in turn (the paper's Table 4); nothing is sampled or judged in the steps."""
    supervised_batch: Count = 32
    """Reference solutions of training problems in each step's supervised term."""
    checkpoint_every: Positive = 20
    """Steps between checkpoints."""
    keep_checkpoints: Positive = 2
    """Newest checkpoints kept."""
    samples_kept_per_step: Count = 0
    """Samples of each step written to the run; 0 writes all."""


class EvaluationSection(Section):
    """Pass rate on held-out problems."""

    every: Count = 20
    """Steps between evaluations (one more before the first and after the last step); 0: only those two."""
    samples_per_problem: Positive = 4
    """Programs sampled for each held-out problem before the first and after the last step, at temperature 1."""
    samples_between: Positive = 1
    """The same for evaluations in between."""


class TrainConfig(Section):
    """A training run."""

    run: RunSection = RunSection()
    model: ModelSection = ModelSection()
    data: DataSection = DataSection()
    sampler: SamplerSection = SamplerSection()
    engine: EngineSection = EngineSection()
    feedback: RewardSettings = RewardSettings()
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
        data = _read(Path(path)) if path is not None else {}
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
    if sampler.turns > 1 and config.buffer.capacity < most:
        yield (
            f"buffer.capacity: {config.buffer.capacity} must be at least {most} (problems_per_step *"
            " samples_per_problem * turns), or a step's first tries fall out before they are learned from"
        )
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


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
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
    return f"{name}: {problem['msg'][0].lower()}{problem['msg'][1:]}, not {problem['input']!r}"
