"""Memory that a step of each ready configuration takes, against what `rltf doctor --config` estimates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.gpu.bench import Bench, seconds
from benchmarks.gpu.shapes import READY, config_of, random_policy, requests_of
from training.config import TrainConfig
from training.learners.local import LocalLearner
from training.models.policy import Policy
from training.records import Rollout, WeightedSequence
from training.run.memory import estimate, shape_of
from training.samplers.transformers import TransformersSampler

_TINY = {"sampler.max_new_tokens": 8, "sampler.batch_size": 8, "optimizer.micro_batch_tokens": 128}


def memory(bench: Bench) -> None:
    """Sample one full batch and learn from it, with random weights of the real shape; the bound is 0.9 to 1.5."""
    bench.head("Peak memory of the ready configurations")
    if bench.device == "cpu":
        bench.write("\nOn a CPU: what torch allocates in sampling and learning, beside weights and moments.")
    bench.table("configuration", "estimate, GiB", "measured, GiB", "estimate / measured", "sampling, s", "step, s", "")
    for name, shape in READY.items():
        with bench.trying(name):
            small = _TINY if bench.rehearse else {}
            config = TrainConfig.load(Path("examples/configs") / f"{name}.toml", small)
            prompt = 16 if bench.rehearse else config.model.max_prompt_tokens
            found = estimate(config, shape_of(config_of(shape, tiny=bench.rehearse), config.model.lora_rank), prompt)
            peak, sampling, learning = _measured(bench, config, shape, prompt)
            ratio = found.peak / peak
            cells = [name, found.peak / 2**30, peak / 2**30, ratio, sampling, learning]
            bench.row_of_gpu(cells, holds=0.9 <= ratio <= 1.5)


def _measured(bench: Bench, config: TrainConfig, shape: str, prompt: int) -> tuple[float, float, float]:
    """Return peak bytes, and the seconds of a batch of samples and of a step of one micro-batch."""
    if bench.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    policy = random_policy(bench, shape, config.model)
    learner = LocalLearner(policy, config.optimizer, steps=9)
    drawn: list[Rollout] = []
    group = min(config.sampler.samples_per_problem, config.sampler.batch_size)

    def sample() -> None:
        sampler = TransformersSampler(policy, config.sampler.max_new_tokens, config.sampler.batch_size)
        requests = requests_of(policy, max(1, config.sampler.batch_size // group), group, prompt)
        drawn.extend(each for batch in sampler.sample(requests) for each in batch)

    def learn() -> None:
        sequences = [
            WeightedSequence(each.prompt_ids, each.token_ids, np.ones(len(each.token_ids), np.float32))
            for each in drawn
        ]
        learner.accumulate(sequences[:1], 1.0)
        learner.update()  # from now on there are moments
        learner.accumulate(sequences, float(len(sequences)))
        learner.update()

    spent, allocated = [], []
    for action in (sample, learn):
        begin = seconds(bench.device)
        allocated.append(_allocated(bench, action))
        spent.append(seconds(bench.device) - begin)
    return max(allocated) + (_held(policy) if bench.device == "cpu" else 0), spent[0], spent[1]


def _allocated(bench: Bench, action: Callable[[], None]) -> float:
    """Peak of the device so far, or on a CPU the most that an action allocated beyond what was there."""
    if bench.device == "cuda":
        action()
        return float(torch.cuda.max_memory_allocated())
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        action()
    events = [each for each in profile.profiler.kineto_results.events() if each.name() == "[memory]"]
    return float(np.cumsum([each.nbytes() for each in sorted(events, key=lambda each: each.start_ns())]).max())


def _held(policy: Policy) -> float:
    return float(sum(each.numel() * each.element_size() for each in policy.model.parameters()))
