"""Fast: the ways to sample, a step beside TRL's, and the wait for feedback."""

from __future__ import annotations

import itertools
import os
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from benchmarks import trainer
from benchmarks.gpu.bench import Bench, seconds
from benchmarks.gpu.right import BOUNDS
from benchmarks.gpu.samplers import ContinuousSampler, HalfSampler, StaticSampler
from benchmarks.gpu.shapes import random_policy, requests_of, shape_folder
from benchmarks.growth import GROUP
from engine import Engine, Problem
from feedback import Feedback, FinishReason
from training.models.forward import response_logprobs
from training.models.policy import Policy
from training.records import Rollout
from training.samplers.base import Sampler
from training.samplers.transformers import TransformersSampler
from training.sections import ModelSection, SamplerSection

SHAPES = ("qwen-0.5b", "qwen-1.5b")
ROUNDS = 3
STEPS = 4


def samplers(bench: Bench) -> None:
    """Time the embedded sampler and what may replace it, in turn; each must agree with the learner."""
    bench.head("Ways to sample in the trainer's process")
    bandwidth = _bandwidth(bench)
    bench.write(
        "\nIn turn, medians; the first round is not counted. A text ends at its limit alone. Bandwidth counts the"
        f"\nweights once a token, against {bandwidth / 1e12:.2f} TB/s in a copy. The bound is on the mean difference of"
        "\nlog-probabilities from the learner's."
    )
    bench.table("model", "way", "samples/s", "tokens/s", "against embedded", "bandwidth", "off by", "bound", "")
    section = SamplerSection(max_new_tokens=8 if bench.rehearse else 256, batch_size=8 if bench.rehearse else 64)
    for shape in SHAPES[:1] if bench.rehearse else SHAPES:
        dtype: Literal["float32", "bfloat16"] = "float32" if bench.rehearse else "bfloat16"
        policy = random_policy(bench, shape, ModelSection(dtype=dtype))
        requests = requests_of(policy, section.batch_size // 4, 4, 16 if bench.rehearse else 128)
        ways: dict[str, Sampler] = {
            "embedded": TransformersSampler(policy, section.max_new_tokens, section.batch_size),
            "half": HalfSampler(section, policy),
            "static": StaticSampler(section, policy),
            "continuous": ContinuousSampler(section, policy),
        }
        spent: dict[str, list[float]] = defaultdict(list)
        drawn: dict[str, list[Rollout]] = {}
        for _, name in itertools.product(range(1 if bench.rehearse else 1 + ROUNDS), list(ways)):
            if name not in ways:
                continue  # failed in the first round
            try:
                begin = seconds(bench.device)
                drawn[name] = [each for batch in ways[name].sample(requests) for each in batch]
                spent[name].append(seconds(bench.device) - begin)
                bench.log(f"{shape} {name} {spent[name][-1]:.3f} s")
            except Exception as error:
                ways.pop(name)
                with bench.trying(f"{shape}, {name}"):
                    raise error
        base = statistics.median(spent["embedded"][-ROUNDS:])
        weights = sum(each.numel() for each in policy.model.parameters()) * (4 if dtype == "float32" else 2)
        for name in ways:
            took, found = statistics.median(spent[name][-ROUNDS:]), drawn[name]
            written = sum(len(each.token_ids) for each in found)
            share = weights * section.max_new_tokens / took / bandwidth
            off = _off(policy, found)
            cells = [shape, name, len(found) / took, written / took, f"{base / took:.2f}x", f"{share:.1%}", off]
            bench.row([*cells, BOUNDS[dtype]], holds=off <= BOUNDS[dtype])
    if find_spec("vllm") is None:
        bench.write("\nvLLM is not installed here: an engine in the same process was not measured.")


@torch.no_grad()
def _off(policy: Policy, rollouts: Sequence[Rollout]) -> float:
    """How far the log-probabilities of some rollouts are from the learner's, nats a token."""
    some = rollouts[:16]
    found, _ = response_logprobs(policy, [each.prompt_ids for each in some], [each.token_ids for each in some])
    rows = [
        np.abs(row[: len(each.token_ids)] - each.logprobs) for row, each in zip(found.cpu().numpy(), some, strict=True)
    ]
    return float(np.concatenate(rows).mean())


def _bandwidth(bench: Bench) -> float:
    """Bytes a second of a large copy on the device, read and written."""
    source = torch.ones(1 << (24 if bench.device == "cpu" else 30), dtype=torch.uint8, device=bench.device)
    best = float("inf")
    for _ in range(5):
        begin = seconds(bench.device)
        source.clone()
        best = min(best, seconds(bench.device) - begin)
    return 2 * source.numel() / best


def speed(bench: Bench) -> None:
    """Train in turn with TRL on the same weights, prompts, lengths and reward, as `benchmarks.trainer` does."""
    bench.head("A step, beside TRL's GRPOTrainer")
    steps, turns = (1, 1) if bench.rehearse else (STEPS, 2)
    samples = trainer.PROBLEMS * GROUP
    bench.write(
        f"\n{samples} samples a step, at most {trainer.TOKENS} tokens; {turns} turns each, in turn, of {steps} steps."
    )
    columns = ("sample", "learn", "step")
    bench.table(
        "model", "trainer", *(f"{each}, samples/s" for each in columns), "tokens/s", "of peak FLOP/s", "end to end"
    )
    runs: dict[str, Callable[..., dict[str, float]]] = {"this trainer": trainer.ours, "TRL": trainer.theirs}
    if find_spec("trl") is None:
        bench.write("\nTRL is not installed here: `python -m benchmarks.gpu.wheels trl` brings it.")
        runs.pop("TRL")
    with tempfile.TemporaryDirectory() as name:
        for shape in SHAPES[:1] if bench.rehearse else SHAPES:
            model = shape_folder(bench, shape, Path(name))
            taken: dict[str, list[dict[str, float]]] = defaultdict(list)
            for _, who in itertools.product(range(turns), runs):
                with bench.trying(f"{shape}, {who}"):
                    taken[who].append(runs[who](model, Path(name), steps))
                    bench.log(f"{shape} {who} {taken[who][-1]}")
            medians = {
                who: {key: statistics.median(turn[key] for turn in found) for key in found[0]}
                for who, found in taken.items()
            }
            for who, each in medians.items():
                rates = [samples / max(1e-9, each[phase]) for phase in columns]
                tokens = each.get("tokens", 0.0) / each["step"]
                ratio = medians["TRL"]["step"] / each["step"] if "TRL" in medians else float("nan")
                bench.row([shape, who, *rates, tokens, f"{each.get('flops', 0.0):.1%}", f"{ratio:.2f}x"])


def waiting(bench: Bench) -> None:
    """Train with the engine on all cores: a random model's texts are no programs, so references stand in for them."""
    bench.head("Waiting for feedback")
    bench.write("\nEach sample's place is taken by a reference program of its problem, made a new text by a comment.")
    bench.table("model", "engine's workers", "step, s", "waiting", "bound", "")
    workers = 1 if bench.rehearse else max(1, (os.cpu_count() or 2) - 2)
    with tempfile.TemporaryDirectory() as name:
        for shape in SHAPES[:1] if bench.rehearse else SHAPES:
            with bench.trying(shape):
                model = shape_folder(bench, shape, Path(name))
                took = trainer.ours(
                    model, Path(name), 1 if bench.rehearse else STEPS, {}, lambda policy: _Judging(policy, workers)
                )
                share = took["wait"] / took["step"]
                bench.row_of_gpu([shape, workers, took["step"], f"{share:.1%}", "5%"], holds=share < 0.05)


class _Judging(trainer.Compiling):
    """A scorer that judges and reads a reference before it answers what `Compiling` answers."""

    def __init__(self, policy: Any, workers: int) -> None:  # noqa: ANN401
        super().__init__(policy)
        self._engine = Engine(workers, workers)
        self._count = itertools.count()

    def submit(self, token_ids: Sequence[int], problem: Problem, finish_reason: FinishReason) -> Future[Feedback]:
        answer = super().submit(token_ids, problem, finish_reason)
        judged: Future[Feedback] = Future()
        program = f"{problem.references[0]}\n# {next(self._count)}\n".encode()
        self._engine.submit(program, problem).add_done_callback(lambda _: judged.set_result(answer.result()))
        return judged

    def close(self) -> None:
        self._engine.close()
