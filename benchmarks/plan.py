"""What a training run needs on many GPUs: a plan computed from data sheets and unit costs (docs/scaling.md).

    python -m benchmarks.plan --gpus 64 --model 7b

The costs of GPUs are data sheets times an assumed efficiency, and every one of them is printed with the plan.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields

from rich.console import Console
from rich.table import Table

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Gpu:
    """A data sheet."""

    flops: float
    """Peak dense bfloat16 operations per second."""
    bandwidth: float
    """Memory, bytes per second."""
    memory: float
    """Bytes."""


GPUS = {
    "a100": Gpu(312e12, 2.0e12, 80e9),
    "h100": Gpu(989e12, 3.35e12, 80e9),
    "h200": Gpu(989e12, 4.8e12, 141e9),
}


@dataclass(frozen=True, slots=True)
class Model:
    """Sizes of a decoder."""

    parameters: float
    cache: float
    """Bytes of key-value cache per token: 2 * layers * key-value heads * head width * 2 (bfloat16)."""


MODELS = {
    "0.5b": Model(0.49e9, 2 * 24 * 2 * 64 * 2),
    "1.5b": Model(1.54e9, 2 * 28 * 2 * 128 * 2),
    "3b": Model(3.09e9, 2 * 36 * 2 * 128 * 2),
    "7b": Model(7.62e9, 2 * 28 * 4 * 128 * 2),
    "14b": Model(14.8e9, 2 * 48 * 8 * 128 * 2),
    "32b": Model(32.8e9, 2 * 64 * 8 * 128 * 2),
}
"""The Qwen2.5-Coder family's published shapes."""


@dataclass(frozen=True, slots=True)
class Work:
    """One step of the loop, and what it costs outside the GPUs."""

    samples: int = 1024
    """Programs in each step."""
    prompt_tokens: int = 512
    response_tokens: int = 512
    """On average."""
    longest_tokens: int = 2048
    """The longest response: taking turns, nobody learns before it is sampled."""
    judge_seconds: float = 0.02
    """CPU seconds of judging and reading a program that ends by itself (measured: docs/performance.md)."""
    timeout_share: float = 0.02
    """Programs that use up their time."""
    time_limit: float = 4.0
    """CPU seconds such a program takes."""

    @property
    def core_seconds(self) -> float:
        """CPU seconds per program, all told."""
        return self.judge_seconds + self.timeout_share * self.time_limit


@dataclass(frozen=True, slots=True)
class Efficiency:
    """Shares of the data sheet that are reached; assumptions, to be replaced by measurements of one's own."""

    decoding: float = 0.5
    """Of memory bandwidth."""
    computing: float = 0.4
    """Of peak operations, learning and reading prompts."""
    rows: int = 256
    """Programs that a sampling engine works on at a time, at most."""
    judging: float = 0.7
    """Of judge cores busy on average."""
    network: float = 25e9
    """Bytes per second from the learner to the samplers and between learners' machines, each."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run where; times in seconds."""

    samplers: int
    """GPUs that sample; 0: all GPUs take turns at sampling and learning."""
    learners: int
    engine_gpus: int
    """GPUs that one sampling engine spans."""
    rows: int
    """Programs that it works on at a time."""
    token_time: float
    """Seconds in which it writes one token of each of them."""
    sample_time: float
    """Until a step's last program is written and judged."""
    learn_time: float
    push_time: float
    step_time: float
    decode_rate: float
    """Tokens per second of one sampling GPU."""
    learn_rate: float
    """Tokens per second of one learning GPU, prompts included."""
    judge_cores: int
    cores_per_gpu: float
    weights_bytes: float
    """Sent to the samplers after each step."""
    sample_bytes_per_day: float
    checkpoint_bytes: float

    @property
    def lag(self) -> int:
        """Optimizer steps between the sampling and the learning policy."""
        return 1 if self.samplers else 0


class PlanError(ValueError):
    """It cannot be done on these GPUs; the message says what is missing."""


SAMPLE_BYTES = 6_000
"""Of run.db, for one sample with its token rewards (measured on minicode; grows with the program)."""
_STATE_BYTES = 16
"""Per parameter while learning: bfloat16 weights and gradients, float32 master weights and two moments."""
_USABLE = 0.8
"""Share of a GPU's memory for state and cache; the rest is activations and workspace."""


def plan(gpus: int, gpu: Gpu, model: Model, work: Work, efficiency: Efficiency = Efficiency()) -> Plan:
    """The quickest of taking turns on all GPUs (on-policy) and every split in samplers and learners (one step behind).

    Raises:
        PlanError: the model does not fit.
    """
    engine = _engine_gpus(gpu, model, efficiency, work)
    least = math.ceil(_STATE_BYTES * model.parameters / (_USABLE * gpu.memory))
    found = []
    if gpus >= max(engine, least):
        found.append(_plan(gpus, 0, gpus, engine, gpu, model, work, efficiency))
    for samplers in range(engine, gpus - least + 1, engine):
        found.append(_plan(gpus, samplers, gpus - samplers, engine, gpu, model, work, efficiency))
    if not found:
        raise PlanError(
            f"{gpus} GPUs of {gpu.memory / 1e9:.0f} GB: sampling needs {engine} and learning {least} of them;"
            " take more GPUs, a smaller model or LoRA"
        )
    return min(found, key=lambda each: each.step_time)


def _plan(
    gpus: int, samplers: int, learners: int, engine: int, gpu: Gpu, model: Model, work: Work, efficiency: Efficiency
) -> Plan:
    engines = (samplers or gpus) // engine
    rows = min(efficiency.rows, math.ceil(work.samples / engines))
    token = token_time(gpu, model, work, efficiency, engine, rows)
    reading = work.samples * work.prompt_tokens * 2 * model.parameters / (efficiency.computing * gpu.flops)
    decoding = work.samples * work.response_tokens * token / rows / engines
    learn = efficiency.computing * gpu.flops / (6 * model.parameters)
    learning = work.samples * (work.prompt_tokens + work.response_tokens) / learn / learners
    weights = 2 * model.parameters
    sampling = reading / (samplers or gpus) + decoding
    tail = (work.longest_tokens - work.response_tokens) * token  # the last program is written with few beside it
    latency = sampling + tail + (work.time_limit if work.timeout_share * work.samples >= 1 else work.judge_seconds)
    push = weights / efficiency.network if samplers else 0.0
    # split, two steps' programs are under way: while one step is learned, the next is written and judged
    hidden = max(sampling, learning + push, (latency + learning + push) / 2)
    step = hidden if samplers else latency + learning
    cores = math.ceil(work.samples / (latency if not samplers else step) * work.core_seconds / efficiency.judging)
    return Plan(
        samplers=samplers,
        learners=learners,
        engine_gpus=engine,
        rows=rows,
        token_time=token,
        sample_time=latency,
        learn_time=learning,
        push_time=push,
        step_time=step,
        decode_rate=rows / token / engine,
        learn_rate=learn,
        judge_cores=cores,
        cores_per_gpu=cores / gpus,
        weights_bytes=weights,
        sample_bytes_per_day=SAMPLE_BYTES * work.samples * SECONDS_PER_DAY / step,
        checkpoint_bytes=14 * model.parameters,
    )


def token_time(gpu: Gpu, model: Model, work: Work, efficiency: Efficiency, engine: int, rows: int) -> float:
    """Seconds in which an engine writes one token of each row: it reads the weights once and the cache of every row."""
    context = work.prompt_tokens + work.response_tokens / 2
    by_memory = (2 * model.parameters + rows * model.cache * context) / (efficiency.decoding * gpu.bandwidth)
    by_computing = rows * 2 * model.parameters / (efficiency.computing * gpu.flops)
    return max(by_memory, by_computing) / engine


def _engine_gpus(gpu: Gpu, model: Model, efficiency: Efficiency, work: Work) -> int:
    """The least power of two that holds the weights and the cache of all rows."""
    cache = efficiency.rows * model.cache * (work.prompt_tokens + work.response_tokens)
    needed = (2 * model.parameters + cache) / (_USABLE * gpu.memory)
    return 1 << max(0, math.ceil(math.log2(needed)))


def main(words: Sequence[str] | None = None) -> int:
    """Print a plan; returns 2 with one line where there is none."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plan", description="What a run needs on many GPUs.")
    parser.add_argument("--gpus", type=int, required=True, metavar="N", help="GPUs in all")
    parser.add_argument("--model", choices=tuple(MODELS), default="7b", help="size of the policy (default 7b)")
    parser.add_argument("--gpu", choices=tuple(GPUS), default="h100", help="kind of GPU (default h100)")
    for each in fields(Work):
        kind = type(each.default)
        parser.add_argument(f"--{each.name.replace('_', '-')}", type=kind, default=each.default, metavar="X")
    given = parser.parse_args(words)
    work = Work(**{each.name: getattr(given, each.name) for each in fields(Work)})
    try:
        found = plan(given.gpus, GPUS[given.gpu], MODELS[given.model], work)
    except PlanError as error:
        print(f"plan: {error}", file=sys.stderr)
        return 2
    table = Table(title=f"{given.model} on {given.gpus} {given.gpu}", show_header=False)
    for name, value in rows(found, work):
        table.add_row(name, value)
    Console().print(table)
    return 0


def rows(found: Plan, work: Work) -> list[tuple[str, str]]:
    """What the table says, line by line."""
    push = f"{found.weights_bytes / 1e9:.1f} GB of weights to the samplers each step, {found.push_time:.1f} s"
    split = f"{found.samplers} GPUs sample, {found.learners} learn, one step behind"
    turns = f"all {found.learners} GPUs take turns at sampling and learning, on-policy"
    engine = f"{found.engine_gpus} GPU(s), {found.rows} programs at a time, {1000 * found.token_time:.1f} ms a token"
    days = f"{found.sample_bytes_per_day / 1e9:.1f} GB of samples a day; a checkpoint"
    days += f" has {found.checkpoint_bytes / 1e9:.0f} GB"
    assumed = f"{Efficiency().decoding:.0%} of memory bandwidth, {Efficiency().computing:.0%} of peak operations, "
    assumed += f"judges {Efficiency().judging:.0%} busy, network {Efficiency().network / 1e9:.0f} GB/s"
    return [
        ("split", split if found.samplers else turns),
        ("sampling engine", engine),
        ("step", f"{found.step_time:.1f} s for {work.samples} programs of {work.response_tokens} tokens"),
        ("of that", f"{found.sample_time:.1f} s until the last is judged, learning {found.learn_time:.1f} s"),
        ("tokens per second", f"{found.decode_rate:,.0f} a sampling GPU, {found.learn_rate:,.0f} a learning GPU"),
        ("programs per day", f"{work.samples * SECONDS_PER_DAY / found.step_time:,.0f}"),
        ("judge cores", f"{found.judge_cores} ({found.cores_per_gpu:.1f} a GPU; {work.core_seconds:.3f} s a program)"),
        ("network", push if found.samplers else "weights stay where they are"),
        ("storage", days),
        ("assumed", assumed),
    ]


if __name__ == "__main__":
    sys.exit(main())
