"""The sections of the configuration, but for what is learned (`training.algorithms`). Every key's docstring is what
`rltf train --help` prints, so units and allowed values belong there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema

from feedback import RewardSettings
from feedback.completions import Extract

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]
Clip = Annotated[float, Field(ge=0, lt=1)]
Normalisation = Literal["sequence_sum", "sequence_mean", "token_mean", "constant"]
SERVED = ("vllm", "sglang")
"""Backends of the sampler that are servers."""
Baselines = Literal["historical_best", "greedy", "leave_one_out", "group_mean", "none"]


def _as_list(value: object) -> object:
    """Take a string alone, as a command line gives it, for a list of one."""
    return (value,) if isinstance(value, str) else value


def _addresses(value: object) -> object:
    """Split a string alone, as a command line gives it, at its commas."""
    return tuple(value.split(",")) if isinstance(value, str) else value


Address = Annotated[str, Field(pattern=r"^https?://[^/\s,]+/?$")]


class Section(BaseModel):
    """A section: keys it does not know are refused, and its docstrings are the help texts."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


class RunSection(Section):
    """The run as a whole."""

    name: Annotated[str, Field(pattern=r"^(\w[\w.+-]*)?$")] = ""
    """Name of the run's folder: letters, digits, _ . + - and no path. Empty takes the data set's name and the time."""
    folder: str = "runs"
    """Where runs are kept."""
    seed: Count = 0
    """Everything random is a function of it."""
    threads: Count = 0
    """Threads torch computes with. 0 leaves one core to the feedback workers (two contended cores collapse)."""
    track: Literal["none", "tensorboard", "wandb", "trackio"] = "none"
    """Where metrics go besides the run's own database. Each takes its own library, which must be installed."""
    peak_tflops: Annotated[float, Field(ge=0)] = 0.0
    """What the device can do, in 10^12 operations a second, for `flops_utilisation`. 0 measures one large product."""


class ModelSection(Section):
    """The policy."""

    name: str = "embedded:short"
    """Hugging Face hub name, local folder, or a tiny model that is shipped: embedded:short | embedded:long |
    embedded:varied | embedded:uneven."""
    prompt_format: str = "{prompt}\n"
    """What the policy reads: apps | mbpp | humaneval (as published), chat (the tokenizer's template), chat:TEMPLATE,
    or a TEMPLATE that may use {prompt}, {starter_code}, {tests} and {entry_point}."""
    max_prompt_tokens: Count = 0
    """Longest prompt. 0, or more than the model has positions for, takes those that a completion leaves."""
    long_prompts: Literal["cut", "leave_out"] = "cut"
    """What becomes of longer ones: they lose the end of the problem's text (counted in the metrics), or the problem is
    left out. Those that are too long without the problem's text are always left out."""
    extract: Extract = "whole"
    """The program in a completion: all of it, or its last Markdown block of Python."""
    stop: Annotated[tuple[str, ...], BeforeValidator(_as_list)] = ()
    """Strings that end a completion. The program is what comes before the first of them. A published format has its
    own where none are given. On the command line, one string."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Type that is computed in. Trained weights and log-probabilities are always float32."""
    gradient_checkpointing: bool = False
    """Keep only the layers' inputs for the backward pass: less memory, a third more computation in learning."""
    lora_rank: Count = 0
    """Train LoRA adapters of this rank on all linear layers (peft). 0 trains all weights."""
    lora_alpha: Count = 0
    """LoRA's scale. 0 takes twice the rank."""
    device: str = "auto"
    """auto | cpu | cuda | cuda:N, where auto takes a GPU if there is one."""


class DataSection(Section):
    """Problems."""

    train: str = "minicode:short:train"
    """Problems to train on, as in docs/data.md: minicode:TIER:SPLIT, mbpp:FILE:SPLIT, apps:FOLDER, hf:NAME, ..."""
    held_out: str = "minicode:short:held_out"
    """Problems to evaluate on, never trained on, in the same forms."""
    limit: Count = 0
    """Use only the first so many training problems. 0 uses all."""
    held_out_limit: Count = 0
    """Use only the first so many held-out problems. 0 uses all."""


class SamplerSection(Section):
    """Generation of rollouts."""

    problems_per_step: Positive = 16
    """Problems sampled in each step."""
    samples_per_problem: Positive = 8
    """Programs sampled for each of them."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Sampling temperature. 1.0 was the paper's best (Table 7)."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Nucleus. 1.0 does not truncate, which keeps sampler and learner distributions the same."""
    top_k: Count = 0
    """Keep only the k likeliest tokens. 0 keeps all."""
    max_new_tokens: Positive = 64
    """Longest completion, in tokens. Longer ones end with finish reason `length`."""
    turns: Positive = 1
    """Most tries of a sample: a program that fails its public tests goes back with what is wrong, and rewards are given
    on the hidden tests alone (docs/critic.md); 1: no second try."""
    public_tests: Positive = 1
    """With turns above 1: tests that are public where a problem's text shows none, its first ones."""
    batch_size: Positive = 64
    """Sequences generated together. Feedback on one batch runs while the next is sampled. On servers: requests that
    each has at once."""
    backend: Annotated[str, Field(pattern=r"^(transformers|vllm|sglang|[\w.]+:\w+)$")] = "transformers"
    """What samples: transformers on the learner's own weights, vllm or sglang on servers which are given them
    (docs/scaling.md), or package.module:Name, a Sampler of your own (CONTRIBUTING.md)."""
    servers: Annotated[tuple[Address, ...], BeforeValidator(_addresses)] = ()
    """vllm, sglang: addresses of the servers, as http://host:8000. On the command line with commas between them."""
    server_timeout: Annotated[float, Field(gt=0)] = 600.0
    """vllm, sglang: seconds that one answer may take, loading new weights included. A slower server is given up."""
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    """vllm, sglang: nats a token by which a server's log-probabilities may differ from the learner's on average after
    new weights; 0: 0.001 in float32, 0.02 in float16, 0.1 in bfloat16 (docs/scaling.md, Agreement)."""
    ahead: bool = False
    """vllm, sglang: ask for the next step's samples before this one's are learned from, so that servers and learner
    work at the same time; they come from weights a step older, which the clipped ratio makes up for."""

    @property
    def rows(self) -> int:
        """Completions that this process generates together, and 0 where it leaves them to servers."""
        return self.batch_size if self.backend == "transformers" else 0


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
    analysers: Annotated[tuple[str, ...], BeforeValidator(_addresses)] = ()
    """More functions that read failing programs, as package.module:name (CONTRIBUTING.md). With commas between them on
    the command line."""
    require: Annotated[int, Field(ge=0, le=3)] = 1
    """Refuse to run below this isolation level (docs/sandbox.md)."""


@dataclass(frozen=True, slots=True)
class FeedbackSection(RewardSettings):
    """What rewards are made of, and where programs are judged and read."""

    backend: Literal["local", "ray"] = "local"
    """Where the engine's workers are: on this machine, or on a Ray cluster (docs/scaling.md)."""
    ray_address: Annotated[str, Field(pattern=r"^(auto|local|[^/:]+:\d+)$")] = "auto"
    """auto: the cluster that this machine belongs to; local: one of this machine alone, started for the run; or
    HOST:PORT."""
    ray_workers: Count = 0
    """Workers on the cluster, each with engine.judge_workers processes on as many CPUs. 0: as many as its CPUs hold."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """With the help texts of the rewards, which pydantic reads from a class's own source alone."""
        found = handler.resolve_ref_schema(handler(schema))
        found["properties"] |= TypeAdapter(RewardSettings).json_schema()["properties"]
        return found


class BufferSection(Section):
    """How many experiences are kept and learned from (paper section 3.1)."""

    capacity: Count = 0
    """Experiences kept, first in, first out (offline: all); 0: as many as a step learns from; the paper: 6400."""
    initial: Count = 0
    """Samples of the initial policy put in before the first step, for first baselines or a critic's warm-up. The paper:
    6400. Offline, 0 is as many as an online run would sample."""
    batch_size: Count = 0
    """Experiences learned from in each step, newest first, and all of the step's own at least. 0: the step's own, and
    with rltf, whose ratio bounds them, those of the two steps before."""


class CriticSection(Section):
    """The critic of coderl and ppocoder: a second network like the policy's."""

    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    """Of its own AdamW, constant. For the embedded models. CodeRL takes 2e-5 for a pre-trained one."""
    warmup_steps: Count = 20
    """Steps it takes on the initial samples (buffer.initial), before the policy's first."""


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
    """Learning rate at the last step, as a share of the peak. Linear decay."""
    gradient_clip: Annotated[float, Field(gt=0)] = 1.0
    """Largest gradient norm."""
    eight_bit: bool = False
    """Adam's moments in a byte each (bitsandbytes, on NVIDIA GPUs): 2 bytes a trained weight in place of 8."""
    micro_batch_tokens: Positive = 4096
    """Padded tokens in one forward and backward pass. It bounds memory and does not change the result."""


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
    """Samples of each step written to the run. 0 writes all."""


class EvaluationSection(Section):
    """Pass rate on held-out problems."""

    every: Count = 20
    """Steps between evaluations (one more before the first and after the last step). 0: only those two."""
    samples_per_problem: Positive = 4
    """Programs sampled for each held-out problem before the first and after the last step, at temperature 1."""
    samples_between: Positive = 1
    """The same for evaluations in between."""
