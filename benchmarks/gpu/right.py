"""Right first: log-probabilities of sampler and learner, and one step, against float32 on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmarks.gpu.bench import Bench
from benchmarks.gpu.shapes import embedded_policy, on, random_policy, requests_of
from training.config import OptimizerSection
from training.learners.local import LocalLearner
from training.models.forward import response_logprobs
from training.models.policy import Policy
from training.records import Rollout, Row, SampleRequest, WeightedSequence
from training.samplers.transformers import TransformersSampler
from training.sections import ModelSection

BOUNDS = {"float32": 1e-3, "bfloat16": 0.1}
"""Nats a token by which log-probabilities may differ on average: the tolerances of docs/scaling.md, Agreement."""
GRADIENTS = {"float32": 1e-3, "bfloat16": 0.1}
"""Distance of two gradients as a share of the length of the reference."""
KERNELS = {"as chosen": None, "math": SDPBackend.MATH, "flash": SDPBackend.FLASH_ATTENTION}


def agreement(bench: Bench) -> None:
    """Compare log-probabilities of the same tokens: sampler, learner with shared prompts, learner without a cache."""
    bench.head("Log-probabilities of sampler and learner")
    bench.write("\nDifferences from float32 on the CPU without a cache, in nats a token; the bound is on the mean.")
    bench.table("model", "computed in", "attention", "way", "mean", "largest", "bound", "")
    for name, reference in _policies(bench).items():
        for dtype, bound in BOUNDS.items():
            here = on(reference, bench.device, dtype)
            for kernel, backend in KERNELS.items():
                # flash attention takes no mask, so its prompts are equally long
                requests = requests_of(here, 2 if bench.rehearse else 8, 4, 12, padded=kernel != "flash")
                with bench.trying(f"{name}, {dtype}, {kernel}"):
                    try:
                        found = _logprobs(bench, here, reference, requests, backend)
                    except RuntimeError as error:
                        if backend is None or "kernel" not in str(error):
                            raise
                        bench.row([name, dtype, kernel, "not there for this type and device", "", "", "", ""])
                        continue
                    for way, off in found.items():
                        cells = [name, dtype, kernel, way, float(off.mean()), float(off.max()), bound]
                        bench.row(cells, holds=bool(off.mean() <= bound))


def step(bench: Bench) -> None:
    """Take the same step on the CPU in float32 and here, and compare loss, gradient and weights."""
    bench.head("One step against the CPU's")
    bench.table("model", "computed in", "loss off by", "gradient off by", "bound", "weights off by, steps", "")
    for name, reference in _policies(bench).items():
        requests = requests_of(reference, 2, 4, 12)
        drawn = _drawn(TransformersSampler(reference, 8 if bench.rehearse else 64), requests)
        draw = np.random.default_rng(0).normal
        sequences = [
            WeightedSequence(each.prompt_ids, each.token_ids, draw(size=len(each.token_ids)).astype(np.float32))
            for each in drawn
        ]
        wanted = _stepped(on(reference, "cpu", "float32"), sequences)
        for dtype, bound in GRADIENTS.items():
            with bench.trying(f"{name}, {dtype}"):
                found = _stepped(on(reference, bench.device, dtype), sequences)
                off = float((found[1] - wanted[1]).norm() / wanted[1].norm())
                moved = float((found[2] - wanted[2]).abs().mean() / _RATE)
                bench.row([name, dtype, abs(found[0] - wanted[0]), off, bound, moved], holds=off <= bound)


_RATE = 1e-4


def _policies(bench: Bench) -> dict[str, Policy]:
    """The trained tiny model, and the shape of a real one with random weights, on the CPU."""
    return {"embedded": embedded_policy("cpu"), "qwen-0.5b": random_policy(bench, "qwen-0.5b", ModelSection(), "cpu")}


def _logprobs(
    bench: Bench, here: Policy, reference: Policy, requests: Sequence[SampleRequest], backend: SDPBackend | None
) -> dict[str, Row]:
    """Differences in each of three ways, [tokens]."""
    with nullcontext() if backend is None else sdpa_kernel(backend):
        drawn = _drawn(TransformersSampler(here, 8 if bench.rehearse else 64), requests)
        ways = {
            "sampler": np.concatenate([each.logprobs for each in drawn]),
            "learner, shared prompts": _learned(here, drawn),
            "learner, no cache": np.concatenate([_learned(here, [each]) for each in drawn]),
        }
    wanted = np.concatenate([_learned(reference, [each]) for each in drawn])
    return {way: np.abs(found - wanted) for way, found in ways.items()}


def _drawn(sampler: TransformersSampler, requests: Sequence[SampleRequest]) -> list[Rollout]:
    return [each for batch in sampler.sample(requests) for each in batch]


@torch.no_grad()
def _learned(policy: Policy, rollouts: Sequence[Rollout]) -> Row:
    """Log-probabilities as the learner has them, [tokens]. A rollout alone is read without a cache."""
    found, _ = response_logprobs(policy, [each.prompt_ids for each in rollouts], [each.token_ids for each in rollouts])
    return np.concatenate([row[: len(each.token_ids)] for row, each in zip(found.cpu().numpy(), rollouts, strict=True)])


def _stepped(policy: Policy, sequences: Sequence[WeightedSequence]) -> tuple[float, torch.Tensor, torch.Tensor]:
    """Take one step. Returns its loss, its gradient and the weights after it, both on the CPU."""
    learner = LocalLearner(policy, OptimizerSection(learning_rate=_RATE, gradient_clip=1e9), steps=9)
    loss = learner.accumulate(sequences, float(len(sequences)))
    gradient = torch.cat([each.grad.flatten().float().cpu() for each in policy.trained if each.grad is not None])
    learner.update()
    return loss, gradient, torch.cat([each.detach().flatten().cpu() for each in policy.trained])
